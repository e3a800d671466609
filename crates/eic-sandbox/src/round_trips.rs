use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the round trips that a client made one after another, over all its connections.
///
/// It is a Lamport clock. Bytes from the client carry the depth of whatever had reached the
/// client when it sent them; the server's bytes after them are one deeper; they reach the
/// client half a round-trip time later. Two connections used side by side thus count once,
/// and two used in turn twice. A TCP handshake counts as the one round trip that it is.
///
/// With a round-trip time that is long beside the client's own work, all bursts are in
/// lockstep and the count is exact; without one it is a lower bound, as a later burst can
/// overtake an earlier answer.
#[derive(Debug, Default)]
pub(crate) struct RoundTrips {
    delivered: AtomicU64,
    /// Which count this is; a connection from before a reset starts anew.
    epoch: AtomicU64,
}

impl RoundTrips {
    /// The depth of the deepest bytes that have reached the client.
    pub(crate) fn count(&self) -> u64 {
        self.delivered.load(Ordering::SeqCst)
    }

    /// Starts again from zero.
    pub(crate) fn reset(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.delivered.store(0, Ordering::SeqCst);
    }

    fn deliver(&self, epoch: u64, depth: u64) {
        if epoch == self.epoch.load(Ordering::SeqCst) {
            self.delivered.fetch_max(depth, Ordering::SeqCst);
        }
    }
}

/// A depth, and the count that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Depth {
    epoch: u64,
    depth: u64,
}

/// One connection's share in the count.
#[derive(Debug)]
pub(crate) struct Trace<'a> {
    trips: &'a RoundTrips,
    /// The depth at which the client knows the connection to be open.
    opened: Depth,
    /// The depth of the deepest client bytes that the server has seen.
    seen: std::sync::Mutex<Depth>,
}

impl<'a> Trace<'a> {
    /// Begins with the client's SYN, which carries what had reached the client by now.
    pub(crate) fn open(trips: &'a RoundTrips) -> Self {
        let now = Depth::now(trips);
        let opened = Depth {
            depth: now.depth + 1,
            ..now
        };
        Self {
            trips,
            opened,
            seen: std::sync::Mutex::new(opened),
        }
    }

    /// Notes that the SYN-ACK has reached the client.
    pub(crate) fn opened(&self) {
        self.trips.deliver(self.opened.epoch, self.opened.depth);
    }

    /// The depth of bytes that the client sends now.
    pub(crate) fn client_sends(&self) -> Depth {
        Depth::now(self.trips).max(self.opened)
    }

    /// Notes that the client's bytes have reached the server.
    pub(crate) fn server_sees(&self, depth: Depth) {
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *seen = depth.max(*seen);
    }

    /// The depth of bytes that the server sends now.
    pub(crate) fn server_sends(&self) -> Depth {
        let seen = *self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Depth {
            depth: seen.depth + 1,
            ..seen
        }
    }

    /// Notes that the server's bytes have reached the client.
    pub(crate) fn client_sees(&self, depth: Depth) {
        self.trips.deliver(depth.epoch, depth.depth);
    }
}

impl Depth {
    fn now(trips: &RoundTrips) -> Self {
        let epoch = trips.epoch.load(Ordering::SeqCst);
        Self {
            epoch,
            depth: trips.count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(trace: &Trace<'_>) {
        trace.server_sees(trace.client_sends());
        trace.client_sees(trace.server_sends());
    }

    #[test]
    fn one_connection_counts_its_handshake_and_each_exchange() {
        let trips = RoundTrips::default();
        let trace = Trace::open(&trips);
        trace.opened();
        assert_eq!(trips.count(), 1);
        round_trip(&trace);
        round_trip(&trace);
        assert_eq!(trips.count(), 3);
    }

    #[test]
    fn side_by_side_counts_once_and_in_turn_twice() {
        let trips = RoundTrips::default();
        let (a, b) = (Trace::open(&trips), Trace::open(&trips));
        a.opened();
        b.opened();
        let (from_a, from_b) = (a.client_sends(), b.client_sends());
        a.server_sees(from_a);
        b.server_sees(from_b);
        a.client_sees(a.server_sends());
        b.client_sees(b.server_sends());
        assert_eq!(trips.count(), 2);
        round_trip(&a);
        round_trip(&b);
        assert_eq!(trips.count(), 4);
    }

    #[test]
    fn a_burst_is_one_trip() {
        let trips = RoundTrips::default();
        let trace = Trace::open(&trips);
        trace.opened();
        let (first, second) = (trace.client_sends(), trace.client_sends());
        trace.server_sees(first);
        let answer = trace.server_sends();
        trace.server_sees(second);
        trace.client_sees(answer);
        trace.client_sees(trace.server_sends());
        assert_eq!(trips.count(), 2);
    }

    #[test]
    fn a_connection_from_before_a_reset_does_not_count_into_the_next() {
        let trips = RoundTrips::default();
        let trace = Trace::open(&trips);
        let late = trace.server_sends();
        trips.reset();
        trace.client_sees(late);
        assert_eq!(trips.count(), 0);
        round_trip(&trace);
        assert_eq!(trips.count(), 1);
    }
}
