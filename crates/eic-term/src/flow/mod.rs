//! Flow control between channels: one that nobody reads must not hold up the others.
//!
//! russh gives a channel's window back when data arrives, not when it is taken, and then waits for the channel's
//! reader with the whole connection (<https://github.com/warp-tech/russh/issues/770>). So every reader here always
//! takes what comes. A channel that is alone is held up as ssh(1) would; with others beside it, what its reader
//! does not take waits in memory at first and then on the disk, encrypted.

mod backlog;
mod crowd;
mod spool;

use std::sync::Arc;

pub(crate) use backlog::Backlog;
pub(crate) use crowd::{Crowd, Seat};
pub(crate) use spool::Spool;

/// What the channels of one connection share.
#[derive(Clone, Default)]
pub(crate) struct Flow {
    pub(crate) crowd: Crowd,
    pub(crate) spool: Arc<Spool>,
}

impl Flow {
    /// Counts one more that the connection must not be held up for, and makes room for what it does not take.
    pub(crate) fn enter(&self) -> (Seat, Backlog) {
        (self.crowd.enter(), Backlog::new(self.spool.clone()))
    }
}
