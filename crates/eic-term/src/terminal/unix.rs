//! Unix: resizes and ends arrive as signals.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::pty::WindowSize;

/// The terminal's resizes.
#[derive(Debug)]
pub struct Resizes(Signal);

impl Resizes {
    /// Starts listening for `SIGWINCH`.
    ///
    /// # Errors
    /// The system's.
    pub fn listen() -> io::Result<Self> {
        signal(SignalKind::window_change()).map(Self)
    }

    /// Waits for the next resize; several that came meanwhile are one.
    pub async fn next(&mut self) -> WindowSize {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        super::size()
    }
}

/// Requests from outside to end this process.
#[derive(Debug)]
pub struct Terminations {
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
}

impl Terminations {
    /// Starts listening for `SIGTERM`, `SIGHUP` and `SIGINT`, which then no longer kill the process.
    ///
    /// # Errors
    /// The system's.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one and returns its signal number.
    pub async fn next(&mut self) -> u8 {
        let (kind, _) = tokio::select! {
            got = self.terminate.recv() => (SignalKind::terminate(), got),
            got = self.hangup.recv() => (SignalKind::hangup(), got),
            got = self.interrupt.recv() => (SignalKind::interrupt(), got),
        };
        u8::try_from(kind.as_raw_value()).unwrap_or(u8::MAX)
    }
}
