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
/// Calls that were under way together are throttled together, which counts once.
const TOGETHER: Duration = Duration::from_millis(100);

/// When the next call may be made, for all who share it: at once until AWS throttles one; then with an interval that
/// grows with each throttled call and shrinks with each other.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Rhythm>);

#[derive(Debug, Default)]
struct Rhythm {
    interval: Duration,
    next: Option<Instant>,
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
            sleep_until(self.change(|rhythm| rhythm.book(Instant::now()))).await;
            match call().await {
                Err(Error::Throttled { .. }) if Instant::now() < deadline => {
                    self.change(|rhythm| rhythm.slow_down(Instant::now()));
                }
                done => {
                    self.change(Rhythm::speed_up);
                    return done;
                }
            }
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Rhythm) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rhythm {
    /// Returns when the caller's turn is.
    fn book(&mut self, now: Instant) -> Instant {
        let turn = self.next.map_or(now, |next| next.max(now));
        self.next = Some(turn + self.interval);
        turn
    }

    fn slow_down(&mut self, now: Instant) {
        if self.slowed.is_some_and(|then| now < then + TOGETHER) {
            return;
        }
        self.slowed = Some(now);
        self.interval = (self.interval * 2).clamp(FIRST, LONGEST);
        // Nobody else begins before this has had an effect.
        let later = now + self.interval;
        self.next = Some(self.next.map_or(later, |next| next.max(later)));
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
        assert_eq!((rhythm.book(now), rhythm.book(now)), (now, now));
        rhythm.slow_down(now);
        rhythm.slow_down(now);
        assert_eq!(rhythm.interval, FIRST, "together counts once");
        assert_eq!(rhythm.book(now), now + FIRST);
        assert_eq!(rhythm.book(now), now + FIRST * 2);
        for round in 1..20 {
            rhythm.slow_down(now + TOGETHER * round);
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
