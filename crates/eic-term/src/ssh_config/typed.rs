//! Settings as plain fields.

use super::choices::{
    AddKeysToAgent, AddressFamily, ControlMaster, ControlPersist, ForwardAgent, IdentityAgent,
    LogLevel, RequestTty, SessionType, StrictHostKeyChecking, UpdateHostKeys,
};
use super::finish::path;
use super::forward::Forward;
use super::keyword::Key;
use super::log::{Fatal, Log};
use super::options::ResolvedOptions;
use super::resolve::Resolved;
use super::system::System;
use super::value::Value;

/// Takes the settings apart, and replaces what `ssh -G` prints as it was written.
///
/// # Errors
/// Where there is no such token, variable or user.
pub(super) fn options(
    resolved: &Resolved,
    system: &dyn System,
    log: &mut Log,
) -> Result<ResolvedOptions, Fatal> {
    let mut options = ResolvedOptions {
        connect_timeout: resolved.number(Key::ConnectTimeout),
        tokens: resolved.tokens.clone(),
        unheeded: resolved.unheeded.clone(),
        ..ResolvedOptions::default()
    };
    resolved.session(&mut options);
    resolved.network(&mut options);
    resolved.login(&mut options);
    resolved.host_keys(&mut options);
    resolved.algorithms(&mut options);
    resolved.forwards(&mut options);
    resolved.sharing(&mut options);
    resolved
        .paths(&mut options, system)
        .map_err(|messages| log.all_fatal(messages))?;
    Ok(options)
}

impl Resolved {
    fn session(&self, options: &mut ResolvedOptions) {
        options.host_argument.clone_from(&self.line.host);
        options.host_name = self.text(Key::HostName).unwrap_or_default();
        options.port = self.number(Key::Port).unwrap_or(22);
        options.user = self.text(Key::User).unwrap_or_default();
        options.user_is_named = !self.unnamed.contains(&Key::User);
        options.command.clone_from(&self.line.command);
        options.remote_command = self.text(Key::RemoteCommand);
        options.session_type = self.word(Key::SessionType, SessionType::parse);
        options.request_tty = self.word(Key::RequestTty, RequestTty::parse);
        options.escape_char = self.text(Key::EscapeChar).and_then(|text| escape(&text));
        options.enable_escape_commandline = self.flag(Key::EnableEscapeCommandline);
        options.stdin_null = self.flag(Key::StdinNull);
        options.fork_after_authentication = self.flag(Key::ForkAfterAuthentication);
        options.stdio_forward.clone_from(&self.line.stdio_forward);
        options.send_env = self.list(Key::SendEnv);
        options.set_env = self
            .list(Key::SetEnv)
            .iter()
            .filter_map(|text| assignment(text))
            .collect();
        options.local_command = self.text(Key::LocalCommand);
        options.permit_local_command = self.flag(Key::PermitLocalCommand);
        options.log_level = self.word(Key::LogLevel, LogLevel::parse);
        options.log_file.clone_from(&self.line.log_file);
        options.syslog = self.line.syslog;
        options.config_file.clone_from(&self.line.config);
    }

    fn network(&self, options: &mut ResolvedOptions) {
        options.address_family = self.word(Key::AddressFamily, AddressFamily::parse);
        options.bind_address = self.text(Key::BindAddress);
        options.bind_interface = self.text(Key::BindInterface);
        options.connection_attempts = self.number(Key::ConnectionAttempts).unwrap_or(1);
        options.server_alive_interval = self.number(Key::ServerAliveInterval).unwrap_or(0);
        options.server_alive_count_max = self.number(Key::ServerAliveCountMax).unwrap_or(3);
        options.tcp_keep_alive = self.flag(Key::TcpKeepAlive);
        options.compression = self.flag(Key::Compression);
        if let Some(Value::Rekey(bytes, seconds)) = self.settings.get(Key::RekeyLimit) {
            let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
            let seconds = seconds.and_then(|seconds| seconds.try_into().ok());
            options.rekey_limit_bytes = bytes.unwrap_or_default();
            options.rekey_limit_seconds = seconds.unwrap_or_default();
        }
        let qos = self.text(Key::IpQos).unwrap_or_default();
        let (interactive, bulk) = qos.split_once(' ').unwrap_or_default();
        options.ip_qos = (interactive.to_owned(), bulk.to_owned());
        let hops = self.settings.get(Key::ProxyJump).map(Value::hops);
        options.proxy_jump = hops.unwrap_or_default().to_vec();
        options.proxy_use_fdpass = self.flag(Key::ProxyUseFdpass);
    }

    fn login(&self, options: &mut ResolvedOptions) {
        options.identity_files_are_named = !self.unnamed.contains(&Key::IdentityFile);
        options.identity_files_are_own = self.has_own_identity;
        options.identities_only = self.flag(Key::IdentitiesOnly);
        options.identity_agent = match self.text(Key::IdentityAgent) {
            None => IdentityAgent::Environment,
            Some(path) if path == "SSH_AUTH_SOCK" => IdentityAgent::Environment,
            Some(path) if path == "none" => IdentityAgent::None,
            Some(path) => IdentityAgent::Socket(path),
        };
        options.forward_agent = match self.settings.get(Key::ForwardAgent) {
            Some(Value::Path(path)) => ForwardAgent::Socket(path.clone()),
            Some(Value::Word("yes")) => ForwardAgent::Yes,
            _ => ForwardAgent::No,
        };
        let add = self.text(Key::AddKeysToAgent).unwrap_or_default();
        let (how, seconds) = add.split_once(' ').unwrap_or((&add, &add));
        let or_time = |seconds: &u32| match seconds {
            0 => AddKeysToAgent::No,
            _ => AddKeysToAgent::Yes,
        };
        options.add_keys_to_agent_seconds = seconds.parse().unwrap_or_default();
        options.add_keys_to_agent = AddKeysToAgent::parse(how)
            .unwrap_or_else(|| or_time(&options.add_keys_to_agent_seconds));
        options.pkcs11_provider = self.text(Key::Pkcs11Provider);
        let provider = self.text(Key::SecurityKeyProvider);
        options.security_key_provider = provider.unwrap_or_else(|| "internal".to_owned());
        options.preferred_authentications = self.names(Key::PreferredAuthentications);
        let pubkey = self.text(Key::PubkeyAuthentication);
        options.pubkey_authentication = pubkey.as_deref() != Some("false");
        options.host_bound = pubkey.as_deref() != Some("unbound");
        options.password_authentication = self.flag(Key::PasswordAuthentication);
        options.kbd_interactive_authentication = self.flag(Key::KbdInteractiveAuthentication);
        options.hostbased_authentication = self.flag(Key::HostbasedAuthentication);
        options.gssapi_authentication = self.flag(Key::GssapiAuthentication);
        options.number_of_password_prompts = self.number(Key::NumberOfPasswordPrompts).unwrap_or(3);
        options.batch_mode = self.flag(Key::BatchMode);
    }

    fn host_keys(&self, options: &mut ResolvedOptions) {
        options.strict_host_key_checking =
            self.word(Key::StrictHostKeyChecking, StrictHostKeyChecking::parse);
        options.user_known_hosts_files = self.list(Key::UserKnownHostsFile);
        options.known_hosts_command = self.text(Key::KnownHostsCommand);
        options.host_key_alias = self.text(Key::HostKeyAlias);
        options.hash_known_hosts = self.flag(Key::HashKnownHosts);
        options.check_host_ip = self.flag(Key::CheckHostIp);
        options.update_host_keys = self.word(Key::UpdateHostKeys, UpdateHostKeys::parse);
        options.visual_host_key = self.flag(Key::VisualHostKey);
        options.fingerprint_hash = self.text(Key::FingerprintHash).unwrap_or_default();
        options.no_host_authentication_for_localhost =
            self.flag(Key::NoHostAuthenticationForLocalhost);
    }

    fn algorithms(&self, options: &mut ResolvedOptions) {
        options.ciphers = self.names(Key::Ciphers);
        options.ciphers_are_named = !self.unnamed.contains(&Key::Ciphers);
        options.macs = self.names(Key::Macs);
        options.kex_algorithms = self.names(Key::KexAlgorithms);
        options.host_key_algorithms = self.names(Key::HostKeyAlgorithms);
        options.host_key_algorithms_are_named = !self.unnamed.contains(&Key::HostKeyAlgorithms);
        options.pubkey_accepted_algorithms = self.names(Key::PubkeyAcceptedAlgorithms);
        options.ca_signature_algorithms = self.names(Key::CaSignatureAlgorithms);
        options.required_rsa_size = self.number(Key::RequiredRsaSize).unwrap_or(1024);
    }

    fn forwards(&self, options: &mut ResolvedOptions) {
        let forwards = |key| -> Vec<Forward> {
            let value = self.settings.get(key);
            value.map_or(&[][..], Value::forwards).to_vec()
        };
        options.local_forwards = forwards(Key::LocalForward);
        options.remote_forwards = forwards(Key::RemoteForward);
        options.dynamic_forwards = forwards(Key::DynamicForward);
        options.exit_on_forward_failure = self.flag(Key::ExitOnForwardFailure);
        options.gateway_ports = self.flag(Key::GatewayPorts);
        options.clear_all_forwardings = self.flag(Key::ClearAllForwardings);
        options.permit_remote_open = self.list(Key::PermitRemoteOpen);
        let mask = self.text(Key::StreamLocalBindMask).unwrap_or_default();
        options.stream_local_bind_mask = u32::from_str_radix(&mask, 8).unwrap_or(0o177);
        options.stream_local_bind_unlink = self.flag(Key::StreamLocalBindUnlink);
        options.forward_x11 = self.flag(Key::ForwardX11);
        options.forward_x11_trusted = self.flag(Key::ForwardX11Trusted);
        options.forward_x11_timeout = self.number(Key::ForwardX11Timeout).unwrap_or(u32::MAX);
        options.xauth_location = self.text(Key::XAuthLocation).unwrap_or_default();
        let tunnel = self.text(Key::Tunnel).unwrap_or_default();
        options.tunnel = tunnel != "false" && tunnel != "no";
    }

    fn sharing(&self, options: &mut ResolvedOptions) {
        options.control_master = self.word(Key::ControlMaster, ControlMaster::parse);
        options.control_path = self.text(Key::ControlPath);
        options.control_persist = match self.settings.get(Key::ControlPersist) {
            Some(Value::Number(seconds)) => {
                ControlPersist::Seconds((*seconds).try_into().unwrap_or(u32::MAX))
            }
            Some(Value::Word("yes")) => ControlPersist::Forever,
            _ => ControlPersist::No,
        };
        options.control_command = self.line.control;
    }

    /// What is replaced only now, in OpenSSH when it is used.
    fn paths(&self, options: &mut ResolvedOptions, system: &dyn System) -> Result<(), Vec<String>> {
        let all = |files: Vec<String>| -> Result<Vec<String>, Vec<String>> {
            let mut files = files.iter();
            files.try_fold(Vec::new(), |mut done, file| {
                done.push(path(&self.tokens, file, system)?);
                Ok(done)
            })
        };
        options.identity_files = all(self.list(Key::IdentityFile))?;
        options.certificate_files = all(self.list(Key::CertificateFile))?;
        options.global_known_hosts_files = all(self.list(Key::GlobalKnownHostsFile))?;
        let revoked = self.text(Key::RevokedHostKeys).map(|file| all(vec![file]));
        options.revoked_host_keys = revoked.transpose()?.and_then(|mut one| one.pop());
        let command = self.text(Key::ProxyCommand);
        let tokens = self.tokens.only("hknpr");
        let command = command.map(|command| tokens.expand(&command));
        options.proxy_command = command.transpose()?;
        Ok(())
    }

    fn text(&self, key: Key) -> Option<String> {
        self.settings.text(key).map(str::to_owned)
    }

    fn flag(&self, key: Key) -> bool {
        self.settings.is(key, "yes")
    }

    fn number<T: TryFrom<i64>>(&self, key: Key) -> Option<T> {
        self.settings.number(key)?.try_into().ok()
    }

    fn word<T: Default>(&self, key: Key, parse: fn(&str) -> Option<T>) -> T {
        self.settings.text(key).and_then(parse).unwrap_or_default()
    }

    fn list(&self, key: Key) -> Vec<String> {
        self.settings.list(key).to_vec()
    }

    /// Names between commas.
    fn names(&self, key: Key) -> Vec<String> {
        let names = self.settings.text(key).unwrap_or_default().split(',');
        let names = names.filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }
}

fn assignment(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

/// The character that vis(3) wrote.
fn escape(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] | [b'\\', byte @ b'\\'] => Some(*byte),
        [b'\\', b'^', letter] => Some(letter & 31),
        [b'\\', octal @ ..] => u8::from_str_radix(std::str::from_utf8(octal).ok()?, 8).ok(),
        _ => None,
    }
}
