//! Windows: the console, where standard input is one.

use std::future::pending;
use std::io::{self, IsTerminal, Read, Write};
use std::os::windows::io::{AsHandle, OwnedHandle};

use windows_sys::Win32::System::Console::{
    ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT, ENABLE_VIRTUAL_TERMINAL_INPUT,
};

use super::super::system;

/// The console that this process belongs to.
pub(super) struct Terminal(());

impl Terminal {
    pub(super) fn open() -> io::Result<Self> {
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            Ok(Self(()))
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// Hands every key over as it is typed, Ctrl-C included, and shows none, until the guard is dropped.
    pub(super) fn silence(&self) -> io::Result<Restore> {
        let handle = io::stdin().as_handle().try_clone_to_owned()?;
        let before = system::mode(&handle).ok_or(io::ErrorKind::Unsupported)?;
        let cooked = ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT | ENABLE_PROCESSED_INPUT;
        let silent = before & !(cooked | ENABLE_VIRTUAL_TERMINAL_INPUT);
        if !system::set_mode(&handle, silent) {
            return Err(io::Error::last_os_error());
        }
        Ok(Restore { handle, before })
    }
}

impl Read for Terminal {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::stdin().lock().read(buffer)
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// Gives the console its modes back.
pub(super) struct Restore {
    handle: OwnedHandle,
    before: u32,
}

impl Drop for Restore {
    fn drop(&mut self) {
        // Nothing is left to do where the console is gone.
        system::set_mode(&self.handle, self.before);
    }
}

/// Nothing: Windows has no job control, and no key asks for it.
pub(super) async fn stop() -> io::Result<()> {
    Ok(())
}

/// Nothing: a question that is given up fails what asked it.
pub(super) async fn interrupt() -> io::Result<()> {
    Ok(())
}

/// Nothing: a console that is closed takes its modes along.
pub(super) struct Ended(());

impl Ended {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self(()))
    }

    pub(super) async fn wait(&mut self) {
        pending().await
    }
}
