//! How long a process holds a connection: a pure function of who uses it.

use std::time::Duration;

use eic_term::ssh_config::{ControlPersist, ResolvedOptions};
use tokio::time::Instant;

/// How long the process that this one was started for may take to come.
const ARRIVAL: Duration = Duration::from_secs(10);
/// When to look again where nothing ends the process.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a connection lasts that nobody uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persistence {
    /// No longer than its first session.
    None,
    For(Duration),
    Forever,
}

impl Persistence {
    pub(super) fn of(options: &ResolvedOptions) -> Self {
        match options.control_persist {
            ControlPersist::No => Self::None,
            ControlPersist::Forever => Self::Forever,
            ControlPersist::Seconds(seconds) => Self::For(Duration::from_secs(seconds.into())),
        }
    }
}

/// What decides how long the process stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stay {
    /// Whether what the connection was made for goes on.
    pub(super) works: bool,
    /// Whether that is nothing but to hold it open.
    pub(super) idles: bool,
    /// Whether no more may come.
    pub(super) stopped: bool,
    pub(super) persistence: Persistence,
    /// Since when nobody uses it.
    pub(super) idle_since: Option<Instant>,
    /// Whether the process that this one was started for has yet to come.
    pub(super) expects: bool,
}

impl Stay {
    /// When it ends, if nothing happens, while so many are being served; `None` where that is now.
    pub(super) fn until(&mut self, served: usize, now: Instant) -> Option<Instant> {
        let works = self.works && !(self.stopped && self.idles);
        self.expects &= served == 0;
        if works || served > 0 {
            self.idle_since = None;
            return Some(now + LONG);
        }
        let since = *self.idle_since.get_or_insert(now);
        let idle = match self.persistence {
            _ if self.stopped => Duration::ZERO,
            Persistence::None => Duration::ZERO,
            Persistence::For(idle) => idle,
            Persistence::Forever => return Some(now + LONG),
        };
        let least = if self.expects {
            ARRIVAL
        } else {
            Duration::ZERO
        };
        let until = since + idle.max(least);
        (until > now).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_stays() {
        const MINUTE: Duration = Duration::from_secs(60);
        let now = Instant::now();
        let stay = |works, idles, stopped, persistence, expects| Stay {
            works,
            idles,
            stopped,
            persistence,
            idle_since: Some(now),
            expects,
        };
        let for_a_minute = Persistence::For(MINUTE);
        use Persistence::{Forever, None};
        for (mut stay, served, lasts) in [
            // A command, and then its guests.
            (stay(true, false, false, None, false), 0, Some(LONG)),
            (stay(false, false, false, None, false), 1, Some(LONG)),
            (stay(false, false, false, None, false), 0, Option::None),
            // -N, until it is asked to stop and the last guest has gone.
            (stay(true, true, false, None, false), 0, Some(LONG)),
            (stay(true, true, true, None, false), 1, Some(LONG)),
            (stay(true, true, true, None, false), 0, Option::None),
            (stay(true, false, true, None, false), 0, Some(LONG)),
            // ControlPersist.
            (
                stay(false, false, false, for_a_minute, false),
                1,
                Some(LONG),
            ),
            (
                stay(false, false, false, for_a_minute, false),
                0,
                Some(MINUTE),
            ),
            (stay(false, false, false, Forever, false), 0, Some(LONG)),
            (stay(false, false, true, Forever, false), 0, Option::None),
            // The one that it was started for.
            (stay(false, false, false, None, true), 0, Some(ARRIVAL)),
            (
                stay(false, false, false, for_a_minute, true),
                0,
                Some(MINUTE),
            ),
        ] {
            let until = stay.until(served, now);
            assert_eq!(until, lasts.map(|lasts| now + lasts), "{stay:?}, {served}");
        }
    }

    #[test]
    fn its_time_runs_from_when_the_last_guest_has_gone() {
        const SECOND: Duration = Duration::from_secs(1);
        let begin = Instant::now();
        let mut stay = Stay {
            works: false,
            idles: false,
            stopped: false,
            persistence: Persistence::For(SECOND * 2),
            idle_since: None,
            expects: false,
        };
        assert_eq!(stay.until(0, begin), Some(begin + SECOND * 2));
        assert_eq!(stay.until(0, begin + SECOND), Some(begin + SECOND * 2));
        assert!(stay.until(1, begin + SECOND).is_some());
        let gone = begin + SECOND * 5;
        assert_eq!(stay.until(0, gone), Some(gone + SECOND * 2));
        assert_eq!(stay.until(0, gone + SECOND * 2), None);
    }
}
