//! Files and folders from here to the host.

use std::collections::VecDeque;
use std::io::SeekFrom;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use eic_term::files::{Attributes, FileKind, OpenMode, RemoteFile, SftpError, StatusCode};
use futures_util::{StreamExt, stream};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use super::client::{Client, failure, shown};
use super::command::How;
use super::download::{DEEPEST, FILES};
use super::glob::{self, Found, Tree};
use super::pace::Pace;
use super::{local, platform};
use crate::cli::report::Failure;

/// Sends a file.
pub(super) async fn file(
    client: &Client,
    how: How,
    found: &Found,
    to: &[u8],
) -> Result<(), Failure> {
    let here = format!("cannot read {}", shown(&found.path));
    let there = format!("cannot write {}", shown(to));
    let opened = File::open(platform::path(&found.path)).await;
    let mut file = opened.map_err(|source| Failure::new(&here, source))?;
    let attributes = found.attributes;
    let start = match how.resume {
        true => resumed(client, to, attributes.size).await?,
        false => 0,
    };
    file.seek(SeekFrom::Start(start))
        .await
        .map_err(|source| Failure::new(&here, source))?;
    let truncated = if how.resume {
        OpenMode::CREATE
    } else {
        OpenMode::TRUNCATE
    };
    let mode = OpenMode::WRITE | OpenMode::CREATE | truncated;
    let permissions = attributes.permissions().map(|mode| mode & 0o777);
    let new = Attributes {
        mode: permissions,
        ..Attributes::default()
    };
    let opened = client.sftp.open(to, mode, new).await;
    let remote = opened.map_err(|error| failure(&there, error))?;
    let mut writer = Writer::new(client, remote, start)
        .await
        .map_err(|error| failure(&there, error))?;
    let mut meter = client.meter(&found.path, attributes.size, start);
    let mut pace = Pace::new(client.settings.limit_rate);
    loop {
        let read = writer.fill(&mut file).await;
        let data = read.map_err(|source| Failure::new(&here, source))?;
        if data.is_empty() {
            break;
        }
        let count = data.len() as u64;
        writer
            .write(data)
            .await
            .map_err(|error| failure(&there, error))?;
        meter.iter_mut().for_each(|meter| meter.advance(count));
        pace.keep(count).await;
    }
    writer
        .finish(how, &attributes)
        .await
        .map_err(|error| failure(&there, error))?;
    meter.into_iter().for_each(super::meter::Meter::finish);
    Ok(())
}

/// How much is there already, which must be less than there is to send.
async fn resumed(client: &Client, to: &[u8], size: Option<u64>) -> Result<u64, Failure> {
    let there = match client.sftp.stat(to).await {
        Ok(there) => there.size.unwrap_or(0),
        Err(error) if error.code() == Some(StatusCode::NO_SUCH_FILE) => 0,
        Err(error) => return Err(failure(format!("cannot look at {}", shown(to)), error)),
    };
    match size {
        Some(size) if there > 0 && there >= size => {
            let what = format!("cannot go on with {}", shown(to));
            Err(Failure::caused(
                what,
                "it is as large as the file here, or larger",
            ))
        }
        _ => Ok(there),
    }
}

/// Writes a file in order, with several writes under way.
struct Writer {
    remote: Arc<RemoteFile>,
    writes: VecDeque<AbortOnDropHandle<Result<(), SftpError>>>,
    /// Where the next write begins.
    next: u64,
    buffer: usize,
    requests: Arc<Semaphore>,
}

impl Writer {
    async fn new(client: &Client, remote: RemoteFile, start: u64) -> Result<Self, SftpError> {
        let limits = client.sftp.limits().await?;
        let buffer = client.settings.buffer.unwrap_or(u32::MAX).min(limits.write);
        Ok(Self {
            remote: Arc::new(remote),
            writes: VecDeque::new(),
            next: start,
            buffer: buffer as usize,
            requests: client.requests.clone(),
        })
    }

    /// Reads as much as one write takes; nothing at the end.
    async fn fill(&self, from: &mut File) -> std::io::Result<Bytes> {
        let mut data = BytesMut::with_capacity(self.buffer);
        let mut limited = from.take(self.buffer as u64);
        while limited.read_buf(&mut data).await? > 0 {}
        Ok(data.freeze())
    }

    async fn write(&mut self, data: Bytes) -> Result<(), SftpError> {
        let request = self.request().await?;
        let (remote, offset) = (self.remote.clone(), self.next);
        self.next += data.len() as u64;
        let write = async move {
            let written = remote.write_at(offset, &data).await;
            drop(request);
            written
        };
        self.writes
            .push_back(AbortOnDropHandle::new(tokio::spawn(write)));
        Ok(())
    }

    /// Waits until one more write may be under way.
    async fn request(&mut self) -> Result<OwnedSemaphorePermit, SftpError> {
        while !self.writes.is_empty() {
            match self.requests.clone().try_acquire_owned() {
                Ok(request) => return Ok(request),
                Err(_) => self.settle_one().await?,
            }
        }
        let request = self.requests.clone().acquire_owned().await;
        request.map_err(|_| SftpError::Protocol("a write was abandoned"))
    }

    async fn settle_one(&mut self) -> Result<(), SftpError> {
        match self.writes.pop_front() {
            Some(write) => write
                .await
                .map_err(|_| SftpError::Protocol("a write was abandoned"))?,
            None => Ok(()),
        }
    }

    async fn finish(mut self, how: How, of: &Attributes) -> Result<(), SftpError> {
        while !self.writes.is_empty() {
            self.settle_one().await?;
        }
        let Ok(remote) = Arc::try_unwrap(self.remote) else {
            return Err(SftpError::Protocol("a write was abandoned"));
        };
        if how.preserve {
            remote.set_stat(kept(of)).await?;
        }
        if how.sync {
            match remote.sync().await {
                // As sftp(1) does, where the server cannot.
                Err(SftpError::Unsupported(_)) => {}
                synced => synced?,
            }
        }
        remote.close().await
    }
}

/// What `-p` takes along.
fn kept(of: &Attributes) -> Attributes {
    Attributes {
        mode: of.permissions(),
        times: of.times,
        ..Attributes::default()
    }
}

/// Sends a folder with what is in it; `false` where some of it failed, which was said.
pub(super) async fn folder(
    client: &Client,
    how: How,
    found: &Found,
    to: &[u8],
) -> Result<bool, Failure> {
    let path = glob::join(&found.path, b"");
    let attributes = found.attributes;
    Ok(folder_at(client, how, Found { path, attributes }, to.to_vec(), 0).await)
}

type Sending<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

fn folder_at(client: &Client, how: How, from: Found, to: Vec<u8>, depth: usize) -> Sending<'_> {
    Box::pin(async move {
        match inside(client, how, &from, &to, depth).await {
            Ok(good) => good,
            Err(failure) => {
                client.ui.failure(&failure);
                false
            }
        }
    })
}

async fn inside(
    client: &Client,
    how: How,
    from: &Found,
    to: &[u8],
    depth: usize,
) -> Result<bool, Failure> {
    if depth > DEEPEST {
        let what = format!("cannot send {}", shown(&from.path));
        return Err(Failure::caused(
            what,
            format!("it is more than {DEEPEST} folders deep"),
        ));
    }
    client.say(&format!("Entering {}", shown(&from.path)))?;
    let made = make_folder(client, to, &from.attributes).await;
    made.map_err(|error| failure(format!("cannot make the folder {}", shown(to)), error))?;
    let entries = local::entries(&from.path);
    let entries = entries
        .map_err(|source| Failure::new(format!("cannot list {}", shown(&from.path)), source))?;
    let inner = entries.into_iter().map(|(name, attributes)| {
        let path = glob::join(&from.path, &name);
        (Found { path, attributes }, glob::join(to, &name))
    });
    let (folders, files): (Vec<_>, Vec<_>) = inner.partition(|(from, _)| from.is_folder());
    let sends = files.iter().map(|(from, to)| send(client, how, from, to));
    let sent: Vec<bool> = stream::iter(sends).buffer_unordered(FILES).collect().await;
    let mut good = !sent.contains(&false);
    for (from, to) in folders {
        good &= folder_at(client, how, from, to, depth + 1).await;
    }
    if how.preserve {
        let set = client.sftp.set_stat(to, kept(&from.attributes)).await;
        set.map_err(|error| failure(format!("cannot set the times of {}", shown(to)), error))?;
    }
    Ok(good)
}

/// Sends what is no folder; `false` where that failed, which was said.
async fn send(client: &Client, how: How, from: &Found, to: &[u8]) -> bool {
    if from.attributes.kind() == Some(FileKind::File) {
        let sent = file(client, how, from, to).await;
        return sent
            .inspect_err(|failure| client.ui.failure(failure))
            .is_ok();
    }
    client.ui.notice(&format!(
        "left out {}, which is no regular file",
        shown(&from.path)
    ));
    true
}

/// Makes a folder on the host, unless it is there.
async fn make_folder(client: &Client, path: &[u8], of: &Attributes) -> Result<(), SftpError> {
    // It has to be written into.
    let mode = of.permissions().map(|mode| mode & 0o777 | 0o700);
    let new = Attributes {
        mode,
        ..Attributes::default()
    };
    match client.sftp.make_folder(path, new).await {
        Err(error) => {
            let there = client.attributes(path).await.and_then(|one| one.kind());
            let is_folder = there == Some(FileKind::Folder);
            if is_folder { Ok(()) } else { Err(error) }
        }
        made => made,
    }
}
