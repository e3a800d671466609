//! Carrying TCP acknowledgements to a server that waits for them.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::session::Session;

/// How long we are silent before a packet of ours carries the acknowledgement of theirs.
pub(crate) const NUDGE: Duration = Duration::from_millis(3);

/// When a connection was nudged last.
#[derive(Default)]
pub(crate) struct Nudges(Mutex<Option<Instant>>);

impl Nudges {
    /// Sends a packet that means nothing. sshd has no TCP_NODELAY before a session starts: the second of two small
    /// packets waits for the acknowledgement of the first, which our kernel delays by 40 ms unless it has
    /// something to carry it.
    pub(crate) fn nudge(&self, session: &Session) {
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now < last + NUDGE) {
            return;
        }
        *last = Some(now);
        // Once only: where the queue is full, much is about to be sent. Waiting for it could be for ever.
        let nudge = pin!(session.send_nothing());
        let _ = nudge.poll(&mut Context::from_waker(Waker::noop()));
    }
}
