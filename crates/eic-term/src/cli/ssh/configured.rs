//! What OpenSSH's configuration says of a target of our own commands.

use std::net::SocketAddr;
use std::time::Duration;

use eic_auth::{OsUser, Selector, Target};
use eic_term::ssh_config::{self, Refused, Request, RequestTty, ResolvedOptions};
use eic_term::{Command, Destination, Error, Session};
use tokio::net::lookup_host;

use super::host::Stream;
use super::instance::{EC2_DOMAINS, own_files};
use super::machine::Machine;
use super::open::Dial;
use super::session;
use crate::cli::args::Forwardings;
use crate::cli::args::{Common, Interactive};
use crate::cli::report::Failure;
use crate::cli::settings::Usual;
use crate::cli::ui::Ui;

/// What the configuration says of one target. Nothing where no file can mean it, as its name is none of a host.
#[derive(Debug, Clone)]
pub(crate) struct Configured(Option<Box<ResolvedOptions>>);

impl Configured {
    /// Reads the files, unless `-F` says otherwise, for the target as typed.
    pub(crate) fn read(common: &Common, target: &Target, ui: &Ui) -> Result<Self, Failure> {
        let host = target.selector.to_string();
        if common.jump.is_none() && !ssh_config::may_be_host(&host) {
            return Ok(Self(None));
        }
        let arguments = arguments(common, target, &host);
        let file = common.ssh_config.as_deref();
        let names_none = common.jump.is_none() && file.is_none_or(|file| file == "none");
        let machine = match Machine::at_home() {
            // A container's user may be in no database, and has no files then.
            Err(_) if names_none => return Ok(Self(None)),
            machine => machine?,
        };
        let resolution = ssh_config::resolve(&arguments, &machine).map_err(refused)?;
        super::say(&resolution.warnings, ui)?;
        Ok(match resolution.request {
            Request::Connect(mut options) => {
                // Hosts on the way are looked up in the same file.
                options.config_file = options.config_file.or_else(|| machine.other_config());
                Self(Some(options))
            }
            _ => Self(None),
        })
    }

    /// What holds below our own configuration file.
    pub(crate) fn usual(&self) -> Result<Usual, Failure> {
        let Some(options) = &self.0 else {
            return Ok(Usual::default());
        };
        let time = |seconds: u32| Duration::from_secs(seconds.into());
        let user = options
            .user_is_named
            .then(|| options.user.parse::<OsUser>());
        let user = user.transpose();
        let user = user.map_err(|source| Failure::new("cannot log in", source))?;
        Ok(Usual {
            user,
            port: Some(options.port),
            identities: own_files(options),
            identities_only: options.identities_only,
            limit: options.connect_timeout.filter(|one| *one > 0).map(time),
            keepalive: Some(options.server_alive_interval)
                .filter(|interval| *interval > 0)
                .map(time),
            keepalive_misses: Some(options.server_alive_count_max),
        })
    }

    /// The target by the name that the configuration has for it (`HostName`).
    pub(crate) async fn target(&self, typed: &Target, ui: &Ui) -> Result<Target, Failure> {
        let named = self.0.as_ref().map(|options| &options.host_name);
        let typed_name = typed.selector.to_string();
        let Some(name) = named.filter(|name| !name.eq_ignore_ascii_case(&typed_name)) else {
            return Ok(typed.clone());
        };
        ui.detail(&format!(
            "{typed_name} is {name}, by OpenSSH's configuration"
        ));
        let selector = match address_of(name).await {
            Some(address) => Selector::Address(address.ip()),
            None => name.parse().map_err(|source| {
                Failure::new(
                    format!("cannot find {typed_name}, whose HostName is {name}"),
                    source,
                )
            })?,
        };
        Ok(Target {
            user: typed.user.clone(),
            selector,
        })
    }

    /// Whether other hosts are on the way.
    pub(crate) fn has_hops(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|options| !options.proxy_jump.is_empty())
    }

    /// Which hosts those are.
    pub(crate) fn hops(&self) -> Option<String> {
        let hops = &self.0.as_ref()?.proxy_jump;
        let names: Vec<_> = hops.iter().map(ToString::to_string).collect();
        Some(names.join(",")).filter(|names| !names.is_empty())
    }

    /// Logs in to the last of those hosts.
    pub(crate) async fn log_in_to_hop(
        &self,
        account: &Common,
        ui: &Ui,
    ) -> Result<Session, Failure> {
        let session = match &self.0 {
            Some(options) => Dial::new(options, account, ui).last_hop().await?,
            None => None,
        };
        session.ok_or_else(no_way)
    }

    /// A stream by way of those hosts.
    pub(crate) async fn stream(
        &self,
        to: &Destination,
        port: u16,
        account: &Common,
        ui: &Ui,
    ) -> Result<Box<dyn Stream>, Error> {
        let peer = to.id.to_string();
        let failed = |failure: Failure| Error::Way {
            peer: peer.clone(),
            source: failure.into(),
        };
        let Some(options) = &self.0 else {
            return Err(failed(no_way()));
        };
        let mut options = (**options).clone();
        options.port = port;
        let address = to.address.to_string();
        let stream = Dial::new(&options, account, ui).through(&address).await;
        stream
            .and_then(|stream| stream.ok_or_else(no_way))
            .map_err(failed)
    }

    /// Asks nobody, where nobody is there to answer.
    pub(crate) fn ui(&self, ui: &Ui) -> Ui {
        let is_batch = self.0.as_ref().is_some_and(|options| options.batch_mode);
        ui.clone().batch(is_batch)
    }

    /// The forwards of the command line and those of the configuration.
    pub(crate) fn forwardings(&self, typed: &Forwardings) -> Forwardings {
        match &self.0 {
            Some(options) => typed.clone().or(session::forwardings(options)),
            None => typed.clone(),
        }
    }

    /// The command that a shell's place is taken by, or the shell.
    pub(crate) fn shell(&self, session: &Session) -> Command {
        let command = self
            .0
            .as_ref()
            .and_then(|options| options.remote_command.as_ref());
        match command {
            Some(command) => session.command(command.clone().into_bytes()),
            None => session.shell(),
        }
    }

    /// Gives a command what the configuration says of its variables and of the ssh-agent.
    pub(crate) fn equip(&self, command: Command) -> Command {
        match &self.0 {
            Some(options) => session::dressed(options, command),
            None => command,
        }
    }

    /// The variables that go along.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let options = self.0.as_deref();
        options.map(session::variables).unwrap_or_default()
    }

    /// Options of interactive sessions: what was typed, else what is configured.
    pub(crate) fn interactive(&self, typed: &Interactive) -> Interactive {
        let escape = self.0.as_ref().map(|options| options.escape_char.into());
        Interactive {
            escape_char: typed.escape_char.or(escape),
            ..typed.clone()
        }
    }

    /// Whether to ask for a terminal, where `usual` says what is done unasked.
    pub(crate) fn wants_pty(&self, typed: &Interactive, usual: bool, is_terminal: bool) -> bool {
        let request = self.0.as_ref().map(|options| options.request_tty);
        let command = self
            .0
            .as_ref()
            .is_some_and(|options| options.remote_command.is_some());
        typed.wants_pty(match request {
            Some(RequestTty::Force) => true,
            Some(RequestTty::Yes) => is_terminal,
            Some(RequestTty::No) => false,
            _ => usual && !command,
        })
    }
}

/// As ssh(1) would be called.
fn arguments(common: &Common, target: &Target, host: &str) -> Vec<std::ffi::OsString> {
    let user = target.user.as_ref().or(common.login_name.as_ref());
    let port = common.ssh_port.map(|port| port.to_string());
    let typed = [
        ("-F", common.ssh_config.clone()),
        ("-J", common.jump.clone()),
        ("-l", user.map(ToString::to_string)),
        ("-p", port),
    ];
    let typed = typed
        .into_iter()
        .filter_map(|(name, value)| Some([name.to_owned(), value?]));
    let words = typed.flatten().chain(["--".to_owned(), host.to_owned()]);
    words.map(Into::into).collect()
}

fn refused(refused: Refused) -> Failure {
    let what = "cannot understand OpenSSH's configuration";
    Failure::new(what, refused).advised("`-F FILE` names another file, `-F none` reads none")
}

fn no_way() -> Failure {
    Failure::caused("cannot connect by way of other hosts", "none is named")
}

/// The address of a name in the DNS, which EC2 knows nothing of.
async fn address_of(name: &str) -> Option<SocketAddr> {
    let lower = name.to_ascii_lowercase();
    let is_ec2s = EC2_DOMAINS.iter().any(|end| lower.ends_with(end));
    let is_none = !name.contains('.') || name.contains([':', '=']) || is_ec2s;
    match is_none {
        true => None,
        false => lookup_host((name, 0)).await.ok()?.next(),
    }
}
