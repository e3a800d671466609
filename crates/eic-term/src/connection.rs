//! The way from a byte stream to a logged-in session: versions, keys, host key, login (RFC 4253, RFC 4252).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use russh::client::{self, GexParams, Handle};
use russh::keys::Algorithm;
use russh::{Limits, Preferred};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::watch;

use crate::agent::Lent;
use crate::algorithms::{self, Agreed, AlgorithmLists};
use crate::error::Error;
use crate::flow::Flow;
use crate::forward::Registry;
use crate::handler::{Fate, Handler, OnBanner};
use crate::login::{Credentials, HostBound, Login};
use crate::peer::Peer;
use crate::quota::Quota;
use crate::session::{Session, limited};
use crate::timeline::{Step, Timeline};
use crate::trust::{HostKeyPolicy, Witnesses};
use crate::wire::{Probation, Wire};
use crate::x11;

/// The receive window of a channel, in bytes: 50 MB/s at 80 ms of round trip.
const WINDOW: u32 = 4 << 20;
/// The same for a terminal: 3 MB/s at 80 ms of round trip, and soon shown.
const INTERACTIVE_WINDOW: u32 = 256 << 10;
/// How much is read from the connection at once, in bytes: two of the largest packets that OpenSSH sends.
const READ_AHEAD: usize = 64 << 10;
/// How many packets of a channel wait for its pump.
const PACKETS: usize = 16;
/// How many keepalives in a row may stay unanswered, where nothing is said.
pub(crate) const MISSES: u32 = 3;
/// The bits of groups that are taken (RFC 4419, RFC 8270).
const SMALLEST_GROUP: usize = 2048;
const LARGEST_GROUP: usize = 8192;

/// How a session is made. The host-key policy is the one thing that has no default.
///
/// ```no_run
/// # async fn example(stream: tokio::net::TcpStream) -> Result<(), eic_term::Error> {
/// use eic_term::{HostKeyPolicy, Identity, SessionBuilder};
/// let identity = Identity::parse("-----BEGIN OPENSSH PRIVATE KEY-----…", None)?;
/// let policy = HostKeyPolicy::Known(vec![]);
/// let connection = SessionBuilder::new("build-host", policy).handshake(stream).await?;
/// let session = connection.login("build", &identity).await?;
/// # Ok(()) }
/// ```
pub struct SessionBuilder {
    peer: String,
    policy: HostKeyPolicy,
    limit: Duration,
    keepalive: Option<Duration>,
    misses: u32,
    rekey_bytes: Option<u64>,
    rekey_time: Option<Duration>,
    window: Option<u32>,
    interactive: bool,
    legacy: bool,
    algorithms: AlgorithmLists,
    only: Option<Algorithm>,
    expires: Option<Instant>,
    host_bound: bool,
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
            misses: MISSES,
            rekey_bytes: None,
            rekey_time: None,
            window: None,
            interactive: false,
            legacy: false,
            algorithms: AlgorithmLists::default(),
            only: None,
            expires: None,
            host_bound: true,
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

    /// Asks a silent server for a sign of life this often; as many [misses](Self::keepalive_misses) in a row end the
    /// session. `None`: never.
    #[must_use]
    pub fn keepalive(mut self, interval: Option<Duration>) -> Self {
        self.keepalive = interval;
        self
    }

    /// Ends the session after so many signs of life that did not come, at least one; three by default.
    #[must_use]
    pub fn keepalive_misses(mut self, misses: u32) -> Self {
        self.misses = misses.max(1);
        self
    }

    /// Exchanges new keys after so many bytes either way, and after so long: a gigabyte and an hour by default
    /// (RFC 4253 §9), and no more than a gigabyte.
    #[must_use]
    pub fn rekey_after(mut self, bytes: Option<u64>, time: Option<Duration>) -> Self {
        (self.rekey_bytes, self.rekey_time) = (bytes, time);
        self
    }

    /// Lets the server send this many bytes of a channel ahead of what we have taken from the stream; 4 MiB by
    /// default, 256 KiB if [interactive](Self::interactive). Less makes a long way slower, and an interrupt felt sooner.
    #[must_use]
    pub fn window(mut self, bytes: u32) -> Self {
        self.window = Some(bytes);
        self
    }

    /// Whether the session is for a person at a terminal, whose keys matter more than files: then the window is smaller, and
    /// ChaCha20 comes before AES-GCM, unless the [ciphers](AlgorithmLists::ciphers) are named.
    #[must_use]
    pub fn interactive(mut self, interactive: bool) -> Self {
        self.interactive = interactive;
        self
    }

    /// Offers SHA-1 and CBC too, last, for servers that know nothing else; see [`Algorithms::outdated`](crate::Algorithms::outdated).
    #[must_use]
    pub fn legacy(mut self, legacy: bool) -> Self {
        self.legacy = legacy;
        self
    }

    /// Offers these algorithms instead of the usual ones.
    #[must_use]
    pub fn algorithms(mut self, lists: AlgorithmLists) -> Self {
        self.algorithms = lists;
        self
    }

    /// Notes when the stream will be cut, for [`Session::expires`].
    #[must_use]
    pub fn expires(mut self, at: Option<Instant>) -> Self {
        self.expires = at;
        self
    }

    /// Takes host keys of one kind only.
    pub(crate) fn only(mut self, kind: Algorithm) -> Self {
        self.only = Some(kind);
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

    /// Whether an agent's signatures name the host key, where the server takes such; they do by default
    /// (`publickey-hostbound-v00@openssh.com`). Keys that `ssh-add -h` restricts need it beyond the first host.
    #[must_use]
    pub fn host_bound(mut self, host_bound: bool) -> Self {
        self.host_bound = host_bound;
        self
    }

    /// Exchanges versions and keys with the server and believes its host key, or not.
    ///
    /// # Errors
    /// [`Error::HostKey`], [`Error::Handshake`], or [`Error::Timeout`].
    pub async fn handshake<S>(mut self, stream: S) -> Result<Connection, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _step = self.timeline.begin(Step::Handshake);
        let (fate, agreed) = (Fate::default(), Agreed::default());
        let host_bound = HostBound::default();
        let (lent, x11) = (Lent::default(), x11::Shown::default());
        self.witnesses.known = self.policy.known(&self.peer, &self.witnesses.names)?;
        (self.witnesses.known).accept(&self.algorithms.ca_signatures);
        let least_rsa_bits = self.algorithms.least_rsa_bits();
        if self.algorithms.host_keys.is_empty() {
            // What is known of the host says which keys to ask it for.
            let ask = self.policy.ask(&mut self.witnesses.known);
            limited(Step::Handshake, self.limit, ask).await?;
        }
        let mut offered = algorithms::offered(&self.witnesses.known, self.legacy);
        if self.interactive {
            algorithms::prefer_for_keys(&mut offered);
        }
        self.algorithms.replace_in(&mut offered);
        if let Some(kind) = self.only {
            offered.key = vec![kind].into();
        }
        let usual_window = match self.interactive {
            true => INTERACTIVE_WINDOW,
            false => WINDOW,
        };
        let window = self.window.unwrap_or(usual_window);
        let (forwards, flow) = (Registry::default(), Flow::default());
        let (alive, ended) = watch::channel(());
        let waits = self.misses.saturating_add(1);
        let patience = self
            .keepalive
            .map(|interval| interval.saturating_mul(waits));
        let config = client::Config {
            window_size: window,
            keepalive_interval: self.keepalive,
            keepalive_max: usize::try_from(self.misses).unwrap_or(usize::MAX),
            limits: limits(self.rekey_bytes, self.rekey_time),
            gex: groups(&offered),
            ..config(offered)
        };
        let (announcer, announced) = watch::channel(Vec::new());
        let handler = Handler {
            announcer,
            peer: self.peer.clone(),
            policy: self.policy,
            witnesses: self.witnesses,
            least_rsa_bits,
            fate: fate.clone(),
            agreed: agreed.clone(),
            host_bound: self.host_bound.then(|| host_bound.clone()),
            lent: lent.clone(),
            patience: patience.unwrap_or_default(),
            on_banner: self.on_banner,
            quota: Quota::of(self.rekey_bytes),
            forwards: forwards.clone(),
            x11: x11.clone(),
            lanes: flow.lanes.clone(),
            _alive: alive,
        };
        let probation = Probation::default();
        // A packet is read in two parts, its length first.
        let stream = BufReader::with_capacity(READ_AHEAD, stream);
        let stream = Wire::new(stream, &probation, patience);
        let connect = client::connect_stream(Arc::new(config), stream, handler);
        let handle = limited(Step::Handshake, self.limit, connect).await?;
        let peer = Peer {
            name: self.peer,
            fate,
            agreed,
            host_bound,
            lent,
            limit: self.limit,
            window,
            legacy: self.legacy,
            least_rsa_bits,
            since: Instant::now(),
            expires: self.expires,
            timeline: self.timeline,
            flow,
            forwards,
            x11,
            announced,
            ended,
        };
        let handle = handle.map_err(|error| peer.handshake_error(error))?;
        Ok(Connection {
            handle,
            peer,
            probation,
        })
    }
}

fn config(preferred: Preferred) -> client::Config {
    client::Config {
        channel_buffer_size: PACKETS,
        nodelay: true,
        preferred,
        ..client::Config::default()
    }
}

/// When new keys are exchanged; never later than what is usual.
fn limits(bytes: Option<u64>, time: Option<Duration>) -> Limits {
    let usual = Limits::default();
    let most = usual.rekey_write_limit;
    let bytes = bytes.map_or(most, |bytes| {
        usize::try_from(bytes).unwrap_or(most).min(most)
    });
    let time = time.unwrap_or(usual.rekey_time_limit);
    Limits::new(bytes, bytes, time)
}

/// How large a group to ask for (RFC 4419), by the strongest cipher offered, as OpenSSH does.
fn groups(offered: &Preferred) -> GexParams {
    let bits = offered.cipher.iter().map(|name| group_bits(name.as_ref()));
    let bits = bits.max().unwrap_or(LARGEST_GROUP);
    GexParams::new(SMALLEST_GROUP, bits, LARGEST_GROUP).unwrap_or_default()
}

/// Bits of a group that is as hard to break as a cipher (NIST SP 800-57, part 1, table 2).
fn group_bits(cipher: &str) -> usize {
    match cipher {
        _ if cipher.contains("128") => 3072,
        _ if cipher.contains("192") => 7680,
        _ => LARGEST_GROUP,
    }
}

/// An encrypted connection to a verified host; nobody has logged in yet.
///
/// Dropping it closes the stream.
pub struct Connection {
    pub(crate) handle: Handle<Handler>,
    pub(crate) peer: Peer,
    probation: Probation,
}

impl Connection {
    /// Logs in (RFC 4252), with an [`Identity`](crate::Identity) or whatever else the server wants.
    ///
    /// # Errors
    /// [`Error::Login`] where all is refused, or is not enough; [`Error::Cancelled`], [`Error::Disconnected`] or
    /// [`Error::Timeout`].
    pub async fn login(
        self,
        user: impl AsRef<str>,
        credentials: impl Into<Credentials>,
    ) -> Result<Session, Error> {
        let (user, credentials) = (user.as_ref(), &credentials.into());
        Login { user, credentials }.run(self).await
    }

    pub(crate) fn into_session(self) -> Session {
        self.probation.pass();
        Session::new(self.handle, self.peer)
    }

    pub(crate) fn refusal(&self, user: &str, pushed: bool, methods: Vec<String>) -> Error {
        Error::Login {
            user: user.to_owned(),
            peer: self.peer.name.clone(),
            pushed,
            methods,
        }
    }

    pub(crate) fn timeline(&self) -> &Timeline {
        &self.peer.timeline
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.peer.name)
    }
}
