//! The local terminal: raw mode, size, resizes.

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::io;

use crate::pty::WindowSize;

pub use platform::{Resizes, Terminations};

/// The terminal in raw mode; dropping it restores the mode it had before, a panic's unwinding included.
#[derive(Debug)]
pub struct RawTerminal(());

impl RawTerminal {
    /// Switches the terminal of this process to raw mode.
    ///
    /// # Errors
    /// The system's, where there is no terminal.
    pub fn enter() -> io::Result<Self> {
        crossterm::terminal::enable_raw_mode()?;
        Ok(Self(()))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Nothing is left to do where the terminal is gone.
        crossterm::terminal::disable_raw_mode().ok();
    }
}

/// Returns the terminal's size; 80 by 24 where it is unknown.
#[must_use]
pub fn size() -> WindowSize {
    if let Ok(size) = crossterm::terminal::window_size()
        && size.columns > 0
        && size.rows > 0
    {
        return WindowSize {
            columns: size.columns,
            rows: size.rows,
            width: size.width,
            height: size.height,
        };
    }
    cells().unwrap_or_default()
}

fn cells() -> Option<WindowSize> {
    let (columns, rows) = crossterm::terminal::size().ok()?;
    (columns > 0 && rows > 0).then_some(WindowSize {
        columns,
        rows,
        width: 0,
        height: 0,
    })
}
