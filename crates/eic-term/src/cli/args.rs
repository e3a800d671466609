//! What can be typed: clap types and nothing else.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use eic_auth::{InstanceId, OsUser, Target};
use eic_term::{ConnectionType, TrustLevel};

use super::complete;
use super::cp::Cp;
use super::escape::EscapeChar;
use super::fleet::Several;
use super::forward_args::{Forward, Forwardings};
use super::list::{Column, Order};
use super::report::Failure;
use super::setup_args::Setup;
use super::sftp_args::Sftp;

const EXAMPLES: &str = "\
Examples:
  eic-term web-1                              a shell on the instance named web-1, as ec2-user
  eic-term ubuntu@i-0123456789abcdef0         by instance id, as another user
  eic-term exec tag:Role=db -- uptime         one command, its exit status passed on
  eic-term exec 'web-*' -- systemctl is-active nginx   on all of them at once
  eic-term exec web-1 -- tar c /etc > etc.tar byte-clean and streamed
  eic-term cp -r web-1:/var/log logs          files and folders, either way
  eic-term tunnel db-1 --port 3389 --listen 127.0.0.1:3389
  ssh -o ProxyCommand='eic-term tunnel %h' ec2-user@i-0123456789abcdef0
  eic-term forward db-1 -L 5432:localhost:5432  a port that stays, whatever becomes of the connection
  eic-term sftp web-1:/var/log                files at a prompt, as OpenSSH's `sftp` has it
  eic-term setup git                          the lines that make git use it
  eic-term list 'web-*'                       what is there and how it would be reached

A TARGET is [USER@] and one of: an instance id, a Name tag (* and ? are wildcards), tag:KEY=VALUE,
an IP address, a DNS name.

Exit status: the remote command's; 255 for a failure of our own; 2 for wrong usage; 128 and the signal's
number where one ended it, 130 after Ctrl-C in `forward`.";

/// Log in to EC2 instances, with EC2 Instance Connect built in
#[derive(Debug, Parser)]
#[command(name = "eic-term", version, after_help = EXAMPLES, max_term_width = 110)]
#[command(override_usage = "eic-term [OPTIONS] TARGET\n       eic-term [OPTIONS] COMMAND …")]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(flatten)]
    pub(crate) interactive: Interactive,

    #[command(flatten)]
    pub(crate) forwardings: Forwardings,

    /// The instance to open a shell on, as `connect` does; without it a list to pick from opens on a terminal
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Option<Target>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a shell (the default: `eic-term TARGET`)
    Connect(Connect),
    /// Run one command and exit with its status
    Exec(Exec),
    /// Copy files and folders to and from instances
    Cp(Cp),
    /// Forward ports without a shell, and go on when the connection is lost
    Forward(Forward),
    /// Open an endpoint's tunnel: on stdio as a ProxyCommand, or on a local port
    Tunnel(Tunnel),
    /// Get and put files by the commands of OpenSSH's `sftp`, at a prompt or from a file
    Sftp(Sftp),
    /// Push a public key of your own; the instance takes it for 60 seconds
    SendKey(SendKey),
    /// List instances and how each would be reached
    List(List),
    /// Take OpenSSH's command line, e.g. `eic-term ssh -G web-1`; nothing may stand before `ssh`
    #[command(disable_help_flag = true)]
    Ssh {
        /// As ssh(1) takes them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// Print the lines that make another program use this one, or write them
    Setup(Setup),
    /// Look after the host keys that are pinned by instance id
    #[command(subcommand)]
    Trust(Trust),
    /// Print the script that completes commands, options and known names: eval "$(eic-term completion bash)"
    Completion {
        /// The shell
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(complete::shells()))]
        shell: String,
    },
    /// Write manual pages into a folder
    Man {
        /// The folder
        folder: PathBuf,
    },
    /// What stands for a target that is to be picked
    #[command(skip)]
    Pick(Pick),
}

/// A shell on an instance that is picked from a list.
#[derive(Debug)]
pub(crate) struct Pick {
    pub(crate) interactive: Interactive,
    pub(crate) forwardings: Forwardings,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// OS user to log in as, where the target names none [default: ec2-user]
    #[arg(short = 'l', long, value_name = "USER", global = true)]
    pub(crate) login_name: Option<OsUser>,

    /// SSH port [default: 22]
    #[arg(short = 'p', value_name = "PORT", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) ssh_port: Option<u16>,

    /// Private key of your own to log in with, or the public half of one in the ssh-agent; nothing is
    /// pushed
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(crate) identity: Vec<PathBuf>,

    /// Log in with the ssh-agent's keys; nothing is pushed
    #[arg(long, global = true)]
    pub(crate) agent: bool,

    /// AWS profile
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) profile: Option<String>,

    /// AWS region
    #[arg(long, value_name = "REGION", global = true)]
    pub(crate) region: Option<String>,

    /// What must speak for a new host key: strict (known_hosts or the instance's console), aws (or an
    /// endpoint's path, or you), accept-new, off [default: aws]
    #[arg(long, value_name = "LEVEL", global = true)]
    pub(crate) host_key: Option<TrustLevel>,

    /// Offer SHA-1 and CBC too, for servers that know nothing else
    #[arg(long, global = true)]
    pub(crate) legacy: bool,

    /// Way to the instance: auto, direct, or eice (an EC2 Instance Connect Endpoint) [default: auto]
    #[arg(long, value_name = "TYPE", global = true)]
    pub(crate) connection_type: Option<ConnectionType>,

    /// Address to connect to instead of the instance's own
    #[arg(long, value_name = "IP", global = true)]
    pub(crate) instance_ip: Option<IpAddr>,

    /// Endpoint to go through (eice-…) instead of the best in the instance's VPC
    #[arg(long, value_name = "ID", global = true)]
    pub(crate) endpoint_id: Option<String>,

    /// DNS name of that endpoint, which saves looking it up
    #[arg(long, value_name = "NAME", global = true, requires = "endpoint_id")]
    pub(crate) endpoint_dns_name: Option<String>,

    /// Seconds that the endpoint keeps the tunnel open, 1 to 3600 [default: 3600]
    #[arg(long, value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) max_tunnel_duration: Option<u16>,

    /// Seconds to wait for each step of connecting [default: 15]
    #[arg(long, value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connect_timeout: Option<u16>,

    /// Seconds after which a silent host is asked for a sign of life; three misses end the session; 0 for
    /// never [default: 15]
    #[arg(long, value_name = "SECONDS", global = true)]
    pub(crate) keepalive: Option<u16>,

    /// Look everything up anew: use and keep no cache of where instances are
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,

    /// Configuration file [default: eic-term/config.toml in the platform's configuration folder]
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        env = "EIC_TERM_CONFIG",
        hide_env_values = true
    )]
    pub(crate) config: Option<PathBuf>,

    /// OpenSSH's configuration file for connect, exec and forward, or `none` [default: ~/.ssh/config and the
    /// system's]
    #[arg(
        short = 'F',
        long,
        value_name = "FILE",
        global = true,
        env = "EIC_TERM_SSH_CONFIG",
        hide_env_values = true
    )]
    pub(crate) ssh_config: Option<String>,

    /// Hosts on the way for connect, exec and forward, instances or others, with commas between:
    /// [USER@]HOST[:PORT]; `none` for none
    #[arg(short = 'J', long, value_name = "HOSTS", global = true)]
    pub(crate) jump: Option<String>,

    /// The instance that a host's name means, whatever the name (`mssh -t`).
    #[arg(skip)]
    pub(crate) instance: Option<InstanceId>,

    /// Show a timeline of the connection; -vv adds library logs, -vvv wire-level ones
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,

    /// Print no notices, only errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

/// Options of interactive sessions.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Interactive sessions")]
pub(crate) struct Interactive {
    /// Ask for a pseudo-terminal, for programs that need a screen; `connect` does where it has one
    #[arg(short, long, action = ArgAction::Count, overrides_with = "no_tty")]
    pub(crate) tty: u8,

    /// Ask for none
    #[arg(short = 'T', long, overrides_with = "tty")]
    pub(crate) no_tty: bool,

    /// Terminal type to tell the host, where it does not know yours [default: $TERM]
    #[arg(long, value_name = "NAME")]
    pub(crate) term: Option<String>,

    /// Key that begins an escape after a newline (~? lists them): a character, ^ and a letter, or `none`
    /// [default: ~]
    #[arg(short, long, value_name = "CHAR")]
    pub(crate) escape_char: Option<EscapeChar>,

    /// Record the output as asciicast v2, which asciinema plays
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// Let the host use the keys of the ssh-agent here, as long as the session lasts; whoever is root
    /// there can, too
    #[arg(short = 'A', long)]
    pub(crate) forward_agent: bool,

    /// Record what is typed too, passwords included
    #[arg(long, requires = "record")]
    pub(crate) record_input: bool,
}

impl Common {
    /// What holds where nothing is typed: the environment's words.
    pub(crate) fn untyped() -> Result<Self, Failure> {
        // Anything will do for a target.
        let read = Cli::try_parse_from(["eic-term", "any"]);
        let read = read.map_err(|source| Failure::new("cannot read the environment", source))?;
        Ok(read.common)
    }

    /// What holds for the hosts on the way, too: whose account it is and what is believed there.
    pub(crate) fn account(&self) -> Self {
        Self {
            login_name: None,
            ssh_port: None,
            identity: Vec::new(),
            agent: false,
            connection_type: None,
            instance_ip: None,
            endpoint_id: None,
            endpoint_dns_name: None,
            jump: None,
            instance: None,
            ..self.clone()
        }
    }
}

impl Interactive {
    /// Whether to ask for a pseudo-terminal, where `usual` says what is done unasked.
    pub(crate) fn wants_pty(&self, usual: bool) -> bool {
        self.tty > 0 || usual && !self.no_tty
    }

    /// Whether anything is set.
    fn is_set(&self) -> bool {
        let texts = self.term.is_some() || self.escape_char.is_some() || self.record.is_some();
        texts || self.tty > 0 || self.no_tty || self.forward_agent
    }

    /// Takes what stood before the command's name for what stood after it.
    fn or(self, before: Self) -> Self {
        Self {
            tty: self.tty + before.tty,
            no_tty: self.no_tty || before.no_tty,
            term: self.term.or(before.term),
            escape_char: self.escape_char.or(before.escape_char),
            record: self.record.or(before.record),
            forward_agent: self.forward_agent || before.forward_agent,
            record_input: self.record_input || before.record_input,
        }
    }
}

impl Cli {
    /// The command, the default one included, with the options that stood before its name.
    ///
    /// Returns the name of the missing thing, or of the option that the command does not take.
    pub(crate) fn into_command(self, can_pick: bool) -> Result<(Common, Command), Misuse> {
        let before = self.interactive;
        let forwardings = self.forwardings;
        let command = match (self.command, self.target) {
            (Some(Command::Connect(args)), _) => Command::Connect(Connect {
                interactive: args.interactive.or(before),
                forwardings: args.forwardings.or(forwardings),
                ..args
            }),
            (Some(Command::Exec(args)), _) => Command::Exec(Exec {
                interactive: args.interactive.or(before),
                forwardings: args.forwardings.or(forwardings),
                ..args
            }),
            (Some(_), _) if before.is_set() => return Err(Misuse::NotInteractive),
            (Some(Command::Forward(args)), _) => Command::Forward(Forward {
                forwardings: args.forwardings.or(forwardings),
                ..args
            }),
            (Some(_), _) if forwardings.is_set() => return Err(Misuse::NotForwarding),
            (Some(other), _) => other,
            (None, Some(target)) => Command::Connect(Connect {
                interactive: before,
                forwardings,
                target,
            }),
            (None, None) if can_pick => Command::Pick(Pick {
                interactive: before,
                forwardings,
            }),
            (None, None) => return Err(Misuse::NoTarget),
        };
        Ok((self.common, command))
    }
}

/// What clap cannot see.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misuse {
    NoTarget,
    NotInteractive,
    NotForwarding,
    NothingToForward,
    NothingRemote,
    BeforeSsh,
    OneOnly,
    OneInput,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) interactive: Interactive,

    #[command(flatten)]
    pub(crate) forwardings: Forwardings,

    /// The instance to open a shell on
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) interactive: Interactive,

    #[command(flatten)]
    pub(crate) forwardings: Forwardings,

    /// Give the command no input
    #[arg(short = 'n', long)]
    pub(crate) no_stdin: bool,

    #[command(flatten)]
    pub(crate) several: Several,

    /// The instance to run the command on, or several: names may have wildcards
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Vec<Target>,

    /// The command: its words are joined by spaces and given to the remote user's shell; with --script its
    /// arguments, each as it stands
    #[arg(required_unless_present = "script", last = true, value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Tunnel {
    /// The instance to open the tunnel to
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Target,

    /// Remote port: 22 or 3389, the two that endpoints lead to
    #[arg(long, value_name = "PORT", default_value_t = 22, value_parser = endpoint_port)]
    pub(crate) port: u16,

    /// Make way for another SSH client: push this public key of its own first (the instance takes it for 60
    /// seconds), and go straight to an instance where a login would; the port is that of -p
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "port"])]
    pub(crate) public_key: Option<PathBuf>,

    /// Listen on this address and open one tunnel a connection, instead of using stdio; port 0 lets
    /// the system choose
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen_address)]
    pub(crate) listen: Option<SocketAddr>,

    /// Most connections at once with --listen (an endpoint takes 20)
    #[arg(long, value_name = "N", default_value_t = 20, requires = "listen", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_connections: u16,
}

#[derive(Debug, Args)]
pub(crate) struct SendKey {
    /// The instance to push the key to
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Target,

    /// Public key file: RSA or Ed25519
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only these instances: targets without a user, of which any may match
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) filter: Vec<Target>,

    /// Only instances in these states, e.g. running
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub(crate) state: Vec<String>,

    /// Columns, with commas between: id, name, state, zone, addresses, reached, vpc, subnet, account, platform,
    /// endpoint, tag:KEY
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) columns: Vec<Column>,

    /// Sort by a column, backwards with a `-` before it; without it pages are shown as they come, each by name
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub(crate) sort: Option<Order>,

    /// Print JSON: an array, an object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Trust {
    /// List the pins: whose, which key, since when and what spoke for it
    List,
    /// Show an instance's pins in full
    Show {
        /// The instance whose pins to show
        target: Target,
    },
    /// Compare the keys that a host shows with its console and its pins; exit with 1 unless one speaks
    /// for them and none against
    Verify {
        /// The instance to ask
        target: Target,
    },
    /// Pin the keys of a file
    Import {
        /// In known_hosts format with instance ids for names; with a target, that instance's public
        /// keys, whatever their names; `-` for standard input
        file: PathBuf,
        /// The instance whose keys these are
        target: Option<Target>,
    },
    /// Forget an instance's key, so that the next login verifies it anew
    Forget {
        /// The instance whose key to forget
        target: Target,
    },
}

fn endpoint_port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port @ (22 | 3389)) => Ok(port),
        Ok(_) => Err("an endpoint leads to port 22 or 3389 only".to_owned()),
        Err(_) => Err("it is no port number".to_owned()),
    }
}

/// `ADDR:PORT`, or a port on the loopback address.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse()
        .map_err(|_| "it must be ADDR:PORT, such as 127.0.0.1:3389".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bare_target_is_connect_and_options_stand_anywhere() {
        let cli = Cli::parse_from(["eic-term", "--region", "eu-west-1", "ubuntu@web-1"]);
        let Ok((_, Command::Connect(connect))) = cli.into_command(false) else {
            panic!("not connect");
        };
        assert_eq!(connect.target.to_string(), "ubuntu@web-1");
        let cli = Cli::parse_from(["eic-term", "exec", "web-1", "-l", "admin", "--", "ls", "-l"]);
        assert_eq!(cli.common.login_name.unwrap().as_str(), "admin");
        let Some(Command::Exec(exec)) = cli.command else {
            panic!("not exec");
        };
        assert_eq!(exec.command, ["ls", "-l"]);
    }

    #[test]
    fn interactive_options_stand_on_either_side_of_the_command() {
        let parse = |line: &str| Cli::parse_from(line.split(' ')).into_command(false);
        for line in [
            "eic-term -t exec --term vt100 web-1 -- top",
            "eic-term --term vt100 exec -t web-1 -- top",
        ] {
            let Ok((_, Command::Exec(exec))) = parse(line) else {
                panic!("not exec: {line}");
            };
            assert!(exec.interactive.wants_pty(false), "{line}");
            assert_eq!(exec.interactive.term.as_deref(), Some("vt100"), "{line}");
        }
        let Ok((_, Command::Connect(connect))) = parse("eic-term -T web-1") else {
            panic!("not connect");
        };
        assert!(!connect.interactive.wants_pty(true));
        assert_eq!(
            parse("eic-term -t list").unwrap_err(),
            Misuse::NotInteractive
        );
        assert_eq!(parse("eic-term -q").unwrap_err(), Misuse::NoTarget);
    }

    #[test]
    fn sftp_has_a_p_of_its_own() {
        let line = "eic-term sftp -rp -P 2022 me@web-1:a b";
        let (common, command) = Cli::parse_from(line.split(' '))
            .into_command(false)
            .unwrap();
        let Command::Sftp(sftp) = command else {
            panic!("not sftp");
        };
        assert!(sftp.preserve && sftp.recursive);
        assert_eq!((sftp.ssh_port, common.ssh_port), (Some(2022), Some(2022)));
        assert_eq!(sftp.place.target.to_string(), "me@web-1");
        assert_eq!(sftp.place.path.as_deref(), Some("a"));
    }

    #[test]
    fn a_copy_has_a_p_of_its_own_and_a_port_all_the_same() {
        let line = "eic-term cp -rp -P 2022 a web-1:b";
        let (common, command) = Cli::parse_from(line.split(' '))
            .into_command(false)
            .unwrap();
        let Command::Cp(cp) = command else {
            panic!("not cp");
        };
        assert_eq!(
            (cp.preserve, cp.ssh_port, common.ssh_port),
            (true, Some(2022), Some(2022))
        );
        let before = Cli::parse_from("eic-term -p 2022 cp a web-1:b".split(' '));
        assert_eq!(before.common.ssh_port, Some(2022));
    }

    #[test]
    fn listen_addresses() {
        let table = [
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            ("[::1]:80", Some("[::1]:80")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("80", Some("127.0.0.1:80")),
            (":0", Some("127.0.0.1:0")),
            ("example.com:80", None),
            ("70000", None),
        ];
        for (text, expected) in table {
            let address = listen_address(text).ok().map(|address| address.to_string());
            assert_eq!(address.as_deref(), expected, "{text}");
        }
    }
}
