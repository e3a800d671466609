//! The keys that a host shows, whether they are believed or not.

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use crate::connect::Connector;
use crate::connection::SessionBuilder;
use crate::destination::Destination;
use crate::error::Error;
use crate::trust::{HostKey, HostKeyError, HostKeyPolicy};

/// The kinds of keys that hosts have; a server shows one a connection.
const KINDS: [Algorithm; 3] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
];

impl SessionBuilder {
    /// Returns the key of one kind that the server shows and proves to hold, and goes no further; `None` where it has
    /// none of that kind.
    async fn host_key<S>(self, stream: S, kind: Algorithm) -> Result<Option<HostKey>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match self.only(kind).handshake(stream).await {
            Err(Error::HostKey(HostKeyError::Unknown { presented, .. })) => Ok(Some(*presented)),
            Err(Error::Algorithms {
                kind: "host key", ..
            }) => Ok(None),
            Err(error) => Err(error),
            Ok(_) => Ok(None),
        }
    }
}

impl Connector {
    /// Asks a host for its keys, one connection each, all at once; nobody logs in, and none is believed.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Handshake`], [`Error::Timeout`], or the tunnel's.
    pub async fn host_keys(&self, destination: &Destination) -> Result<Vec<HostKey>, Error> {
        let mut asked = JoinSet::new();
        for kind in KINDS {
            let (connector, destination) = (self.clone(), destination.clone());
            asked.spawn(async move {
                let stream = connector.open_stream(&destination).await?;
                let nobody = HostKeyPolicy::Known(Vec::new());
                SessionBuilder::new(destination.id.as_str(), nobody)
                    .limit(connector.options.limit)
                    .legacy(connector.options.legacy)
                    .host_key(stream, kind)
                    .await
            });
        }
        let mut keys = Vec::new();
        for answer in asked.join_all().await {
            keys.extend(answer?);
        }
        keys.sort_by_key(HostKey::algorithm);
        Ok(keys)
    }
}
