//! The local terminal: keys, screen, size, resizes.
//!
//! [`Console::open`] puts it into raw mode for an interactive session. All of it is bytes as a VT terminal
//! sends and takes them, on every platform.

#[cfg(any(windows, test))]
mod encoding;
#[cfg(any(windows, test))]
mod keys;
mod leftovers;
#[cfg(unix)]
mod modes;
#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;
mod question;
#[cfg(windows)]
mod screen;
#[cfg(windows)]
mod system;

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::pty::WindowSize;

pub use leftovers::Leftovers;
pub use platform::{Keyboard, Obedient, RawTerminal, Resizes, Screen, Terminations};
pub use question::{ask, can_ask};

/// What an interactive session needs of the local side.
#[derive(Debug)]
pub struct Console {
    /// What is typed.
    pub keyboard: Keyboard,
    /// What is shown.
    pub screen: Screen,
    /// The terminal's resizes.
    pub resizes: Resizes,
    /// Keeps the terminal in raw mode; `None` where standard input is no terminal.
    pub raw: Option<RawTerminal>,
}

impl Console {
    /// Opens standard input and output, in raw mode where standard input is a terminal.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] where the terminal cannot do it, as old Windows consoles and mintty's
    /// pipes cannot; else the system's.
    pub fn open() -> io::Result<Self> {
        platform::open()
    }
}

impl Screen {
    /// Shows bytes, and returns when they are with the terminal.
    ///
    /// # Errors
    /// The system's, such as [`io::ErrorKind::BrokenPipe`].
    pub async fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes).await?;
        self.flush().await
    }
}

/// Leaves the terminal for the background: no key, hang-up or closed window reaches this process any more. Standard
/// input, and those of the outputs that are not kept, then lead nowhere.
///
/// # Errors
/// The system's.
pub fn detach(keep_stdout: bool, keep_stderr: bool) -> io::Result<()> {
    platform::detach(keep_stdout, keep_stderr)
}

/// Keeps the standard streams from programs that are started with others: on Windows they would hold them open.
///
/// # Errors
/// The system's.
pub fn withhold_streams() -> io::Result<()> {
    platform::withhold_streams()
}

/// Returns standard input as it comes, for a program's data.
#[must_use]
pub fn input() -> Box<dyn AsyncRead + Send + Unpin> {
    platform::input()
}

/// Returns standard output as it is, for a program's data.
#[must_use]
pub fn output() -> Box<dyn AsyncWrite + Send + Unpin> {
    platform::output()
}

/// Has the terminal at standard error obey VT sequences until what is returned is dropped: a Windows console otherwise
/// shows them. One that knows none, and what is no terminal, stays as it is.
#[must_use]
pub fn obey_sequences() -> Obedient {
    platform::obey_sequences()
}

/// Returns the terminal's size; 80 by 24 where it is unknown.
#[must_use]
pub fn size() -> WindowSize {
    platform::size()
        .filter(|size| size.columns > 0 && size.rows > 0)
        .unwrap_or_default()
}

/// Returns the modes of standard input's terminal, for [`Pty::modes`](crate::Pty::modes): its keys for interrupt and
/// erase, echo and so on (RFC 4254 §8). None where there are none, as on Windows.
#[must_use]
pub fn modes() -> Vec<(u8, u32)> {
    platform::modes()
}
