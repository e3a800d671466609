//! `eic-term TARGET`: a shell.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use eic_auth::Target;
use eic_term::terminal::{self, Console, Keyboard, Terminations};
use eic_term::{Child, ChildStdin, Command, Pty, Session};
use tokio::io::AsyncWriteExt;
use tokio_util::task::AbortOnDropHandle;

use super::args::{Common, Connect};
use super::escape::{Escape, Escapes};
use super::report::Failure;
use super::settings::Settings;
use super::streams;
use super::ui::Ui;

/// The terminal's type where `TERM` does not say.
const TERM: &str = "xterm-256color";
/// What to do where the terminal has no raw mode.
const OTHER_TERMINALS: &str = "Windows Terminal or another console of Windows 10 or later; in mintty, `MSYS=enable_pcon` before it starts";

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
    let end = attach(child, open_console()?).await?;
    Ok(match end {
        End::Exited(status) => streams::exit_code(&status, ui),
        End::Disconnected => {
            ui.notice("disconnected");
            ExitCode::from(super::report::FAILED)
        }
        End::Terminated(signal) => ExitCode::from(128 + signal),
    })
}

fn open_console() -> Result<Console, Failure> {
    Console::open().map_err(|source| {
        let unsupported = source.kind() == io::ErrorKind::Unsupported;
        let failure = Failure::new("cannot switch the terminal to raw mode", source);
        if unsupported {
            failure.advised(OTHER_TERMINALS)
        } else {
            failure
        }
    })
}

/// How an interactive session ends.
enum End {
    Exited(eic_term::ExitStatus),
    Disconnected,
    Terminated(u8),
}

/// Joins the console to the child until either ends; the console's mode is restored then.
async fn attach(mut child: Child, console: Console) -> Result<End, Failure> {
    let failed = |source| Failure::new("cannot listen for signals", source);
    let mut terminations = Terminations::listen().map_err(failed)?;
    let Console {
        keyboard,
        screen,
        mut resizes,
        raw: _raw,
    } = console;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut keys = AbortOnDropHandle::new(tokio::spawn(send_keys(keyboard, stdin)));
    let mut typing = true;
    let mut shown = AbortOnDropHandle::new(tokio::spawn(streams::show(stdout, screen)));
    let mut showing = true;
    loop {
        tokio::select! {
            escaped = &mut keys, if typing => match escaped {
                Ok(Escaped::Disconnect) => return Ok(End::Disconnected),
                _ => typing = false,
            },
            _ = &mut shown, if showing => showing = false,
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

async fn send_keys(mut keyboard: Keyboard, stdin: Option<ChildStdin>) -> Escaped {
    let Some(mut stdin) = stdin else {
        return Escaped::EndOfInput;
    };
    let mut escapes = Escapes::default();
    while let Some(typed) = keyboard.next().await {
        let (keys, escape) = escapes.filter(&typed);
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
