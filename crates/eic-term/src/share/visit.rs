//! A session of another process, served.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, split};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::holder::{Inner, LIMIT, Seat, say};
use super::message::{Message, Open, Purpose, StreamKind, receive};
use super::platform::Stream;
use crate::child::{Child, ExitStatus, Signal};
use crate::command::Command;
use crate::error::Error;
use crate::session::Session;

/// How many sessions are served at a time.
const MOST: usize = 256;
/// How many streams a session has.
const STREAMS: usize = 3;
/// How much is passed on at once, in bytes.
const BUFFER: usize = 64 << 10;
/// How many resizes and signals may wait.
const WORDS: usize = 8;

/// Where a session's streams are waited for.
struct Desk {
    inner: Arc<Inner>,
    ticket: u64,
    came: mpsc::Receiver<(StreamKind, Stream)>,
}

impl Desk {
    fn new(inner: &Arc<Inner>) -> Self {
        let (sender, came) = mpsc::channel(STREAMS);
        let mut desks = inner.desks.lock().unwrap_or_else(PoisonError::into_inner);
        desks.last += 1;
        let ticket = desks.last;
        desks.open.insert(ticket, sender);
        drop(desks);
        Self {
            inner: inner.clone(),
            ticket,
            came,
        }
    }

    async fn streams(&mut self) -> Result<Streams, Message> {
        let mut streams = Streams::default();
        for _ in 0..STREAMS {
            let came = tokio::time::timeout(LIMIT, self.came.recv()).await;
            let (kind, stream) = came.ok().flatten().ok_or_else(|| {
                Message::Failed("the session's streams were not attached".to_owned())
            })?;
            match kind {
                StreamKind::Stdin => streams.stdin = Some(stream),
                StreamKind::Stdout => streams.stdout = Some(stream),
                StreamKind::Stderr => streams.stderr = Some(stream),
            }
        }
        Ok(streams)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let desks = self.inner.desks.lock();
        let mut desks = desks.unwrap_or_else(PoisonError::into_inner);
        desks.open.remove(&self.ticket);
    }
}

#[derive(Default)]
struct Streams {
    stdin: Option<Stream>,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
}

/// What has been started on the host.
enum Started {
    Command(Child),
    Connection,
    /// Nothing, but the connection is held open.
    Nothing,
}

/// The streams of what has been started.
#[derive(Default)]
struct Ends {
    stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    stdout: Option<Box<dyn AsyncRead + Send + Unpin>>,
    stderr: Option<Box<dyn AsyncRead + Send + Unpin>>,
}

/// One who came to use the session.
pub struct SessionVisit {
    pub(super) stream: Stream,
    pub(super) open: Open,
    pub(super) seat: Seat,
}

impl SessionVisit {
    /// Turns the visitor away, as where the host opens no more channels.
    pub async fn refuse(mut self) {
        say(&mut self.stream, &Message::NoRoom).await;
    }

    /// Serves the visitor until its command ends, or it goes, which hangs the command up.
    pub async fn serve(self) {
        let Self { stream, open, seat } = self;
        let (mut from, mut to) = split(stream);
        if *seat.0.served.borrow() > MOST {
            return say(&mut to, &Message::NoRoom).await;
        }
        let mut desk = Desk::new(&seat.0);
        say(&mut to, &Message::Ticket(desk.ticket)).await;
        let began = async { tokio::try_join!(start(&seat.0, open), desk.streams()) };
        let began = tokio::select! {
            began = began => began,
            // It says nothing before it has heard that all has started.
            _ = receive(&mut from) => return,
        };
        drop(desk);
        match began {
            Ok(((started, ends), streams)) => {
                say(&mut to, &Message::Started).await;
                let session = &seat.0.session;
                if let Some(end) = attend(started, ends, streams, from, session).await {
                    say(&mut to, &end).await;
                }
            }
            Err(refusal) => say(&mut to, &refusal).await,
        }
    }
}

/// Starts on the host what the visitor wants.
async fn start(inner: &Inner, open: Open) -> Result<(Started, Ends), Message> {
    let session = &inner.session;
    let command = match &open.purpose {
        Purpose::Exec(command) => session.command(command.clone()),
        Purpose::Shell => session.shell(),
        Purpose::Subsystem(name) => session.subsystem(name),
        Purpose::Connect(to) => {
            let joined = session.connect(to).await.map_err(|error| refusal(&error))?;
            let (from, to) = split(joined);
            let ends = Ends {
                stdin: Some(Box::new(to)),
                stdout: Some(Box::new(from)),
                stderr: None,
            };
            return Ok((Started::Connection, ends));
        }
        Purpose::Nothing => return Ok((Started::Nothing, Ends::default())),
    };
    let command = prepare(command, open, inner);
    let mut child = command.spawn().await.map_err(|error| refusal(&error))?;
    let ends = Ends {
        stdin: child.stdin.take().map(|stream| Box::new(stream) as _),
        stdout: child.stdout.take().map(|stream| Box::new(stream) as _),
        stderr: child.stderr.take().map(|stream| Box::new(stream) as _),
    };
    Ok((Started::Command(child), ends))
}

fn prepare(mut command: Command, open: Open, inner: &Inner) -> Command {
    for (name, value) in open.env {
        command = command.env(name, value);
    }
    if let Some(pty) = open.pty {
        command = command.pty(pty);
    }
    if let Some(agent) = inner.agent.as_ref().filter(|_| open.agent) {
        command = command.forward_agent(agent.clone());
    }
    match &inner.x11 {
        Some(x11) if open.x11 => command.forward_x11(x11.clone()),
        _ => command,
    }
}

fn refusal(error: &Error) -> Message {
    match error {
        Error::Refused {
            request: "open a channel",
        } => Message::NoRoom,
        error => Message::Failed(reason(error)),
    }
}

/// An error and what caused it.
fn reason(error: &Error) -> String {
    let errors = std::iter::successors(Some(error as &dyn std::error::Error), |one| one.source());
    let words: Vec<_> = errors.map(ToString::to_string).collect();
    words.join(": ")
}

/// Joins the streams until all output is passed on; `None` where the visitor has gone.
async fn attend(
    mut started: Started,
    ends: Ends,
    streams: Streams,
    from: ReadHalf<Stream>,
    session: &Session,
) -> Option<Message> {
    let (words, mut heard) = mpsc::channel(WORDS);
    let _hearing = AbortOnDropHandle::new(tokio::spawn(hear(from, words)));
    let feed = pass(streams.stdin, ends.stdin);
    let _input = AbortOnDropHandle::new(tokio::spawn(feed));
    let stdout = pass(ends.stdout, streams.stdout);
    let stderr = pass(ends.stderr, streams.stderr);
    let shown = async { tokio::join!(stdout, stderr) };
    tokio::pin!(shown);
    let mut showing = true;
    loop {
        tokio::select! {
            _ = &mut shown, if showing => showing = false,
            end = started.end(session), if !showing => return Some(end),
            word = heard.recv() => started.obey(word?).await,
        }
    }
}

/// Hears resizes and signals until the visitor goes.
async fn hear(mut from: ReadHalf<Stream>, words: mpsc::Sender<Message>) {
    while let Ok(Some(word)) = receive(&mut from).await {
        if words.send(word).await.is_err() {
            return;
        }
    }
}

/// Passes bytes on until their end, which is passed on too, or until nobody takes them.
async fn pass<R, W>(from: Option<R>, to: Option<W>) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (Some(mut from), Some(mut to)) = (from, to) else {
        return Ok(());
    };
    let mut bytes = vec![0; BUFFER];
    while let count @ 1.. = from.read(&mut bytes).await? {
        to.write_all(bytes.get(..count).unwrap_or_default()).await?;
    }
    to.shutdown().await
}

impl Started {
    async fn obey(&self, word: Message) {
        let Self::Command(child) = self else {
            return;
        };
        let done = match word {
            Message::Resize(size) => child.resize(size).await,
            Message::Signal(name) => child.signal(Signal::new(name)).await,
            _ => return,
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a visitor's word did not reach the host");
        }
    }

    /// Waits for the end of what has started.
    async fn end(&mut self, session: &Session) -> Message {
        match self {
            Self::Command(child) => match child.wait().await {
                Ok(status) => Message::Ended(status),
                Err(error) => Message::Failed(reason(&error)),
            },
            Self::Connection if !session.is_closed() => Message::Ended(ExitStatus::Exited(0)),
            Self::Connection | Self::Nothing => Message::Failed(reason(&session.closed().await)),
        }
    }
}

impl fmt::Debug for SessionVisit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionVisit for {:?}", self.open.purpose)
    }
}
