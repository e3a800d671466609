//! Unix: the controlling terminal.

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) use super::super::platform::{interrupt, stop};

/// The terminal that this process belongs to.
pub(super) struct Terminal(File);

impl Terminal {
    pub(super) fn open() -> io::Result<Self> {
        File::options()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .map(Self)
    }

    /// Hands every key over as it is typed, Ctrl-C included, and shows none, until the guard is dropped.
    pub(super) fn silence(&self) -> io::Result<Restore> {
        let terminal = self.0.try_clone()?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        let modes = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN;
        silent.local_modes.remove(modes);
        tcsetattr(&terminal, OptionalActions::Drain, &silent)?;
        Ok(Restore { terminal, before })
    }
}

impl Read for Terminal {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Gives the terminal its modes back.
pub(super) struct Restore {
    terminal: File,
    before: Termios,
}

impl Drop for Restore {
    fn drop(&mut self) {
        // Nothing is left to do where the terminal is gone.
        tcsetattr(&self.terminal, OptionalActions::Drain, &self.before).ok();
    }
}

/// `SIGTERM` and `SIGHUP`, which would leave the terminal silent; Ctrl-C is a key meanwhile.
pub(super) struct Ended {
    terminate: Signal,
    hangup: Signal,
}

impl Ended {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
