//! `eic-term TARGET`: a shell.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use eic_auth::Target;
use eic_term::{
    ConnectionType, Connector, Destination, Error, HostKeyError, PinFile, Session, TrustLevel, Via,
};

use super::args::{Common, Connect};
use super::folders;
use super::forwards::Forwards;
use super::interactive::{self, interact};
use super::report::Failure;
use super::settings::Settings;
use super::ssh::Configured;
use super::streams;
use super::ui::Ui;

pub(crate) async fn run(common: &Common, args: &Connect, ui: &Ui) -> Result<ExitCode, Failure> {
    let configured = Configured::read(common, &args.target, ui)?;
    let is_terminal = io::stdin().is_terminal();
    let terminals = is_terminal && io::stdout().is_terminal();
    let with_pty = configured.wants_pty(&args.interactive, terminals, is_terminal);
    let (session, way) = log_in(common, &args.target, configured, with_pty, ui).await?;
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
    streams::join(child, false, ui).await
}

/// What makes sessions to one target, again and again.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) configured: Configured,
    connector: Connector,
    target: Target,
    port: u16,
    account: Common,
    ui: Ui,
}

impl Way {
    async fn new(
        common: &Common,
        target: Target,
        configured: Configured,
        mut settings: Settings,
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
            configured,
            target,
        })
    }

    /// Logs in.
    pub(crate) async fn connect(&self) -> Result<Session, Error> {
        let (connector, target) = (&self.connector, &self.target);
        if !self.configured.has_hops() {
            return connector.connect(target).await;
        }
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
    let ui = &configured.ui(ui);
    let named = configured.target(target, ui).await?;
    let names = [target, &named].map(|target| target.selector.to_string());
    let mut settings = Settings::load_over(common, &names, configured.usual()?)?;
    settings.options.window = with_pty.then_some(interactive::WINDOW);
    let timeline = settings.options.timeline.clone();
    let progress = ui.progress(target, &timeline);
    let way = Way::new(common, named, configured, settings, ui).await?;
    let mut session = way.connect().await;
    if let Err(Error::HostKey(doubt)) = &session
        && is_confirmed(doubt, common.host_key.unwrap_or_default(), ui).await?
    {
        session = way.connect().await;
    }
    drop(progress);
    match &session {
        Ok(session) => session
            .algorithms()
            .iter()
            .for_each(|agreed| ui.agreed(agreed)),
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
    let confirmed = level == TrustLevel::Aws && ui.confirms(&question).await?;
    if confirmed {
        let pins = PinFile::new(folders::pins()?);
        pins.pin(name, presented, "confirmed")
            .map_err(Error::from)?;
    }
    Ok(confirmed)
}
