//! Files and folders from the host to here.

use std::collections::VecDeque;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use eic_term::files::{Attributes, Entry, FileKind, OpenMode, RemoteFile, SftpError};
use futures_util::{StreamExt, stream};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use super::client::{Client, failure, shown};
use super::command::How;
use super::glob::{self, Found};
use super::pace::Pace;
use super::platform;
use crate::cli::report::Failure;

/// How many folders deep files may be, as with sftp(1).
pub(super) const DEEPEST: usize = 64;
/// How many files of a folder are under way at once.
pub(super) const FILES: usize = 16;
/// The mode of a file whose own is not known.
const MODE: u32 = 0o666;

/// Fetches a file.
pub(super) async fn file(
    client: &Client,
    how: How,
    found: &Found,
    to: &Path,
) -> Result<(), Failure> {
    let what = format!("cannot fetch {}", shown(&found.path));
    let here = format!("cannot write {}", to.display());
    let none = Attributes::default();
    let remote = client.sftp.open(&found.path, OpenMode::READ, none).await;
    let remote = remote.map_err(|error| failure(&what, error))?;
    let attributes = found.attributes;
    let mode = attributes.permissions().unwrap_or(MODE) & 0o777;
    let opened = platform::create(to, mode, !how.resume);
    let mut local = File::from_std(opened.map_err(|source| Failure::new(&here, source))?);
    let start = match how.resume {
        true => resumed(&mut local, attributes.size)
            .await
            .map_err(|source| Failure::new(&here, source))?,
        false => 0,
    };
    let mut reader = Reader::new(client, remote, attributes.size, start)
        .await
        .map_err(|error| failure(&what, error))?;
    let mut meter = client.meter(&found.path, attributes.size, start);
    let mut pace = Pace::new(client.settings.limit_rate);
    while let Some(data) = reader.next().await.map_err(|error| failure(&what, error))? {
        local
            .write_all(&data)
            .await
            .map_err(|source| Failure::new(&here, source))?;
        let count = data.len() as u64;
        meter.iter_mut().for_each(|meter| meter.advance(count));
        pace.keep(count).await;
    }
    let settled = settle(&mut local, how, &attributes).await;
    settled.map_err(|source| Failure::new(&here, source))?;
    meter.into_iter().for_each(super::meter::Meter::finish);
    Ok(())
}

/// Goes to the end of what is there, which must not be more than there is to fetch.
async fn resumed(local: &mut File, size: Option<u64>) -> io::Result<u64> {
    let there = local.seek(SeekFrom::End(0)).await?;
    match size {
        Some(size) if there > size => {
            Err(io::Error::other("it is larger than the file on the host"))
        }
        _ => Ok(there),
    }
}

async fn settle(local: &mut File, how: How, attributes: &Attributes) -> io::Result<()> {
    local.flush().await?;
    if how.preserve {
        let local = local.try_clone().await?.into_std().await;
        platform::preserve(&local, attributes)?;
    }
    match how.sync {
        true => local.sync_all().await,
        false => Ok(()),
    }
}

/// Reads a file in order, with several reads under way.
struct Reader {
    remote: Arc<RemoteFile>,
    reads: VecDeque<Read>,
    /// Where the next read begins.
    next: u64,
    /// How much there should be.
    size: u64,
    buffer: u32,
    requests: Arc<Semaphore>,
}

struct Read {
    offset: u64,
    length: u32,
    data: AbortOnDropHandle<Result<Bytes, SftpError>>,
    /// Counts until what it brought is taken, which bounds what waits in memory.
    _request: OwnedSemaphorePermit,
}

impl Reader {
    async fn new(
        client: &Client,
        remote: RemoteFile,
        size: Option<u64>,
        start: u64,
    ) -> Result<Self, SftpError> {
        let limits = client.sftp.limits().await?;
        Ok(Self {
            remote: Arc::new(remote),
            reads: VecDeque::new(),
            next: start,
            size: size.unwrap_or(0),
            buffer: client.settings.buffer.unwrap_or(u32::MAX).min(limits.read),
            requests: client.requests.clone(),
        })
    }

    /// What follows; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, SftpError> {
        while let Some(length) = self.wanted() {
            let requests = self.requests.clone();
            let request = match self.reads.is_empty() {
                true => requests.acquire_owned().await.ok(),
                false => requests.try_acquire_owned().ok(),
            };
            let Some(request) = request else { break };
            self.reads.push_back(self.read(length, request));
            self.next += u64::from(length);
        }
        let Some(read) = self.reads.pop_front() else {
            return Ok(None);
        };
        let data = read
            .data
            .await
            .map_err(|_| SftpError::Protocol("a read was abandoned"))??;
        if data.len() < read.length as usize {
            // The rest is asked for anew, and what was asked for behind it as well.
            self.reads.clear();
            self.next = read.offset + data.len() as u64;
        }
        Ok(Some(data).filter(|data| !data.is_empty()))
    }

    /// How much to ask for next. Past what there should be, one read at a time looks for more.
    fn wanted(&self) -> Option<u32> {
        let left = self.size.saturating_sub(self.next);
        if left > 0 {
            return Some(u32::try_from(left).unwrap_or(u32::MAX).min(self.buffer));
        }
        let looking = self
            .reads
            .back()
            .is_some_and(|read| read.offset >= self.size);
        (!looking).then_some(self.buffer)
    }

    fn read(&self, length: u32, request: OwnedSemaphorePermit) -> Read {
        let (remote, offset) = (self.remote.clone(), self.next);
        let read = async move { remote.read_at(offset, length).await };
        Read {
            offset,
            length,
            data: AbortOnDropHandle::new(tokio::spawn(read)),
            _request: request,
        }
    }
}

/// Fetches a folder with what is in it; `false` where some of it failed, which was said.
pub(super) async fn folder(
    client: &Client,
    how: How,
    found: &Found,
    to: &Path,
) -> Result<bool, Failure> {
    let real = client.sftp.real_path(&found.path).await;
    let path =
        real.map_err(|error| failure(format!("cannot enter {}", shown(&found.path)), error))?;
    let attributes = found.attributes;
    Ok(folder_at(client, how, Found { path, attributes }, to.to_owned(), 0).await)
}

type Fetching<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

fn folder_at(client: &Client, how: How, from: Found, to: PathBuf, depth: usize) -> Fetching<'_> {
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
    to: &Path,
    depth: usize,
) -> Result<bool, Failure> {
    if depth > DEEPEST {
        let what = format!("cannot fetch {}", shown(&from.path));
        return Err(Failure::caused(
            what,
            format!("it is more than {DEEPEST} folders deep"),
        ));
    }
    client.say(&format!("Retrieving {}", shown(&from.path)))?;
    let what = || format!("cannot make the folder {}", to.display());
    make_folder(to).map_err(|source| Failure::new(what(), source))?;
    let entries = client.sftp.read_folder(&from.path).await;
    let entries =
        entries.map_err(|error| failure(format!("cannot list {}", shown(&from.path)), error))?;
    let is_folder = |entry: &Entry| entry.attributes.kind() == Some(FileKind::Folder);
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_folder);
    let fetches = files
        .into_iter()
        .map(|entry| fetch(client, how, from, entry, to));
    let fetched: Vec<bool> = stream::iter(fetches)
        .buffer_unordered(FILES)
        .collect()
        .await;
    let mut good = !fetched.contains(&false);
    for folder in folders {
        good &= match inner(client, from, &folder, to) {
            Some((from, to)) => folder_at(client, how, from, to, depth + 1).await,
            None => false,
        };
    }
    if how.preserve {
        let what = || format!("cannot set the times of {}", to.display());
        let preserved = platform::open_folder(to)
            .and_then(|folder| platform::preserve(&folder, &from.attributes));
        preserved.map_err(|source| Failure::new(what(), source))?;
    }
    Ok(good)
}

/// Fetches what is no folder; `false` where that failed, which was said.
async fn fetch(client: &Client, how: How, folder: &Found, entry: Entry, to: &Path) -> bool {
    let Some((from, to)) = inner(client, folder, &entry, to) else {
        return false;
    };
    if let None | Some(FileKind::File) = from.attributes.kind() {
        let fetched = file(client, how, &from, &to).await;
        return fetched
            .inspect_err(|failure| client.ui.failure(failure))
            .is_ok();
    }
    client.ui.notice(&format!(
        "left out {}, which is no regular file",
        shown(&from.path)
    ));
    true
}

/// Where a name in a folder leads, there and here; `None`, said, for one that must not be a file's here.
fn inner(client: &Client, folder: &Found, entry: &Entry, to: &Path) -> Option<(Found, PathBuf)> {
    if !platform::is_name(&entry.name) {
        let what = format!(
            "cannot fetch `{}` from {}",
            shown(&entry.name),
            shown(&folder.path)
        );
        client
            .ui
            .failure(&Failure::caused(what, "its name is none for a file here"));
        return None;
    }
    let path = glob::join(&folder.path, &entry.name);
    let attributes = entry.attributes;
    Some((
        Found { path, attributes },
        to.join(platform::path(&entry.name)),
    ))
}

fn make_folder(path: &Path) -> io::Result<()> {
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}
