//! `eic-term TARGET`: a shell.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use eic_auth::{OsUser, Target};
use eic_term::{
    ConnectionType, Connector, Destination, Error, HostKeyError, PinFile, Session, TrustLevel, Via,
};

use super::args::{Common, Connect, Pick};
use super::folders;
use super::forwards::Forwards;
use super::interactive::interact;
use super::memory::Memory;
use super::picker;
use super::report::{Failure, INTERRUPTED};
use super::settings::Settings;
use super::ssh::Configured;
use super::streams::{self, Input};
use super::ui::Ui;

pub(crate) async fn run(common: &Common, args: &Connect, ui: &Ui) -> Result<ExitCode, Failure> {
    match Box::pin(shell(common, args, &args.target, ui)).await {
        Err(failure) if !failure.matches.is_empty() && picker::can_pick(ui) => {
            let picked = picker::pick_of(&failure.matches).await?;
            let Some(id) = picked.first() else {
                return Ok(ExitCode::from(INTERRUPTED));
            };
            let target = picked_target(args.target.user.clone(), id)?;
            Box::pin(shell(common, args, &target, ui)).await
        }
        ended => ended,
    }
}

async fn shell(
    common: &Common,
    args: &Connect,
    target: &Target,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let configured = Configured::read(common, target, ui)?;
    let is_terminal = io::stdin().is_terminal();
    let terminals = is_terminal && io::stdout().is_terminal();
    let with_pty = configured.wants_pty(&args.interactive, terminals, is_terminal);
    let (session, way) = log_in(common, target, configured, with_pty, ui).await?;
    let configured = &way.configured;
    let forwardings = configured.forwardings(&args.forwardings);
    let forwards = Forwards::open(&forwardings, &session, ui).await?;
    let shell = configured.equip(configured.shell(&session));
    let shell = args.interactive.lend_agent(shell)?;
    if with_pty {
        let interactive = configured.interactive(&args.interactive);
        return interact(shell, Some(&session), forwards, &interactive, ui).await;
    }
    // As ssh(1) without a terminal: no PTY, streams as they are.
    let child = shell.spawn().await?;
    ui.timeline(session.timeline());
    streams::join(child, Input::Ours, ui).await
}

/// The target that was picked by its id.
pub(crate) fn picked_target(user: Option<OsUser>, id: &str) -> Result<Target, Failure> {
    let selector = id.parse();
    let selector = selector.map_err(|source| Failure::new("cannot use what was picked", source))?;
    Ok(Target { user, selector })
}

/// The same on an instance that is picked from a list.
pub(crate) async fn pick(common: &Common, args: Pick, ui: &Ui) -> Result<ExitCode, Failure> {
    let picked = picker::pick(common, false).await?;
    match picked.first() {
        Some(id) => {
            let args = Connect {
                interactive: args.interactive,
                forwardings: args.forwardings,
                target: picked_target(None, id)?,
            };
            Box::pin(run(common, &args, ui)).await
        }
        None => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// What makes sessions to one target, again and again.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) configured: Configured,
    connector: Connector,
    target: Target,
    at: Place,
    port: u16,
    account: Common,
    ui: Ui,
}

/// What is known of where the target is.
#[derive(Clone)]
enum Place {
    Nothing,
    /// Where it was the last time.
    Remembered(Destination),
    Certain(Destination),
}

impl Way {
    async fn new(
        common: &Common,
        target: Target,
        configured: Configured,
        settings: &mut Settings,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        if configured.has_hops() {
            // From another host it is the instance's own address that leads there.
            settings.options.connection_type = ConnectionType::Direct;
        }
        Ok(Self {
            port: settings.options.port,
            connector: settings.connector(ui).await?,
            account: common.account(),
            ui: ui.clone(),
            at: Place::Nothing,
            configured,
            target,
        })
    }

    /// Logs in.
    pub(crate) async fn connect(&self) -> Result<Session, Error> {
        let (connector, target) = (&self.connector, &self.target);
        if self.configured.has_hops() {
            return self.connect_by_hops().await;
        }
        match &self.at {
            Place::Certain(to) => Box::pin(connector.connect_to(to, target.user.as_ref())).await,
            Place::Remembered(to) => Box::pin(connector.connect_remembered(target, to)).await,
            Place::Nothing => Box::pin(connector.connect(target)).await,
        }
    }

    async fn connect_by_hops(&self) -> Result<Session, Error> {
        let (connector, target) = (&self.connector, &self.target);
        let destination = Destination {
            via: Via::Direct,
            ..connector.find(&target.selector).await?
        };
        let (account, ui) = (&self.account, &self.ui);
        let by_hops = self.configured.stream(&destination, self.port, account, ui);
        let stream = by_hops.await?;
        let user = target.user.as_ref();
        connector.connect_over(&destination, user, stream).await
    }
}

/// Logs in to a target; on failure too, `-v` shows how far it came.
pub(crate) async fn log_in(
    common: &Common,
    target: &Target,
    configured: Configured,
    with_pty: bool,
    ui: &Ui,
) -> Result<(Session, Way), Failure> {
    log_in_at(common, target, None, configured, with_pty, ui).await
}

/// The same, where it may be known how to get there.
pub(crate) async fn log_in_at(
    common: &Common,
    target: &Target,
    to: Option<Destination>,
    configured: Configured,
    with_pty: bool,
    ui: &Ui,
) -> Result<(Session, Way), Failure> {
    let ui = &configured.ui(ui);
    let named = configured.target(target, ui).await?;
    let names = [target, &named].map(|target| target.selector.to_string());
    let names = names.each_ref().map(String::as_str);
    let mut settings = Settings::load_over(common, &names, configured.usual()?)?;
    settings.options.interactive = with_pty;
    let timeline = settings.options.timeline.clone();
    let progress = ui.progress(target, &timeline);
    let mut memory = Memory::of(&mut settings.options);
    let mut way = Way::new(common, named, configured, &mut settings, ui).await?;
    let cache = settings.cache(common, way.connector.region());
    let cache = cache.filter(|_| to.is_none() && common.instance_ip.is_none());
    memory.recall(cache, &way.target.selector);
    way.at = match (to, memory.destination(&way.connector)) {
        (Some(to), _) => Place::Certain(to),
        (None, Some(to)) => Place::Remembered(to),
        (None, None) => Place::Nothing,
    };
    let mut session = way.connect().await;
    if let Err(Error::HostKey(doubt)) = &session
        && is_confirmed(doubt, common.host_key.unwrap_or_default(), ui).await?
    {
        session = way.connect().await;
    }
    drop(progress);
    match &session {
        Ok(session) => {
            session
                .algorithms()
                .iter()
                .for_each(|agreed| ui.agreed(agreed));
            memory.keep();
        }
        Err(_) => ui.timeline(&timeline),
    }
    Ok((session?, way))
}

/// Where nothing speaks for a host's key a person may, at the level `aws`; the key is pinned then.
pub(crate) async fn is_confirmed(
    doubt: &HostKeyError,
    level: TrustLevel,
    ui: &Ui,
) -> Result<bool, Failure> {
    let HostKeyError::Unverified {
        name, presented, ..
    } = doubt
    else {
        return Ok(false);
    };
    let question = format!("{doubt}\nLog in all the same, and remember the key?");
    let confirmed = level == TrustLevel::Aws && ui.believes(&question, presented).await?;
    if confirmed {
        let pins = PinFile::new(folders::pins()?);
        pins.pin(name, presented, "confirmed")
            .map_err(Error::from)?;
    }
    Ok(confirmed)
}
