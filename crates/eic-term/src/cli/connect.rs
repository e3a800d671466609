//! `eic-term TARGET`: a shell.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use eic_auth::Target;
use eic_term::Session;

use super::args::{Common, Connect};
use super::interactive::{self, interact};
use super::report::Failure;
use super::settings::Settings;
use super::streams;
use super::ui::Ui;

pub(crate) async fn run(common: &Common, args: &Connect, ui: &Ui) -> Result<ExitCode, Failure> {
    let terminals = io::stdin().is_terminal() && io::stdout().is_terminal();
    let with_pty = args.interactive.wants_pty(terminals);
    let session = log_in(common, &args.target, with_pty, ui).await?;
    let shell = session.shell();
    if with_pty {
        return interact(shell, &session, &args.interactive, ui).await;
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
    let mut settings = Settings::load(common, Some(target))?;
    settings.options.window = with_pty.then_some(interactive::WINDOW);
    let timeline = settings.options.timeline.clone();
    let progress = ui.progress(target, &timeline);
    let connector = settings.connector(ui).await?;
    let session = connector.connect(target).await;
    drop(progress);
    if session.is_err() {
        ui.timeline(&timeline);
    }
    Ok(session?)
}
