//! Copies by tar(1) on the host, for servers without SFTP: one stream each way, and nothing resumed.

mod fetch;
mod pipe;
mod send;

use std::path::PathBuf;
use std::sync::Arc;

use super::error::TransferError;
use super::host::Host;
use super::work::Work;
use super::{Location, Where};
use crate::child::ExitStatus;
use crate::session::Session;

const BOTH_LOCAL: TransferError = TransferError::Kind("without SFTP one side must be a path here");

/// What can be copied by tar.
pub(super) enum Plan {
    Fetch {
        host: Host,
        paths: Vec<Vec<u8>>,
        target: PathBuf,
    },
    Send {
        host: Host,
        paths: Vec<PathBuf>,
        target: Vec<u8>,
    },
    /// Streams, two hosts.
    Other,
}

impl Plan {
    pub(super) fn new(sources: &[Location], target: &Location) -> Self {
        let host = |location: &Location| match &location.0 {
            Where::Remote(host, _) => Some(host.clone()),
            _ => None,
        };
        let there = |location: &Location| match &location.0 {
            Where::Remote(_, path) => Some(path.clone()),
            _ => None,
        };
        let here = |location: &Location| match &location.0 {
            Where::Local(path) => Some(path.clone()),
            _ => None,
        };
        let fetch = || {
            Some(Self::Fetch {
                host: sources.first().and_then(host)?,
                paths: sources.iter().map(there).collect::<Option<_>>()?,
                target: here(target)?,
            })
        };
        let send = || {
            Some(Self::Send {
                host: host(target)?,
                paths: sources.iter().map(here).collect::<Option<_>>()?,
                target: there(target)?,
            })
        };
        fetch().or_else(send).unwrap_or(Self::Other)
    }

    pub(super) async fn run(self, work: &Arc<Work>) -> Result<(), TransferError> {
        match self {
            Self::Fetch {
                host,
                paths,
                target,
            } => fetch::run(work, &session(&host)?, &paths, target).await,
            Self::Send {
                host,
                paths,
                target,
            } => send::run(work, &session(&host)?, paths, &target).await,
            Self::Other => Err(BOTH_LOCAL),
        }
    }
}

fn session(host: &Host) -> Result<Session, TransferError> {
    host.session().ok_or(BOTH_LOCAL)
}

/// Takes `~` for what it is: the folder that commands start in.
fn home(path: &[u8]) -> &[u8] {
    match path {
        b"" | b"~" | b"~/" => b".",
        [b'~', b'/', rest @ ..] => rest,
        path => path,
    }
}

/// Whether a command ended well; else what it said.
fn ended(status: &ExitStatus, stderr: &[u8]) -> Result<(), TransferError> {
    if status.success() {
        return Ok(());
    }
    let said = crate::visible::visible_line(String::from_utf8_lossy(stderr).trim());
    Err(TransferError::Archive { said })
}
