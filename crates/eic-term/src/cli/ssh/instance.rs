//! Whether a name means an instance, and the login to one.

use std::net::IpAddr;
use std::path::Path;

use eic_auth::{Error as Aws, InstanceId, OsUser, Selector, Target};
use eic_term::ssh_config::ResolvedOptions;
use eic_term::{
    ConnectionType, Connector, Destination, Error, HostKeyError, Session, TrustLevel, Via,
};

use super::host::Stream;
use super::open::Dial;
use super::update::Believed;
use super::{known, tcp};
use crate::cli::args::Common;
use crate::cli::connect;
use crate::cli::memory::Memory;
use crate::cli::report::Failure;
use crate::cli::settings::Settings;
use crate::cli::ui::Ui;

/// An instance, and how to get there.
pub(super) struct Instance {
    begun: Begun,
    pub(super) destination: Destination,
    level: TrustLevel,
}

/// What a name may mean.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// An instance and nothing else.
    Instance(Selector),
    /// An instance, if there is one; else a host.
    Perhaps(Selector),
    Host,
}

/// Endings of the names that EC2 gives to instances.
pub(super) const EC2_DOMAINS: [&str; 4] = [
    ".compute.internal",
    ".ec2.internal",
    ".compute.amazonaws.com",
    ".compute-1.amazonaws.com",
];

fn meaning(name: &str) -> Meaning {
    let Ok(selector) = name.parse::<Selector>() else {
        return Meaning::Host;
    };
    let lower = name.to_ascii_lowercase();
    match &selector {
        Selector::Id(_) | Selector::Tag { .. } => Meaning::Instance(selector),
        _ if lower == "localhost" => Meaning::Host,
        _ => match name.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() => Meaning::Host,
            Ok(_) => Meaning::Perhaps(selector),
            Err(_) if !name.contains('.') => Meaning::Perhaps(selector),
            Err(_) if EC2_DOMAINS.iter().any(|end| lower.ends_with(end)) => {
                Meaning::Perhaps(selector)
            }
            Err(_) => Meaning::Host,
        },
    }
}

/// The instance that is meant by the settings, perhaps.
pub(super) struct Meant {
    selector: Selector,
    /// Whether it can be nothing else.
    certain: bool,
}

/// What is meant, where that may be an instance; `None` for a host that is none.
pub(super) async fn meant(dial: &Dial<'_>) -> Option<Meant> {
    let (options, ui) = (dial.options, dial.ui);
    let meaning = match &dial.account.instance {
        Some(id) => Meaning::Instance(Selector::Id(id.clone())),
        None => meaning(&options.host_name),
    };
    let (selector, certain) = match meaning {
        Meaning::Host => return None,
        _ if is_elsewhere(options) => return None,
        Meaning::Instance(selector) => (selector, true),
        // Whoever may tag instances must not take the place of a host that is known by this name.
        Meaning::Perhaps(_) if is_known(options, ui).await => return None,
        Meaning::Perhaps(selector) => (selector, false),
    };
    Some(Meant { selector, certain })
}

impl Meant {
    /// The instance as it is remembered, where nothing but itself is on the way; it is looked up at the login.
    pub(super) async fn recall(&self, dial: &Dial<'_>) -> Result<Option<Remembered>, Failure> {
        let is_special = dial.account.instance.is_some() || tcp::is_bound(dial.options);
        if is_special || dial.has_hops() {
            return Ok(None);
        }
        let begun = Begun::new(dial, &self.selector).await?;
        let to = begun.memory.destination(&begun.connector);
        Ok(to.map(|to| Remembered { begun, to }))
    }

    /// Finds the instance; `None` for a host that is none.
    pub(super) async fn find(&self, dial: &Dial<'_>) -> Result<Option<Instance>, Failure> {
        match look_up(dial, &self.selector).await {
            Err(failure) if !self.certain && !failure.is_ambiguous => {
                dial.ui.detail(&format!("no instance: {}", failure.failure));
                Ok(None)
            }
            Err(failure) => Err(failure.failure),
            Ok(instance) => Ok(Some(instance)),
        }
    }
}

/// Whether a `ProxyCommand` leads to the host. One that is `eic-term tunnel`, as `eic-term setup ssh-config` writes
/// it for OpenSSH's client, leads where we go without it.
fn is_elsewhere(options: &ResolvedOptions) -> bool {
    let command = options.proxy_command.as_deref();
    command.is_some_and(|command| !is_our_tunnel(command))
}

fn is_our_tunnel(command: &str) -> bool {
    let Some((program, _)) = command.split_once(" tunnel ") else {
        return false;
    };
    let program = program.trim().trim_matches(['"', '\'']);
    let stem = Path::new(program).file_stem();
    stem.is_some_and(|stem| stem == "eic-term")
}

async fn is_known(options: &ResolvedOptions, ui: &Ui) -> bool {
    let known = known::known_hosts(options, &Believed::default(), ui)
        .is_known()
        .await;
    // A file that cannot be read is an error at the login.
    known.unwrap_or(true)
}

/// Why there is no instance.
struct NotFound {
    failure: Failure,
    /// Whether there is more than one, or one that cannot be reached.
    is_ambiguous: bool,
}

impl From<Failure> for NotFound {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            is_ambiguous: false,
        }
    }
}

impl From<Error> for NotFound {
    fn from(error: Error) -> Self {
        let is_ambiguous = match &error {
            Error::Aws(aws) => matches!(aws, Aws::Ambiguous { .. }),
            _ => true,
        };
        Self {
            failure: error.into(),
            is_ambiguous,
        }
    }
}

async fn look_up(dial: &Dial<'_>, selector: &Selector) -> Result<Instance, NotFound> {
    let begun = Begun::new(dial, selector).await?;
    let mut destination = begun.connector.find(selector).await?;
    if dial.has_hops() {
        destination.via = Via::Direct;
    }
    Ok(Instance {
        begun,
        destination,
        level: known::level(dial.options),
    })
}

/// What is ready before it is known where the instance is.
struct Begun {
    connector: Connector,
    memory: Memory,
    target: Target,
}

impl Begun {
    async fn new(dial: &Dial<'_>, selector: &Selector) -> Result<Self, Failure> {
        let (options, account) = (dial.options, dial.account);
        let mut common = common(options, dial.has_hops(), account)?;
        if account.instance.is_some() {
            common.instance_ip = Some(tcp::address(options).await?);
            common.connection_type = Some(ConnectionType::Direct);
        }
        let target = Target {
            user: common.login_name.clone(),
            selector: selector.clone(),
        };
        let mut settings = Settings::load(&common, Some(&target))?;
        settings.options.algorithms = super::algorithms(options);
        let revoked = options.revoked_host_keys.iter();
        settings.revoked = revoked.map(std::path::PathBuf::from).collect();
        let (bytes, time) = super::rekey_after(options);
        (settings.options.rekey_bytes, settings.options.rekey_time) = (bytes, time);
        settings.options.keepalive_misses = options.server_alive_count_max;
        settings.options.interactive = dial.with_pty;
        settings.options.tries(super::tries(options));
        let mut memory = Memory::of(&mut settings.options);
        let connector = settings.connector(dial.ui).await?;
        let cache = settings.cache(&common, connector.region());
        memory.recall(
            cache.filter(|_| common.instance_ip.is_none()),
            &target.selector,
        );
        Ok(Self {
            connector,
            memory,
            target,
        })
    }
}

/// An instance that is where it was the last time, unless the look-up beside the login says otherwise.
pub(super) struct Remembered {
    begun: Begun,
    to: Destination,
}

impl Remembered {
    /// Logs in; `None` where only a look-up can tell what to do instead: the name may mean another host by now.
    pub(super) async fn log_in(&self) -> Result<Option<Session>, Error> {
        let Begun {
            connector, target, ..
        } = &self.begun;
        match connector.connect_remembered(target, &self.to).await {
            Ok(session) => {
                self.begun.memory.keep();
                Ok(Some(session))
            }
            Err(Error::Aws(_) | Error::HostKey(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The instance's id.
    pub(super) fn id(&self) -> &InstanceId {
        &self.to.id
    }
}

/// OpenSSH's options in our words.
fn common(options: &ResolvedOptions, hop: bool, account: &Common) -> Result<Common, Failure> {
    let seconds = |seconds: u32| u16::try_from(seconds).unwrap_or(u16::MAX);
    let user = match options.user_is_named {
        true => Some(options.user.parse::<OsUser>()),
        false => None,
    };
    let user = user.transpose();
    Ok(Common {
        login_name: user.map_err(|source| Failure::new("cannot log in", source))?,
        ssh_port: Some(options.port).filter(|port| *port != 22),
        identity: own_files(options),
        host_key: Some(known::level(options)),
        connect_timeout: options.connect_timeout.filter(|one| *one > 0).map(seconds),
        keepalive: Some(options.server_alive_interval)
            .filter(|interval| *interval > 0)
            .map(seconds),
        // From another host it is the instance's own address that leads there.
        connection_type: hop.then_some(ConnectionType::Direct),
        ..account.clone()
    })
}

/// The key files that were named for this host: nothing is pushed then. Those that are named for all hosts are for
/// those to which no key can be pushed.
pub(super) fn own_files(options: &ResolvedOptions) -> Vec<std::path::PathBuf> {
    let for_tunnel = options.proxy_command.as_deref().is_some_and(is_our_tunnel);
    if !options.identity_files_are_own || for_tunnel {
        return Vec::new();
    }
    let files = options.identity_files.iter().map(std::path::PathBuf::from);
    files.filter(|file| file.exists()).collect()
}

impl Instance {
    /// Logs in, over a stream where there is one already.
    pub(super) async fn log_in(&self, over: Option<Box<dyn Stream>>) -> Result<Session, Error> {
        let (connector, to) = (&self.begun.connector, &self.destination);
        let user = self.begun.target.user.as_ref();
        let session = match over {
            Some(stream) => connector.connect_over(to, user, stream).await,
            None => connector.connect_to(to, user).await,
        };
        session.inspect(|_| self.begun.memory.keep())
    }

    /// Where nothing speaks for the host's key a person may; the key is pinned then.
    pub(super) async fn is_confirmed(
        &self,
        doubt: &HostKeyError,
        ui: &Ui,
    ) -> Result<bool, Failure> {
        connect::is_confirmed(doubt, self.level, ui).await
    }

    /// The instance's id.
    pub(super) fn id(&self) -> &InstanceId {
        &self.destination.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_that_are_ours() {
        for (command, expected) in [
            ("eic-term tunnel %h", true),
            ("/usr/bin/eic-term tunnel -p 22 x", true),
            ("'/a b/eic-term' tunnel --public-key k x", true),
            ("\"C:\\eic-term.exe\" tunnel x", cfg!(windows)),
            ("eic-term ssh -W x:22 y", false),
            ("nc x 22", false),
            ("other-eic-term tunnel x", false),
        ] {
            assert_eq!(is_our_tunnel(command), expected, "{command}");
        }
    }

    #[test]
    fn what_names_mean() {
        for (name, expected) in [
            ("i-0123456789abcdef0", "Instance"),
            ("tag:Role=web", "Instance"),
            ("web-1", "Perhaps"),
            ("10.0.1.20", "Perhaps"),
            ("ip-10-0-1-20.ec2.internal", "Perhaps"),
            ("ec2-192-0-2-7.eu-west-1.compute.amazonaws.com", "Perhaps"),
            ("localhost", "Host"),
            ("127.0.0.1", "Host"),
            ("::1", "Host"),
            ("github.com", "Host"),
        ] {
            let meaning = format!("{:?}", meaning(name));
            assert!(meaning.starts_with(expected), "{name}: {meaning}");
        }
    }
}
