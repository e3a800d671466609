//! What is known of the other side of a connection, and what its end is called.

use std::time::{Duration, Instant};

use eic_auth::TunnelError;
use tokio::sync::watch;

use crate::agent::Lent;
use crate::algorithms::{self, Agreed};
use crate::error::{Cause, Error};
use crate::flow::Flow;
use crate::forward::Registry;
use crate::handler::{End, Fate, HandlerError, end_of};
use crate::login::HostBound;
use crate::timeline::Timeline;
use crate::trust::HostKey;
use crate::x11;

/// How long a connection that takes no more may need to its end.
const EXPLANATION: Duration = Duration::from_secs(1);
/// How far an endpoint's clock may be ahead of ours when it ends a tunnel.
const TOLERANCE: Duration = Duration::from_secs(2);

/// What errors and limits need to know of the other side.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) fate: Fate,
    pub(crate) agreed: Agreed,
    pub(crate) host_bound: HostBound,
    pub(crate) lent: Lent,
    pub(crate) limit: Duration,
    /// The receive window of a channel, in bytes.
    pub(crate) window: u32,
    pub(crate) legacy: bool,
    /// How many bits an RSA key must have.
    pub(crate) least_rsa_bits: u32,
    /// When the connection was made.
    pub(crate) since: Instant,
    pub(crate) expires: Option<Instant>,
    pub(crate) timeline: Timeline,
    pub(crate) flow: Flow,
    pub(crate) forwards: Registry,
    pub(crate) x11: x11::Shown,
    /// The keys that the server says it has.
    pub(crate) announced: watch::Receiver<Vec<HostKey>>,
    /// Closed when the connection has ended.
    pub(crate) ended: watch::Receiver<()>,
}

impl Peer {
    pub(crate) fn handshake_error(&self, error: HandlerError) -> Error {
        let error = match error {
            HandlerError::HostKey(error) => return Error::HostKey(error),
            HandlerError::Ssh(russh::Error::NoCommonAlgo { kind, theirs, .. }) => {
                return algorithms::none_in_common(&self.name, &kind, &theirs);
            }
            HandlerError::Excess(excess) => return self.handshake_failed(excess.into()),
            HandlerError::Ssh(error) => error,
        };
        let closed = matches!(error, russh::Error::Disconnect | russh::Error::HUP);
        let source = match end_of(error) {
            End::Tunnel(source) => return self.tunnel_lost(source),
            End::Other(_) if closed => "the server closed the connection".into(),
            End::Other(source) => source,
        };
        self.handshake_failed(self.fate.take().map_or(source, End::into_cause))
    }

    fn handshake_failed(&self, source: Cause) -> Error {
        Error::Handshake {
            peer: self.name.clone(),
            source,
        }
    }

    /// The error for a connection found dead. It waits for its end: russh takes no more before it has told the handler why.
    pub(crate) async fn lost(&self) -> Error {
        let mut ended = self.ended.clone();
        let end = tokio::time::timeout(EXPLANATION, ended.changed());
        end.await.ok();
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

    /// What was asked of the connection, or why it is dead.
    pub(crate) async fn or_lost<T, E>(&self, asked: Result<T, E>) -> Result<T, Error> {
        match asked {
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.lost().await),
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
