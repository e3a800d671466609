//! The way from a byte stream to a logged-in session: versions, keys, host key, login (RFC 4253, RFC 4252).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eic_auth::{OsUser, TunnelError};
use russh::Preferred;
use russh::client::{self, AuthResult, Handle};
use russh::keys::{Algorithm, PrivateKeyWithHashAlg};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::error::Error;
use crate::flow::Flow;
use crate::forward::Registry;
use crate::handler::{End, Fate, Handler, HandlerError, OnBanner, end_of};
use crate::identity::Identity;
use crate::session::{Session, limited};
use crate::timeline::{Step, Timeline};
use crate::trust::{HostKey, HostKeyPolicy, Witnesses};

/// The receive window of a channel, in bytes: 50 MB/s at 80 ms of round trip.
const WINDOW: u32 = 4 << 20;
/// How many packets of a channel wait for its pump.
const PACKETS: usize = 16;
/// How many keepalives in a row may stay unanswered.
const MISSES: u32 = 3;
/// How far an endpoint's clock may be ahead of ours when it ends a tunnel.
const TOLERANCE: Duration = Duration::from_secs(2);

/// How a session is made. The host-key policy is the one thing that has no default.
///
/// ```no_run
/// # async fn example(stream: tokio::net::TcpStream) -> Result<(), eic_term::Error> {
/// use eic_term::{HostKeyPolicy, Identity, SessionBuilder};
/// let identity = Identity::parse("-----BEGIN OPENSSH PRIVATE KEY-----…", None)?;
/// let policy = HostKeyPolicy::Known(vec![]);
/// let connection = SessionBuilder::new("build-host", policy).handshake(stream).await?;
/// let session = connection.login(&Default::default(), &identity).await?;
/// # Ok(()) }
/// ```
pub struct SessionBuilder {
    peer: String,
    policy: HostKeyPolicy,
    limit: Duration,
    keepalive: Option<Duration>,
    window: u32,
    expires: Option<Instant>,
    witnesses: Witnesses,
    timeline: Timeline,
    on_banner: Option<OnBanner>,
}

impl SessionBuilder {
    /// Names the server, for its pin and for errors, and says which host keys to believe.
    ///
    /// Each step is limited to 15 s; a keepalive is sent every 15 s.
    #[must_use]
    pub fn new(peer: impl Into<String>, policy: impl Into<HostKeyPolicy>) -> Self {
        Self {
            peer: peer.into(),
            policy: policy.into(),
            limit: Duration::from_secs(15),
            keepalive: Some(Duration::from_secs(15)),
            window: WINDOW,
            expires: None,
            witnesses: Witnesses::default(),
            timeline: Timeline::new(),
            on_banner: None,
        }
    }

    /// Limits the wait for each answer of the server until the command has started.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Asks a silent server for a sign of life this often; three misses end the session.
    /// `None`: never.
    #[must_use]
    pub fn keepalive(mut self, interval: Option<Duration>) -> Self {
        self.keepalive = interval;
        self
    }

    /// Lets the server send this many bytes of a channel ahead of what we have taken from the stream; 4 MiB by
    /// default. Less makes a long way slower, and an interrupt felt sooner.
    #[must_use]
    pub fn window(mut self, bytes: u32) -> Self {
        self.window = bytes;
        self
    }

    /// Notes when the stream will be cut, for [`Session::expires`].
    #[must_use]
    pub fn expires(mut self, at: Option<Instant>) -> Self {
        self.expires = at;
        self
    }

    /// Says what can speak for the host's key.
    pub(crate) fn witnesses(mut self, witnesses: Witnesses) -> Self {
        self.witnesses = witnesses;
        self
    }

    /// Records the steps in `timeline`.
    #[must_use]
    pub fn timeline(mut self, timeline: Timeline) -> Self {
        self.timeline = timeline;
        self
    }

    /// Receives the server's text before the login (RFC 4252 §5.4). It is untrusted: see [`crate::visible`].
    #[must_use]
    pub fn on_banner(mut self, on_banner: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_banner = Some(Arc::new(on_banner));
        self
    }

    /// Exchanges versions and keys with the server and believes its host key, or not.
    ///
    /// # Errors
    /// [`Error::HostKey`], [`Error::Handshake`], or [`Error::Timeout`].
    pub async fn handshake<S>(self, stream: S) -> Result<Connection, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _step = self.timeline.begin(Step::Handshake);
        let fate = Fate::default();
        let forwards = Registry::default();
        let (alive, ended) = watch::channel(());
        let config = client::Config {
            window_size: self.window,
            keepalive_interval: self.keepalive,
            ..config(&self.policy.known_keys(&self.peer)?)
        };
        let handler = Handler {
            peer: self.peer.clone(),
            policy: self.policy,
            witnesses: self.witnesses,
            fate: fate.clone(),
            patience: self.keepalive.unwrap_or_default() * (MISSES + 1),
            on_banner: self.on_banner,
            forwards: forwards.clone(),
            _alive: alive,
        };
        let connect = client::connect_stream(Arc::new(config), stream, handler);
        let handle = limited(Step::Handshake, self.limit, connect).await?;
        let peer = Peer {
            name: self.peer,
            fate,
            limit: self.limit,
            since: Instant::now(),
            expires: self.expires,
            timeline: self.timeline,
            flow: Flow::default(),
            forwards,
            ended,
        };
        let handle = handle.map_err(|error| peer.handshake_error(error))?;
        Ok(Connection { handle, peer })
    }
}

fn config(known: &[HostKey]) -> client::Config {
    client::Config {
        channel_buffer_size: PACKETS,
        keepalive_max: MISSES as usize,
        nodelay: true,
        preferred: Preferred {
            key: host_key_algorithms(known).into(),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

/// Puts the algorithms of known keys first, as OpenSSH does: a server has several keys, and another
/// one than the known would look like a changed key. SHA-1 signatures are left out.
fn host_key_algorithms(known: &[HostKey]) -> Vec<Algorithm> {
    let same = |wanted: &Algorithm| {
        let is = |key: &HostKey| match (key.raw_algorithm(), wanted) {
            (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
            (one, other) => one == *other,
        };
        known.iter().any(is)
    };
    let sha1 = Algorithm::Rsa { hash: None };
    let usable = Preferred::DEFAULT.key.iter().filter(|one| **one != sha1);
    let (mut first, rest): (Vec<_>, Vec<_>) = usable.cloned().partition(same);
    first.extend(rest);
    first
}

/// What errors and limits need to know of the other side.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) fate: Fate,
    pub(crate) limit: Duration,
    /// When the connection was made.
    since: Instant,
    pub(crate) expires: Option<Instant>,
    pub(crate) timeline: Timeline,
    pub(crate) flow: Flow,
    pub(crate) forwards: Registry,
    /// Closed when the connection has ended.
    pub(crate) ended: watch::Receiver<()>,
}

impl Peer {
    fn handshake_error(&self, error: HandlerError) -> Error {
        let error = match error {
            HandlerError::HostKey(error) => return Error::HostKey(error),
            HandlerError::Ssh(error) => error,
        };
        let closed = matches!(error, russh::Error::Disconnect | russh::Error::HUP);
        let source = match end_of(error) {
            End::Tunnel(source) => return self.tunnel_lost(source),
            End::Other(_) if closed => "the server closed the connection".into(),
            End::Other(source) => source,
        };
        Error::Handshake {
            peer: self.name.clone(),
            source: self.fate.take().map_or(source, End::into_cause),
        }
    }

    /// The error for a connection found dead.
    pub(crate) fn lost(&self) -> Error {
        let source = match self.fate.take() {
            Some(End::Tunnel(source)) => return self.tunnel_lost(source),
            Some(End::Other(source)) => Some(source),
            None => None,
        };
        Error::Disconnected {
            peer: self.name.clone(),
            after: self.since.elapsed(),
            source,
        }
    }

    fn tunnel_lost(&self, source: TunnelError) -> Error {
        let (peer, after) = (self.name.clone(), self.since.elapsed());
        if self
            .expires
            .is_some_and(|at| at <= Instant::now() + TOLERANCE)
        {
            return Error::TunnelExpired {
                peer,
                after,
                source,
            };
        }
        Error::Tunnel {
            peer,
            after,
            source,
        }
    }
}

/// An encrypted connection to a verified host; nobody has logged in yet.
///
/// Dropping it closes the stream.
pub struct Connection {
    handle: Handle<Handler>,
    peer: Peer,
}

/// What the server said to a credential.
pub(crate) enum Answer {
    Accepted,
    Refused { methods: Vec<String> },
}

impl Connection {
    /// Logs in with a key (RFC 4252 §7).
    ///
    /// # Errors
    /// [`Error::Login`] where the key is refused, [`Error::Disconnected`] or [`Error::Timeout`].
    pub async fn login(mut self, user: &OsUser, identity: &Identity) -> Result<Session, Error> {
        match self.offer(user, identity).await? {
            Answer::Accepted => Ok(self.into_session()),
            Answer::Refused { methods } => Err(self.refusal(user, false, methods)),
        }
    }

    /// Spends the round trip of the authentication service's request (RFC 4252 §5) ahead of time.
    pub(crate) async fn prime(&mut self, user: &OsUser) -> Result<Answer, Error> {
        let none = self.handle.authenticate_none(user.as_str());
        let answer = limited(Step::Login, self.peer.limit, none).await?;
        self.answer(answer)
    }

    /// Offers a key once.
    pub(crate) async fn offer(&mut self, user: &OsUser, id: &Identity) -> Result<Answer, Error> {
        let hash = if id.is_rsa() {
            let best = self.handle.best_supported_rsa_hash().await;
            best.map_err(|_| self.peer.lost())?.flatten()
        } else {
            None
        };
        let key = PrivateKeyWithHashAlg::new(id.key(), hash);
        let offer = self.handle.authenticate_publickey(user.as_str(), key);
        let answer = limited(Step::Login, self.peer.limit, offer).await?;
        self.answer(answer)
    }

    pub(crate) fn into_session(self) -> Session {
        Session::new(self.handle, self.peer)
    }

    pub(crate) fn refusal(&self, user: &OsUser, pushed: bool, methods: Vec<String>) -> Error {
        Error::Login {
            user: user.clone(),
            peer: self.peer.name.clone(),
            pushed,
            methods,
        }
    }

    pub(crate) fn timeline(&self) -> &Timeline {
        &self.peer.timeline
    }

    fn answer(&self, answer: Result<AuthResult, russh::Error>) -> Result<Answer, Error> {
        match answer {
            Ok(AuthResult::Success) => Ok(Answer::Accepted),
            Ok(AuthResult::Failure { .. }) if self.handle.is_closed() => Err(self.peer.lost()),
            Ok(AuthResult::Failure {
                remaining_methods, ..
            }) => Ok(Answer::Refused {
                methods: remaining_methods.iter().map(String::from).collect(),
            }),
            Err(_) => Err(self.peer.lost()),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.peer.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_of_known_keys_come_first() {
        assert_eq!(host_key_algorithms(&[]).first(), Some(&Algorithm::Ed25519));
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";
        let known = [HostKey::parse(ecdsa).unwrap()];
        let first = host_key_algorithms(&known).first().unwrap().to_string();
        assert_eq!(first, "ecdsa-sha2-nistp256");
        assert!(!host_key_algorithms(&known).contains(&Algorithm::Rsa { hash: None }));
    }
}
