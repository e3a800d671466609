//! What keeps a file from being copied.

use std::io;

use crate::files::error::SftpError;

/// Why something was not copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// This machine says no.
    #[error("{0}")]
    Local(io::Error),

    /// The host says no.
    #[error(transparent)]
    Remote(#[from] SftpError),

    /// The same, where the copy is written.
    #[error("at the target: {0}")]
    Writing(Box<TransferError>),

    /// The name, which the other side made, cannot be a file's.
    #[error("{0}")]
    Name(&'static str),

    /// It is of a kind that is not copied.
    #[error("{0}")]
    Kind(&'static str),

    /// The file has fewer bytes than were announced.
    #[error("it ended after {copied} bytes, and {size} were announced")]
    EndedEarly {
        /// What there was.
        copied: u64,
        /// What was said.
        size: u64,
    },

    /// Folders within folders without end.
    #[error("{0}")]
    TooMuch(&'static str),

    /// A command that copies for a host without SFTP failed.
    #[error("{program} on the host failed{}{said}", if said.is_empty() { "" } else { ": " })]
    Command {
        /// Its name.
        program: &'static str,
        /// What it said, made visible.
        said: String,
    },

    /// The host has no SFTP, and nothing else does this.
    #[error("the host has no SFTP, which is needed {0}")]
    NeedsSftp(&'static str),

    /// The connection was lost while a command copied for a host without SFTP, which is not gone on with.
    #[error("the connection was lost, and without SFTP on the host a copy begins anew: {0}")]
    Cut(Box<TransferError>),

    /// It was stopped.
    #[error("cancelled")]
    Cancelled,

    /// Nothing on the host matches.
    #[error("nothing there matches")]
    NoMatch,
}

impl TransferError {
    /// Marks an error as one of the side that is written to.
    pub(super) fn writing(self) -> Self {
        match self {
            Self::Local(_) | Self::Remote(_) => Self::Writing(Box::new(self)),
            other => other,
        }
    }

    /// Returns the host's word, where it is one.
    #[must_use]
    pub fn remote(&self) -> Option<&SftpError> {
        match self {
            Self::Remote(error) => Some(error),
            Self::Writing(error) | Self::Cut(error) => error.remote(),
            _ => None,
        }
    }

    /// Returns whether the connection was lost.
    pub(super) fn is_lost(&self) -> bool {
        self.remote().is_some_and(SftpError::is_lost)
    }

    /// Returns whether nothing else can be copied either.
    pub(super) fn is_fatal(&self) -> bool {
        let other = matches!(
            self,
            Self::Remote(SftpError::Protocol(_) | SftpError::NoSubsystem)
        );
        self.is_lost() || other
    }

    /// Returns whether nothing bears the name.
    pub(super) fn is_missing(&self) -> bool {
        use crate::files::error::StatusCode;
        match self {
            Self::Local(error) => error.kind() == io::ErrorKind::NotFound,
            Self::Writing(error) => error.is_missing(),
            Self::Remote(error) => error.code() == Some(StatusCode::NO_SUCH_FILE),
            _ => false,
        }
    }
}

impl From<io::Error> for TransferError {
    fn from(error: io::Error) -> Self {
        Self::Local(error)
    }
}
