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

    /// It was stopped.
    #[error("cancelled")]
    Cancelled,

    /// Nothing on the host matches.
    #[error("nothing there matches")]
    NoMatch,
}

impl TransferError {
    /// Returns whether the connection was lost.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Remote(error) if error.is_lost())
    }

    /// Returns whether nothing bears the name.
    pub(super) fn is_missing(&self) -> bool {
        use crate::files::error::StatusCode;
        match self {
            Self::Local(error) => error.kind() == io::ErrorKind::NotFound,
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
