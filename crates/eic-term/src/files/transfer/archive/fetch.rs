//! From the host: what its tar(1) writes, checked as strictly as a listing.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use tar::{Archive, Entry, EntryType, PaxExtensions};
use tokio::task::spawn_blocking;

use super::pipe::{self, Incoming};
use super::{ended, lost, session, shell};
use crate::files::attributes::Attributes;
use crate::files::local::{LocalFolder, write_at};
use crate::files::name;
use crate::files::transfer::TransferEvent;
use crate::files::transfer::error::TransferError;
use crate::files::transfer::folder::Way;
use crate::files::transfer::host::Host;
use crate::files::transfer::plan::{Target, local_target, split};
use crate::files::transfer::resume::quoted;
use crate::files::transfer::temporary;
use crate::files::transfer::tree::is_excluded;
use crate::files::transfer::work::Work;
use crate::session::Session;

/// The longest path that an archive may name, in bytes.
const MOST_PATH: u64 = 64 << 10;
/// How much of a file is written at once, in bytes.
const CHUNK: usize = 128 << 10;
const BROKEN: TransferError =
    TransferError::Kind("the host's tar sent something else than an archive");

pub(super) async fn run(
    work: &Arc<Work>,
    sources: Vec<(Host, Vec<u8>)>,
    target: PathBuf,
) -> Result<(), TransferError> {
    let mut found = Vec::new();
    for (host, pattern) in sources {
        let session = session(&host)?;
        let paths = shell::expand(&session, &pattern).await?;
        if paths.is_empty() {
            work.failed(&pattern, TransferError::NoMatch);
        }
        found.extend(paths.into_iter().map(|path| (session.clone(), path)));
    }
    let target = local_target(&target, found.len() == 1).await?;
    for (session, path) in found {
        match fetch(work, &session, &path, &target).await {
            Err(error) if error.is_lost() => return Err(error),
            Err(error) => work.failed(&path, error),
            Ok(()) => {}
        }
    }
    Ok(())
}

async fn fetch(
    work: &Arc<Work>,
    session: &Session,
    path: &[u8],
    target: &Target,
) -> Result<(), TransferError> {
    let (parent, name) = split(path);
    let (root, renamed) = match target {
        Target::Into(Way::Local(root, _)) => (root, None),
        Target::As {
            way: Way::Local(root, _),
            name,
            ..
        } => (root, Some(name.clone())),
        _ => return Err(super::TWO_HOSTS),
    };
    let command = command(work, &parent, name.as_deref().unwrap_or(b"."));
    let mut child = shell::script(session, &command)
        .spawn()
        .await
        .map_err(lost)?;
    drop(child.stdin.take());
    let (feed, incoming) = pipe::incoming();
    let extraction = Extraction {
        work: work.clone(),
        root: root.clone(),
        first: name.is_some().then_some(renamed.clone()).flatten(),
        below: name.is_none().then_some(renamed).flatten(),
        shown: parent,
        folders: Vec::new(),
    };
    let extracted = spawn_blocking(move || extraction.run(incoming));
    let fed = async {
        if let Some(stdout) = child.stdout.take() {
            pipe::feed(stdout, feed, work.clone()).await;
        }
    };
    let stderr = pipe::stderr(child.stderr.take());
    let (extracted, (), stderr) = tokio::join!(extracted, fed, stderr);
    // A connection that was lost is why the rest is missing.
    let status = child.wait().await.map_err(lost)?;
    extracted.map_err(io::Error::other)??;
    ended("tar", &status, &stderr)
}

fn command(work: &Work, parent: &[u8], name: &[u8]) -> Vec<u8> {
    let follow: &[u8] = if work.options.follow { b" -h" } else { b"" };
    let parts: [&[u8]; 5] = [
        b"cd -- ",
        &quoted(parent),
        b" && exec tar -cf -",
        follow,
        b" -- ",
    ];
    [parts.concat(), quoted(name)].concat()
}

struct Extraction {
    work: Arc<Work>,
    root: Arc<LocalFolder>,
    /// What the first name of every path is replaced by.
    first: Option<Vec<u8>>,
    /// The folder that everything goes to, instead.
    below: Option<Vec<u8>>,
    shown: Vec<u8>,
    /// What they get when all is in them.
    folders: Vec<(Vec<OsString>, Attributes)>,
}

/// What an archive says of its next member.
#[derive(Default)]
struct Long {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Extraction {
    fn run(mut self, from: Incoming) -> Result<(), TransferError> {
        let mut archive = Archive::new(from);
        let mut long = Long::default();
        // Raw, as else a hostile host's headers would be read into memory whole.
        for entry in archive.entries()?.raw(true) {
            if self.work.is_cancelled() {
                return Err(TransferError::Cancelled);
            }
            let mut entry = entry.map_err(|_| BROKEN)?;
            if long.takes(&mut entry)? {
                continue;
            }
            let path = long
                .path
                .take()
                .unwrap_or_else(|| entry.path_bytes().to_vec());
            let link = long
                .link
                .take()
                .or_else(|| entry.link_name_bytes().map(|name| name.to_vec()));
            let shown = [self.shown.as_slice(), b"/", &path].concat();
            match self.take(&mut entry, &path, link, &shown) {
                Ok(()) => {}
                Err(error) if is_end(&error) => return Err(error),
                Err(error) => self.work.failed(&shown, error),
            }
        }
        self.finish();
        Ok(())
    }

    fn take(
        &mut self,
        entry: &mut Entry<'_, Incoming>,
        path: &[u8],
        link: Option<Vec<u8>>,
        shown: &[u8],
    ) -> Result<(), TransferError> {
        let names = self.names(path)?;
        let options = &self.work.options;
        let excluded = names.iter().enumerate().any(|(position, name)| {
            let below = names.get(1..=position).unwrap_or_default().join(&b'/');
            position > 0 && is_excluded(&options.exclude, name, &below)
        });
        if excluded {
            return Ok(());
        }
        let header = entry.header();
        let attributes = Attributes {
            size: None,
            owner: None,
            mode: header.mode().ok().map(|mode| mode & 0o777),
            times: header.mtime().ok().map(seconds),
        };
        let kind = header.entry_type();
        let local: Result<Vec<_>, _> = names.iter().map(|name| name::local(name)).collect();
        let mut local = local.map_err(TransferError::Name)?;
        if kind == EntryType::Directory {
            return self.folder(local, attributes);
        }
        let Some(name) = local.pop() else {
            return Err(TransferError::Name("the name is empty"));
        };
        if options.dry_run {
            self.work.planned(
                shown,
                entry.header().size().ok(),
                kind == EntryType::Symlink,
            );
            return Ok(());
        }
        let folder = self.open(&local)?;
        let last = names.last().map(Vec::as_slice).unwrap_or_default();
        let made = name::local(&temporary::fresh(last)).map_err(TransferError::Name)?;
        let made_here = match (kind, link) {
            (EntryType::Regular | EntryType::Continuous, _) => {
                self.file(entry, &folder, &made, attributes, shown)
            }
            (EntryType::Symlink, Some(target)) => {
                Ok(folder.symlink(&target, &made).map(|()| None)?)
            }
            (EntryType::Link, Some(target)) => self.again(&target, &folder, &made, attributes),
            _ => return Err(TransferError::Kind("it is a device, a socket or a pipe")),
        };
        let renamed = made_here.and_then(|size| {
            folder.rename(&made, &name)?;
            Ok(size)
        });
        match renamed {
            Ok(Some(size)) => self.work.copied(shown, size),
            Ok(None) => self.work.linked(shown),
            Err(error) => {
                folder.remove(&made).ok();
                return Err(error);
            }
        }
        Ok(())
    }

    /// The names of a path, under the target's.
    fn names(&self, path: &[u8]) -> Result<Vec<Vec<u8>>, TransferError> {
        let parts = path.split(|byte| *byte == b'/');
        let relative = !path.starts_with(b"/");
        let kept = parts.filter(|part| !matches!(part, [] | [b'.']));
        let mut names: Vec<Vec<u8>> = kept.map(<[u8]>::to_vec).collect();
        for name in &names {
            name::judge(name, name::HERE).map_err(TransferError::Name)?;
        }
        if !relative {
            return Err(TransferError::Name("the path is absolute"));
        }
        if let (Some(first), Some(renamed)) = (names.first_mut(), &self.first) {
            first.clone_from(renamed);
        }
        if let Some(below) = &self.below {
            names.insert(0, below.clone());
        }
        Ok(names)
    }

    fn open(&self, names: &[OsString]) -> io::Result<Arc<LocalFolder>> {
        let step = |at: Arc<LocalFolder>, name: &OsString| at.folder(name, false).map(Arc::new);
        names.iter().try_fold(self.root.clone(), step)
    }

    fn folder(
        &mut self,
        names: Vec<OsString>,
        attributes: Attributes,
    ) -> Result<(), TransferError> {
        if !self.work.options.recursive {
            return Err(TransferError::Kind("it is a folder, which -r copies"));
        }
        let Some((name, parents)) = names.split_last() else {
            return Ok(());
        };
        self.work.count(|summary| summary.folders += 1);
        if self.work.options.dry_run {
            return Ok(());
        }
        let mode = attributes.permissions().unwrap_or(0o777) | 0o700;
        self.open(parents)?.make_folder(name, mode)?;
        if self.work.options.preserve {
            self.folders.push((names, attributes));
        }
        Ok(())
    }

    fn file(
        &self,
        entry: &mut Entry<'_, Incoming>,
        folder: &LocalFolder,
        made: &OsString,
        attributes: Attributes,
        shown: &[u8],
    ) -> Result<Option<u64>, TransferError> {
        let size = entry.header().size().map_err(|_| BROKEN)?;
        let path = shown;
        self.work.tell(TransferEvent::Started {
            path,
            size: Some(size),
        });
        let mode = attributes.permissions().unwrap_or(0o666) | 0o600;
        let file = folder.create(made, mode)?;
        let copied = self.pour(entry, &file)?;
        if copied < size {
            return Err(TransferError::EndedEarly { copied, size });
        }
        self.set(&file, attributes)?;
        Ok(Some(copied))
    }

    fn pour(&self, from: &mut impl Read, to: &File) -> io::Result<u64> {
        let (mut buffer, mut offset) = (vec![0; CHUNK], 0);
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                return Ok(offset);
            }
            write_at(to, buffer.get(..count).unwrap_or_default(), offset)?;
            offset += count as u64;
            self.work.advanced(count as u64, &[None, None]);
        }
    }

    /// A hard link: a copy of what came before under another name.
    fn again(
        &self,
        target: &[u8],
        folder: &LocalFolder,
        made: &OsString,
        attributes: Attributes,
    ) -> Result<Option<u64>, TransferError> {
        let names = self.names(target)?;
        let names: Result<Vec<_>, _> = names.iter().map(|name| name::local(name)).collect();
        let names = names.map_err(TransferError::Name)?;
        let Some((name, parents)) = names.split_last() else {
            return Err(BROKEN);
        };
        let (mut first, _) = self.open(parents)?.read(name, false)?;
        let file = folder.create(made, attributes.permissions().unwrap_or(0o666) | 0o600)?;
        let size = self.pour(&mut first, &file)?;
        self.set(&file, attributes)?;
        Ok(Some(size))
    }

    fn set(&self, file: &File, attributes: Attributes) -> io::Result<()> {
        match self.work.options.preserve {
            true => LocalFolder::set(file, attributes),
            false => Ok(()),
        }
    }

    /// The deepest first, as they come last.
    fn finish(&mut self) {
        while let Some((names, attributes)) = self.folders.pop() {
            if let Ok(folder) = self.open(&names) {
                folder.set_own(attributes).ok();
            }
        }
    }
}

impl Long {
    /// Takes an entry that is about the next one.
    fn takes(&mut self, entry: &mut Entry<'_, Incoming>) -> Result<bool, TransferError> {
        match entry.header().entry_type() {
            EntryType::GNULongName => self.path = Some(text(entry)?),
            EntryType::GNULongLink => self.link = Some(text(entry)?),
            EntryType::XHeader => {
                let bytes = whole(entry)?;
                for extension in PaxExtensions::new(&bytes) {
                    let extension = extension.map_err(|_| BROKEN)?;
                    match extension.key_bytes() {
                        b"path" => self.path = Some(extension.value_bytes().to_vec()),
                        b"linkpath" => self.link = Some(extension.value_bytes().to_vec()),
                        // Only what is larger than 8 GiB has it.
                        b"size" => return Err(TransferError::Kind("a file too large for tar")),
                        _ => {}
                    }
                }
            }
            EntryType::XGlobalHeader => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn whole(entry: &mut Entry<'_, Incoming>) -> Result<Vec<u8>, TransferError> {
    let mut bytes = Vec::new();
    entry.take(MOST_PATH + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        ..=MOST_PATH => Ok(bytes),
        _ => Err(TransferError::TooMuch("the path is too long")),
    }
}

fn text(entry: &mut Entry<'_, Incoming>) -> Result<Vec<u8>, TransferError> {
    let mut bytes = whole(entry)?;
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(bytes)
}

fn seconds(time: u64) -> (u32, u32) {
    let time = u32::try_from(time).unwrap_or(u32::MAX);
    (time, time)
}

/// Whether the stream itself has ended, and not a file on the disk.
fn is_end(error: &TransferError) -> bool {
    match error {
        TransferError::Local(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        error => matches!(error, TransferError::EndedEarly { .. }),
    }
}
