//! How many need one connection at a time.

use std::sync::Arc;

use tokio::sync::watch;

/// How many need a connection: its channels, those about to be opened, and what waits for the server to open some.
#[derive(Clone)]
pub(crate) struct Crowd(Arc<watch::Sender<usize>>);

impl Default for Crowd {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Crowd {
    /// Returns the count, which can be waited for.
    pub(crate) fn count(&self) -> watch::Receiver<usize> {
        self.0.subscribe()
    }

    /// Counts one more, as long as the seat lives.
    pub(crate) fn enter(&self) -> Seat {
        self.0.send_modify(|count| *count += 1);
        Seat {
            watched: self.0.subscribe(),
            crowd: self.clone(),
        }
    }
}

/// One of those who need the connection.
pub(crate) struct Seat {
    crowd: Crowd,
    watched: watch::Receiver<usize>,
}

impl Seat {
    /// Returns whether nobody else needs the connection.
    pub(crate) fn is_alone(&self) -> bool {
        *self.watched.borrow() == 1
    }

    /// Waits until somebody comes or goes.
    pub(crate) async fn changed(&mut self) {
        // The sender lives as long as the seat.
        self.watched.changed().await.ok();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.0.send_modify(|count| *count -= 1);
    }
}
