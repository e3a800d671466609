//! A remote command's streams joined to our own.

use std::io;
use std::process::ExitCode;

use eic_term::terminal::{self, Screen};
use eic_term::{Child, ChildOutput, ChildStdin, ExitStatus, visible_line};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use super::fleet::Feed;
use super::report::{FAILED, Failure};
use super::ui::Ui;

/// What a shell reports for a process that wrote to a closed pipe: 128 + SIGPIPE.
const BROKEN_PIPE: u8 = 141;
/// How much is read at once, in bytes: what a pipe holds.
pub(crate) const BUFFER: usize = 64 << 10;

/// What a command reads.
pub(crate) enum Input {
    /// Nothing.
    None,
    /// Our own standard input.
    Ours,
    Feed(Feed),
}

impl Input {
    fn begin(self, stdin: ChildStdin) -> Option<JoinHandle<()>> {
        match self {
            Self::None => None,
            Self::Ours => Some(tokio::spawn(send(stdin))),
            Self::Feed(feed) => Some(tokio::spawn(async move { feed.give(stdin).await })),
        }
    }
}

/// Copies all three streams until the command has ended and its output is written.
pub(crate) async fn join(mut child: Child, input: Input, ui: &Ui) -> Result<ExitCode, Failure> {
    // Input is abandoned, not awaited, once the command has ended.
    let _input = child
        .stdin
        .take()
        .and_then(|stdin| Some(AbortOnDropHandle::new(input.begin(stdin)?)));
    let stdout = show(child.stdout.take(), Screen::stdout());
    let stderr = show(child.stderr.take(), Screen::stderr());
    match tokio::try_join!(stdout, stderr) {
        Ok(_) => Ok(exit_code(&child.wait().await?, ui)),
        // As SIGPIPE would, a closed output ends the command.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::from(BROKEN_PIPE)),
        Err(error) => Err(Failure::new("cannot write the command's output", error)),
    }
}

/// Joins a stream to standard input and output until it ends.
pub(crate) async fn join_stream<S>(stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (from, mut to) = split(stream);
    let _input = AbortOnDropHandle::new(tokio::spawn(async move {
        copy(terminal::input(), &mut to).await.ok();
        to.shutdown().await.ok();
    }));
    copy(from, &mut terminal::output()).await
}

/// Sends standard input, then end-of-file. A command that has ended takes no more.
async fn send(mut stdin: ChildStdin) {
    let sent = copy(terminal::input(), &mut stdin).await;
    if let Err(error) = sent {
        tracing::debug!(%error, "standard input ended early");
    }
    stdin.shutdown().await.ok();
}

/// Copies what comes as it comes, until its end: [`tokio::io::copy`] would do so in pieces of 8 KiB.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut bytes = vec![0; BUFFER];
    while let count @ 1.. = from.read(&mut bytes).await? {
        to.write_all(bytes.get(..count).unwrap_or_default()).await?;
        to.flush().await?;
    }
    Ok(())
}

/// Shows output until its end.
pub(crate) async fn show(from: Option<ChildOutput>, mut on: Screen) -> io::Result<()> {
    match from {
        Some(from) => copy(from, &mut on).await,
        None => Ok(()),
    }
}

/// Passes the remote status on; 255 for a death by signal, as ssh(1) does.
pub(crate) fn exit_code(status: &ExitStatus, ui: &Ui) -> ExitCode {
    match status {
        // POSIX statuses have 8 bits; larger ones, which Windows hosts send, must not look like success.
        ExitStatus::Exited(code) => ExitCode::from(u8::try_from(*code).unwrap_or(FAILED)),
        ExitStatus::Signaled { signal, .. } => {
            let name = visible_line(signal.name());
            ui.notice(&format!("the remote command was killed by SIG{name}"));
            ExitCode::from(FAILED)
        }
        ExitStatus::Missing => {
            ui.notice("the remote command ended without an exit status");
            ExitCode::from(FAILED)
        }
    }
}
