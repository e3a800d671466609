//! Options of interactive sessions.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::cli::escape::EscapeChar;

/// Options of interactive sessions.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Interactive sessions")]
pub(crate) struct Interactive {
    /// Ask for a pseudo-terminal, for programs that need a screen; `connect` does where it has one
    #[arg(short, long, action = ArgAction::Count, overrides_with = "no_tty")]
    pub(crate) tty: u8,

    /// Ask for none
    #[arg(short = 'T', long, overrides_with = "tty")]
    pub(crate) no_tty: bool,

    /// Terminal type to tell the host, where it does not know yours [default: $TERM]
    #[arg(long, value_name = "NAME")]
    pub(crate) term: Option<String>,

    /// Key that begins an escape after a newline (~? lists them): a character, ^ and a letter, or `none`
    /// [default: ~]
    #[arg(short, long, value_name = "CHAR")]
    pub(crate) escape_char: Option<EscapeChar>,

    /// Record the output as asciicast v2, which asciinema plays
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// Let the host use the keys of the ssh-agent here, as long as the session lasts; whoever is root
    /// there can, too
    #[arg(short = 'A', long)]
    pub(crate) forward_agent: bool,

    /// Record what is typed too, passwords included
    #[arg(long, requires = "record")]
    pub(crate) record_input: bool,

    /// Whether forwarded connections go on after the command has ended, as with ssh(1)
    #[arg(skip)]
    pub(crate) outlasts: bool,
}

impl Interactive {
    /// Whether to ask for a pseudo-terminal, where `usual` says what is done unasked.
    pub(crate) fn wants_pty(&self, usual: bool) -> bool {
        self.tty > 0 || usual && !self.no_tty
    }

    /// Whether anything is set.
    pub(super) fn is_set(&self) -> bool {
        let texts = self.term.is_some() || self.escape_char.is_some() || self.record.is_some();
        texts || self.tty > 0 || self.no_tty || self.forward_agent
    }

    /// Takes what stood before the command's name for what stood after it.
    pub(super) fn or(self, before: Self) -> Self {
        Self {
            tty: self.tty + before.tty,
            no_tty: self.no_tty || before.no_tty,
            term: self.term.or(before.term),
            escape_char: self.escape_char.or(before.escape_char),
            record: self.record.or(before.record),
            forward_agent: self.forward_agent || before.forward_agent,
            record_input: self.record_input || before.record_input,
            outlasts: self.outlasts || before.outlasts,
        }
    }
}
