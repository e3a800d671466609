//! From settings to a session: to an instance or another host, directly or by way of others.

use std::pin::Pin;

use eic_term::ssh_config::{self, Hop, Request, ResolvedOptions};
use eic_term::{Address, Error, HostKeyPolicy, Session, TrustLevel, Via};

use super::host::{self, Stream};
use super::instance::{self, Instance, Remembered};
use super::machine::Machine;
use super::share;
use super::update::{Believed, Update};
use super::{known, proxy, tcp};
use crate::cli::args::Common;
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How many hosts may be on the way; more are a circle.
const MOST_HOPS: usize = 16;

/// One login: what is asked for, and whose instances there are.
#[derive(Clone, Copy)]
pub(super) struct Dial<'a> {
    pub(super) options: &'a ResolvedOptions,
    pub(super) with_pty: bool,
    pub(super) account: &'a Common,
    pub(super) ui: &'a Ui,
    /// How many other logins wait for this one, which is on their way.
    waiting: usize,
}

/// A session, and the learning of its host's keys where that is wanted.
type Opened = (Session, Option<Update>);
type Opening<'a> = Pin<Box<dyn Future<Output = Result<Opened, Failure>> + Send + 'a>>;

impl<'a> Dial<'a> {
    /// A login without a terminal.
    pub(super) fn new(options: &'a ResolvedOptions, account: &'a Common, ui: &'a Ui) -> Self {
        Self {
            options,
            with_pty: false,
            account,
            ui,
            waiting: 0,
        }
    }

    pub(super) fn with_pty(self, with_pty: bool) -> Self {
        Self { with_pty, ..self }
    }

    /// Whether other hosts are on the way.
    pub(super) fn has_hops(&self) -> bool {
        !self.options.proxy_jump.is_empty()
    }

    /// Logs in.
    pub(super) fn open(self) -> Opening<'a> {
        Box::pin(async move {
            if self.waiting > MOST_HOPS {
                let what = format!("cannot connect to {}", self.options.host_name);
                return Err(Failure::caused(what, "too many hosts are on the way"));
            }
            let (session, update) = self.log_in().await?;
            let agreed = session.algorithms();
            agreed.iter().for_each(|agreed| self.ui.agreed(agreed));
            Ok((session, update))
        })
    }

    async fn log_in(self) -> Result<Opened, Failure> {
        let Some(meant) = instance::meant(&self).await else {
            return self.to_host().await;
        };
        if let Some(remembered) = meant.recall(&self).await?
            && let Some(session) = self.to_remembered(&remembered).await?
        {
            return Ok((session, None));
        }
        match meant.find(&self).await? {
            Some(instance) => Ok((self.to_instance(&instance).await?, None)),
            None => self.to_host().await,
        }
    }

    /// Logs in where an instance was the last time; `None` where that has to be found out.
    async fn to_remembered(self, remembered: &Remembered) -> Result<Option<Session>, Failure> {
        let (name, id) = (&self.options.host_name, remembered.id());
        self.ui.detail(&format!("{name} was the instance {id}"));
        Ok(remembered.log_in().await?)
    }

    async fn to_instance(self, instance: &Instance) -> Result<Session, Failure> {
        let (name, id) = (&self.options.host_name, instance.id());
        self.ui.detail(&format!("{name} is the instance {id}"));
        match instance.log_in(self.over(instance).await?).await {
            Err(Error::HostKey(doubt)) => match instance.is_confirmed(&doubt, self.ui).await? {
                true => Ok(instance.log_in(self.over(instance).await?).await?),
                false => Err(Error::HostKey(doubt).into()),
            },
            done => Ok(done?),
        }
    }

    /// A stream to an instance where the usual one will not do: by way of other hosts, or from an address that is
    /// named.
    async fn over(&self, instance: &Instance) -> Result<Option<Box<dyn Stream>>, Failure> {
        let address = instance.destination.address.to_string();
        let over = self.through(&address).await?;
        let is_direct = matches!(instance.destination.via, Via::Direct);
        if over.is_some() || !is_direct || !tcp::is_bound(self.options) {
            return Ok(over);
        }
        Ok(Some(Box::new(tcp::connect(self, &address).await?)))
    }

    async fn to_host(self) -> Result<Opened, Failure> {
        let (options, ui) = (self.options, self.ui);
        let believed = Believed::default();
        let known = known::known_hosts(options, &believed, ui);
        let (stream, is_local) = self.stream().await?;
        if is_local && options.no_host_authentication_for_localhost {
            ui.detail("Forcing accepting of host key for loopback/localhost.");
            let session = host::log_in(&self, stream, HostKeyPolicy::DangerAcceptAny).await?;
            return Ok((session, None));
        }
        let session = match host::log_in(&self, stream, known.clone()).await {
            Err(Error::HostKey(doubt)) => {
                match host::is_confirmed(&doubt, options, &known, ui).await? {
                    true => {
                        let (stream, _) = self.stream().await?;
                        host::log_in(&self, stream, known.clone()).await?
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

    /// A stream to the host, and whether that is this machine under its own name.
    async fn stream(&self) -> Result<(Box<dyn Stream>, bool), Failure> {
        let host = &self.options.host_name;
        if let Some(stream) = self.through(host).await? {
            return Ok((stream, false));
        }
        if let Some(command) = &self.options.proxy_command {
            return Ok((proxy::start(command)?, false));
        }
        let stream = tcp::connect(self, host).await?;
        let is_loopback = stream.peer_addr().is_ok_and(|to| to.ip().is_loopback());
        let is_local = is_loopback && self.options.host_key_alias.is_none();
        Ok((Box::new(stream), is_local))
    }

    /// A stream by way of other hosts; `None` where none is on the way.
    pub(super) async fn through(&self, to: &str) -> Result<Option<Box<dyn Stream>>, Failure> {
        let Some((last, before)) = self.options.proxy_jump.split_last() else {
            return Ok(None);
        };
        let next = hop_options(last, before, self.options, self.account)?;
        let address = Address::tcp(to, self.options.port);
        if let Some(shared) = share::find(&next, self.ui).await? {
            return Ok(Some(Box::new(shared.stream(&address).await?)));
        }
        let session = self.session_on(&next).await?;
        Ok(Some(Box::new(session.connect(&address).await?)))
    }

    /// A session on the last host of the way, which leads on from there; `None` where none is on the way.
    pub(super) async fn last_hop(&self) -> Result<Option<Session>, Failure> {
        let Some((last, before)) = self.options.proxy_jump.split_last() else {
            return Ok(None);
        };
        let next = hop_options(last, before, self.options, self.account)?;
        Ok(Some(self.session_on(&next).await?))
    }

    async fn session_on(&self, hop: &ResolvedOptions) -> Result<Session, Failure> {
        let account = self.account.account();
        let next = Dial {
            waiting: self.waiting + 1,
            ..Dial::new(hop, &account, self.ui)
        };
        let (session, _) = next.open().await?;
        Ok(session)
    }
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
