use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::process::Stdio;
use std::sync::Arc;

use russh::Sig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, copy_buf};
use tokio::process::ChildStdin;
use tokio::sync::mpsc;

use super::backlog::Backlog;
use super::platform;

/// What to run for a channel, as RFC 4254 section 6.5 asks for it.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// A command line for the user's shell; a login shell where there is none.
    pub(super) command: Option<String>,
    /// Variables that the client set.
    pub(super) environment: Vec<(String, String)>,
}

/// How a program ended.
#[derive(Debug)]
pub(super) enum Exit {
    Status(u32),
    Signal(Sig),
}

/// What a client sends to a running program beside its input.
#[derive(Debug)]
pub(super) enum Control {
    Signal(Sig),
    Resize { columns: u16, rows: u16 },
}

/// A client's end of a running program.
pub(super) struct Input {
    pub(super) backlog: Arc<Backlog>,
    pub(super) control: mpsc::Receiver<Control>,
}

/// Runs a program on pipes until it has ended and its output is written. Dropping the future
/// kills it and what it started.
///
/// # Errors
/// When it cannot be started, or the client no longer takes its output.
pub(super) async fn run(
    program: &Program,
    input: Input,
    stdout: impl AsyncWrite + Unpin,
    stderr: impl AsyncWrite + Unpin,
) -> io::Result<Exit> {
    let mut child = platform::command(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut group = platform::Group::of(child.id());
    let stdin = child.stdin.take();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let ended = async {
        tokio::try_join!(relay(out, stdout), relay(err, stderr))?;
        child.wait().await
    };
    let exit = tokio::select! {
        status = ended => platform::exit(status?),
        never = feed(&input.backlog, stdin) => match never {},
        never = obey(input.control, &group) => match never {},
    };
    group.release();
    Ok(exit)
}

async fn relay(
    from: Option<impl AsyncRead + Unpin>,
    mut to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    if let Some(from) = from {
        copy_buf(&mut BufReader::with_capacity(32 * 1024, from), &mut to).await?;
    }
    Ok(())
}

/// Writes the input to the program, closes its stdin at the end, and never returns.
async fn feed(backlog: &Backlog, mut stdin: Option<ChildStdin>) -> Infallible {
    while let Ok(Some(bytes)) = backlog.pop().await {
        let Some(pipe) = &mut stdin else { continue };
        // A program that no longer reads is not at fault; what comes for it is let go.
        if pipe.write_all(&bytes).await.is_err() {
            stdin = None;
        }
    }
    drop(stdin);
    pending().await
}

async fn obey(mut control: mpsc::Receiver<Control>, group: &platform::Group) -> Infallible {
    while let Some(message) = control.recv().await {
        if let Control::Signal(signal) = message {
            group.signal(&signal);
        }
    }
    pending().await
}
