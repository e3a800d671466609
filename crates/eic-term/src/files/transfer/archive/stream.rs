//! Streams of our own from and to a file on the host, by cat(1).

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{ended, home, lost, pipe, shell};
use crate::files::transfer::TransferEvent;
use crate::files::transfer::block::{Input, Output};
use crate::files::transfer::error::TransferError;
use crate::files::transfer::folder::join;
use crate::files::transfer::plan::split;
use crate::files::transfer::resume::quoted;
use crate::files::transfer::temporary;
use crate::files::transfer::work::Work;
use crate::session::Session;

/// How much is passed at once, in bytes.
const CHUNK: usize = 64 << 10;

/// A file there to a stream.
pub(super) async fn read(
    work: &Arc<Work>,
    session: &Session,
    path: &[u8],
    to: Output,
) -> Result<(), TransferError> {
    let paths = shell::expand(session, path).await?;
    let path = match paths.as_slice() {
        [] => return Err(TransferError::NoMatch),
        [path] => path.as_slice(),
        _ => return Err(TransferError::Kind("a stream takes one file")),
    };
    if work.options.dry_run {
        work.planned(path, None, false);
        return Ok(());
    }
    work.tell(TransferEvent::Started { path, size: None });
    let command = [b"exec cat -- ", &*quoted(path)].concat();
    let mut child = shell::script(session, &command)
        .spawn()
        .await
        .map_err(lost)?;
    drop(child.stdin.take());
    let stderr = pipe::stderr(child.stderr.take());
    let poured = async {
        match child.stdout.take() {
            Some(stdout) => pour(work, stdout, to).await,
            None => Ok(0),
        }
    };
    let (poured, stderr) = tokio::join!(poured, stderr);
    let poured = poured?;
    ended("cat", &child.wait().await.map_err(lost)?, &stderr)?;
    work.copied(path, poured);
    Ok(())
}

/// A stream to a file there: to a hidden name first, as what is cut looks like an end over there.
pub(super) async fn write(
    work: &Arc<Work>,
    session: &Session,
    from: Input,
    path: &[u8],
) -> Result<(), TransferError> {
    let path = home(path);
    let test = [b"test -d ", &*quoted(path)].concat();
    let is_folder = shell::script(session, &test).output().await.map_err(lost)?;
    let (parent, Some(name)) = split(path) else {
        return Err(TransferError::Kind(
            "a stream needs a file to be written to",
        ));
    };
    if is_folder.status.success() || path.ends_with(b"/") {
        return Err(TransferError::Kind(
            "a stream needs a file to be written to, not a folder",
        ));
    }
    if work.options.dry_run {
        work.planned(b"-", None, false);
        return Ok(());
    }
    let path = b"-".as_slice();
    work.tell(TransferEvent::Started { path, size: None });
    let made = quoted(&join(&parent, &temporary::fresh(&name)));
    let own = quoted(&join(&parent, &name));
    let written = fill(work, session, from, &made).await;
    let end = match &written {
        Ok(_) => [b"mv -f -- ", &*made, b" ", &own].concat(),
        Err(_) => [b"rm -f -- ", &*made].concat(),
    };
    let renamed = shell::script(session, &end).output().await.map_err(lost);
    let written = written?;
    let renamed = renamed?;
    ended("mv", &renamed.status, &renamed.stderr)?;
    work.copied(path, written);
    Ok(())
}

async fn fill(
    work: &Arc<Work>,
    session: &Session,
    from: Input,
    made: &[u8],
) -> Result<u64, TransferError> {
    let command = [b"set -C; exec cat > ", made].concat();
    let mut child = shell::script(session, &command)
        .spawn()
        .await
        .map_err(lost)?;
    drop(child.stdout.take());
    let stderr = pipe::stderr(child.stderr.take());
    let poured = async {
        match child.stdin.take() {
            Some(stdin) => pour(work, from, stdin).await,
            None => Ok(0),
        }
    };
    let (poured, stderr) = tokio::join!(poured, stderr);
    let status = child.wait().await.map_err(lost)?;
    // What was said over there is why nothing more was taken.
    ended("cat", &status, &stderr)?;
    poured
}

async fn pour(
    work: &Work,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> Result<u64, TransferError> {
    let mut total = 0;
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        let count = from.read_buf(&mut chunk).await?;
        if count == 0 {
            // A shutdown of standard output waits for nothing.
            to.flush().await?;
            to.shutdown().await?;
            return Ok(total);
        }
        work.pass(u32::try_from(count).unwrap_or(u32::MAX)).await;
        to.write_all(&chunk).await?;
        total += count as u64;
        work.advanced(count as u64, &[None, None]);
    }
}
