//! To the host: an archive for its tar(1).

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tar::{Builder, EntryType, Header};
use tokio::task::spawn_blocking;

use super::pipe::{self, Outgoing};
use super::{ended, home, lost, shell};
use crate::files::attributes::{Attributes, FileKind};
use crate::files::local::{LocalFolder, bytes_of, name_of};
use crate::files::transfer::TransferEvent;
use crate::files::transfer::error::TransferError;
use crate::files::transfer::folder::{Place, blocking, join};
use crate::files::transfer::plan::{Spot, split};
use crate::files::transfer::resume::quoted;
use crate::files::transfer::tree::is_excluded;
use crate::files::transfer::work::Work;
use crate::session::Session;

pub(super) async fn run(
    work: &Arc<Work>,
    session: &Session,
    paths: Vec<PathBuf>,
    target: &[u8],
) -> Result<(), TransferError> {
    let target = home(target);
    let test = [b"test -d ", quoted(target).as_slice()].concat();
    let output = shell::script(session, &test).output().await.map_err(lost)?;
    let (folder, renamed) = match (output.status.success(), split(target)) {
        (true, _) => (target.to_vec(), None),
        (false, (parent, Some(name))) if paths.len() == 1 => (parent, Some(name)),
        _ => return Err(TransferError::Kind("there is no such target folder")),
    };
    let preserve = if work.options.preserve {
        "-xpf"
    } else {
        "-xmf"
    };
    let command = format!(" && exec tar {preserve} -");
    let command = [b"cd -- ", quoted(&folder).as_slice(), command.as_bytes()].concat();
    let mut child = shell::script(session, &command)
        .spawn()
        .await
        .map_err(lost)?;
    let (outgoing, chunks) = pipe::outgoing();
    let archive = pack(work.clone(), paths, renamed, outgoing);
    let drained = async {
        match child.stdin.take() {
            Some(stdin) => pipe::drain(chunks, stdin, work.clone()).await,
            None => Ok(()),
        }
    };
    drop(child.stdout.take());
    let stderr = pipe::stderr(child.stderr.take());
    let (packed, drained, stderr) = tokio::join!(archive, drained, stderr);
    let status = child.wait().await.map_err(lost)?;
    // What tar says on the other side is why nothing could be sent.
    ended("tar", &status, &stderr)?;
    drained?;
    packed
}

/// Puts all that was named into one archive.
async fn pack(
    work: Arc<Work>,
    paths: Vec<PathBuf>,
    renamed: Option<Vec<u8>>,
    to: Outgoing,
) -> Result<(), TransferError> {
    let mut packing = Packing {
        work: work.clone(),
        archive: Builder::new(to),
    };
    for path in paths {
        let spot = Spot::Local(path);
        let shown = spot.shown();
        let located = spot.place().await;
        let renamed = renamed.clone();
        let packed = blocking(move || {
            let added = located.and_then(|(place, name)| packing.named(place, name, renamed));
            Ok((packing, added))
        });
        let added;
        (packing, added) = packed.await?;
        match added {
            Err(TransferError::Local(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Err(error.into());
            }
            Err(error) => work.failed(&shown, error),
            Ok(()) => {}
        }
    }
    let finished = spawn_blocking(move || packing.archive.finish()).await;
    Ok(finished.map_err(io::Error::other)??)
}

struct Packing {
    work: Arc<Work>,
    archive: Builder<Outgoing>,
}

impl Packing {
    fn named(
        &mut self,
        place: Place,
        name: Option<Vec<u8>>,
        renamed: Option<Vec<u8>>,
    ) -> Result<(), TransferError> {
        let Place::Local(folder) = place else {
            return Err(super::TWO_HOSTS);
        };
        let Some(name) = name else {
            let path = renamed.unwrap_or_else(|| b".".to_vec());
            self.must_recurse()?;
            return self.contents(&folder, &path, b"");
        };
        let attributes = folder.stat(&Place::local(&name)?, true)?;
        let path = renamed.unwrap_or_else(|| name.clone());
        self.add(&folder, &Place::local(&name)?, attributes, &path, b"", true)
    }

    fn must_recurse(&self) -> Result<(), TransferError> {
        match self.work.options.recursive {
            true => Ok(()),
            false => Err(TransferError::Kind("it is a folder, which -r copies")),
        }
    }

    fn add(
        &mut self,
        folder: &LocalFolder,
        name: &OsStr,
        attributes: Attributes,
        path: &[u8],
        relative: &[u8],
        follow: bool,
    ) -> Result<(), TransferError> {
        if self.work.is_cancelled() {
            return Err(TransferError::Cancelled);
        }
        let os_path = name_of(path).ok_or(TransferError::Name("the name is no Unicode"))?;
        match attributes.kind() {
            Some(FileKind::Folder) => {
                self.must_recurse()?;
                let mut header = header(EntryType::Directory, attributes, 0);
                self.work.count(|summary| summary.folders += 1);
                if !self.work.options.dry_run {
                    self.archive
                        .append_data(&mut header, Path::new(&os_path), io::empty())?;
                }
                let inside = folder.folder(name, follow)?;
                self.contents(&inside, path, relative)
            }
            Some(FileKind::Symlink) => {
                let target = folder.read_link(name)?;
                let target = name_of(&target).ok_or(TransferError::Name("no Unicode"))?;
                let mut header = header(EntryType::Symlink, attributes, 0);
                if !self.work.options.dry_run {
                    self.archive.append_link(
                        &mut header,
                        Path::new(&os_path),
                        Path::new(&target),
                    )?;
                }
                self.work.linked(path);
                Ok(())
            }
            Some(FileKind::File) => self.file(folder, name, path, &os_path, follow),
            _ => Err(TransferError::Kind("it is a device, a socket or a pipe")),
        }
    }

    fn file(
        &mut self,
        folder: &LocalFolder,
        name: &OsStr,
        path: &[u8],
        os_path: &OsStr,
        follow: bool,
    ) -> Result<(), TransferError> {
        let (file, attributes) = folder.read(name, follow)?;
        let size = attributes.size.unwrap_or_default();
        self.work.tell(TransferEvent::Started {
            path,
            size: Some(size),
        });
        if !self.work.options.dry_run {
            let mut header = header(EntryType::Regular, attributes, size);
            // An archive says the size first: what is missing then are zeros, what is more is cut.
            let exact = io::Read::take(io::Read::chain(file, io::repeat(0)), size);
            self.archive
                .append_data(&mut header, Path::new(os_path), exact)?;
            self.work.advanced(size, &[None, None]);
        }
        self.work.copied(path, size);
        Ok(())
    }

    fn contents(
        &mut self,
        folder: &LocalFolder,
        path: &[u8],
        relative: &[u8],
    ) -> Result<(), TransferError> {
        let follow = self.work.options.follow;
        let mut entries = Vec::new();
        folder.entries(follow, |entry| {
            entries.push(entry);
            true
        })?;
        for entry in entries {
            let name = bytes_of(&entry.name);
            let name = name.unwrap_or_else(|| entry.name.as_encoded_bytes().to_vec());
            let (below, relative) = (join(path, &name), join(relative, &name));
            if is_excluded(&self.work.options.exclude, &name, &relative) {
                continue;
            }
            match self.add(
                folder,
                &entry.name,
                entry.attributes,
                &below,
                &relative,
                follow,
            ) {
                Ok(()) => {}
                Err(TransferError::Local(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Err(error.into());
                }
                Err(TransferError::Cancelled) => return Err(TransferError::Cancelled),
                Err(error) => self.work.failed(&below, error),
            }
        }
        Ok(())
    }
}

fn header(kind: EntryType, attributes: Attributes, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(attributes.permissions().unwrap_or(0o644) & 0o777);
    header.set_mtime(attributes.times.map_or(0, |(_, written)| written.into()));
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header
}
