//! The byte stream below a session, and the limits on a server that has not been logged in to yet.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How much a server may send before the login: versions, keys, a long banner and some refusals take 20 KiB.
const BEFORE_LOGIN: usize = 1 << 20;

/// What a stream is cut off for.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the server sent more than {} KiB before the login", BEFORE_LOGIN >> 10)]
    TooMuch,
    #[error("the host or the network took no data for {} s", patience.as_secs_f32())]
    Stuck { patience: Duration },
    #[error("the connection was given up")]
    GivenUp,
}

impl From<Cut> for io::Error {
    fn from(cut: Cut) -> Self {
        let kind = match cut {
            Cut::TooMuch => io::ErrorKind::InvalidData,
            Cut::Stuck { .. } => io::ErrorKind::TimedOut,
            Cut::GivenUp => io::ErrorKind::ConnectionAborted,
        };
        Self::new(kind, cut)
    }
}

/// The time until the login. When it is dropped before, the stream is cut off, which ends whatever task holds it.
#[derive(Default)]
pub(crate) struct Probation {
    passed: Arc<AtomicBool>,
    failed: CancellationToken,
}

impl Probation {
    /// Lifts the limits.
    pub(crate) fn pass(&self) {
        self.passed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Probation {
    fn drop(&mut self) {
        if !self.passed.load(Ordering::Relaxed) {
            self.failed.cancel();
        }
    }
}

/// A stream that a server cannot misuse: before the login it gives no more than a server needs, and a write that
/// makes no progress fails.
pub(crate) struct Wire<S> {
    stream: S,
    passed: Arc<AtomicBool>,
    given_up: Pin<Box<WaitForCancellationFutureOwned>>,
    received: usize,
    /// How long a write may wait.
    patience: Option<Duration>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    pub(crate) fn new(stream: S, probation: &Probation, patience: Option<Duration>) -> Self {
        Self {
            stream,
            passed: Arc::clone(&probation.passed),
            given_up: Box::pin(probation.failed.clone().cancelled_owned()),
            received: 0,
            patience,
            waiting: None,
        }
    }

    fn has_passed(&self) -> bool {
        self.passed.load(Ordering::Relaxed)
    }

    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.has_passed() && self.given_up.as_mut().poll(cx).is_ready() {
            return Err(Cut::GivenUp.into());
        }
        Ok(())
    }

    fn count(&mut self, received: usize) -> io::Result<()> {
        self.received = self.received.saturating_add(received);
        if !self.has_passed() && self.received > BEFORE_LOGIN {
            return Err(Cut::TooMuch.into());
        }
        Ok(())
    }

    /// What is ready passes; what waits, waits no longer than there is patience.
    fn limit<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Some(patience) = self.patience.filter(|_| written.is_pending()) else {
            self.waiting = None;
            return written;
        };
        self.poll_given_up(cx)?;
        let limit = || Box::pin(tokio::time::sleep(patience));
        ready!(self.waiting.get_or_insert_with(limit).as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(Err(Cut::Stuck { patience }.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_given_up(cx)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let received = buffer.filled().len().saturating_sub(before);
        let counted = self.count(received);
        if counted.is_err() {
            // An error comes without data: tokio's readers insist on it.
            buffer.set_filled(before);
        }
        Poll::Ready(counted)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.limit(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.limit(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        // russh forgets why a session ended where its stream cannot be shut down: one that fails has ended, too.
        self.limit(cx, shut).map(|_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const PATIENCE: Option<Duration> = Some(Duration::from_millis(50));

    #[tokio::test]
    async fn a_server_may_send_little_before_the_login_and_anything_after() {
        for passes in [false, true] {
            let (ours, mut theirs) = tokio::io::duplex(1 << 16);
            let sent = vec![0; 2 * BEFORE_LOGIN];
            tokio::spawn(async move { theirs.write_all(&sent).await });
            let probation = Probation::default();
            let mut wire = Wire::new(ours, &probation, PATIENCE);
            if passes {
                probation.pass();
            }
            let mut received = Vec::new();
            let read = wire.read_to_end(&mut received).await;
            assert_eq!(read.is_ok(), passes, "{read:?}");
            assert_eq!(received.len() == 2 * BEFORE_LOGIN, passes);
        }
    }

    #[tokio::test]
    async fn a_write_that_nobody_takes_fails() {
        let (ours, _theirs) = tokio::io::duplex(10);
        let probation = Probation::default();
        let mut wire = Wire::new(ours, &probation, PATIENCE);
        let stuck = wire.write_all(&[0; 20]).await.unwrap_err();
        assert!(stuck.to_string().contains("took no data"), "{stuck}");
    }

    #[tokio::test]
    async fn who_gives_up_ends_the_reader() {
        let (ours, _theirs) = tokio::io::duplex(10);
        let probation = Probation::default();
        let mut wire = Wire::new(ours, &probation, None);
        let reader = tokio::spawn(async move { wire.read_u8().await });
        drop(probation);
        let ended = reader.await.unwrap().unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::ConnectionAborted);
    }
}
