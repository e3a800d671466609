//! Ports and sockets on the host whose connections come out here (`ssh -R`).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::ChannelOpenFailure;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::address::Address;
use super::listener::connect;
use super::open::Way;
use super::proxy::RemoteProxy;
use super::registry::{Incoming, Queue, Registration};
use super::relay::relay;
use super::traffic::Traffic;
use crate::error::Error;
use crate::flow::Seat;
use crate::session::{Session, WeakSession, limited};
use crate::timeline::Step;

/// How many connections may wait to be taken; more are refused.
const MOST_WAITING: usize = 128;

/// A port or socket on the host whose connections come out here (`ssh -R`).
///
/// It holds its session's connection open. Dropping it asks the host to listen no longer, and closes its connections; [`cancel`](Self::cancel) waits for the
/// answer.
pub struct RemoteForward {
    asked: Arc<Asked>,
    _task: AbortOnDropHandle<()>,
}

/// What the host was asked for, and the session on which it does it.
pub(crate) struct Asked {
    to: Goal,
    queue: Queue,
    traffic: Arc<Traffic>,
    state: Mutex<State>,
}

/// Where connections from the host go.
#[derive(Clone)]
pub(crate) enum Goal {
    Address(Address),
    /// Where each says by SOCKS.
    Asked(RemoteProxy),
}

impl From<Address> for Goal {
    fn from(address: Address) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(to) => write!(f, "to {to}"),
            Self::Asked(_) => f.write_str("as a SOCKS proxy"),
        }
    }
}

struct State {
    /// Where the host listens, or should.
    at: Address,
    bound: Option<Bound>,
}

/// What one session listens on; dropping it cancels that.
struct Bound {
    session: Session,
    at: Address,
    _registration: Registration,
    /// The connection must be free for the host to say that somebody came.
    _seat: Seat,
    cancelled: bool,
}

impl RemoteForward {
    pub(crate) async fn start(session: &Session, on: Address, to: Goal) -> Result<Self, Error> {
        let (queue, arrivals) = mpsc::channel(MOST_WAITING);
        let traffic = Arc::<Traffic>::default();
        let asked = Arc::new(Asked {
            to: to.clone(),
            queue,
            traffic: traffic.clone(),
            state: Mutex::new(State {
                at: on,
                bound: None,
            }),
        });
        asked.ask(session).await?;
        let task = tokio::spawn(take(arrivals, to, traffic));
        Ok(Self {
            asked,
            _task: AbortOnDropHandle::new(task),
        })
    }

    pub(crate) fn asked(&self) -> &Arc<Asked> {
        &self.asked
    }

    /// Returns the address that the host listens on, with the port that it chose where 0 was asked for.
    #[must_use]
    pub fn remote(&self) -> Address {
        self.asked.at()
    }

    /// Returns how many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.asked.traffic.open()
    }

    /// Receives why a connection was refused, mostly [`Error::ConnectLocal`].
    pub fn on_refused(&self, on_refused: impl Fn(&Error) + Send + Sync + 'static) {
        self.asked.traffic.on_refused(on_refused);
    }

    /// Asks the host to listen no longer (RFC 4254 §7.1) and closes its connections.
    ///
    /// # Errors
    /// [`Error::Refused`] where the host says no, [`Error::Timeout`], or [`Error::Disconnected`].
    pub async fn cancel(self) -> Result<(), Error> {
        let bound = self.asked.state().bound.take();
        match bound {
            Some(bound) => bound.cancel().await,
            None => Ok(()),
        }
    }
}

impl fmt::Display for RemoteForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.asked.fmt(f)
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on the host {}", self.at(), self.to)
    }
}

impl fmt::Debug for RemoteForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteForward({self})")
    }
}

impl Session {
    /// Asks the host to listen, and connects whoever comes there to an address as seen from here (RFC 4254 §7.1).
    /// Whether other machines may come is for the server to decide (`GatewayPorts` of sshd_config(5)).
    ///
    /// # Errors
    /// [`Error::ListenRemote`] where the host says no, [`Error::Timeout`], or [`Error::Disconnected`].
    pub async fn forward_remote(
        &self,
        on: impl Into<Address>,
        to: impl Into<Address>,
    ) -> Result<RemoteForward, Error> {
        RemoteForward::start(self, on.into(), Goal::Address(to.into())).await
    }

    /// Asks the host to listen as a SOCKS proxy whose connections come out here (`ssh -R PORT`), where `may_connect`
    /// allows it.
    ///
    /// # Errors
    /// As [`forward_remote`](Self::forward_remote).
    pub async fn forward_remote_dynamic(
        &self,
        on: impl Into<Address>,
        may_connect: impl Fn(&Address) -> bool + Send + Sync + 'static,
    ) -> Result<RemoteForward, Error> {
        let goal = Goal::Asked(RemoteProxy::new(may_connect));
        RemoteForward::start(self, on.into(), goal).await
    }
}

impl Asked {
    fn at(&self) -> Address {
        self.state().at.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether this session listens for it.
    pub(crate) fn is_on(&self, session: &Session) -> bool {
        let state = self.state();
        state
            .bound
            .as_ref()
            .is_some_and(|bound| bound.session.is_same(session))
    }

    /// Asks again on another session, for the port that was chosen before; the old one gives it back first.
    pub(crate) async fn move_to(&self, session: &Session) -> Result<(), Error> {
        let before = self.state().bound.take();
        if let Some(before) = before
            && let Err(error) = before.cancel().await
        {
            tracing::debug!(%error, "a remote forward was not cancelled");
        }
        self.ask(session).await
    }

    async fn ask(&self, session: &Session) -> Result<(), Error> {
        let peer = session.peer();
        let on = self.at();
        let seat = peer.flow.crowd.enter();
        let (queue, weak) = (self.queue.clone(), session.downgrade());
        let registration = peer.forwards.enter(on.clone(), queue, weak);
        let port = limited(Step::Start, peer.limit, request(session, &on)).await?;
        let at = match (port?, on.port()) {
            (Some(chosen), Some(0)) => {
                registration.set_port(chosen);
                on.with_port(chosen)
            }
            _ => on,
        };
        let mut state = self.state();
        state.at = at.clone();
        state.bound = Some(Bound {
            session: session.clone(),
            at,
            _registration: registration,
            _seat: seat,
            cancelled: false,
        });
        Ok(())
    }
}

/// Returns the port that the server chose, if it had to.
async fn request(session: &Session, on: &Address) -> Result<Option<u16>, Error> {
    let answer = match on {
        Address::Tcp { host, port } => {
            let asked = session.handle().tcpip_forward(host, (*port).into());
            asked.await.map(|chosen| u16::try_from(chosen).ok())
        }
        Address::Unix(path) => {
            let asked = session.handle().streamlocal_forward(path);
            asked.await.map(|()| None)
        }
    };
    match answer {
        Err(russh::Error::RequestDenied) => Err(Error::ListenRemote {
            address: on.clone(),
        }),
        answer => session.peer().or_lost(answer).await,
    }
}

impl Bound {
    async fn cancel(mut self) -> Result<(), Error> {
        let limit = self.session.peer().limit;
        let asked = limited(Step::Start, limit, unlisten(&self.session, &self.at));
        let answer = asked.await;
        self.cancelled = true;
        answer?
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if !self.cancelled && !self.session.is_closed() {
            let (session, at) = (self.session.clone(), self.at.clone());
            // It ends with the session at the latest.
            runtime.spawn(async move { unlisten(&session, &at).await.ok() });
        }
    }
}

async fn unlisten(session: &Session, at: &Address) -> Result<(), Error> {
    let handle = session.handle();
    let answer = match at {
        Address::Tcp { host, port } => handle.cancel_tcpip_forward(host, (*port).into()).await,
        Address::Unix(path) => handle.cancel_streamlocal_forward(path).await,
    };
    match answer {
        Err(russh::Error::RequestDenied) => Err(Error::Refused {
            request: "cancel the forward",
        }),
        answer => session.peer().or_lost(answer).await,
    }
}

/// Takes connections as they come; each is a task, ended with this one.
async fn take(
    mut arrivals: mpsc::Receiver<(Incoming, WeakSession)>,
    to: Goal,
    traffic: Arc<Traffic>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some((incoming, session)) = arrivals.recv() => {
                let Some(session) = session.upgrade() else {
                    continue;
                };
                let to = to.clone();
                let connection = async move {
                    match to {
                        Goal::Address(to) => forward(incoming, session, to).await,
                        Goal::Asked(proxy) => proxy.forward(incoming, session).await,
                    }
                };
                connections.spawn(traffic.clone().follow(connection));
            }
            Some(_) = connections.join_next() => {}
            else => return,
        }
    }
}

async fn forward(incoming: Incoming, session: Session, to: Address) -> Result<(), Error> {
    let local = match connect(&to).await {
        Ok(local) => local,
        Err(source) => {
            incoming
                .reply
                .reject(ChannelOpenFailure::ConnectFailed)
                .await;
            return Err(Error::ConnectLocal {
                address: to,
                source,
            });
        }
    };
    tracing::debug!(from = ?incoming.from, %to, "a connection came on the host");
    incoming.reply.accept().await;
    let way = Way::new(incoming.channel, session);
    if let Err(error) = relay(local, way).await {
        tracing::debug!(%to, %error, "a forwarded connection ended early");
    }
    Ok(())
}
