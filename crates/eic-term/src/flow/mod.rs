//! Flow control between channels: one that nobody reads must not hold up the others.
//!
//! russh gives a channel's window back when data arrives, not when it is taken, and then waits for the channel's
//! reader with the whole connection (<https://github.com/Eugeny/russh/issues/770>). So every reader here always
//! takes what comes. A channel that is alone is held up as ssh(1) would; with others beside it, what its reader
//! does not take waits in memory at first and then on the disk, encrypted.

mod backlog;
mod crowd;
mod intake;
mod lane;
mod nudge;
mod spool;
mod transcript;

use std::sync::Arc;
use std::time::Duration;

use backlog::Backlog;
pub(crate) use crowd::{Crowd, Seat};
pub(crate) use intake::{Intake, until};
pub(crate) use lane::{Lane, Lanes, Outlet};
pub(crate) use nudge::{NUDGE, Nudges};
use spool::Spool;
pub use transcript::{Transcript, Transcripts};

/// What the channels of one connection share.
#[derive(Clone, Default)]
pub(crate) struct Flow {
    pub(crate) crowd: Crowd,
    /// The forwarded connections alone.
    pub(crate) forwarded: Crowd,
    pub(crate) nudges: Arc<Nudges>,
    pub(crate) lanes: Lanes,
    spool: Arc<Spool>,
}

impl Flow {
    /// Makes room for what a channel receives: so many bytes in memory. Beside others its reader is waited for so
    /// long.
    pub(crate) fn intake(&self, memory: usize, patience: Duration) -> Intake {
        Intake::new(Backlog::new(self.spool.clone(), memory), patience)
    }
}
