//! `eic-term TARGET`: a shell.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use eic_auth::Target;
use eic_term::terminal::{self, RawTerminal, Resizes, Terminations};
use eic_term::{Child, ChildOutput, ChildStdin, Command, Pty, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio_util::task::AbortOnDropHandle;

use super::args::{Common, Connect};
use super::escape::{Escape, Escapes};
use super::report::Failure;
use super::settings::Settings;
use super::streams;
use super::ui::Ui;

/// The terminal's type where `TERM` does not say.
const TERM: &str = "xterm-256color";

pub(crate) async fn run(common: &Common, args: &Connect, ui: &Ui) -> Result<ExitCode, Failure> {
    let session = log_in(common, &args.target, ui).await?;
    let shell = session.shell();
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return interact(shell, &session, ui).await;
    }
    // As ssh(1) without a terminal: no PTY, streams as they are.
    let child = shell.spawn().await?;
    ui.timeline(session.timeline());
    streams::join(child, false, ui).await
}

/// Logs in to a target; on failure too, `-v` shows how far it came.
pub(crate) async fn log_in(common: &Common, target: &Target, ui: &Ui) -> Result<Session, Failure> {
    let settings = Settings::load(common, Some(target))?;
    let timeline = settings.options.timeline.clone();
    let connector = settings.connector(ui).await?;
    let session = connector.connect(target).await;
    if session.is_err() {
        ui.timeline(&timeline);
    }
    Ok(session?)
}

/// Runs a command in a pseudo-terminal as large as ours.
pub(crate) async fn interact(
    command: Command,
    session: &Session,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let term = std::env::var("TERM").unwrap_or_else(|_| TERM.to_owned());
    let child = command
        .pty(Pty::new(term, terminal::size()))
        .spawn()
        .await?;
    ui.timeline(session.timeline());
    let end = {
        let _raw = enter_raw()?;
        attach(child).await?
    };
    Ok(match end {
        End::Exited(status) => streams::exit_code(&status, ui),
        End::Disconnected => {
            ui.notice("disconnected");
            ExitCode::from(super::report::FAILED)
        }
        End::Terminated(signal) => ExitCode::from(128 + signal),
    })
}

/// A pseudo-terminal can be asked for (`exec -t`) where we have no terminal ourselves.
fn enter_raw() -> Result<Option<RawTerminal>, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let raw = RawTerminal::enter();
    raw.map(Some)
        .map_err(|source| Failure::new("cannot switch the terminal to raw mode", source))
}

/// How an interactive session ends.
enum End {
    Exited(eic_term::ExitStatus),
    Disconnected,
    Terminated(u8),
}

async fn attach(mut child: Child) -> Result<End, Failure> {
    let failed = |source| Failure::new("cannot listen for signals", source);
    let mut resizes = Resizes::listen().map_err(failed)?;
    let mut terminations = Terminations::listen().map_err(failed)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut keys = AbortOnDropHandle::new(tokio::spawn(send_keys(stdin)));
    let mut typing = true;
    let mut screen = AbortOnDropHandle::new(tokio::spawn(show(stdout)));
    let mut showing = true;
    loop {
        tokio::select! {
            escaped = &mut keys, if typing => match escaped {
                Ok(Escaped::Disconnect) => return Ok(End::Disconnected),
                _ => typing = false,
            },
            _ = &mut screen, if showing => showing = false,
            size = resizes.next() => child.resize(size).await?,
            signal = terminations.next() => return Ok(End::Terminated(signal)),
            status = child.wait(), if !showing => return Ok(End::Exited(status?)),
        }
    }
}

enum Escaped {
    Disconnect,
    EndOfInput,
}

async fn send_keys(stdin: Option<ChildStdin>) -> Escaped {
    let Some(mut stdin) = stdin else {
        return Escaped::EndOfInput;
    };
    let mut escapes = Escapes::default();
    let mut typed = vec![0; 64 << 10];
    let mut terminal = tokio::io::stdin();
    while let Ok(count @ 1..) = terminal.read(&mut typed).await {
        let (keys, escape) = escapes.filter(typed.get(..count).unwrap_or_default());
        if stdin.write_all(&keys).await.is_err() {
            break;
        }
        if escape == Some(Escape::Disconnect) {
            return Escaped::Disconnect;
        }
    }
    stdin.shutdown().await.ok();
    Escaped::EndOfInput
}

async fn show(stdout: Option<ChildOutput>) {
    if let Some(mut stdout) = stdout {
        let mut screen = tokio::io::stdout();
        copy(&mut stdout, &mut screen).await.ok();
        screen.flush().await.ok();
    }
}
