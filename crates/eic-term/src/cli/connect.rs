//! `eic-term TARGET`: a shell.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use eic_auth::Target;
use eic_term::{Connector, Error, HostKeyError, PinFile, Session, TrustLevel};

use super::args::{Common, Connect};
use super::folders;
use super::forwards::Forwards;
use super::interactive::{self, interact};
use super::report::Failure;
use super::settings::Settings;
use super::streams;
use super::ui::Ui;

pub(crate) async fn run(common: &Common, args: &Connect, ui: &Ui) -> Result<ExitCode, Failure> {
    let terminals = io::stdin().is_terminal() && io::stdout().is_terminal();
    let with_pty = args.interactive.wants_pty(terminals);
    let session = log_in(common, &args.target, with_pty, ui).await?;
    let forwards = Forwards::open(&args.forwardings, &session, ui).await?;
    let shell = args.interactive.lend_agent(session.shell())?;
    if with_pty {
        return interact(shell, Some(&session), forwards, &args.interactive, ui).await;
    }
    // As ssh(1) without a terminal: no PTY, streams as they are.
    let child = shell.spawn().await?;
    ui.timeline(session.timeline());
    streams::join(child, false, ui).await
}

/// Logs in to a target; on failure too, `-v` shows how far it came.
pub(crate) async fn log_in(
    common: &Common,
    target: &Target,
    with_pty: bool,
    ui: &Ui,
) -> Result<Session, Failure> {
    let (session, _) = log_in_with(common, target, with_pty, ui).await?;
    Ok(session)
}

/// The same; what made the session can make the next.
pub(crate) async fn log_in_with(
    common: &Common,
    target: &Target,
    with_pty: bool,
    ui: &Ui,
) -> Result<(Session, Connector), Failure> {
    let mut settings = Settings::load(common, Some(target))?;
    settings.options.window = with_pty.then_some(interactive::WINDOW);
    let timeline = settings.options.timeline.clone();
    let progress = ui.progress(target, &timeline);
    let connector = settings.connector(ui).await?;
    let mut session = connector.connect(target).await;
    if let Err(Error::HostKey(doubt)) = &session
        && is_confirmed(doubt, common.host_key.unwrap_or_default(), ui).await?
    {
        session = connector.connect(target).await;
    }
    drop(progress);
    match &session {
        Ok(session) => session
            .algorithms()
            .iter()
            .for_each(|agreed| ui.agreed(agreed)),
        Err(_) => ui.timeline(&timeline),
    }
    Ok((session?, connector))
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
