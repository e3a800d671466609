//! API calls no faster than AWS takes them.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use eic_auth::Error;
use tokio::time::{Instant, sleep_until};

/// How long a call is tried again where AWS throttles it.
const LIMIT: Duration = Duration::from_secs(60);
/// The interval between calls once AWS has throttled one, and the longest.
const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);
/// What is too short to keep.
const SHORTEST: Duration = Duration::from_millis(5);

/// When the next call may be made, for all who share it: at once until AWS throttles one; then with an interval that
/// grows with each throttled call and shrinks with each other.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Those whose turn comes, in order; its holder waits for the interval.
    queue: tokio::sync::Mutex<()>,
    rhythm: Mutex<Rhythm>,
}

#[derive(Debug, Default)]
struct Rhythm {
    interval: Duration,
    last: Option<Instant>,
    slowed: Option<Instant>,
}

impl Pace {
    /// Makes a call when its turn comes, and again where AWS throttles it.
    pub(crate) async fn call<T, F>(&self, call: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let deadline = Instant::now() + LIMIT;
        loop {
            let began = self.turn().await;
            match call().await {
                Err(Error::Throttled { .. }) if Instant::now() < deadline => {
                    self.change(|rhythm| rhythm.slow_down(began, Instant::now()));
                }
                done => {
                    self.change(Rhythm::speed_up);
                    return done;
                }
            }
        }
    }

    /// Waits for the caller's turn, and returns when it came.
    async fn turn(&self) -> Instant {
        let _queue = self.queue.lock().await;
        // What is throttled meanwhile puts it off.
        while let Err(later) = self.change(|rhythm| rhythm.begin(Instant::now())) {
            sleep_until(later).await;
        }
        Instant::now()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Rhythm) -> T) -> T {
        change(&mut self.rhythm.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rhythm {
    /// # Errors
    /// The time to wait for, where it is too early.
    fn begin(&mut self, now: Instant) -> Result<(), Instant> {
        match self.last.map(|last| last + self.interval) {
            Some(turn) if now < turn => Err(turn),
            _ => {
                self.last = Some(now);
                Ok(())
            }
        }
    }

    /// Calls that were under way together are throttled together, which counts once.
    fn slow_down(&mut self, began: Instant, now: Instant) {
        if self.slowed.is_some_and(|slowed| began <= slowed) {
            return;
        }
        self.slowed = Some(now);
        self.interval = (self.interval * 2).clamp(FIRST, LONGEST);
        // Nobody else begins before this has had an effect.
        self.last = Some(now);
    }

    fn speed_up(&mut self) {
        self.interval = self.interval * 9 / 10;
        if self.interval < SHORTEST {
            self.interval = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn the_rhythm() {
        let mut rhythm = Rhythm::default();
        let now = Instant::now();
        assert_eq!((rhythm.begin(now), rhythm.begin(now)), (Ok(()), Ok(())));
        rhythm.slow_down(now, now);
        rhythm.slow_down(now, now + FIRST);
        assert_eq!(rhythm.interval, FIRST, "together counts once");
        assert_eq!(rhythm.begin(now), Err(now + FIRST));
        assert_eq!(rhythm.begin(now + FIRST), Ok(()));
        assert_eq!(rhythm.begin(now + FIRST), Err(now + FIRST * 2));
        for round in 1..20 {
            let then = now + LONGEST * round;
            rhythm.slow_down(then, then);
        }
        assert_eq!(rhythm.interval, LONGEST);
        for _ in 0..60 {
            rhythm.speed_up();
        }
        assert_eq!(rhythm.interval, Duration::ZERO);
    }

    #[tokio::test]
    async fn throttled_calls_are_made_again_and_others_are_not() {
        let pace = Pace::default();
        let calls = AtomicU32::new(0);
        let answer = pace.call(async || match calls.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(Error::Throttled {
                operation: "SendSSHPublicKey",
                code: String::new(),
                message: String::new(),
                request_id: None,
            }),
            _ => Err::<(), _>(Error::NoRegion),
        });
        assert!(matches!(answer.await, Err(Error::NoRegion)));
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }
}
