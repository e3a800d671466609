//! A session that another process holds.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncWrite, ReadHalf, WriteHalf, join, split};
use tokio::sync::{Mutex, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::message::{ForwardRequest, Message, Open, Purpose, StreamKind, receive, send};
use super::platform::{self, Stream};
use crate::child::{Child, ExitStatus, Signal};
use crate::command::Command;
use crate::error::Error;
use crate::forward::{Address, RemoteStream};
use crate::pty::WindowSize;
use crate::session::limited;
use crate::timeline::Step;

/// How long a process that holds a session may take to say that it does.
const CHECK: Duration = Duration::from_secs(10);
/// How long it may take for what it has to ask the host for, or a person.
const LIMIT: Duration = Duration::from_secs(120);

/// A session that another process of this user holds; see [`Sharing`](super::Sharing).
#[derive(Debug, Clone)]
pub struct Shared {
    path: PathBuf,
}

impl Shared {
    /// Names where it listens. Nothing is connected yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks whether it is there, and returns its process's number.
    ///
    /// # Errors
    /// [`Error::Shared`] where it is not, [`Error::Timeout`].
    pub async fn check(&self) -> Result<u32, Error> {
        let asked = self.ask(&Message::Check);
        match limited(Step::Start, CHECK, asked).await?? {
            Message::Running { process } => Ok(process),
            other => Err(self.unexpected(other)),
        }
    }

    /// Asks what is going on there: some lines, of its own.
    ///
    /// # Errors
    /// As [`exit`](Self::exit).
    pub async fn describe(&self) -> Result<String, Error> {
        match limited(Step::Start, LIMIT, self.ask(&Message::Describe)).await?? {
            Message::Description(text) => Ok(text),
            other => Err(self.unexpected(other)),
        }
    }

    /// Asks it to end, with all that it does.
    ///
    /// # Errors
    /// [`Error::Shared`], [`Error::Holder`], [`Error::Timeout`].
    pub async fn exit(&self) -> Result<(), Error> {
        self.demand(&Message::Exit).await.map(drop)
    }

    /// Asks it to take no more of us.
    ///
    /// # Errors
    /// As [`exit`](Self::exit).
    pub async fn stop(&self) -> Result<(), Error> {
        self.demand(&Message::Stop).await.map(drop)
    }

    /// Asks for a forward, which lasts as long as the session or until it is cancelled; returns the port where the
    /// system has chosen it.
    ///
    /// # Errors
    /// As [`exit`](Self::exit).
    pub async fn forward(&self, request: &ForwardRequest) -> Result<Option<u16>, Error> {
        self.demand(&Message::Forward(request.clone())).await
    }

    /// Asks it to end a forward.
    ///
    /// # Errors
    /// As [`exit`](Self::exit).
    pub async fn cancel(&self, request: &ForwardRequest) -> Result<(), Error> {
        let message = Message::Cancel(request.clone());
        self.demand(&message).await.map(drop)
    }

    /// As [`Session::command`](crate::Session::command).
    #[must_use]
    pub fn command(&self, command: impl Into<Vec<u8>>) -> Command {
        Command::exec(self.clone(), command.into())
    }

    /// As [`Session::shell`](crate::Session::shell).
    #[must_use]
    pub fn shell(&self) -> Command {
        Command::shell(self.clone())
    }

    /// As [`Session::subsystem`](crate::Session::subsystem).
    #[must_use]
    pub fn subsystem(&self, name: impl Into<String>) -> Command {
        Command::subsystem(self.clone(), name.into())
    }

    /// Connects to an address as seen from the remote host. The connection's two ways are the child's input and
    /// output; its end is a child that exits with 0.
    ///
    /// # Errors
    /// As [`exit`](Self::exit).
    pub async fn connect(&self, to: &Address) -> Result<Child, Error> {
        self.open(Open::new(Purpose::Connect(to.clone()))).await
    }

    /// The same as a byte stream, as [`Session::connect`](crate::Session::connect) has it.
    ///
    /// # Errors
    /// As [`exit`](Self::exit).
    pub async fn stream(&self, to: &Address) -> Result<RemoteStream, Error> {
        let mut child = self.connect(to).await?;
        match child.stdout.take().zip(child.stdin.take()) {
            Some((from, to)) => Ok(RemoteStream::new(join(from, to), child)),
            None => Err(self.gone()),
        }
    }

    /// Does nothing but keep it from ending for want of use; ends with the child.
    ///
    /// # Errors
    /// As [`exit`](Self::exit).
    pub async fn hold(&self) -> Result<Child, Error> {
        self.open(Open::new(Purpose::Nothing)).await
    }

    pub(crate) async fn open(&self, open: Open) -> Result<Child, Error> {
        limited(Step::Start, LIMIT, self.opened(open)).await?
    }

    async fn opened(&self, open: Open) -> Result<Child, Error> {
        let mut control = self.dial().await?;
        let answer = self.exchange(&mut control, &Message::Open(open)).await?;
        let Message::Ticket(ticket) = answer else {
            return Err(self.unexpected(answer));
        };
        let stdin = self.attach(ticket, StreamKind::Stdin).await?;
        let stdout = self.attach(ticket, StreamKind::Stdout).await?;
        let stderr = self.attach(ticket, StreamKind::Stderr).await?;
        match self.hear(&mut control).await? {
            Message::Started => {}
            other => return Err(self.unexpected(other)),
        }
        let held = Held::new(control, self.clone());
        Ok(Child::shared(held, OneWay(Some(stdin)), stdout, stderr))
    }

    async fn attach(&self, ticket: u64, stream: StreamKind) -> Result<Stream, Error> {
        let mut connection = self.dial().await?;
        let sent = send(&mut connection, &Message::Attach { ticket, stream }).await;
        sent.map_err(|source| self.failed(source))?;
        Ok(connection)
    }

    /// Asks for what is done or refused.
    async fn demand(&self, message: &Message) -> Result<Option<u16>, Error> {
        match limited(Step::Start, LIMIT, self.ask(message)).await?? {
            Message::Done { port } => Ok(port),
            other => Err(self.unexpected(other)),
        }
    }

    async fn ask(&self, message: &Message) -> Result<Message, Error> {
        let mut control = self.dial().await?;
        self.exchange(&mut control, message).await
    }

    async fn exchange(&self, with: &mut Stream, message: &Message) -> Result<Message, Error> {
        let sent = send(with, message).await;
        sent.map_err(|source| self.failed(source))?;
        self.hear(with).await
    }

    async fn hear(&self, from: &mut Stream) -> Result<Message, Error> {
        let heard = receive(from).await.map_err(|source| self.failed(source))?;
        heard.ok_or_else(|| self.gone())
    }

    async fn dial(&self) -> Result<Stream, Error> {
        let connected = platform::connect(&self.path).await;
        connected.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Shared {
            path: self.path.display().to_string(),
            source,
        }
    }

    fn gone(&self) -> Error {
        let reason = "the process that holds it has ended";
        self.failed(io::Error::new(io::ErrorKind::UnexpectedEof, reason))
    }

    /// What an answer means that is not the one hoped for.
    fn unexpected(&self, answer: Message) -> Error {
        match answer {
            Message::Failed(reason) => Error::Holder { reason },
            Message::NoRoom => Error::Refused {
                request: "open a channel",
            },
            _ => self.failed(io::Error::new(
                io::ErrorKind::InvalidData,
                "it answered something else",
            )),
        }
    }
}

impl Open {
    fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            env: Vec::new(),
            pty: None,
            agent: false,
            x11: false,
        }
    }
}

/// A started command's connection for all that is no stream.
pub(crate) struct Held {
    to: Arc<Mutex<WriteHalf<Stream>>>,
    ended: oneshot::Receiver<Result<ExitStatus, Error>>,
    shared: Shared,
    _hearing: AbortOnDropHandle<()>,
}

impl Held {
    fn new(control: Stream, shared: Shared) -> Self {
        let (from, to) = split(control);
        let (end, ended) = oneshot::channel();
        let hearing = end_of(from, shared.clone());
        let hearing = async move { drop(end.send(hearing.await)) };
        Self {
            to: Arc::new(Mutex::new(to)),
            ended,
            shared,
            _hearing: AbortOnDropHandle::new(tokio::spawn(hearing)),
        }
    }

    pub(crate) async fn wait(&mut self) -> Result<ExitStatus, Error> {
        let ended = (&mut self.ended).await;
        ended.unwrap_or_else(|_| Err(self.shared.gone()))
    }

    pub(crate) async fn resize(&self, size: WindowSize) -> Result<(), Error> {
        self.tell(Message::Resize(size)).await
    }

    pub(crate) fn signal(
        &self,
        signal: &Signal,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        self.tell(Message::Signal(signal.name().to_owned()))
    }

    fn tell(&self, message: Message) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let (to, shared) = (self.to.clone(), self.shared.clone());
        async move {
            let sent = send(&mut *to.lock().await, &message).await;
            sent.map_err(|source| shared.failed(source))
        }
    }
}

/// Waits for the word on how it ended.
async fn end_of(mut from: ReadHalf<Stream>, shared: Shared) -> Result<ExitStatus, Error> {
    match receive(&mut from).await {
        Ok(Some(Message::Ended(status))) => Ok(status),
        Ok(Some(other)) => Err(shared.unexpected(other)),
        Ok(None) => Err(shared.gone()),
        Err(source) => Err(shared.failed(source)),
    }
}

/// A stream that only goes there. Its end is that of the connection, as Windows's pipes have no other.
pub(crate) struct OneWay(Option<Stream>);

impl AsyncWrite for OneWay {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Some(stream) => Pin::new(stream).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}
