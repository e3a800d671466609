//! No faster than is wanted.

use std::time::{Duration, Instant};

/// Keeps to a rate.
pub(super) struct Pace {
    /// In bytes a second.
    rate: Option<u64>,
    began: Instant,
    done: u64,
}

impl Pace {
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self {
            rate,
            began: Instant::now(),
            done: 0,
        }
    }

    /// So many bytes more: waits until their time has come.
    pub(super) async fn keep(&mut self, bytes: u64) {
        self.done = self.done.saturating_add(bytes);
        if let Some(rate) = self.rate {
            let due = self.began + due(self.done, rate);
            tokio::time::sleep_until(due.into()).await;
        }
    }
}

/// How long so many bytes take.
fn due(bytes: u64, rate: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1000) / rate.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(due(500, 1000), Duration::from_millis(500));
        assert_eq!(due(1, 0), Duration::from_secs(1));
    }
}
