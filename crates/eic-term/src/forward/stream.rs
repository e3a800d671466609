//! A connection that comes out at the host's side, as a byte stream.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, duplex, split};
use tokio_util::task::AbortOnDropHandle;

use super::address::Address;
use super::listener::Halves;
use super::open::open;
use super::relay::relay;
use crate::error::Error;
use crate::session::{Session, limited};
use crate::timeline::Step;

/// How much may wait on each way, in bytes.
const BUFFER: usize = 64 << 10;

/// A connection to somewhere, made from the remote host (RFC 4254 §7.2): `ssh -W`. Dropping it closes it.
pub struct RemoteStream {
    stream: Box<dyn Stream>,
    /// What the stream ends with.
    _kept: Box<dyn Send>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl RemoteStream {
    pub(crate) fn new(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        kept: impl Send + 'static,
    ) -> Self {
        Self {
            stream: Box::new(stream),
            _kept: Box::new(kept),
        }
    }
}

impl Session {
    /// Connects to an address as seen from the remote host.
    ///
    /// # Errors
    /// [`Error::ConnectRemote`] where the host cannot or will not, [`Error::Timeout`] or [`Error::Disconnected`].
    pub async fn connect(&self, to: &Address) -> Result<RemoteStream, Error> {
        let way = limited(Step::Start, self.peer().limit, open(self, to, None)).await??;
        let (ours, theirs) = duplex(BUFFER);
        let (reader, writer) = split(theirs);
        let local = Halves::new(reader, writer);
        let to = to.clone();
        let relay = async move {
            if let Err(error) = relay(local, way).await {
                tracing::debug!(%to, %error, "a remote connection ended early");
            }
        };
        let relay = AbortOnDropHandle::new(tokio::spawn(relay));
        Ok(RemoteStream::new(ours, relay))
    }
}

impl AsyncRead for RemoteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for RemoteStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for RemoteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteStream")
    }
}
