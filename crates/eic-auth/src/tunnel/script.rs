//! A server that says what it is told, in parts of a given size, for tests and fuzzing.

use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that never waits: it gives its bytes, then the end, and takes whatever is written.
pub(super) struct Script<'a> {
    rest: &'a [u8],
    /// The most bytes that one read gets.
    part: usize,
    /// How many bytes have been read.
    pub(super) read: usize,
}

impl<'a> Script<'a> {
    pub(super) fn new(bytes: &'a [u8], part: usize) -> Self {
        Self {
            rest: bytes,
            part: part.max(1),
            read: 0,
        }
    }

    /// What has not been read.
    #[cfg(test)]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl AsyncRead for Script<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let most = self.part.min(buffer.remaining()).min(self.rest.len());
        let (part, rest) = self.rest.split_at(most);
        buffer.put_slice(part);
        self.rest = rest;
        self.read += most;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}
