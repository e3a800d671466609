//! Files and folders from the host to here.

use std::collections::VecDeque;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use eic_term::files::{Attributes, Entry, FileKind, OpenMode, RemoteFile, SftpError};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio_util::task::AbortOnDropHandle;

use super::client::{Client, failure, shown};
use super::command::How;
use super::glob::{self, Found};
use super::pace::Pace;
use super::platform;
use crate::cli::report::Failure;

/// How many folders deep files may be, as with sftp(1).
pub(super) const DEEPEST: usize = 64;
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
    size: Option<u64>,
    buffer: u32,
    width: usize,
}

struct Read {
    offset: u64,
    length: u32,
    data: AbortOnDropHandle<Result<Bytes, SftpError>>,
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
            size,
            buffer: client.settings.buffer.unwrap_or(u32::MAX).min(limits.read),
            width: client.width(),
        })
    }

    /// What follows; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, SftpError> {
        // Past what the size promises one read at a time looks for more.
        while self.reads.len() < self.width
            && (self.reads.is_empty() || self.size.is_some_and(|size| self.next < size))
        {
            self.reads.push_back(self.read(self.next));
            self.next += u64::from(self.buffer);
        }
        let Some(read) = self.reads.pop_front() else {
            return Ok(None);
        };
        let data = read
            .data
            .await
            .map_err(|_| SftpError::Protocol("a read was abandoned"))??;
        if data.is_empty() {
            self.reads.clear();
            return Ok(None);
        }
        if data.len() < read.length as usize {
            // The rest is asked for anew, and what was asked for behind it as well.
            self.reads.clear();
            self.next = read.offset + data.len() as u64;
        }
        Ok(Some(data))
    }

    fn read(&self, offset: u64) -> Read {
        let (remote, length) = (self.remote.clone(), self.buffer);
        let read = async move { remote.read_at(offset, length).await };
        let data = AbortOnDropHandle::new(tokio::spawn(read));
        Read {
            offset,
            length,
            data,
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
    let mut good = true;
    for entry in entries {
        let fetched = match platform::is_name(&entry.name) {
            true => fetch(client, how, from, entry, to, depth).await,
            false => {
                let (name, folder) = (shown(&entry.name), shown(&from.path));
                let what = format!("cannot fetch `{name}` from {folder}");
                Err(Failure::caused(what, "its name is none for a file here"))
            }
        };
        good &= fetched.unwrap_or_else(|failure| {
            client.ui.failure(&failure);
            false
        });
    }
    if how.preserve {
        let what = || format!("cannot set the times of {}", to.display());
        let preserved = platform::open_folder(to)
            .and_then(|folder| platform::preserve(&folder, &from.attributes));
        preserved.map_err(|source| Failure::new(what(), source))?;
    }
    Ok(good)
}

async fn fetch(
    client: &Client,
    how: How,
    folder: &Found,
    entry: Entry,
    to: &Path,
    depth: usize,
) -> Result<bool, Failure> {
    let path = glob::join(&folder.path, &entry.name);
    let attributes = entry.attributes;
    let inner = Found { path, attributes };
    let to = to.join(platform::path(&entry.name));
    match attributes.kind() {
        Some(FileKind::Folder) => Ok(folder_at(client, how, inner, to, depth + 1).await),
        None | Some(FileKind::File) => file(client, how, &inner, &to).await.map(|()| true),
        Some(_) => {
            client.ui.notice(&format!(
                "left out {}, which is no regular file",
                shown(&inner.path)
            ));
            Ok(true)
        }
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}
