//! The short way from a packet to a terminal: what it takes at once is shown before the channel's own task is woken.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use russh::ChannelId;
use tokio::io::AsyncWrite;

/// What takes one stream of output.
pub(crate) type Outlet = Box<dyn AsyncWrite + Send + Sync + Unpin>;

/// An outlet with two writers: the session's task, which sees every packet, and the channel's pump, to which all that
/// the outlet does not take at once is left. The bytes keep their order.
#[derive(Clone)]
pub(crate) struct Lane(Arc<Mutex<State>>);

/// Counts bytes from the channel's first.
struct State {
    outlet: Option<Outlet>,
    /// How many the session's task has seen.
    seen: u64,
    /// How many the pump has received.
    received: u64,
    /// How many are written, or are the pump's to write.
    claimed: u64,
    /// How many of those the pump has still to write.
    unwritten: u64,
}

impl Lane {
    pub(crate) fn new(outlet: Outlet) -> Self {
        Self(Arc::new(Mutex::new(State {
            outlet: Some(outlet),
            seen: 0,
            received: 0,
            claimed: 0,
            unwritten: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nothing more through.
    pub(crate) fn close(&self) {
        self.state().outlet = None;
    }

    /// Takes out of what the pump has received what is written already.
    pub(crate) fn receive(&self, bytes: &mut Bytes) {
        let mut state = self.state();
        let written = state.claimed.saturating_sub(state.received);
        state.received += bytes.len() as u64;
        bytes.advance(usize::try_from(written).map_or(bytes.len(), |many| many.min(bytes.len())));
        state.claimed = state.claimed.max(state.received);
        state.unwritten += bytes.len() as u64;
    }
}

impl State {
    /// Writes what the outlet takes at once, unless the pump is first.
    fn offer(&mut self, bytes: &[u8]) {
        let first = self.seen;
        self.seen += bytes.len() as u64;
        if self.claimed != first || self.unwritten > 0 {
            return;
        }
        // What waits is the pump's, which then asks to be woken itself.
        let mut cx = Context::from_waker(Waker::noop());
        if let Some(outlet) = &mut self.outlet
            && let Poll::Ready(Ok(count)) = Pin::new(outlet).poll_write(&mut cx, bytes)
        {
            self.claimed += count as u64;
        }
    }
}

/// The pump's side.
impl AsyncWrite for Lane {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        let Some(outlet) = &mut state.outlet else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let written = Pin::new(outlet).poll_write(cx, bytes);
        match &written {
            Poll::Ready(Ok(count)) => {
                state.unwritten = state.unwritten.saturating_sub(*count as u64);
            }
            Poll::Ready(Err(_)) => state.outlet = None,
            Poll::Pending => {}
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state().outlet {
            Some(outlet) => Pin::new(outlet).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// The lanes of one connection's channels.
#[derive(Clone, Default)]
pub(crate) struct Lanes(Arc<Mutex<Vec<Entry>>>);

type Entry = (ChannelId, Weak<Mutex<State>>);

impl Lanes {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a channel's lane, before its first byte; it ends with the last of its clones.
    pub(crate) fn open(&self, channel: ChannelId, outlet: Outlet) -> Lane {
        let lane = Lane::new(outlet);
        let mut entries = self.entries();
        entries.retain(|(_, lane)| lane.strong_count() > 0);
        entries.push((channel, Arc::downgrade(&lane.0)));
        lane
    }

    /// Shows what a channel's lane takes at once.
    pub(crate) fn offer(&self, channel: ChannelId, bytes: &[u8]) {
        let entries = self.entries();
        let lane = entries.iter().find(|(id, _)| *id == channel);
        if let Some(lane) = lane.and_then(|(_, lane)| lane.upgrade()) {
            Lane(lane).state().offer(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    /// A lane whose outlet takes so many bytes at first, and its other end.
    fn lane(room: usize) -> (Lane, DuplexStream) {
        let (outlet, shown) = tokio::io::duplex(room);
        (Lane::new(Box::new(outlet)), shown)
    }

    fn received(lane: &Lane, bytes: &'static [u8]) -> Bytes {
        let mut bytes = Bytes::from_static(bytes);
        lane.receive(&mut bytes);
        bytes
    }

    #[tokio::test]
    async fn what_is_shown_at_once_is_not_shown_again() {
        let (lane, mut shown) = lane(10);
        lane.state().offer(b"abc");
        lane.state().offer(b"def");
        assert_eq!(received(&lane, b"abc"), "");
        assert_eq!(received(&lane, b"def"), "");
        let mut all = [0; 6];
        shown.read_exact(&mut all).await.unwrap();
        assert_eq!(&all, b"abcdef");
    }

    #[tokio::test]
    async fn what_the_outlet_does_not_take_is_the_pumps_and_nothing_overtakes_it() {
        let (mut lane, mut shown) = lane(2);
        lane.state().offer(b"abc");
        let rest = received(&lane, b"abc");
        assert_eq!(rest, "c");
        let mut all = [0; 4];
        shown.read_exact(&mut all[..2]).await.unwrap();
        lane.state().offer(b"d");
        lane.write_all(&rest).await.unwrap();
        assert_eq!(received(&lane, b"d"), "d");
        lane.write_all(b"d").await.unwrap();
        shown.read_exact(&mut all[2..]).await.unwrap();
        assert_eq!(&all, b"abcd");
        lane.state().offer(b"e");
        assert_eq!(received(&lane, b"e"), "");
    }

    #[tokio::test]
    async fn a_pump_that_is_first_has_the_packet_to_itself() {
        let (mut lane, mut shown) = lane(10);
        assert_eq!(received(&lane, b"ab"), "ab");
        lane.state().offer(b"ab");
        lane.write_all(b"ab").await.unwrap();
        lane.state().offer(b"c");
        assert_eq!(received(&lane, b"c"), "");
        drop(lane);
        let mut all = Vec::new();
        shown.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"abc");
    }

    #[tokio::test]
    async fn nothing_is_shown_once_it_is_closed() {
        let (mut lane, mut shown) = lane(10);
        lane.close();
        lane.state().offer(b"a");
        assert_eq!(received(&lane, b"a"), "a");
        assert!(lane.write_all(b"a").await.is_err());
        assert_eq!(shown.read(&mut [0]).await.unwrap(), 0);
    }
}
