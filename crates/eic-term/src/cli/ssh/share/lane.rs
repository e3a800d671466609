//! A byte stream over a connection that another process holds.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use eic_term::share::Shared;
use eic_term::{Address, Child, ChildOutput, ChildStdin, Error};
use tokio::io::{AsyncRead, AsyncWrite, Join, ReadBuf, join};

/// A connection made from the host. Dropping it closes it.
pub(in crate::cli::ssh) struct Lane {
    stream: Join<ChildOutput, ChildStdin>,
    _child: Child,
}

impl Lane {
    /// Connects; `None` where there is nothing to read or write.
    pub(in crate::cli::ssh) async fn open(
        shared: &Shared,
        to: &Address,
    ) -> Result<Option<Self>, Error> {
        let mut child = shared.connect(to).await?;
        let (from, to) = (child.stdout.take(), child.stdin.take());
        Ok(from.zip(to).map(|(from, to)| Self {
            stream: join(from, to),
            _child: child,
        }))
    }
}

impl AsyncRead for Lane {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lane {
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
