//! Files and folders from the host to here.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use eic_term::files::{Attributes, Entry, FileKind, OpenMode, RemoteFile, SftpError};
use futures_util::stream::{self, FuturesOrdered, StreamExt};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt, BufWriter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
/// How much waits for being written or read at once where reads or writes on the host are small, in bytes.
pub(super) const BUFFER: usize = 32 << 10;
/// The mode of a file whose own is not known.
const MODE: u32 = 0o666;

/// Fetches a file.
pub(super) async fn file(
    client: &Client,
    how: How,
    found: &Found,
    to: &Path,
) -> Result<(), Failure> {
    let (what, here) = (
        format!("cannot fetch {}", shown(&found.path)),
        format!("cannot write {}", to.display()),
    );
    let unread = |error| failure(&what, error);
    let unwritten = |source| Failure::new(&here, source);
    let of = found.attributes;
    let none = Attributes::default();
    let remote = client.sftp.open(&found.path, OpenMode::READ, none).await;
    let remote = remote.map_err(unread)?;
    let mode = of.permissions().unwrap_or(MODE) & 0o777;
    let opened = platform::create(to, mode, !how.resume);
    let mut local = File::from_std(opened.map_err(unwritten)?);
    let start = match how.resume {
        true => resumed(&mut local, of.size).await.map_err(unwritten)?,
        false => 0,
    };
    let reader = Reader::new(client, remote, of.size, start).await;
    let mut reader = reader.map_err(unread)?;
    let mut local = BufWriter::with_capacity(BUFFER, local);
    let mut meter = client.meter(&found.path, of.size, start);
    let mut pace = Pace::new(client.settings.limit_rate);
    while let Some(data) = reader.next().await.map_err(unread)? {
        local.write_all(&data).await.map_err(unwritten)?;
        let count = data.len() as u64;
        meter.iter_mut().for_each(|meter| meter.advance(count));
        pace.keep(count).await;
    }
    settle(local, how, &of).await.map_err(unwritten)?;
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

async fn settle(mut local: BufWriter<File>, how: How, attributes: &Attributes) -> io::Result<()> {
    local.flush().await?;
    let local = local.into_inner();
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
    reads: FuturesOrdered<Read>,
    /// Where the next read begins.
    next: u64,
    /// How much there should be.
    size: u64,
    /// Whether a read looks for more than that.
    looking: bool,
    buffer: u32,
    requests: Arc<Semaphore>,
}

type Read = Pin<Box<dyn Future<Output = Result<Piece, SftpError>>>>;

/// What a read brought.
struct Piece {
    offset: u64,
    wanted: u32,
    data: Bytes,
    /// Counts until the piece is taken, which bounds what waits in memory.
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
            reads: FuturesOrdered::new(),
            next: start,
            size: size.unwrap_or(0),
            looking: false,
            buffer: client.settings.buffer.unwrap_or(u32::MAX).min(limits.read),
            requests: client.requests.clone(),
        })
    }

    /// What follows; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, SftpError> {
        while let Some(wanted) = self.wanted() {
            let requests = self.requests.clone();
            let request = match self.reads.is_empty() {
                true => requests.acquire_owned().await.ok(),
                false => requests.try_acquire_owned().ok(),
            };
            let Some(request) = request else { break };
            self.looking = self.next >= self.size;
            self.reads.push_back(self.read(wanted, request));
            self.next += u64::from(wanted);
        }
        let Some(piece) = self.reads.next().await.transpose()? else {
            return Ok(None);
        };
        if piece.data.len() < piece.wanted as usize {
            // The rest is asked for anew, and what was asked for behind it as well.
            self.reads.clear();
            self.next = piece.offset + piece.data.len() as u64;
        }
        if self.reads.is_empty() {
            self.looking = false;
        }
        Ok(Some(piece.data).filter(|data| !data.is_empty()))
    }

    /// How much to ask for next. Past what there should be, one read at a time looks for more.
    fn wanted(&self) -> Option<u32> {
        let left = self.size.saturating_sub(self.next);
        match u32::try_from(left).unwrap_or(u32::MAX).min(self.buffer) {
            0 => (!self.looking).then_some(self.buffer),
            wanted => Some(wanted),
        }
    }

    fn read(&self, wanted: u32, request: OwnedSemaphorePermit) -> Read {
        let (remote, offset) = (self.remote.clone(), self.next);
        Box::pin(async move {
            let data = remote.read_at(offset, wanted).await?;
            Ok(Piece {
                offset,
                wanted,
                data,
                _request: request,
            })
        })
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
