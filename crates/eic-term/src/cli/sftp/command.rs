//! What a line of `sftp` can ask for.

use super::words::Word;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Cd(Option<Vec<u8>>),
    Change {
        what: Change,
        /// Whether a symbolic link itself is changed.
        link: bool,
        paths: Word,
    },
    Copy(Vec<u8>, Vec<u8>),
    Df {
        human: bool,
        inodes: bool,
        path: Option<Vec<u8>>,
    },
    Get(Transfer),
    Help,
    Lcd(Option<Vec<u8>>),
    Link {
        symbolic: bool,
        to: Vec<u8>,
        path: Vec<u8>,
    },
    /// The rest of the line, for the local `ls`.
    Lls(Vec<u8>),
    Lmkdir(Vec<u8>),
    Lpwd,
    Ls(Listing, Option<Word>),
    Lumask(u32),
    Mkdir(Vec<u8>),
    Progress,
    Put(Transfer),
    Pwd,
    Quit,
    Remove(Word),
    Rename {
        from: Vec<u8>,
        to: Vec<u8>,
        /// As the protocol has it, which replaces nothing.
        old: bool,
    },
    Rmdir(Vec<u8>),
    /// The rest of the line, for the local shell; empty for the shell itself.
    Shell(Vec<u8>),
    Stat(Word),
    Version,
}

impl Command {
    /// Whether files come or go by it.
    pub(super) fn is_transfer(&self) -> bool {
        matches!(self, Self::Get(_) | Self::Put(_))
    }
}

/// What to change of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Mode(u32),
    Owner(u32),
    Group(u32),
}

/// Files to get or put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Transfer {
    pub(super) how: How,
    pub(super) from: Word,
    pub(super) to: Option<Vec<u8>>,
}

/// How files are transferred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct How {
    /// Goes on from what is there (`-a`).
    pub(crate) resume: bool,
    /// Waits until it is on the disk (`-f`).
    pub(crate) sync: bool,
    /// Takes modes and times along (`-p`).
    pub(crate) preserve: bool,
    /// Folders with what is in them (`-r`).
    pub(crate) recursive: bool,
}

impl How {
    /// What either asks for.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            resume: self.resume || other.resume,
            sync: self.sync || other.sync,
            preserve: self.preserve || other.preserve,
            recursive: self.recursive || other.recursive,
        }
    }
}

/// How a folder is listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) view: View,
    pub(super) order: Order,
    pub(super) reverse: bool,
    pub(super) all: bool,
    pub(super) human: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum View {
    #[default]
    Columns,
    OneColumn,
    Long,
    /// Long, with numbers for users and groups.
    Numeric,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Name,
    Size,
    Time,
    AsSent,
}
