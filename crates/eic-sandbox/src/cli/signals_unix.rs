use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

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

/// Waits until someone asks us to end.
pub(crate) async fn interrupted() -> io::Result<()> {
    let mut signals = Signals::new()?;
    tokio::select! {
        _ = signals.interrupt.recv() => {}
        _ = signals.quit.recv() => {}
        _ = signals.terminate.recv() => {}
        _ = signals.hang_up.recv() => {}
    }
    Ok(())
}

/// The shell's rule: 128 and the number of the signal.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 125,
    };
    u8::try_from(code).unwrap_or(255)
}
