//! A logged-in SSH session (RFC 4254).

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use russh::client::{Handle, Msg};
use russh::{Channel, Disconnect};
use tokio::sync::watch;

use crate::agent::Agent;
use crate::algorithms::Algorithms;
use crate::command::Command;
use crate::error::Error;
use crate::handler::Handler;
use crate::peer::Peer;
use crate::timeline::{Step, Timeline};
use crate::trust::HostKey;
use crate::x11::{Told, X11};

/// How long an unanswered packet of ours is waited for before one more carries the TCP
/// acknowledgement that a server without TCP_NODELAY is waiting for.
const NUDGE: Duration = Duration::from_millis(3);
const MOST_NUDGES: u8 = 5;

/// A logged-in SSH session; clones share one connection.
///
/// When the last clone, the last [`Child`](crate::Child) and the last forward are gone the connection is severed
/// silently; [`close`](Self::close) says goodbye and reports.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    handle: Handle<Handler>,
    peer: Peer,
}

impl Session {
    pub(crate) fn new(handle: Handle<Handler>, peer: Peer) -> Self {
        Self {
            inner: Arc::new(Inner { handle, peer }),
        }
    }

    /// Prepares a command, given to the remote user's shell as it stands (RFC 4254 §6.5).
    #[must_use]
    pub fn command(&self, command: impl Into<Vec<u8>>) -> Command {
        Command::exec(self.clone(), command.into())
    }

    /// Prepares the remote user's login shell (RFC 4254 §6.5).
    #[must_use]
    pub fn shell(&self) -> Command {
        Command::shell(self.clone())
    }

    /// Prepares a subsystem, such as `sftp` (RFC 4254 §6.5).
    #[must_use]
    pub fn subsystem(&self, name: impl Into<String>) -> Command {
        Command::subsystem(self.clone(), name.into())
    }

    /// Returns whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.handle.is_closed()
    }

    /// Returns when the stream below is going to be cut, where that is known: an endpoint's tunnel lives for an hour.
    #[must_use]
    pub fn expires(&self) -> Option<Instant> {
        self.inner.peer.expires
    }

    /// Returns when the connection was made.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.inner.peer.since
    }

    /// Returns the algorithms agreed on at the last exchange of keys.
    #[must_use]
    pub fn algorithms(&self) -> Option<Algorithms> {
        self.inner.peer.agreed.get()
    }

    /// Waits for the end of the connection, and returns why it ended.
    pub async fn closed(&self) -> Error {
        let mut ended = self.inner.peer.ended.clone();
        // The handler sends nothing; it is gone when the connection is.
        while ended.changed().await.is_ok() {}
        self.inner.peer.lost().await
    }

    /// Returns how many connections are forwarded, either way, which can be waited for.
    #[must_use]
    pub fn forwarded(&self) -> watch::Receiver<usize> {
        self.inner.peer.flow.forwarded.count()
    }

    /// Exchanges new keys with the server (RFC 4253 §9), when its turn comes.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    pub async fn rekey(&self) -> Result<(), Error> {
        let asked = self.inner.handle.rekey_soon().await;
        self.inner.peer.or_lost(asked).await
    }

    /// Waits for the host keys that the server says it has (OpenSSH's PROTOCOL §2.5), and returns them. They are not to
    /// be believed until [`prove`](Self::prove) has them proved. A server that says nothing is waited for as long as
    /// the connection lasts.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    pub async fn announced_host_keys(&self) -> Result<Vec<HostKey>, Error> {
        let mut announced = self.inner.peer.announced.clone();
        let keys = announced.wait_for(|keys| !keys.is_empty()).await;
        let keys = keys.map(|keys| keys.clone());
        self.inner.peer.or_lost(keys).await
    }

    /// Returns whether the server has said which host keys it has.
    #[must_use]
    pub fn has_announced(&self) -> bool {
        !self.inner.peer.announced.borrow().is_empty()
    }

    /// Asks the server to prove that it has these host keys.
    ///
    /// # Errors
    /// [`Error::Refused`] where it does not, [`Error::Timeout`] or [`Error::Disconnected`].
    pub async fn prove(&self, keys: &[HostKey]) -> Result<(), Error> {
        let raw = keys.iter().map(|key| key.raw().clone()).collect();
        let proof = self.inner.handle.hostkeys_prove(raw);
        let proof = limited(Step::Start, self.inner.peer.limit, proof).await?;
        match proof {
            Err(russh::Error::SendError | russh::Error::Disconnect) => {
                Err(self.inner.peer.lost().await)
            }
            proof => proof.map_err(|_| Error::Refused {
                request: "prove that it has its host keys",
            }),
        }
    }

    /// Returns the record of how this session came to be.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.inner.peer.timeline
    }

    /// Disconnects (RFC 4253 §11.1); other clones of this session end too.
    ///
    /// # Errors
    /// [`Error::Disconnected`] where the connection was lost before.
    pub async fn close(self) -> Result<(), Error> {
        let bye = Disconnect::ByApplication;
        let sent = self.inner.handle.disconnect(bye, "", "").await;
        self.inner.peer.or_lost(sent).await
    }

    /// Lets the server open channels to the ssh-agent.
    pub(crate) fn lend(&self, agent: Agent) {
        let binding = self.inner.handle.agent_session_binding().cloned();
        self.inner.peer.lent.lend(agent, binding);
    }

    /// Lets the server open channels to the X server here; returns what it is told of that.
    pub(crate) fn show(&self, x11: &X11) -> Result<Told, Error> {
        self.inner.peer.x11.show(x11, self.downgrade())
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.inner.peer
    }

    /// Sends a packet without a meaning and without an answer (RFC 4254 §4). russh's own keepalive is not for this:
    /// without an answer wanted it waits for one all the same, and takes the next request's.
    pub(crate) async fn send_nothing(&self) -> Result<(), russh::Error> {
        let name = "keepalive@openssh.com";
        let sent = self.inner.handle.send_global_request(name, &[], false);
        sent.await.map(|_| ())
    }

    /// Returns whether both share one connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn downgrade(&self) -> WeakSession {
        WeakSession(Arc::downgrade(&self.inner))
    }

    pub(crate) fn handle(&self) -> &Handle<Handler> {
        &self.inner.handle
    }

    /// Opens a channel of type `session` (RFC 4254 §6.1).
    pub(crate) async fn open_channel(&self) -> Result<Channel<Msg>, Error> {
        let limit = self.inner.peer.limit;
        match limited(Step::Start, limit, self.open_nudging()).await? {
            Ok(channel) => Ok(channel),
            Err(russh::Error::ChannelOpenFailure(_)) => Err(Error::Refused {
                request: "open a channel",
            }),
            Err(_) => Err(self.inner.peer.lost().await),
        }
    }

    /// After the login sshd sends its host keys and a debug message without TCP_NODELAY, so the
    /// channel confirmation waits for an acknowledgement that our kernel delays by 40 ms. A packet
    /// from us carries it.
    async fn open_nudging(&self) -> Result<Channel<Msg>, russh::Error> {
        let open = self.inner.handle.channel_open_session();
        tokio::pin!(open);
        for _ in 0..MOST_NUDGES {
            tokio::select! {
                opened = &mut open => return opened,
                () = tokio::time::sleep(NUDGE) => self.send_nothing().await?,
            }
        }
        open.await
    }
}

/// A session that does not hold its connection open.
#[derive(Clone)]
pub(crate) struct WeakSession(Weak<Inner>);

impl WeakSession {
    pub(crate) fn upgrade(&self) -> Option<Session> {
        Some(Session {
            inner: self.0.upgrade()?,
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.inner.peer.name)
    }
}

/// Waits for `future` no longer than `limit`.
pub(crate) async fn limited<F: Future>(
    step: Step,
    limit: Duration,
    future: F,
) -> Result<F::Output, Error> {
    let waited = tokio::time::timeout(limit, future).await;
    waited.map_err(|_| Error::Timeout { step, limit })
}
