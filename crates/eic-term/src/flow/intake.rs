//! Whether a channel's reader is kept waiting for, or what it does not take is put aside.

use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::Backlog;

/// How long one that has stopped may hold up others, where nothing more can be put aside.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// What one channel has received, and how patient it is with who takes it.
pub(crate) struct Intake {
    backlog: Backlog,
    /// How long a slow reader holds up the connection before what it does not take is put aside.
    patience: Duration,
    /// Since when nothing is taken although memory is full.
    stuck: Option<Instant>,
}

/// What to do with a channel's next bytes.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Take,
    PutAside,
    /// Nobody else needs the connection.
    HoldUp,
    HoldUpOthers,
}

impl Intake {
    pub(crate) fn new(backlog: Backlog, patience: Duration) -> Self {
        Self {
            backlog,
            patience,
            stuck: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.backlog.front().is_empty()
    }

    /// Returns what is to be taken next.
    pub(crate) fn front(&self) -> &[u8] {
        self.backlog.front()
    }

    pub(crate) async fn push(&mut self, bytes: Bytes) -> io::Result<()> {
        self.backlog.push(bytes).await?;
        self.look();
        Ok(())
    }

    /// Forgets so many bytes, which were taken.
    pub(crate) async fn advance(&mut self, count: usize) -> io::Result<()> {
        self.backlog.advance(count).await?;
        self.stuck = None;
        self.look();
        Ok(())
    }

    fn look(&mut self) {
        if !self.backlog.has_room() {
            self.stuck.get_or_insert_with(Instant::now);
        }
    }

    /// Returns whether the channel's next bytes are wanted now.
    pub(crate) fn takes_more(&self, alone: bool) -> bool {
        let waited = |since: Instant| since.elapsed() >= self.patience;
        match self.next(alone, self.stuck.is_some_and(waited)) {
            Next::Take | Next::PutAside => true,
            Next::HoldUp | Next::HoldUpOthers => false,
        }
    }

    /// Returns when to look again, or to give up by [`lose_patience`](Self::lose_patience).
    pub(crate) fn deadline(&self, alone: bool) -> Option<Instant> {
        let since = self.stuck?;
        match self.next(alone, false) {
            Next::HoldUpOthers if self.backlog.is_full() => Some(since + LAST_PATIENCE),
            Next::HoldUpOthers => Some(since + self.patience).filter(|at| *at > Instant::now()),
            _ => None,
        }
    }

    /// Fails where one that takes nothing has held up others for too long.
    pub(crate) fn lose_patience(&self) -> io::Result<()> {
        let waited = |since: Instant| since.elapsed() >= LAST_PATIENCE;
        if !(self.backlog.is_full() && self.stuck.is_some_and(waited)) {
            return Ok(());
        }
        let waiting = self.backlog.len() >> 20;
        tracing::warn!("a channel that nobody reads is closed: {waiting} MiB wait for its reader");
        Err(io::ErrorKind::StorageFull.into())
    }

    fn next(&self, alone: bool, waited: bool) -> Next {
        let backlog = &self.backlog;
        let (aside, full) = (backlog.is_aside(), backlog.is_full());
        decide(backlog.has_room(), alone, full, aside || waited)
    }
}

/// The rule: memory first; a lone channel waits, as with ssh(1); beside others it waits a moment at most, unless
/// there is no room at all.
fn decide(room: bool, alone: bool, full: bool, late: bool) -> Next {
    match (room, alone, full, late) {
        (true, ..) => Next::Take,
        (false, true, ..) => Next::HoldUp,
        (false, false, false, true) => Next::PutAside,
        (false, false, ..) => Next::HoldUpOthers,
    }
}

/// Waits until then, or for ever.
pub(crate) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule() {
        for (room, alone, full, late, expected) in [
            (true, true, false, false, Next::Take),
            (true, false, true, true, Next::Take),
            (false, true, false, true, Next::HoldUp),
            (false, true, true, true, Next::HoldUp),
            (false, false, false, false, Next::HoldUpOthers),
            (false, false, false, true, Next::PutAside),
            (false, false, true, true, Next::HoldUpOthers),
        ] {
            assert_eq!(decide(room, alone, full, late), expected);
        }
    }

    #[tokio::test]
    async fn one_that_stops_is_waited_for_a_moment_beside_others_and_for_ever_alone() {
        let patience = Duration::from_millis(20);
        let mut intake = Intake::new(Backlog::new(std::sync::Arc::default(), 512 << 10), patience);
        while intake.takes_more(false) {
            intake.push(vec![0; 32 << 10].into()).await.unwrap();
        }
        let deadline = intake.deadline(false).unwrap();
        assert_eq!(intake.deadline(true), None);
        sleep_until(deadline).await;
        assert!(intake.takes_more(false) && !intake.takes_more(true));
        assert_eq!(intake.deadline(false), None);
        intake.lose_patience().unwrap();
        intake.advance(1).await.unwrap();
        assert!(intake.takes_more(true), "there is room again");
    }
}
