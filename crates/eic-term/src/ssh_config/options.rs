//! The settings of one connection, ready for use.

use std::ffi::OsString;

use super::choices::{
    AddKeysToAgent, AddressFamily, ControlCommand, ControlMaster, ControlPersist, ForwardAgent,
    IdentityAgent, LogLevel, RequestTty, SessionType, StrictHostKeyChecking, UpdateHostKeys,
};
use super::expand::Tokens;
use super::forward::{Forward, Target};
use super::jump::Hop;
use super::lexer;
use super::log::{Messages, Refused};
use super::special;

/// Everything that ssh(1) is told of one connection, by its command line, its configuration files and its defaults.
/// Times are in seconds, sizes in bytes. Paths have their `~`, tokens and variables replaced.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResolvedOptions {
    /// The host as typed (`%n`).
    pub host_argument: String,
    /// The host to connect to (`%h`).
    pub host_name: String,
    /// The port.
    pub port: u16,
    /// The user to log in as.
    pub user: String,
    /// Whether the user's name was typed or configured; else it is the local user's.
    pub user_is_named: bool,
    /// The command's words, joined by spaces, or the subsystem's name.
    pub command: Option<OsString>,
    /// The command that the configuration names, where none was typed.
    pub remote_command: Option<String>,
    /// What the session is for.
    pub session_type: SessionType,
    /// Whether a terminal is asked for.
    pub request_tty: RequestTty,
    /// The character that commands to the client begin with, in a terminal; `None` for none.
    pub escape_char: Option<u8>,
    /// Whether `~C` opens a command line.
    pub enable_escape_commandline: bool,
    /// Whether standard input is not read.
    pub stdin_null: bool,
    /// Whether to go to the background after the login.
    pub fork_after_authentication: bool,
    /// What standard input and output are connected to (`-W`).
    pub stdio_forward: Option<Target>,

    /// Which addresses to connect to.
    pub address_family: AddressFamily,
    /// The local address to connect from.
    pub bind_address: Option<String>,
    /// The network interface whose address to connect from.
    pub bind_interface: Option<String>,
    /// How often to try to connect, once a second.
    pub connection_attempts: u32,
    /// How long connecting may take; `None` for as long as the system lets it.
    pub connect_timeout: Option<u32>,
    /// How long the host may be silent before it is asked for a sign of life; 0 for ever.
    pub server_alive_interval: u32,
    /// How many signs of life may fail to come.
    pub server_alive_count_max: u32,
    /// Whether TCP keepalives are sent.
    pub tcp_keep_alive: bool,
    /// Whether data is compressed.
    pub compression: bool,
    /// After how many bytes new keys are made; 0 for the cipher's own limit.
    pub rekey_limit_bytes: u64,
    /// After how many seconds new keys are made; 0 for never.
    pub rekey_limit_seconds: u32,
    /// IP's type of service for interactive sessions and for others, as [`ssh_config(5)`'s `IPQoS`][ssh] names them.
    ///
    /// [ssh]: https://man.openbsd.org/ssh_config#IPQoS
    pub ip_qos: (String, String),

    /// The hosts on the way, first to last.
    pub proxy_jump: Vec<Hop>,
    /// A command whose standard input and output are the connection.
    pub proxy_command: Option<String>,
    /// Whether that command passes a connected socket instead.
    pub proxy_use_fdpass: bool,

    /// Files of keys to log in with.
    pub identity_files: Vec<String>,
    /// Whether those files were named; else they are the usual ones.
    pub identity_files_are_named: bool,
    /// Whether one of them was named for this host in particular: by the command line, or in a section whose pattern
    /// names it rather than all hosts.
    pub identity_files_are_own: bool,
    /// Files of certificates to log in with.
    pub certificate_files: Vec<String>,
    /// Whether the agent's other keys are left out.
    pub identities_only: bool,
    /// Which agent is asked for keys.
    pub identity_agent: IdentityAgent,
    /// Where the agent is that is forwarded.
    pub forward_agent: ForwardAgent,
    /// Whether keys are added to the agent.
    pub add_keys_to_agent: AddKeysToAgent,
    /// How long those stay there; 0 for ever.
    pub add_keys_to_agent_seconds: u32,
    /// A library of keys on tokens (PKCS#11).
    pub pkcs11_provider: Option<String>,
    /// What speaks with security tokens: a library's path, `internal`, or `$NAME` for a variable.
    pub security_key_provider: String,
    /// Ways to log in, most wanted first; empty for the client's own order.
    pub preferred_authentications: Vec<String>,
    /// Whether keys are tried.
    pub pubkey_authentication: bool,
    /// Whether an agent's signatures name the host key.
    pub host_bound: bool,
    /// Whether passwords are tried.
    pub password_authentication: bool,
    /// Whether the host's questions are answered.
    pub kbd_interactive_authentication: bool,
    /// Whether this machine's host key is tried.
    pub hostbased_authentication: bool,
    /// Whether GSSAPI is tried.
    pub gssapi_authentication: bool,
    /// How often a password is asked for.
    pub number_of_password_prompts: u32,
    /// Whether nobody is there to answer.
    pub batch_mode: bool,

    /// Keywords that ask for something that this library and its program do not do, as `ssh -G` writes them.
    pub unheeded: Vec<&'static str>,

    /// What to do of a host key that is not known.
    pub strict_host_key_checking: StrictHostKeyChecking,
    /// The user's files of known hosts.
    pub user_known_hosts_files: Vec<String>,
    /// The system's files of known hosts.
    pub global_known_hosts_files: Vec<String>,
    /// A command that prints lines of known hosts; its tokens are not replaced.
    pub known_hosts_command: Option<String>,
    /// A file of keys that are not to be trusted.
    pub revoked_host_keys: Option<String>,
    /// The name to look the host key up by.
    pub host_key_alias: Option<String>,
    /// Whether names are hashed where they are kept.
    pub hash_known_hosts: bool,
    /// Whether the address is looked up, too.
    pub check_host_ip: bool,
    /// Whether host keys are learnt from the host.
    pub update_host_keys: UpdateHostKeys,
    /// Whether keys are drawn.
    pub visual_host_key: bool,
    /// The hash of fingerprints.
    pub fingerprint_hash: String,
    /// Whether this machine's own host key goes unchecked.
    pub no_host_authentication_for_localhost: bool,

    /// Ciphers, most wanted first. This and the other lists may name what only OpenSSH has.
    pub ciphers: Vec<String>,
    /// Whether that list was named; else what the session is for says which comes first.
    pub ciphers_are_named: bool,
    /// MACs, most wanted first.
    pub macs: Vec<String>,
    /// Key exchanges, most wanted first.
    pub kex_algorithms: Vec<String>,
    /// Host keys, most wanted first.
    pub host_key_algorithms: Vec<String>,
    /// Whether that list was named; else the keys that are known of the host come first.
    pub host_key_algorithms_are_named: bool,
    /// Keys to log in with.
    pub pubkey_accepted_algorithms: Vec<String>,
    /// Signatures of certificates.
    pub ca_signature_algorithms: Vec<String>,
    /// How many bits an RSA key has at least.
    pub required_rsa_size: u32,

    /// Local forwards.
    pub local_forwards: Vec<Forward>,
    /// Remote forwards.
    pub remote_forwards: Vec<Forward>,
    /// Dynamic forwards (SOCKS).
    pub dynamic_forwards: Vec<Forward>,
    /// Whether a forward that cannot be set up ends the connection.
    pub exit_on_forward_failure: bool,
    /// Whether others may connect to forwarded ports.
    pub gateway_ports: bool,
    /// Whether forwards were left out.
    pub clear_all_forwardings: bool,
    /// Where a remote dynamic forward may lead: `any`, `none` or `host:port`s.
    pub permit_remote_open: Vec<String>,
    /// The mode bits that a forwarded socket does not have.
    pub stream_local_bind_mask: u32,
    /// Whether a socket that is in the way is removed.
    pub stream_local_bind_unlink: bool,
    /// Whether X11 is forwarded.
    pub forward_x11: bool,
    /// Whether programs on the host may do with the X server what those here may.
    pub forward_x11_trusted: bool,
    /// For how long programs on the host that are not trusted may come; 0 for ever.
    pub forward_x11_timeout: u32,
    /// Where xauth(1) is.
    pub xauth_location: String,
    /// Whether network devices are joined (`-w`).
    pub tunnel: bool,

    /// Patterns of the environment's variables that are sent.
    pub send_env: Vec<String>,
    /// Variables that are set on the host.
    pub set_env: Vec<(String, String)>,
    /// A command to run here after the login; its tokens are not replaced.
    pub local_command: Option<String>,
    /// Whether that is allowed.
    pub permit_local_command: bool,

    /// Whether others may use the connection.
    pub control_master: ControlMaster,
    /// Where the shared connection's socket is.
    pub control_path: Option<String>,
    /// How long a shared connection outlives its first session.
    pub control_persist: ControlPersist,
    /// What is asked of the process that holds the shared connection.
    pub control_command: Option<ControlCommand>,

    /// How much is said.
    pub log_level: LogLevel,
    /// Where it is said, instead of standard error.
    pub log_file: Option<String>,
    /// Whether it is said to the system's log.
    pub syslog: bool,
    /// The configuration file that was named, which programs that are started should be told of, too.
    pub config_file: Option<String>,
    pub(super) tokens: Tokens,
}

impl ResolvedOptions {
    /// IP's type of service for the connection, RFC 791's or RFC 2474's eight bits; `None` for the system's own.
    #[must_use]
    pub fn type_of_service(&self, interactive: bool) -> Option<u32> {
        let (shell, bulk) = &self.ip_qos;
        special::type_of_service(if interactive { shell } else { bulk })
    }

    /// The words of [`known_hosts_command`](Self::known_hosts_command), with the tokens that are known only when it is
    /// run: `%f`, `%H`, `%I`, `%K` and `%t`. It is no shell's.
    ///
    /// # Errors
    /// Where a token is unknown or a quote is left open.
    pub fn known_hosts_words(&self, more: &[(char, &str)]) -> Result<Vec<String>, Refused> {
        let command = self.known_hosts_command.as_deref().unwrap_or_default();
        let words = lexer::words(command).ok_or_else(|| {
            Refused(Messages {
                shown: vec![format!(
                    "KnownHostsCommand \"{command}\" contains invalid quotes"
                )],
                ..Messages::default()
            })
        })?;
        words.iter().map(|word| self.expand(word, more)).collect()
    }

    /// Replaces the tokens in a command that is run only now, with those that are known only now: `%T` for
    /// [`local_command`](Self::local_command).
    ///
    /// # Errors
    /// Where a token is unknown.
    pub fn expand(&self, command: &str, more: &[(char, &str)]) -> Result<String, Refused> {
        let tokens = self.tokens.with(more);
        let refused = |shown| {
            Refused(Messages {
                shown,
                ..Messages::default()
            })
        };
        tokens.expand(command).map_err(refused)
    }
}
