//! A pseudo-terminal request (RFC 4254 §6.2).

/// The size of a terminal (RFC 4254 §6.2, §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSize {
    /// Width in character cells.
    pub columns: u16,
    /// Height in character cells.
    pub rows: u16,
    /// Width in pixels; 0 where unknown.
    pub width: u16,
    /// Height in pixels; 0 where unknown.
    pub height: u16,
}

impl Default for WindowSize {
    /// Returns 80 by 24 cells, of unknown pixels.
    fn default() -> Self {
        Self {
            columns: 80,
            rows: 24,
            width: 0,
            height: 0,
        }
    }
}

/// A pseudo-terminal for a command or shell.
///
/// ```
/// use eic_term::{Pty, WindowSize};
/// let pty = Pty::new("xterm-256color", WindowSize::default());
/// assert_eq!(pty.size.columns, 80);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pty {
    /// The terminal's type, the value of `TERM`.
    pub term: String,
    /// Its size.
    pub size: WindowSize,
    /// Terminal modes as pairs of opcode and argument (RFC 4254 §8); opcodes that are unknown are left out.
    pub modes: Vec<(u8, u32)>,
}

impl Pty {
    /// Describes a terminal whose modes are the server's choice.
    #[must_use]
    pub fn new(term: impl Into<String>, size: WindowSize) -> Self {
        Self {
            term: term.into(),
            size,
            modes: Vec::new(),
        }
    }
}
