//! From settings to a session: to an instance or another host, directly or by way of others.

use std::pin::Pin;

use eic_term::ssh_config::{self, Hop, Request, ResolvedOptions};
use eic_term::{Address, Error, Session, TrustLevel, Via};

use super::host::{self, Stream};
use super::instance::{self, Instance, Remembered};
use super::machine::Machine;
use super::share::{self, Lane};
use super::update::{Believed, Update};
use super::{known, tcp};
use crate::cli::args::Common;
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How many hosts may be on the way; more are a circle.
const MOST_HOPS: usize = 16;

/// Logs in; `account` says whose instances they are.
pub(super) async fn open(
    options: &ResolvedOptions,
    with_pty: bool,
    account: &Common,
    ui: &Ui,
) -> Result<Opened, Failure> {
    open_behind(options, with_pty, 0, account, ui).await
}

/// A session, and the learning of its host's keys where that is wanted.
type Opened = (Session, Option<Update>);
type Opening<'a> = Pin<Box<dyn Future<Output = Result<Opened, Failure>> + Send + 'a>>;

fn open_behind<'a>(
    options: &'a ResolvedOptions,
    with_pty: bool,
    hops: usize,
    account: &'a Common,
    ui: &'a Ui,
) -> Opening<'a> {
    Box::pin(async move {
        if hops > MOST_HOPS {
            let what = format!("cannot connect to {}", options.host_name);
            return Err(Failure::caused(what, "too many hosts are on the way"));
        }
        let behind = !options.proxy_jump.is_empty();
        let instance = match instance::meant(options, account, ui).await {
            None => None,
            Some(meant) => {
                if !behind
                    && let Some(remembered) = meant.recall(options, with_pty, account, ui).await?
                    && let Some(session) = to_remembered(&remembered, options, ui).await?
                {
                    return Ok((session, None));
                }
                meant.find(options, behind, with_pty, account, ui).await?
            }
        };
        let (session, update) = match &instance {
            Some(instance) => (
                to_instance(instance, options, with_pty, hops, account, ui).await?,
                None,
            ),
            None => to_host(options, with_pty, hops, account, ui).await?,
        };
        tell(&session, ui);
        Ok((session, update))
    })
}

fn tell(session: &Session, ui: &Ui) {
    let agreed = session.algorithms();
    agreed.iter().for_each(|agreed| ui.agreed(agreed));
}

/// Logs in where an instance was the last time; `None` where that has to be found out.
async fn to_remembered(
    remembered: &Remembered,
    options: &ResolvedOptions,
    ui: &Ui,
) -> Result<Option<Session>, Failure> {
    let name = &options.host_name;
    ui.detail(&format!("{name} was the instance {}", remembered.id()));
    let session = remembered.log_in().await?;
    if let Some(session) = &session {
        tell(session, ui);
    }
    Ok(session)
}

async fn to_instance(
    instance: &Instance,
    options: &ResolvedOptions,
    with_pty: bool,
    hops: usize,
    account: &Common,
    ui: &Ui,
) -> Result<Session, Failure> {
    ui.detail(&format!(
        "{} is the instance {}",
        options.host_name,
        instance.id()
    ));
    let address = instance.destination.address.to_string();
    let over = || over(instance, options, &address, with_pty, hops, account, ui);
    match instance.log_in(over().await?).await {
        Err(Error::HostKey(doubt)) => match instance.is_confirmed(&doubt, ui).await? {
            true => Ok(instance.log_in(over().await?).await?),
            false => Err(Error::HostKey(doubt).into()),
        },
        done => Ok(done?),
    }
}

/// A stream to an instance where the usual one will not do: by way of other hosts, or from an address that is named.
async fn over(
    instance: &Instance,
    options: &ResolvedOptions,
    address: &str,
    with_pty: bool,
    hops: usize,
    account: &Common,
    ui: &Ui,
) -> Result<Option<Box<dyn Stream>>, Failure> {
    let over = through(options, address, hops, account, ui).await?;
    let is_direct = matches!(instance.destination.via, Via::Direct);
    if over.is_some() || !is_direct || !tcp::is_bound(options) {
        return Ok(over);
    }
    let stream = tcp::connect(options, address, with_pty, ui).await?;
    Ok(Some(Box::new(stream)))
}

async fn to_host(
    options: &ResolvedOptions,
    with_pty: bool,
    hops: usize,
    account: &Common,
    ui: &Ui,
) -> Result<Opened, Failure> {
    let believed = Believed::default();
    let known = known::known_hosts(options, &believed, ui);
    let stream = stream(options, with_pty, hops, account, ui).await?;
    let session = match host::log_in(options, stream, &known, with_pty, ui).await {
        Err(Error::HostKey(doubt)) => {
            match host::is_confirmed(&doubt, options, &known, ui).await? {
                true => {
                    let stream = self::stream(options, with_pty, hops, account, ui).await?;
                    host::log_in(options, stream, &known, with_pty, ui).await?
                }
                false => return Err(Error::HostKey(doubt).into()),
            }
        }
        done => done?,
    };
    let update = match Update::start(options, known, &believed, &session, ui) {
        Some(update) => update.ask_first().await,
        None => None,
    };
    Ok((session, update))
}

async fn stream(
    options: &ResolvedOptions,
    with_pty: bool,
    hops: usize,
    account: &Common,
    ui: &Ui,
) -> Result<Box<dyn Stream>, Failure> {
    if let Some(stream) = through(options, &options.host_name, hops, account, ui).await? {
        return Ok(stream);
    }
    match &options.proxy_command {
        Some(command) => host::proxy(command),
        None => {
            let host = &options.host_name;
            Ok(Box::new(tcp::connect(options, host, with_pty, ui).await?))
        }
    }
}

/// A stream by way of other hosts; `None` where none is on the way.
pub(super) async fn through(
    options: &ResolvedOptions,
    to: &str,
    hops: usize,
    account: &Common,
    ui: &Ui,
) -> Result<Option<Box<dyn Stream>>, Failure> {
    let Some((last, before)) = options.proxy_jump.split_last() else {
        return Ok(None);
    };
    let next = hop_options(last, before, options, account)?;
    let address = Address::tcp(to, options.port);
    if let Some(shared) = share::find(&next, ui).await?
        && let Some(lane) = Lane::open(&shared, &address).await?
    {
        return Ok(Some(Box::new(lane)));
    }
    let (session, _) = open_behind(&next, false, hops + 1, &account.account(), ui).await?;
    let stream = session.connect(&address).await?;
    Ok(Some(Box::new(stream)))
}

/// A session on the last host of the way, which leads on from there; `None` where none is on the way.
pub(super) async fn last_hop(
    options: &ResolvedOptions,
    account: &Common,
    ui: &Ui,
) -> Result<Option<Session>, Failure> {
    let Some((last, before)) = options.proxy_jump.split_last() else {
        return Ok(None);
    };
    let next = hop_options(last, before, options, account)?;
    let (session, _) = open_behind(&next, false, 1, &account.account(), ui).await?;
    Ok(Some(session))
}

/// The settings of a host on the way, as ssh(1) reads them anew for each.
fn hop_options(
    hop: &Hop,
    before: &[Hop],
    options: &ResolvedOptions,
    account: &Common,
) -> Result<ResolvedOptions, Failure> {
    let mut arguments: Vec<String> = Vec::new();
    if let Some(file) = &options.config_file {
        arguments.extend(["-F".to_owned(), file.clone()]);
    }
    if let Some(level) = account.host_key {
        arguments.push(format!("-oStrictHostKeyChecking={}", checking(level)));
    }
    if let Some(user) = &hop.user {
        arguments.extend(["-l".to_owned(), user.clone()]);
    }
    if let Some(port) = hop.port {
        arguments.extend(["-p".to_owned(), port.to_string()]);
    }
    if !before.is_empty() {
        let names: Vec<_> = before.iter().map(ToString::to_string).collect();
        arguments.extend(["-J".to_owned(), names.join(",")]);
    }
    arguments.extend(["--".to_owned(), hop.host.clone()]);
    let arguments: Vec<_> = arguments.into_iter().map(Into::into).collect();
    let resolved = ssh_config::resolve(&arguments, &Machine::this()?);
    let what = || format!("cannot connect to the host {} on the way", hop.host);
    match resolved
        .map_err(|refused| Failure::new(what(), refused))?
        .request
    {
        Request::Connect(options) => Ok(*options),
        _ => Err(Failure::caused(what(), "it is no host")),
    }
}

/// What `--host-key` is to ssh(1).
fn checking(level: TrustLevel) -> &'static str {
    match level {
        TrustLevel::Strict => "yes",
        TrustLevel::Aws => "ask",
        TrustLevel::AcceptNew => "accept-new",
        TrustLevel::Off => "no",
    }
}
