//! The only russh handler: checks the host key, refuses what nobody asked for, keeps the real cause of a disconnect.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use eic_auth::TunnelError;
use russh::client::{self, ChannelOpenHandle};
use russh::client::{DisconnectReason, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelId, ChannelOpenFailure, Names};
use tokio::sync::watch;

use crate::agent::Lent;
use crate::algorithms::{Agreed, Algorithms};
use crate::error::Cause;
use crate::flow::Lanes;
use crate::forward::{Address, Incoming, Registry};
use crate::login::HostBound;
use crate::quota::{Excess, Quota};
use crate::trust::{HostKey, HostKeyError, HostKeyPolicy, Shown, Witnesses};
use crate::x11;

/// How many host keys a server may announce.
const MOST_KEYS: usize = 64;

/// Receives the text that a server sends before the login (RFC 4252 §5.4); it is untrusted.
pub(crate) type OnBanner = Arc<dyn Fn(&str) + Send + Sync>;

/// What ended a connection.
#[derive(Debug)]
pub(crate) enum End {
    /// The endpoint's tunnel below it.
    Tunnel(TunnelError),
    /// Anything else.
    Other(Cause),
}

impl End {
    pub(crate) fn into_cause(self) -> Cause {
        match self {
            Self::Tunnel(error) => Box::new(error),
            Self::Other(cause) => cause,
        }
    }
}

/// Takes a tunnel's own error out of the layers around it.
pub(crate) fn end_of(error: russh::Error) -> End {
    match error {
        russh::Error::IO(error) => match error.downcast::<TunnelError>() {
            Ok(tunnel) => End::Tunnel(tunnel),
            Err(error) => End::Other(Box::new(error)),
        },
        error => End::Other(Box::new(Said::of(&error))),
    }
}

/// A protocol's error in words that are safe to show: some of russh's quote what the server sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

impl Said {
    fn of(error: &russh::Error) -> Self {
        let words = match error {
            russh::Error::Version => "what answers there speaks no SSH 2".to_owned(),
            russh::Error::PacketAuth | russh::Error::DecryptionError => {
                "a packet was damaged on the way: message authentication code incorrect".to_owned()
            }
            other => other.to_string(),
        };
        Self(crate::visible_line(&words))
    }
}

/// Why a connection ended, kept for whoever asks first.
#[derive(Clone, Default)]
pub(crate) struct Fate(Arc<Mutex<Option<End>>>);

impl Fate {
    pub(crate) fn take(&self) -> Option<End> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, end: End) {
        let mut fate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fate.get_or_insert(end);
    }
}

/// The server's own words on why it disconnects (RFC 4253 §11.1).
#[derive(Debug)]
struct ServerDisconnect {
    reason: String,
    message: String,
}

impl fmt::Display for ServerDisconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server disconnected ({}): ", self.reason)?;
        write!(f, "{}", crate::visible_line(&self.message))
    }
}

impl std::error::Error for ServerDisconnect {}

/// The end of a connection whose other side has fallen silent.
#[derive(Debug, thiserror::Error)]
#[error("Timeout, server not responding: no sign of life for {} s", patience.as_secs())]
struct Silence {
    patience: Duration,
}

/// What stops the session's task.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandlerError {
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
    #[error(transparent)]
    Excess(#[from] Excess),
    #[error(transparent)]
    Ssh(#[from] russh::Error),
}

pub(crate) struct Handler {
    /// Told the keys that the server says it has.
    pub(crate) announcer: watch::Sender<Vec<HostKey>>,
    pub(crate) peer: String,
    pub(crate) policy: HostKeyPolicy,
    pub(crate) witnesses: Witnesses,
    /// How many bits an RSA key must have.
    pub(crate) least_rsa_bits: u32,
    pub(crate) fate: Fate,
    pub(crate) agreed: Agreed,
    /// Learnt at the exchange of keys; `None` where it is not wanted.
    pub(crate) host_bound: Option<HostBound>,
    /// The ssh-agent that the server may use.
    pub(crate) lent: Lent,
    /// How long the server may be silent.
    pub(crate) patience: Duration,
    pub(crate) on_banner: Option<OnBanner>,
    /// What the server had of what nobody asked for.
    pub(crate) quota: Quota,
    /// What the server was asked to forward.
    pub(crate) forwards: Registry,
    /// The X server that the host may use.
    pub(crate) x11: x11::Shown,
    /// The short way of what is shown.
    pub(crate) lanes: Lanes,
    /// Dropped with the handler, when the connection has ended.
    pub(crate) _alive: watch::Sender<()>,
}

impl client::Handler for Handler {
    type Error = HandlerError;

    async fn check_server_key(
        &mut self,
        presented: &PublicKeyOrCertificate,
    ) -> Result<bool, HandlerError> {
        let shown = Shown::from(presented);
        shown.key.check_length(&self.peer, self.least_rsa_bits)?;
        let believed = self.policy.verify(&self.peer, &mut self.witnesses, &shown);
        believed.await?;
        Ok(true)
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        names: &Names,
        session: &mut Session,
    ) -> Result<(), HandlerError> {
        tracing::info!("SSH2_MSG_NEWKEYS sent");
        if let Some(host_bound) = &self.host_bound {
            host_bound.learn(session.remote_sshid());
        }
        self.agreed.set(Algorithms::new(names));
        Ok(self.quota.keys(Instant::now())?)
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), HandlerError> {
        self.quota.banner(banner)?;
        if let Some(on_banner) = &self.on_banner {
            on_banner(banner);
        }
        Ok(())
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        self.lanes.offer(channel, data);
        Ok(())
    }

    // OpenSSH's PROTOCOL §2.5. They are believed when they are proved, no sooner.
    async fn openssh_ext_host_keys_announced(
        &mut self,
        keys: Vec<PublicKey>,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        let keys = keys.into_iter().take(MOST_KEYS).map(HostKey::new);
        let good = |key: &HostKey| key.check_length(&self.peer, self.least_rsa_bits).is_ok();
        self.announcer.send_replace(keys.filter(good).collect());
        Ok(())
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<HandlerError>,
    ) -> Result<(), HandlerError> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.fate.set(End::Other(Box::new(ServerDisconnect {
                    reason: format!("{:?}", info.reason_code),
                    message: info.message,
                })));
            }
            // russh's word for an end that we asked for, or that came with nothing to say.
            DisconnectReason::Error(HandlerError::Ssh(russh::Error::Disconnect)) => {}
            DisconnectReason::Error(HandlerError::Ssh(russh::Error::KeepaliveTimeout)) => {
                let patience = self.patience;
                self.fate.set(End::Other(Box::new(Silence { patience })));
            }
            DisconnectReason::Error(HandlerError::Ssh(error)) => self.fate.set(end_of(error)),
            DisconnectReason::Error(error) => self.fate.set(End::Other(Box::new(error))),
        }
        Ok(())
    }

    // RFC 4254 §7.2 and OpenSSH's PROTOCOL: a client refuses channels for forwards that it did not
    // request. Dropping `reply` refuses.
    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<client::Msg>,
        host: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        let (Ok(port), Ok(from_port)) = (port.try_into(), from_port.try_into()) else {
            return Ok(self.quota.channel()?);
        };
        let from = Some(Address::tcp(from, from_port));
        let incoming = Incoming::new(channel, reply, from);
        match self.forwards.deliver(&Address::tcp(host, port), incoming) {
            true => Ok(()),
            false => Ok(self.quota.channel()?),
        }
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        channel: Channel<client::Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        let incoming = Incoming::new(channel, reply, None);
        match self.forwards.deliver(&Address::unix(path), incoming) {
            true => Ok(()),
            false => Ok(self.quota.channel()?),
        }
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        channel: Channel<client::Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        match self.lent.serve(channel, reply) {
            true => Ok(()),
            false => Ok(self.quota.channel()?),
        }
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<client::Msg>,
        _reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        Ok(self.quota.channel()?)
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        Ok(self.quota.channel()?)
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        _reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        Ok(self.quota.channel()?)
    }

    async fn server_channel_open_x11(
        &mut self,
        channel: Channel<client::Msg>,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        let from_port = from_port.try_into().unwrap_or_default();
        let from = Some(Address::tcp(from, from_port));
        match self.x11.serve(Incoming::new(channel, reply, from)) {
            true => Ok(()),
            false => Ok(self.quota.channel()?),
        }
    }

    // Any type is let in as far as to `server_channel_open_unknown`, which can refuse it in one word and count it.
    async fn should_accept_unknown_server_channel(&mut self, _: ChannelId, _: &str) -> bool {
        true
    }

    async fn server_channel_open_unknown(
        &mut self,
        _: Channel<client::Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandlerError> {
        reply.reject(ChannelOpenFailure::UnknownChannelType).await;
        Ok(self.quota.channel()?)
    }
}
