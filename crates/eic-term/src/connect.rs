//! The pipeline from a target to a session, in which nothing waits that need not.
//!
//! ```text
//! target ─┬─ find the instance ─┬─ route ── connect or tunnel ── key exchange ─┬─ login ── session
//!         ├─ find an endpoint ──┘                                              │
//!         └─ push the key ─────────────────────────────────────────────────────┘
//! ```

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eic_auth::{Api, InstanceId, OsUser, Tunnel};
#[cfg(feature = "ec2")]
use eic_auth::{ConsoleKeys, Endpoint, Instance};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(feature = "ec2")]
use tokio_util::task::AbortOnDropHandle;

use crate::algorithms::AlgorithmLists;
use crate::connection::{Connection, MISSES, SessionBuilder};
use crate::destination::{Destination, Via};
use crate::error::Error;
use crate::fleet::Pace;
use crate::handler::OnBanner;
use crate::identity::Identity;
use crate::key_push::KeyPush;
use crate::login::{Answer, Answers, Credentials, Login, Question};
use crate::route::ConnectionType;
use crate::session::{Session, limited};
use crate::timeline::{Step, Timeline};
use crate::trust::{ConsoleLookUp, HostKeyPolicy, Known, Witnesses};

/// How long an endpoint keeps a tunnel open unless asked for less
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/eice-quotas.html>).
const MAX_TUNNEL_DURATION: Duration = Duration::from_secs(3600);

/// Who is told of what was looked up.
#[cfg(feature = "ec2")]
pub(crate) type OnFound = Arc<dyn Fn(&Instance, Option<&Endpoint>) + Send + Sync>;

/// Which part of the time that the key exchange has taken is a moment.
const MOMENT: u32 = 8;

/// Any byte stream.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What a connection is made with; every default is AWS CLI's.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The OS user where the target names none; `ec2-user`.
    pub user: OsUser,
    /// Directly or through an endpoint; `auto`.
    pub connection_type: ConnectionType,
    /// The address to connect to instead of the instance's own.
    pub instance_ip: Option<IpAddr>,
    /// The endpoint to go through, `eice-…`, instead of the best in the instance's VPC.
    pub endpoint_id: Option<String>,
    /// That endpoint's DNS name, which saves its look-up.
    pub endpoint_dns_name: Option<String>,
    /// How long the endpoint keeps the tunnel open: 1 s to 1 h; AWS's default is 1 h.
    pub max_tunnel_duration: Option<Duration>,
    /// The SSH port; 22.
    pub port: u16,
    /// The limit on each step; 15 s.
    pub limit: Duration,
    /// How often a silent server is asked for a sign of life; 15 s.
    pub keepalive: Option<Duration>,
    /// How many of those signs may fail to come; 3.
    pub keepalive_misses: u32,
    /// After how many bytes new keys are exchanged; see [`SessionBuilder::rekey_after`].
    pub rekey_bytes: Option<u64>,
    /// After how long new keys are exchanged.
    pub rekey_time: Option<Duration>,
    /// How many bytes the host may send ahead; see [`SessionBuilder::window`].
    pub window: Option<u32>,
    /// Whether a person types; see [`SessionBuilder::interactive`].
    pub interactive: bool,
    /// Whether to offer SHA-1 and CBC too; see [`SessionBuilder::legacy`].
    pub legacy: bool,
    /// The algorithms to offer; see [`SessionBuilder::algorithms`].
    pub algorithms: AlgorithmLists,
    /// Own keys, tried in turn: nothing is pushed then.
    pub identities: Vec<Identity>,
    /// Where the steps are recorded.
    pub timeline: Timeline,
    /// When calls may be made, for many logins at a time.
    pub(crate) pace: Option<Arc<Pace>>,
    on_banner: Option<OnBanner>,
    #[cfg(feature = "ec2")]
    pub(crate) on_found: Option<OnFound>,
    asking: Credentials,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            user: OsUser::default(),
            connection_type: ConnectionType::Auto,
            instance_ip: None,
            endpoint_id: None,
            endpoint_dns_name: None,
            max_tunnel_duration: None,
            port: 22,
            limit: Duration::from_secs(15),
            keepalive: Some(Duration::from_secs(15)),
            keepalive_misses: MISSES,
            rekey_bytes: None,
            rekey_time: None,
            window: None,
            interactive: false,
            legacy: false,
            algorithms: AlgorithmLists::default(),
            identities: Vec::new(),
            timeline: Timeline::new(),
            pace: None,
            on_banner: None,
            #[cfg(feature = "ec2")]
            on_found: None,
            asking: Credentials::default(),
        }
    }
}

impl ConnectOptions {
    /// Receives the server's text before the login; see [`SessionBuilder::on_banner`].
    pub fn on_banner(&mut self, on_banner: impl Fn(&str) + Send + Sync + 'static) {
        self.on_banner = Some(Arc::new(on_banner));
    }

    /// Receives each instance that was looked up, and the endpoint that was chosen for it, to be remembered for
    /// [`Connector::connect_remembered`].
    #[cfg(feature = "ec2")]
    pub fn on_found(
        &mut self,
        on_found: impl Fn(&Instance, Option<&Endpoint>) + Send + Sync + 'static,
    ) {
        self.on_found = Some(Arc::new(on_found));
    }

    /// Asks a person for passwords and whatever else a server wants to know beside the key. Without it such a login
    /// is refused.
    pub fn on_question<F>(&mut self, ask: impl Fn(Question) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Answers> + Send + 'static,
    {
        self.asking = self.asking.clone().on_question(ask);
    }

    /// Asks this often for what the server refuses; see [`Credentials::tries`].
    pub fn tries(&mut self, tries: usize) {
        self.asking = self.asking.clone().tries(tries);
    }
}

/// Makes sessions and tunnels to instances.
///
/// ```no_run
/// # async fn example(api: eic_auth::Api) -> Result<(), eic_term::Error> {
/// use eic_term::{Connector, Destination, PinFile, Via};
/// let destination = Destination {
///     id: "i-0123456789abcdef0".parse().expect("an instance id"),
///     address: [192, 0, 2, 7].into(),
///     via: Via::Direct,
/// };
/// let connector = Connector::new(api, PinFile::new("known_hosts"));
/// let session = connector.connect_to(&destination, None).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Connector {
    pub(crate) api: Api,
    pub(crate) options: ConnectOptions,
    policy: HostKeyPolicy,
}

impl Connector {
    /// Connects with this account and region, believing these host keys.
    #[must_use]
    pub fn new(api: Api, policy: impl Into<HostKeyPolicy>) -> Self {
        Self {
            api,
            policy: policy.into(),
            options: ConnectOptions::default(),
        }
    }

    /// Connects with these options.
    #[must_use]
    pub fn options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
        self
    }

    /// Returns the AWS region that is asked.
    #[must_use]
    pub fn region(&self) -> &str {
        self.api.region()
    }

    #[cfg(feature = "ec2")]
    pub(crate) fn policy(&self) -> &HostKeyPolicy {
        &self.policy
    }

    /// Logs in to a known destination.
    ///
    /// # Errors
    /// Any [`Error`], named after the step that failed.
    pub async fn connect_to(
        &self,
        destination: &Destination,
        user: Option<&OsUser>,
    ) -> Result<Session, Error> {
        let mut push = self.key_push(user, Some(&destination.id))?;
        self.finish(destination, &mut push, None, None).await
    }

    /// Logs in to a known destination over a stream that leads there already, such as one through another host.
    ///
    /// # Errors
    /// As [`connect_to`](Self::connect_to).
    pub async fn connect_over<S>(
        &self,
        destination: &Destination,
        user: Option<&OsUser>,
        stream: S,
    ) -> Result<Session, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut push = self.key_push(user, Some(&destination.id))?;
        let over: Option<Box<dyn Stream>> = Some(Box::new(stream));
        self.finish(destination, &mut push, None, over).await
    }

    /// Opens the endpoint's tunnel to a port of a known destination.
    ///
    /// # Errors
    /// [`Error::EndpointPort`] for ports other than 22 and 3389, [`Error::NoEndpoint`] where the way
    /// is direct, else the tunnel's own.
    pub async fn open_tunnel_to(&self, to: &Destination, port: u16) -> Result<Tunnel, Error> {
        if !matches!(port, 22 | 3389) {
            return Err(Error::EndpointPort { port });
        }
        let request = to.tunnel_request(port, self.options.max_tunnel_duration);
        let request = request.ok_or_else(|| Error::NoEndpoint {
            id: to.id.clone(),
            vpc_id: None,
        })?;
        let _step = self.options.timeline.begin(Step::OpenTunnel);
        let open = self.api.open_tunnel(&request);
        Ok(limited(Step::OpenTunnel, self.options.limit, open).await??)
    }

    /// Makes the key and, where the instance is known, starts pushing it.
    pub(crate) fn key_push(
        &self,
        user: Option<&OsUser>,
        id: Option<&InstanceId>,
    ) -> Result<KeyPush, Error> {
        let user = user.unwrap_or(&self.options.user).clone();
        let own = self.options.identities.clone();
        let timeline = self.options.timeline.clone();
        let mut push = KeyPush::new(self.api.clone(), user, own, timeline)?;
        push.pace = self.options.pace.clone();
        if let Some(id) = id {
            push.start(id);
        }
        Ok(push)
    }

    /// Connects, exchanges keys and logs in, while the key push is under way.
    pub(crate) async fn finish(
        &self,
        destination: &Destination,
        push: &mut KeyPush,
        console: Option<ConsoleLookUp>,
        over: Option<Box<dyn Stream>>,
    ) -> Result<Session, Error> {
        push.start(&destination.id);
        let witnesses = Witnesses {
            names: self.names(destination),
            known: Known::default(),
            through_endpoint: matches!(destination.via, Via::Endpoint { .. }),
            console: console.or_else(|| self.ask_console(&destination.id)),
        };
        let begun = Instant::now();
        let mut connection = beside(push, self.handshake(destination, witnesses, over)).await?;
        if !push.is_done() {
            // Begun together they end together, but for a moment.
            let moment = begun.elapsed() / MOMENT;
            if let Ok(pushed) = tokio::time::timeout(moment, push.wait()).await {
                pushed?;
            }
        }
        if !push.is_done() {
            // The push is still under way: the time is free for the first round trip of the login. It takes two, so
            // one that is about to end is better waited for.
            let user = push.user().clone();
            if beside(push, connection.prime(user.as_str())).await? == Answer::Accepted {
                return Ok(connection.into_session());
            }
        }
        push.refresh().await?;
        let timeline = connection.timeline().clone();
        let _step = timeline.begin(Step::Login);
        let (user, credentials) = (push.user().as_str(), &self.credentials(push));
        Login { user, credentials }.run(connection).await
    }

    fn credentials(&self, push: &KeyPush) -> Credentials {
        Credentials {
            identities: push.identities().to_vec(),
            pushed: push.is_pushed(),
            ..self.options.asking.clone()
        }
    }

    /// What the host may be called in a known_hosts file.
    fn names(&self, destination: &Destination) -> Vec<String> {
        let (id, address) = (destination.id.as_str(), destination.address);
        match self.options.port {
            22 => vec![id.to_owned(), address.to_string()],
            port => vec![id.to_owned(), format!("[{address}]:{port}")],
        }
    }

    /// Starts reading the instance's console, where its host key is not pinned yet.
    #[cfg(feature = "ec2")]
    pub(crate) fn ask_console(&self, id: &InstanceId) -> Option<ConsoleLookUp> {
        let HostKeyPolicy::Verified(trust) = &self.policy else {
            return None;
        };
        trust.wants_console(id.as_str()).then(|| {
            let (api, id) = (self.api.clone(), id.clone());
            let pace = self.options.pace.clone();
            let step = self.options.timeline.begin(Step::ReadConsole);
            AbortOnDropHandle::new(tokio::spawn(async move {
                let _step = step;
                let read = async || api.console_output(&id, false).await;
                let text = match pace {
                    Some(pace) => pace.call(read).await?,
                    None => read().await?,
                };
                Ok(ConsoleKeys::read(text.as_deref().unwrap_or_default()))
            }))
        })
    }

    /// Without EC2's API nobody can be asked.
    #[cfg(not(feature = "ec2"))]
    #[expect(clippy::unused_self, reason = "it has the signature of the other")]
    fn ask_console(&self, _: &InstanceId) -> Option<ConsoleLookUp> {
        None
    }

    async fn handshake(
        &self,
        destination: &Destination,
        witnesses: Witnesses,
        over: Option<Box<dyn Stream>>,
    ) -> Result<Connection, Error> {
        let stream = match over {
            Some(stream) => stream,
            None => self.open_stream(destination).await?,
        };
        let options = &self.options;
        let lifetime = options.max_tunnel_duration.unwrap_or(MAX_TUNNEL_DURATION);
        let expires = match destination.via {
            Via::Endpoint { .. } => Instant::now().checked_add(lifetime),
            Via::Direct => None,
        };
        let mut builder = SessionBuilder::new(destination.id.as_str(), self.policy.clone())
            .limit(options.limit)
            .keepalive(options.keepalive)
            .keepalive_misses(options.keepalive_misses)
            .rekey_after(options.rekey_bytes, options.rekey_time)
            .interactive(options.interactive)
            .legacy(options.legacy)
            .algorithms(options.algorithms.clone())
            .expires(expires)
            .witnesses(witnesses)
            .timeline(options.timeline.clone());
        if let Some(bytes) = options.window {
            builder = builder.window(bytes);
        }
        if let Some(on_banner) = options.on_banner.clone() {
            builder = builder.on_banner(move |text| on_banner(text));
        }
        builder.handshake(stream).await
    }

    pub(crate) async fn open_stream(
        &self,
        destination: &Destination,
    ) -> Result<Box<dyn Stream>, Error> {
        let port = self.options.port;
        match destination.via {
            Via::Endpoint { .. } => Ok(Box::new(self.open_tunnel_to(destination, port).await?)),
            Via::Direct => {
                let address = SocketAddr::new(destination.address, port);
                Ok(Box::new(self.connect_tcp(address).await?))
            }
        }
    }

    async fn connect_tcp(&self, address: SocketAddr) -> Result<TcpStream, Error> {
        let _step = self.options.timeline.begin(Step::Connect);
        let connect = limited(
            Step::Connect,
            self.options.limit,
            TcpStream::connect(address),
        );
        let failed = |source| Error::Connect { address, source };
        let stream = connect.await?.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(stream)
    }
}

/// Awaits `work` and fails early if the key push does.
async fn beside<T>(
    push: &mut KeyPush,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            pushed = push.wait(), if !push.is_done() => pushed?,
        }
    }
}
