//! A limit on how fast bytes pass.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Lets so many bytes pass in a second.
pub(super) struct Rate {
    per_second: u64,
    /// When the next byte may pass.
    next: Mutex<Instant>,
}

impl Rate {
    pub(super) fn new(per_second: u64) -> Self {
        Self {
            per_second: per_second.max(1),
            next: Mutex::new(Instant::now()),
        }
    }

    /// A block's size at which the rate is felt as steady.
    pub(super) fn block(&self) -> u32 {
        u32::try_from(self.per_second / 8)
            .unwrap_or(u32::MAX)
            .max(512)
    }

    /// Waits for the turn of so many bytes.
    pub(super) async fn pass(&self, bytes: u32) {
        let turn = {
            let mut next = self.next.lock().await;
            let turn = (*next).max(Instant::now());
            *next = turn + cost(bytes, self.per_second);
            turn
        };
        sleep_until(turn).await;
    }
}

fn cost(bytes: u32, per_second: u64) -> Duration {
    Duration::from_secs_f64(f64::from(bytes) / per_second as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_take_their_time() {
        let rate = Rate::new(100_000);
        let start = Instant::now();
        for _ in 0..3 {
            rate.pass(10_000).await;
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(190), "{took:?}");
        assert_eq!((rate.block(), Rate::new(0).block()), (12_500, 512));
    }
}
