//! Windows: the console is asked for its size; ends arrive as console control events.

use std::io;
use std::time::Duration;

use tokio::signal::windows::{CtrlBreak, CtrlClose, ctrl_break, ctrl_close};
use tokio::time::{Interval, interval};

use crate::pty::WindowSize;

const LOOK: Duration = Duration::from_millis(200);
/// What a shell reports for a process that Ctrl-C or a closed window ended, less 128.
const INTERRUPTED: u8 = 2;

/// The terminal's resizes.
#[derive(Debug)]
pub struct Resizes {
    clock: Interval,
    last: WindowSize,
}

impl Resizes {
    /// Starts watching the console's size.
    ///
    /// # Errors
    /// None on this platform.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            clock: interval(LOOK),
            last: super::size(),
        })
    }

    /// Waits for the next resize.
    pub async fn next(&mut self) -> WindowSize {
        loop {
            self.clock.tick().await;
            let size = super::size();
            if size != self.last {
                self.last = size;
                return size;
            }
        }
    }
}

/// Requests from outside to end this process.
#[derive(Debug)]
pub struct Terminations {
    closed: CtrlClose,
    broken: CtrlBreak,
}

impl Terminations {
    /// Starts listening for the closing of the window and for Ctrl-Break.
    ///
    /// # Errors
    /// The system's.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            closed: ctrl_close()?,
            broken: ctrl_break()?,
        })
    }

    /// Waits for the next one and returns the signal number that it stands for.
    pub async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.closed.recv() => {}
            _ = self.broken.recv() => {}
        }
        INTERRUPTED
    }
}
