//! A started command, its streams and how it ended.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use russh::client::Msg;
use russh::{ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf, copy_buf};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::flow::{Lane, Outlet};
use crate::pty::WindowSize;
use crate::pump::{self, Replies, Sink, Sinks};
use crate::session::Session;
use crate::share::Held;

/// How much of each output stream waits in memory for its reader with a terminal, in bytes: all of it is still shown
/// after an interrupt. Without one it is as much as the receive window.
const TERMINAL_BUFFER: usize = 64 << 10;
/// What waits besides while it has no room in there: the packet that came last.
const PACKET: usize = 1;
/// How long a slow reader holds up the other channels.
const PATIENCE: Duration = Duration::from_millis(20);
/// The same with a terminal, of which one that is merely slow should not be far behind.
const TERMINAL_PATIENCE: Duration = Duration::from_secs(1);

/// A started command.
///
/// Dropping it closes its channel, which hangs the command up as a closed terminal would; its
/// streams, once taken, still deliver what had arrived.
pub struct Child {
    /// Its standard input; dropping or shutting it down sends end-of-file.
    pub stdin: Option<ChildStdin>,
    /// Its standard output. Read it: of what nobody takes, a receive window (4 MiB) waits in memory; beside other channels the rest
    /// waits in a temporary file, 1 GiB at most. `None` where it goes [elsewhere](crate::Command::stdout_to).
    pub stdout: Option<ChildOutput>,
    /// Its standard error; stays empty with a pseudo-terminal.
    pub stderr: Option<ChildOutput>,
    link: Link,
    /// What writes the output of a shared session's child elsewhere.
    writing: Option<AbortOnDropHandle<()>>,
}

/// What a child is reached through besides its streams.
enum Link {
    Channel(Open),
    Shared(Held),
}

/// A channel, which closes with it.
struct Open {
    session: Session,
    writer: Arc<ChannelWriteHalf<Msg>>,
    ended: oneshot::Receiver<Option<ExitStatus>>,
    /// Where its standard output goes, if not to a reader.
    lane: Option<Lane>,
    _open: oneshot::Sender<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(lane) = &self.lane {
            lane.close();
        }
    }
}

impl Child {
    pub(crate) fn new(
        session: Session,
        (reader, writer): (ChannelReadHalf, Arc<ChannelWriteHalf<Msg>>),
        has_terminal: bool,
        stdout: Option<Outlet>,
    ) -> (Self, Replies) {
        let (buffer, patience) = if has_terminal {
            (TERMINAL_BUFFER, TERMINAL_PATIENCE)
        } else {
            let window = session.peer().window as usize;
            (window.max(TERMINAL_BUFFER), PATIENCE)
        };
        let (open, dropped) = oneshot::channel();
        let flow = &session.peer().flow;
        let intake = || flow.intake(PACKET, patience);
        let pipe = || {
            let (from, to) = tokio::io::duplex(buffer);
            (
                Some(ChildOutput::new(from)),
                Sink::new(Box::new(to), intake()),
            )
        };
        let lane = stdout.map(|to| flow.lanes.open(writer.id(), to));
        let (stdout, stdout_sink) = match &lane {
            Some(lane) => (None, Sink::beside(lane.clone(), intake())),
            None => pipe(),
        };
        let (stderr, stderr_sink) = pipe();
        let sinks = Sinks {
            stdout: stdout_sink,
            stderr: stderr_sink,
            seat: flow.crowd.enter(),
        };
        let (replies, ended) = pump::start(reader, writer.clone(), sinks, dropped);
        let child = Self {
            stdin: Some(ChildStdin::new(&writer)),
            stdout,
            stderr,
            link: Link::Channel(Open {
                session,
                writer,
                ended,
                lane,
                _open: open,
            }),
            writing: None,
        };
        (child, replies)
    }

    /// A child of a session that another process holds.
    pub(crate) fn shared(
        held: Held,
        stdin: impl AsyncWrite + Send + Sync + 'static,
        stdout: impl AsyncRead + Send + Sync + 'static,
        stderr: impl AsyncRead + Send + Sync + 'static,
    ) -> Self {
        Self {
            stdin: Some(ChildStdin {
                writer: Box::pin(stdin),
                channel: None,
                ended: false,
            }),
            stdout: Some(ChildOutput::new(stdout)),
            stderr: Some(ChildOutput::new(stderr)),
            link: Link::Shared(held),
            writing: None,
        }
    }

    /// Writes its standard output there, if anywhere.
    pub(crate) fn with_stdout_to(mut self, to: Option<Outlet>) -> Self {
        if let Some(mut to) = to
            && let Some(from) = self.stdout.take()
        {
            self.writing = Some(AbortOnDropHandle::new(tokio::spawn(async move {
                let mut from = BufReader::with_capacity(TERMINAL_BUFFER, from);
                if copy_buf(&mut from, &mut to).await.is_err() {
                    copy_buf(&mut from, &mut tokio::io::sink()).await.ok();
                }
                to.flush().await.ok();
            })));
        }
        self
    }

    /// Waits for its end. Take and read the output streams first, or beside it.
    ///
    /// # Errors
    /// [`Error::Disconnected`] where the connection ends before the command.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        match &mut self.link {
            Link::Channel(open) => match (&mut open.ended).await {
                Ok(Some(status)) => Ok(status),
                Ok(None) | Err(_) => Err(open.session.peer().lost().await),
            },
            Link::Shared(held) => {
                if let Some(writing) = &mut self.writing {
                    writing.await.ok();
                    self.writing = None;
                }
                held.wait().await
            }
        }
    }

    /// Tells the remote terminal its new size (RFC 4254 §6.7).
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    pub async fn resize(&self, size: WindowSize) -> Result<(), Error> {
        let open = match &self.link {
            Link::Channel(open) => open,
            Link::Shared(held) => return held.resize(size).await,
        };
        let (columns, rows) = (size.columns.into(), size.rows.into());
        let (width, height) = (size.width.into(), size.height.into());
        let sent = open
            .writer
            .window_change(columns, rows, width, height)
            .await;
        open.session.peer().or_lost(sent).await
    }

    /// Sends a signal (RFC 4254 §6.9); servers may ignore it.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    pub fn signal(&self, signal: Signal) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let link = match &self.link {
            Link::Channel(open) => Ok((open.writer.clone(), open.session.clone())),
            Link::Shared(held) => Err(held.signal(&signal)),
        };
        async move {
            let (writer, session) = match link {
                Ok(channel) => channel,
                Err(sent) => return sent.await,
            };
            let sent = writer.signal(Sig::Custom(signal.0)).await;
            session.peer().or_lost(sent).await
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.link {
            Link::Channel(open) => write!(f, "Child on {:?}", open.session),
            Link::Shared(_) => f.write_str("Child on a shared session"),
        }
    }
}

/// How a remote command ended (RFC 4254 §6.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this status.
    Exited(u32),
    /// A signal ended it.
    Signaled {
        /// Which.
        signal: Signal,
        /// Whether it left a core dump.
        core_dumped: bool,
    },
    /// The server closed the channel without a word on it.
    Missing,
}

impl ExitStatus {
    /// Returns whether it exited with status 0.
    #[must_use]
    pub fn success(&self) -> bool {
        *self == Self::Exited(0)
    }

    /// Returns its exit status; `None` where a signal ended it or the server did not say.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Exited(code) => Some(*code),
            Self::Signaled { .. } | Self::Missing => None,
        }
    }
}

/// A signal's name without `SIG`, e.g. `TERM` (RFC 4254 §6.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal(String);

impl Signal {
    /// Names a signal.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns its name without `SIG`. It may be remote text: see [`crate::visible`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// A remote command's standard input.
///
/// Shutting it down, or dropping it, sends end-of-file (RFC 4254 §5.3).
pub struct ChildStdin {
    writer: Pin<Box<dyn AsyncWrite + Send + Sync>>,
    /// `None` where the writer's own end is end-of-file.
    channel: Option<Arc<ChannelWriteHalf<Msg>>>,
    ended: bool,
}

impl ChildStdin {
    fn new(channel: &Arc<ChannelWriteHalf<Msg>>) -> Self {
        Self {
            writer: Box::pin(channel.make_writer()),
            channel: Some(channel.clone()),
            ended: false,
        }
    }
}

impl fmt::Debug for ChildStdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChildStdin")
    }
}

impl Drop for ChildStdin {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if let Some(channel) = self.channel.take().filter(|_| !self.ended) {
            // It ends with the session at the latest, whose queue is all that it waits for.
            runtime.spawn(async move { channel.eof().await.ok() });
        }
    }
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writer.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = self.writer.as_mut().poll_shutdown(cx);
        self.ended |= shut.is_ready();
        shut
    }
}

/// A remote command's standard output or standard error.
pub struct ChildOutput(Pin<Box<dyn AsyncRead + Send + Sync>>);

impl ChildOutput {
    fn new(stream: impl AsyncRead + Send + Sync + 'static) -> Self {
        Self(Box::pin(stream))
    }
}

impl fmt::Debug for ChildOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChildOutput")
    }
}

impl AsyncRead for ChildOutput {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(cx, buffer)
    }
}
