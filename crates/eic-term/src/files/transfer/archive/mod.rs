//! Copies by commands on the host, for servers without SFTP: tar(1) for files and folders, cat(1) for streams. What is
//! cut is not gone on with.

mod fetch;
mod pipe;
mod send;
mod shell;
mod stream;

use std::path::PathBuf;
use std::sync::Arc;

use super::block::{Input, Output};
use super::error::TransferError;
use super::host::Host;
use super::work::Work;
use super::{Location, Where};
use crate::child::ExitStatus;
use crate::error::Error;
use crate::files::error::SftpError;
use crate::session::Session;

const TWO_HOSTS: TransferError = TransferError::NeedsSftp("for a copy from host to host");

/// Whether a server is without SFTP. Anything else that is wrong with one shows later.
pub(super) async fn is_needed(hosts: &[Host]) -> bool {
    for host in hosts {
        if let Err(SftpError::NoSubsystem) = host.channel().await {
            return true;
        }
    }
    false
}

/// Copies all sources.
pub(super) async fn run(
    work: &Arc<Work>,
    sources: Vec<Location>,
    target: Location,
) -> Result<(), TransferError> {
    if work.options.resume {
        return Err(TransferError::NeedsSftp(
            "to go on with a copy that was cut",
        ));
    }
    if work.options.in_place {
        return Err(TransferError::NeedsSftp("to write over a file where it is"));
    }
    match Plan::new(sources, target)? {
        Plan::Fetch(sources, target) => fetch::run(work, sources, target).await,
        Plan::Send(paths, host, target) => send::run(work, &session(&host)?, paths, &target).await,
        Plan::Read(host, path, to) => stream::read(work, &session(&host)?, &path, to).await,
        Plan::Write(from, host, path) => stream::write(work, &session(&host)?, from, &path).await,
    }
    .map_err(|error| match error.is_lost() {
        true => TransferError::Cut(Box::new(error)),
        false => error,
    })
}

/// What commands can copy.
enum Plan {
    Fetch(Vec<(Host, Vec<u8>)>, PathBuf),
    Send(Vec<PathBuf>, Host, Vec<u8>),
    Read(Host, Vec<u8>, Output),
    Write(Input, Host, Vec<u8>),
}

impl Plan {
    fn new(sources: Vec<Location>, target: Location) -> Result<Self, TransferError> {
        let (mut local, mut remote, mut streams) = (Vec::new(), Vec::new(), Vec::new());
        for source in sources {
            match source.0 {
                Where::Local(path) => local.push(path),
                Where::Remote(host, path) => remote.push((host, path)),
                Where::Input(stream) => streams.push(stream),
                Where::Output(_) => return Err(TransferError::Kind("an output is no source")),
            }
        }
        match (target.0, local.is_empty(), streams.pop()) {
            (Where::Local(target), true, None) => Ok(Self::Fetch(remote, target)),
            (Where::Remote(host, path), true, Some(from)) if remote.is_empty() => {
                Ok(Self::Write(from, host, path))
            }
            (Where::Remote(host, path), false, None) if remote.is_empty() => {
                Ok(Self::Send(local, host, path))
            }
            (Where::Output(to), true, None) => match (remote.pop(), remote.pop()) {
                (Some((host, path)), None) => Ok(Self::Read(host, path, to)),
                _ => Err(TransferError::Kind("a stream takes one file")),
            },
            (Where::Remote(..), _, _) => Err(TWO_HOSTS),
            _ => Err(TransferError::Kind("a stream needs a file on a host")),
        }
    }
}

fn session(host: &Host) -> Result<Session, TransferError> {
    host.session().ok_or(TWO_HOSTS)
}

fn lost(error: Error) -> TransferError {
    TransferError::Remote(error.into())
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
fn ended(program: &'static str, status: &ExitStatus, stderr: &[u8]) -> Result<(), TransferError> {
    if status.success() {
        return Ok(());
    }
    let said = crate::visible::visible_line(String::from_utf8_lossy(stderr).trim());
    Err(TransferError::Command { program, said })
}
