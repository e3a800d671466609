//! What can go wrong with files on the host.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::visible::visible_line;

/// A request on files that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SftpError {
    /// The server's own word (§7 of the draft).
    #[error("{}", said(*code, message))]
    Status {
        /// Its code.
        code: StatusCode,
        /// Its text; remote, and unfiltered here: see [`crate::visible`].
        message: String,
    },

    /// The server does not offer an extension that this needs.
    #[error("the server has no {0}")]
    Unsupported(&'static str),

    /// The server broke the protocol; nothing it says counts any more.
    #[error("the server does not keep to the SFTP protocol: {0}")]
    Protocol(&'static str),

    /// The server neither answered nor took anything for so long.
    #[error("the server has been silent for {} s", limit.as_secs_f32())]
    Timeout {
        /// The limit.
        limit: Duration,
    },

    /// The server has no SFTP subsystem, or does not let this user have it.
    #[error("the server has no SFTP subsystem")]
    NoSubsystem,

    /// The server's SFTP program ended; what it said on standard error, if anything, made visible.
    #[error("the server ended SFTP{}{stderr}", if stderr.is_empty() { "" } else { ": " })]
    Ended {
        /// Its last words.
        stderr: String,
    },

    /// The connection or the channel failed.
    #[error(transparent)]
    Session(Arc<Error>),
}

impl SftpError {
    /// Returns the server's code, where it gave one.
    #[must_use]
    pub fn code(&self) -> Option<StatusCode> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Returns whether the connection is gone, so that a new one may do better.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Session(_) | Self::Ended { .. } | Self::Timeout { .. } => true,
            Self::Status { code, .. } => {
                matches!(
                    *code,
                    StatusCode::NO_CONNECTION | StatusCode::CONNECTION_LOST
                )
            }
            _ => false,
        }
    }
}

impl From<Error> for SftpError {
    fn from(error: Error) -> Self {
        Self::Session(Arc::new(error))
    }
}

/// The server's text, and the code's meaning where the text does not say it.
fn said(code: StatusCode, message: &str) -> String {
    let (meaning, message) = (code.to_string(), visible_line(message.trim()));
    let (short, long) = (message.to_lowercase(), meaning.to_lowercase());
    let repeats = short.contains(&long) || long.contains(&short);
    match (message.is_empty(), repeats) {
        (true, _) => meaning,
        (false, true) if message.len() > meaning.len() => message,
        (false, true) => meaning,
        (false, false) if code == StatusCode::FAILURE => message,
        (false, false) => format!("{meaning}: {message}"),
    }
}

/// A status code (§7 of the draft).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusCode(pub u32);

impl StatusCode {
    /// All went well.
    pub const OK: Self = Self(0);
    /// There is no more.
    pub const EOF: Self = Self(1);
    /// No such file or folder.
    pub const NO_SUCH_FILE: Self = Self(2);
    /// The user may not.
    pub const PERMISSION_DENIED: Self = Self(3);
    /// Anything else, such as a full disk or a name that is taken.
    pub const FAILURE: Self = Self(4);
    /// The server did not understand.
    pub const BAD_MESSAGE: Self = Self(5);
    /// There is no connection.
    pub const NO_CONNECTION: Self = Self(6);
    /// The connection was lost.
    pub const CONNECTION_LOST: Self = Self(7);
    /// The server cannot do that.
    pub const OP_UNSUPPORTED: Self = Self(8);
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::OK => "Success",
            Self::EOF => "End of file",
            Self::NO_SUCH_FILE => "No such file or directory",
            Self::PERMISSION_DENIED => "Permission denied",
            Self::FAILURE => "Failure",
            Self::BAD_MESSAGE => "Bad message",
            Self::NO_CONNECTION => "No connection",
            Self::CONNECTION_LOST => "Connection lost",
            Self::OP_UNSUPPORTED => "Operation unsupported",
            Self(other) => return write!(f, "status {other}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_said_once_and_cannot_drive_the_terminal() {
        for (code, message, expected) in [
            (
                StatusCode::NO_SUCH_FILE,
                "No such file",
                "No such file or directory",
            ),
            (
                StatusCode::PERMISSION_DENIED,
                "Permission denied",
                "Permission denied",
            ),
            (StatusCode::FAILURE, "", "Failure"),
            (
                StatusCode::FAILURE,
                "disk full\x1b[2J",
                "disk full\\u{1b}[2J",
            ),
            (StatusCode(77), "odd", "status 77: odd"),
        ] {
            let message = message.to_owned();
            assert_eq!(SftpError::Status { code, message }.to_string(), expected);
        }
    }
}
