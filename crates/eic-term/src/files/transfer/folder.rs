//! A folder on either side, by one interface.

use std::collections::HashSet;
use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::error::TransferError;
use super::host::Host;
use crate::files::attributes::{Attributes, FileKind};
use crate::files::error::StatusCode;
use crate::files::folder::{Entry, Folder};
use crate::files::local::{LocalEntry, LocalFolder, bytes_of};
use crate::files::name;
use crate::files::sftp::Sftp;

/// How many names here are read ahead.
const AHEAD: usize = 256;

/// Where a folder is; nothing is held open.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// Below a folder that is open, by these names.
    Local(Arc<LocalFolder>, Vec<OsString>),
    Remote(Host, Vec<u8>),
}

/// An open folder.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Local(Arc<LocalFolder>),
    Remote(Host, Vec<u8>),
}

/// A name and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) name: Vec<u8>,
    pub(super) attributes: Attributes,
}

impl Way {
    /// Goes one name further.
    pub(super) fn below(&self, name: &[u8]) -> Result<Self, TransferError> {
        Ok(match self {
            Self::Local(root, names) => {
                let mut names = names.clone();
                names.push(name::local(name).map_err(TransferError::Name)?);
                Self::Local(root.clone(), names)
            }
            Self::Remote(host, path) => Self::Remote(host.clone(), join(path, name)),
        })
    }

    pub(super) async fn open(&self, follow: bool) -> Result<Place, TransferError> {
        match self {
            Self::Local(root, names) => {
                let (root, names) = (root.clone(), names.clone());
                let open = move || {
                    let step = |at: Arc<LocalFolder>, name: &OsString| {
                        at.folder(name, follow).map(Arc::new)
                    };
                    names.iter().try_fold(root, step)
                };
                Ok(Place::Local(blocking(open).await?))
            }
            Self::Remote(host, path) => Ok(Place::Remote(host.clone(), path.clone())),
        }
    }

    /// Sets the folder's own attributes.
    pub(super) async fn set(&self, attributes: Attributes) -> Result<(), TransferError> {
        match self.open(false).await? {
            Place::Local(folder) => blocking(move || folder.set_own(attributes)).await,
            Place::Remote(host, path) => {
                let set = |sftp: Sftp| {
                    let path = path.clone();
                    async move { sftp.set_stat(path, attributes).await }
                };
                Ok(host.ask(set).await?)
            }
        }
    }
}

/// The path of a name in a folder there.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder {
        b"" | b"." => name.to_vec(),
        [.., b'/'] => [folder, name].concat(),
        folder => [folder, b"/", name].concat(),
    }
}

/// Runs what may wait for a disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, TransferError> {
    let done = spawn_blocking(work).await;
    Ok(done.map_err(io::Error::other)??)
}

impl Place {
    pub(super) fn host(&self) -> Option<&Host> {
        match self {
            Self::Remote(host, _) => Some(host),
            Self::Local(_) => None,
        }
    }

    /// The name as this machine has it; only where the place is here.
    pub(super) fn local(name: &[u8]) -> Result<OsString, TransferError> {
        name::local(name).map_err(TransferError::Name)
    }

    /// Whether a name, which the other side made, can be one in this folder.
    pub(super) fn holds(&self, name: &[u8]) -> Result<(), TransferError> {
        let platform = match self {
            Self::Local(_) => name::HERE,
            Self::Remote(..) => name::Platform::Unix,
        };
        name::judge(name, platform).map_err(TransferError::Name)
    }

    pub(super) async fn stat(
        &self,
        name: &[u8],
        follow: bool,
    ) -> Result<Attributes, TransferError> {
        match self {
            Self::Local(folder) => {
                let (folder, name) = (folder.clone(), Self::local(name)?);
                blocking(move || folder.stat(&name, follow)).await
            }
            Self::Remote(host, folder) => {
                let path = join(folder, name);
                let stat = |sftp: Sftp| {
                    let path = path.clone();
                    async move {
                        if follow {
                            sftp.stat(path).await
                        } else {
                            sftp.lstat(path).await
                        }
                    }
                };
                Ok(host.ask(stat).await?)
            }
        }
    }

    /// Returns what bears the name already, if anything.
    pub(super) async fn existing(&self, name: &[u8]) -> Result<Option<Attributes>, TransferError> {
        match self.stat(name, false).await {
            Ok(attributes) => Ok(Some(attributes)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a folder, or takes the one that is there; `true` where it is new.
    pub(super) async fn make_folder(&self, name: &[u8], mode: u32) -> Result<bool, TransferError> {
        match self {
            Self::Local(folder) => {
                let (folder, name) = (folder.clone(), Self::local(name)?);
                blocking(move || folder.make_folder(&name, mode)).await
            }
            Self::Remote(host, folder) => {
                let path = join(folder, name);
                let make = |sftp: Sftp| {
                    let path = path.clone();
                    async move { sftp.make_folder(path, Attributes::of_mode(mode)).await }
                };
                match host.ask(make).await {
                    Ok(()) => Ok(true),
                    // Version 3 has no word for a name that is taken.
                    Err(error) if error.code().is_some() => {
                        let taken = self.is_folder(name).await;
                        taken.then_some(false).ok_or(error.into())
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    async fn is_folder(&self, name: &[u8]) -> bool {
        let seen = self.stat(name, true).await;
        seen.is_ok_and(|seen| seen.kind() == Some(FileKind::Folder))
    }

    pub(super) async fn read_link(&self, name: &[u8]) -> Result<Vec<u8>, TransferError> {
        match self {
            Self::Local(folder) => {
                let (folder, name) = (folder.clone(), Self::local(name)?);
                blocking(move || folder.read_link(&name)).await
            }
            Self::Remote(host, folder) => {
                let path = join(folder, name);
                let read = |sftp: Sftp| {
                    let path = path.clone();
                    async move { sftp.read_link(path).await }
                };
                Ok(host.ask(read).await?)
            }
        }
    }

    pub(super) async fn symlink(&self, target: &[u8], name: &[u8]) -> Result<(), TransferError> {
        match self {
            Self::Local(folder) => {
                let (folder, name) = (folder.clone(), Self::local(name)?);
                let target = target.to_vec();
                blocking(move || folder.symlink(&target, &name)).await
            }
            Self::Remote(host, folder) => {
                let path = join(folder, name);
                let make = |sftp: Sftp| {
                    let (target, path) = (target.to_vec(), path.clone());
                    async move { sftp.symlink(target, path).await }
                };
                Ok(host.ask(make).await?)
            }
        }
    }

    /// Takes off what a file has behind this many bytes.
    pub(super) async fn cut(&self, name: &[u8], size: u64) -> Result<(), TransferError> {
        match self {
            Self::Local(folder) => {
                let (folder, name) = (folder.clone(), Self::local(name)?);
                let cut = move || {
                    let file = folder.write(&name, 0o600)?;
                    let longer = file.metadata()?.len() > size;
                    if longer { file.set_len(size) } else { Ok(()) }
                };
                blocking(cut).await
            }
            Self::Remote(host, folder) => {
                let sftp = host.channel().await?.sftp;
                let path = join(folder, name);
                let there = sftp.stat(&path).await?.size.unwrap_or_default();
                let size = Attributes {
                    size: Some(size.min(there)),
                    ..Attributes::default()
                };
                Ok(sftp.set_stat(path, size).await?)
            }
        }
    }

    pub(super) async fn remove(&self, name: &[u8]) -> Result<(), TransferError> {
        match self {
            Self::Local(folder) => {
                let (folder, name) = (folder.clone(), Self::local(name)?);
                blocking(move || folder.remove(&name)).await
            }
            Self::Remote(host, folder) => {
                let path = join(folder, name);
                let remove = |sftp: Sftp| {
                    let path = path.clone();
                    async move { sftp.remove(path).await }
                };
                Ok(host.ask(remove).await?)
            }
        }
    }

    /// Puts one name in the place of another.
    pub(super) async fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), TransferError> {
        match self {
            Self::Local(folder) => {
                let (folder, from, to) = (folder.clone(), Self::local(from)?, Self::local(to)?);
                blocking(move || folder.rename(&from, &to)).await
            }
            Self::Remote(host, folder) => {
                let (from, to) = (join(folder, from), join(folder, to));
                let rename = |sftp: Sftp| {
                    let (from, to) = (from.clone(), to.clone());
                    async move {
                        match sftp.rename(&from, &to).await {
                            Err(error)
                                if error.code() == Some(StatusCode::FAILURE)
                                    && !sftp.offers("posix-rename@openssh.com") =>
                            {
                                sftp.remove(&to).await?;
                                sftp.rename(&from, &to).await
                            }
                            renamed => renamed,
                        }
                    }
                };
                Ok(host.ask(rename).await?)
            }
        }
    }

    /// Sets the times of a symbolic link itself, where that can be done.
    pub(super) async fn set_link(&self, name: &[u8], of: Attributes) -> Result<(), TransferError> {
        match self {
            Self::Local(folder) => {
                let (folder, name) = (folder.clone(), Self::local(name)?);
                blocking(move || folder.set_link(&name, of)).await
            }
            Self::Remote(host, folder) => {
                let path = join(folder, name);
                let times = Attributes {
                    times: of.times,
                    ..Attributes::default()
                };
                let set = |sftp: Sftp| {
                    let path = path.clone();
                    async move {
                        if sftp.offers("lsetstat@openssh.com") {
                            sftp.set_lstat(path, times).await
                        } else {
                            Ok(())
                        }
                    }
                };
                Ok(host.ask(set).await?)
            }
        }
    }

    /// Begins to read its names.
    pub(super) fn names(&self, follow: bool) -> Names {
        let from = match self {
            Self::Local(folder) => {
                let (sender, receiver) = mpsc::channel(AHEAD);
                let folder = folder.clone();
                // It ends when nobody takes its names any more.
                spawn_blocking(move || {
                    let read =
                        folder.entries(follow, |entry| sender.blocking_send(Ok(entry)).is_ok());
                    if let Err(error) = read {
                        sender.blocking_send(Err(error)).ok();
                    }
                });
                Reader::Local(receiver)
            }
            Self::Remote(host, path) => Reader::Remote {
                host: host.clone(),
                path: path.clone(),
                open: None,
            },
        };
        Names {
            from,
            seen: HashSet::new(),
            hasher: RandomState::new(),
        }
    }
}

/// The names of a folder, a few at a time.
pub(super) struct Names {
    from: Reader,
    /// The hashes of those that came: after a lost connection they come again, and a server may repeat itself.
    seen: HashSet<u64>,
    hasher: RandomState,
}

enum Reader {
    Local(mpsc::Receiver<io::Result<LocalEntry>>),
    Remote {
        host: Host,
        path: Vec<u8>,
        open: Option<(Folder, u64)>,
    },
}

impl Names {
    /// Returns the next ones; none at the end.
    pub(super) async fn next(&mut self) -> Result<Vec<Found>, TransferError> {
        loop {
            let Some(found) = self.from.next().await? else {
                return Ok(Vec::new());
            };
            let mut fresh = found;
            fresh.retain(|one| self.seen.insert(self.hasher.hash_one(&one.name)));
            if !fresh.is_empty() {
                return Ok(fresh);
            }
        }
    }
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Vec<Found>>, TransferError> {
        let (host, path, open) = match self {
            Self::Local(receiver) => return next_local(receiver).await,
            Self::Remote { host, path, open } => (host, path, open),
        };
        loop {
            let generation = open.as_ref().map(|(_, generation)| *generation);
            let next = async {
                if open.is_none() {
                    let channel = host.channel().await?;
                    let folder = channel.sftp.open_folder(&*path).await?;
                    *open = Some((folder, channel.generation));
                }
                match open {
                    Some((folder, _)) => folder.next().await,
                    None => Ok(None),
                }
            };
            match next.await {
                Ok(entries) => return Ok(entries.map(found)),
                Err(error) if error.is_lost() => {
                    host.renew(generation.unwrap_or(host.generation()), error)
                        .await?;
                    *open = None;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

async fn next_local(
    receiver: &mut mpsc::Receiver<io::Result<LocalEntry>>,
) -> Result<Option<Vec<Found>>, TransferError> {
    let Some(entry) = receiver.recv().await else {
        return Ok(None);
    };
    let entry = entry?;
    let name = bytes_of(&entry.name).unwrap_or_else(|| entry.name.as_encoded_bytes().to_vec());
    Ok(Some(vec![Found {
        name,
        attributes: entry.attributes,
    }]))
}

fn found(entries: Vec<Entry>) -> Vec<Found> {
    let found = |entry: Entry| Found {
        name: entry.name,
        attributes: entry.attributes,
    };
    entries.into_iter().map(found).collect()
}
