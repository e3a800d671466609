//! The process that holds a session, and those who come to use it.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, watch};

use super::LocalStream;
use super::message::{ForwardRequest, Message, StreamKind, receive, send};
use super::platform::Stream;
use super::visit::SessionVisit;
use crate::agent::Agent;
use crate::session::Session;
use crate::x11::X11;

/// How long one who comes may take to say what for, and to attach the streams.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// A session that other processes of this user may use; clones are the same.
#[derive(Clone)]
pub struct Sharing {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) session: Session,
    pub(super) agent: Option<Agent>,
    pub(super) x11: Option<X11>,
    pub(super) desks: Mutex<Desks>,
    pub(super) served: watch::Sender<usize>,
}

/// Where the streams of sessions that begin are waited for.
#[derive(Default)]
pub(super) struct Desks {
    pub(super) last: u64,
    pub(super) open: HashMap<u64, mpsc::Sender<(StreamKind, Stream)>>,
}

/// What one who came wants.
#[derive(Debug)]
pub enum Visit {
    /// To use the session.
    Session(SessionVisit),
    /// Something of the process.
    Control(Control, Reply),
}

/// What can be asked of the process that holds a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Whether it is there.
    Check,
    /// To end.
    Exit,
    /// To take no more visitors.
    Stop,
    /// What is going on.
    Describe,
    /// To forward.
    Forward(ForwardRequest),
    /// To end a forward.
    Cancel(ForwardRequest),
}

/// Where the answer is waited for.
pub struct Reply(Stream);

impl Sharing {
    /// Shares a session.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self::lending(session, None, None)
    }

    /// The same, and lends this agent to the host, and shows it this X server, when a visitor asks for it.
    #[must_use]
    pub fn lending(session: Session, agent: Option<Agent>, x11: Option<X11>) -> Self {
        let inner = Inner {
            session,
            agent,
            x11,
            desks: Mutex::default(),
            served: watch::Sender::new(0),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Returns how many sessions are being served, which can be waited for.
    #[must_use]
    pub fn served(&self) -> watch::Receiver<usize> {
        self.inner.served.subscribe()
    }

    /// Hears what one who came wants; `None` where it was a stream of a session that is being served.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where another program came, [`io::ErrorKind::TimedOut`], or the system's.
    pub async fn receive(&self, visitor: LocalStream) -> io::Result<Option<Visit>> {
        let mut stream = visitor.0;
        let first = tokio::time::timeout(LIMIT, receive(&mut stream)).await;
        let Some(first) = first.map_err(|_| io::ErrorKind::TimedOut)?? else {
            return Ok(None);
        };
        let control = match first {
            Message::Open(open) => {
                return Ok(Some(Visit::Session(SessionVisit {
                    stream,
                    open,
                    seat: Seat::take(&self.inner),
                })));
            }
            Message::Attach {
                ticket,
                stream: kind,
            } => {
                if let Some(desk) = self.inner.desk(ticket) {
                    desk.try_send((kind, stream)).ok();
                }
                return Ok(None);
            }
            Message::Check => Control::Check,
            Message::Exit => Control::Exit,
            Message::Stop => Control::Stop,
            Message::Describe => Control::Describe,
            Message::Forward(request) => Control::Forward(request),
            Message::Cancel(request) => Control::Cancel(request),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        Ok(Some(Visit::Control(control, Reply(stream))))
    }
}

impl Inner {
    fn desk(&self, ticket: u64) -> Option<mpsc::Sender<(StreamKind, Stream)>> {
        let desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        desks.open.get(&ticket).cloned()
    }
}

impl Reply {
    /// Says that it is there.
    pub async fn running(self) {
        let process = std::process::id();
        self.send(Message::Running { process }).await;
    }

    /// Says what is going on, in some lines.
    pub async fn described(self, lines: impl Into<String>) {
        self.send(Message::Description(lines.into())).await;
    }

    /// Says that it is done, and which port the system has chosen.
    pub async fn done(self, port: Option<u16>) {
        self.send(Message::Done { port }).await;
    }

    /// Says why not.
    pub async fn failed(self, reason: impl Into<String>) {
        self.send(Message::Failed(reason.into())).await;
    }

    async fn send(mut self, message: Message) {
        say(&mut self.0, &message).await;
    }
}

/// Who does not listen has gone, or will find out.
pub(super) async fn say(to: &mut (impl AsyncWrite + Unpin), message: &Message) {
    let said = tokio::time::timeout(LIMIT, send(to, message)).await;
    if let Ok(Err(error)) = said {
        tracing::debug!(%error, "a visitor has gone");
    }
}

/// A session that is being served, or about to be.
pub(super) struct Seat(pub(super) Arc<Inner>);

impl Seat {
    fn take(inner: &Arc<Inner>) -> Self {
        inner.served.send_modify(|served| *served += 1);
        Self(inner.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.served.send_modify(|served| *served -= 1);
    }
}

impl fmt::Debug for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sharing of {:?}", self.inner.session)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}
