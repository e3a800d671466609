//! What the server was asked to forward: only that may come back (RFC 4254 §7.2).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::Channel;
use russh::client::{ChannelOpenHandle, Msg};
use tokio::sync::mpsc;

use super::address::Address;
use crate::session::WeakSession;

/// A connection that came on the host. Dropping it refuses it.
pub(crate) struct Incoming {
    pub(crate) channel: Channel<Msg>,
    pub(crate) reply: ChannelOpenHandle,
    /// Who came, in the server's words.
    pub(crate) from: Option<Address>,
}

impl Incoming {
    pub(crate) fn new(
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        from: Option<Address>,
    ) -> Self {
        Self {
            channel,
            reply,
            from,
        }
    }
}

/// Where a forward hears of its connections, and on which session they came.
pub(crate) type Queue = mpsc::Sender<(Incoming, WeakSession)>;

/// The forwards that were asked for on one connection.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<Shared>);

#[derive(Default)]
struct Shared {
    entries: Mutex<Vec<Entry>>,
    last_id: AtomicU64,
}

struct Entry {
    id: u64,
    /// Where the server listens; port 0 until it has said which it chose.
    at: Address,
    queue: Queue,
    session: WeakSession,
}

/// One entry, as long as it lives.
pub(crate) struct Registration {
    registry: Registry,
    id: u64,
}

impl Registry {
    /// Enters a forward. This must be done before the server is asked: its first connection may follow its answer
    /// at once.
    pub(crate) fn enter(&self, at: Address, queue: Queue, session: WeakSession) -> Registration {
        let id = self.0.last_id.fetch_add(1, Ordering::Relaxed);
        self.entries().push(Entry {
            id,
            at,
            queue,
            session,
        });
        Registration {
            registry: self.clone(),
            id,
        }
    }

    /// Hands a connection to the forward that asked for it, or drops it; returns whether somebody had asked.
    pub(crate) fn deliver(&self, at: &Address, incoming: Incoming) -> bool {
        let entries = self.entries();
        let known: Vec<_> = entries.iter().map(|entry| &entry.at).collect();
        match find(&known, at).and_then(|index| entries.get(index)) {
            Some(entry) => {
                let sent = entry.queue.try_send((incoming, entry.session.clone()));
                if sent.is_err() {
                    tracing::debug!(%at, "too many connections wait: one is refused");
                }
                true
            }
            None => {
                tracing::warn!(%at, "the server forwards what nobody asked for: refused");
                false
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// Notes which port the server chose.
    pub(crate) fn set_port(&self, port: u16) {
        let mut entries = self.registry.entries();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.id == self.id) {
            entry.at = entry.at.with_port(port);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.entries().retain(|entry| entry.id != self.id);
    }
}

/// Which forward a connection belongs to. Servers may name the host in their own way, so the port decides where
/// that leaves no doubt; a forward whose port is not known yet takes what no other does.
fn find(known: &[&Address], at: &Address) -> Option<usize> {
    let exact = known.iter().position(|one| *one == at);
    exact.or_else(|| {
        at.port()?;
        only(known, |one| one.port() == at.port())
            .or_else(|| only(known, |one| one.port() == Some(0)))
    })
}

fn only(known: &[&Address], is: impl Fn(&Address) -> bool) -> Option<usize> {
    let mut found = known.iter().enumerate().filter(|(_, one)| is(one));
    let (first, second) = (found.next(), found.next());
    first.filter(|_| second.is_none()).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_taken() {
        let tcp = Address::tcp;
        let known = [
            tcp("localhost", 80),
            tcp("", 443),
            tcp("127.0.0.1", 443),
            Address::unix("/a"),
        ];
        let known: Vec<_> = known.iter().collect();
        for (at, expected) in [
            (tcp("localhost", 80), Some(0)),
            (tcp("127.0.0.1", 80), Some(0)),
            (tcp("127.0.0.1", 443), Some(2)),
            (tcp("::1", 443), None),
            (tcp("localhost", 81), None),
            (Address::unix("/a"), Some(3)),
            (Address::unix("/b"), None),
        ] {
            assert_eq!(find(&known, &at), expected, "{at}");
        }
        let open = tcp("localhost", 0);
        assert_eq!(find(&[&open], &tcp("localhost", 4711)), Some(0));
        assert_eq!(find(&[&open, &open], &tcp("localhost", 4711)), None);
        assert_eq!(find(&[&open], &Address::unix("/a")), None);
    }
}
