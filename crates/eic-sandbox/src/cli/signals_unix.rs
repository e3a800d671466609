use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use futures_util::FutureExt;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::signal::unix::{self, SignalKind, signal};

/// The signals that would end us while a command runs.
pub(crate) struct Signals {
    interrupt: unix::Signal,
    quit: unix::Signal,
    terminate: unix::Signal,
    hang_up: unix::Signal,
}

impl Signals {
    /// Takes the signals; a command started later has its defaults all the same.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal that is not the terminal's: what the terminal sends, it
    /// sends to the command too.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.quit.recv() => {}
                _ = self.terminate.recv() => return Signal::TERM,
                _ = self.hang_up.recv() => return Signal::HUP,
            }
        }
    }

    /// Waits for the next signal, whichever it is, and gives the exit code that tells of it.
    pub(crate) async fn any(&mut self) -> u8 {
        let signal = tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.quit.recv() => Signal::QUIT,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hang_up.recv() => Signal::HUP,
        };
        code_of(signal.as_raw())
    }

    /// A signal that has come already, as [`Signals::any`] tells it.
    pub(crate) async fn pending(&mut self) -> Option<u8> {
        // The runtime hands out what has come between two turns.
        tokio::task::yield_now().await;
        self.any().now_or_never()
    }
}

/// Sends a signal on to the command.
pub(crate) fn pass_on(signal: Signal, child: &mut Child) {
    let id = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(id) = id {
        let _ = kill_process(id, signal);
    }
}

/// What the command ended with, as a shell tells it.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(255),
        (None, Some(signal)) => code_of(signal),
        (None, None) => 125,
    }
}

/// The shell's rule: 128 and the number of the signal.
fn code_of(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(255)
}
