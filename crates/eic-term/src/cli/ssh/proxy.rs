//! A `ProxyCommand`: a program in the place of the network.

use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::host::Stream;
use super::platform;
use crate::cli::report::Failure;

/// How long a command that says no more may take to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a command ended that has failed.
#[derive(Debug, thiserror::Error)]
#[error("the ProxyCommand failed ({0})")]
pub(crate) struct ProxyFailed(ExitStatus);

/// Starts a command, which ends with the stream. Where it fails, the stream fails so at its end.
pub(super) fn start(command: &str) -> Result<Box<dyn Stream>, Failure> {
    let failed = |source| Failure::new("cannot start the ProxyCommand", source);
    let mut run = Command::from(platform::shell_gives_way(command));
    run.stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = run.spawn().map_err(failed)?;
    let (Some(from), Some(to)) = (child.stdout.take(), child.stdin.take()) else {
        return Err(Failure::caused(
            "cannot start the ProxyCommand",
            "it has no streams",
        ));
    };
    // Its end is that of its input, which goes with the stream; at the latest it is killed with us.
    let ended = tokio::spawn(async move { child.wait().await });
    let failure = async {
        let status = timeout(PATIENCE, ended).await.ok()?.ok()?.ok()?;
        (!status.success()).then_some(status)
    };
    Ok(Box::new(Proxy {
        from,
        to,
        end: End::Awaited(Box::pin(failure)),
    }))
}

/// A command's streams.
struct Proxy {
    from: ChildStdout,
    to: ChildStdin,
    end: End,
}

/// The status of a command that has failed.
enum End {
    /// Asked for when the command's streams have ended.
    Awaited(Pin<Box<dyn Future<Output = Option<ExitStatus>> + Send>>),
    Known(Option<ExitStatus>),
}

impl Proxy {
    /// What the end of a stream means: nothing, or that the command has failed.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let End::Awaited(failure) = &mut self.end {
            self.end = End::Known(ready!(failure.as_mut().poll(cx)));
        }
        Poll::Ready(match self.end {
            End::Known(Some(status)) => Err(io::Error::other(ProxyFailed(status))),
            _ => Ok(()),
        })
    }
}

impl AsyncRead for Proxy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.from).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            return Poll::Ready(Ok(()));
        }
        self.poll_end(cx)
    }
}

impl AsyncWrite for Proxy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.to).poll_write(cx, bytes));
        if written.is_err() {
            ready!(self.poll_end(cx))?;
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What a command says, and how its stream ends.
    async fn heard(command: &str) -> (String, Option<String>) {
        let mut stream = start(command).unwrap();
        let mut said = Vec::new();
        let read = stream.read_to_end(&mut said).await;
        let said = String::from_utf8(said).unwrap();
        (said, read.err().map(|error| error.to_string()))
    }

    fn is_status_3(error: &str) -> bool {
        error.starts_with("the ProxyCommand failed (exit ") && error.ends_with(": 3)")
    }

    #[tokio::test]
    async fn a_command_that_fails_says_so_at_the_end_of_its_stream() {
        let (works, fails) = match cfg!(windows) {
            true => ("echo one", "echo one& exit 3"),
            false => ("echo one", "sh -c 'echo one; exit 3'"),
        };
        let (said, error) = heard(works).await;
        assert_eq!((said.trim(), error), ("one", None));
        let (said, error) = heard(fails).await;
        assert_eq!(said.trim(), "one");
        assert!(error.as_deref().is_some_and(is_status_3), "{error:?}");
    }

    #[tokio::test]
    async fn it_says_so_to_who_writes_too() {
        let mut stream = start(if cfg!(windows) {
            "exit 3"
        } else {
            "sh -c 'exit 3'"
        })
        .unwrap();
        let error = loop {
            if let Err(error) = stream.write_all(&[0; 1024]).await {
                break error.to_string();
            }
        };
        assert!(is_status_3(&error), "{error}");
    }
}
