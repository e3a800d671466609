//! A SOCKS proxy on the host whose connections come out here (`ssh -R PORT`).

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncWriteExt, DuplexStream, copy_bidirectional_with_sizes, duplex, join, split};
use tokio::time::timeout;

use super::address::Address;
use super::dynamic::{PATIENCE, ask};
use super::listener::{Halves, connect};
use super::open::Way;
use super::registry::Incoming;
use super::relay::relay;
use super::socks;
use crate::error::Error;
use crate::session::Session;

/// How much may wait on each way, in bytes.
const BUFFER: usize = 64 << 10;

/// Where clients on the host may go.
#[derive(Clone)]
pub(crate) struct RemoteProxy(Arc<dyn Fn(&Address) -> bool + Send + Sync>);

impl RemoteProxy {
    pub(crate) fn new(may_connect: impl Fn(&Address) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(may_connect))
    }

    /// Serves one client, to its end.
    pub(crate) async fn forward(self, incoming: Incoming, session: Session) -> Result<(), Error> {
        incoming.reply.accept().await;
        let way = Way::new(incoming.channel, session);
        let (ours, theirs) = duplex(BUFFER);
        let (reader, writer) = split(theirs);
        let (relayed, served) =
            tokio::join!(relay(Halves::new(reader, writer), way), self.serve(ours));
        if let Err(error) = relayed {
            tracing::debug!(%error, "a forwarded connection ended early");
        }
        served
    }

    async fn serve(self, mut client: DuplexStream) -> Result<(), Error> {
        let asked = {
            let (mut reader, mut writer) = split(&mut client);
            timeout(PATIENCE, ask(&mut reader, &mut writer)).await
        };
        let (version, to, rest) = match asked {
            Ok(Ok(asked)) => asked,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a SOCKS client on the host was not understood");
                return Ok(());
            }
            Err(_) => return Ok(()),
        };
        let connected = match (self.0)(&to) {
            true => connect(&to).await,
            false => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it may not be connected to",
            )),
        };
        let answer = socks::answer(version, connected.is_ok());
        let answered = client.write_all(answer).await;
        let mut local = connected.map_err(|source| Error::ConnectLocal {
            address: to.clone(),
            source,
        })?;
        let joined = async {
            answered?;
            local.writer.write_all(&rest).await?;
            let mut local = join(local.reader, local.writer);
            copy_bidirectional_with_sizes(&mut client, &mut local, BUFFER, BUFFER).await
        };
        if let Err(error) = joined.await {
            tracing::debug!(%to, %error, "a forwarded connection ended early");
        }
        Ok(())
    }
}
