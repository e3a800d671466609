//! What a copy reads from and writes to.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::block::{Reader, Writer};
use super::copy::{Copy, From, PERMISSIONS, State, To, USUAL, WRITABLE, stream};
use super::error::TransferError;
use super::folder::{Place, blocking, join};
use super::host::Host;
use super::work::Work;
use super::{resume, temporary};
use crate::files::attributes::{Attributes, FileKind};
use crate::files::file::{OpenMode, RemoteFile};

impl Copy {
    pub(super) async fn open_source(&mut self) -> Result<(Reader, Attributes), TransferError> {
        let (place, name) = match &mut self.from {
            From::Stream(input) => {
                let input = stream(input)
                    .take()
                    .ok_or(TransferError::Kind("it is read already"))?;
                return Ok((Reader::Stream(input), Attributes::default()));
            }
            From::File(place, name) => (place, name),
        };
        match place {
            Place::Local(folder) => {
                let (folder, name) = (folder.clone(), Place::local(name)?);
                let follow = self.follow;
                let (file, attributes) = blocking(move || folder.read(&name, follow)).await?;
                Ok((Reader::Local(Arc::new(file)), attributes))
            }
            Place::Remote(host, folder) => {
                let path = join(folder, name);
                let size = self.attributes.size.unwrap_or_default();
                let open = (OpenMode::READ, OpenMode::READ);
                let files = open_all(host, &path, open, Attributes::default(), size);
                Ok((Reader::Remote(files.await?), self.attributes))
            }
        }
    }

    /// With `resume`, whether the file is there already.
    pub(super) async fn is_unchanged(
        &self,
        work: &Work,
        attributes: Attributes,
        state: &mut State,
    ) -> Result<bool, TransferError> {
        let To::File {
            place,
            name,
            is_new,
        } = &self.to
        else {
            return Ok(false);
        };
        let existing = match &state.existing {
            Some(existing) => *existing,
            None if *is_new => None,
            None => place.existing(name).await?,
        };
        state.existing = Some(existing);
        if existing.is_some_and(|existing| existing.kind() == Some(FileKind::Folder)) {
            return Err(TransferError::Kind("a folder bears the name there"));
        }
        let (Some(existing), true) = (existing, work.options.resume) else {
            return Ok(false);
        };
        let From::File(from, from_name) = &self.from else {
            return Ok(false);
        };
        if existing.size != attributes.size || existing.kind() != Some(FileKind::File) {
            return Ok(false);
        }
        let written = |of: Attributes| of.times.map(|(_, written)| written);
        if written(existing) == written(attributes) {
            return Ok(true);
        }
        let size = attributes.size.unwrap_or_default();
        let (from, to) = ((from, from_name.as_slice()), (place, name.as_slice()));
        Ok(resume::same_by_hash(from, to, size).await.unwrap_or(false))
    }

    /// The name to write to: another than the file's own until it is whole.
    pub(super) fn temporary(&self, work: &Work, existing: Option<Attributes>) -> Option<Vec<u8>> {
        let To::File { name, .. } = &self.to else {
            return None;
        };
        let kind = existing.and_then(|existing| existing.kind());
        // A device is written to, and never replaced.
        if work.options.in_place || kind == Some(FileKind::Special) {
            return Some(name.clone());
        }
        Some(match work.options.resume {
            true => temporary::lasting(name),
            false => temporary::fresh(name),
        })
    }

    /// Opens what is written to, and finds out where to go on.
    pub(super) async fn open_target(
        &mut self,
        work: &Work,
        state: &mut State,
        attributes: Attributes,
    ) -> Result<Writer, TransferError> {
        let existing = state.existing.flatten();
        let name = state
            .made
            .clone()
            .or_else(|| self.temporary(work, existing));
        let (place, own) = match &mut self.to {
            To::Stream(output) => {
                let output = stream(output)
                    .take()
                    .ok_or(TransferError::Kind("it is written already"))?;
                return Ok(Writer::Stream(output));
            }
            To::File { place, name, .. } => (&*place, &*name),
        };
        let name = name.unwrap_or_else(|| own.clone());
        let is_own = name == *own;
        let first = state.made.is_none();
        if first
            && work.options.resume
            && let From::File(from, from_name) = &self.from
        {
            let source = (from, from_name.as_slice());
            let size = attributes.size.unwrap_or_default();
            state.offset = resume::offset(source, (place, name.as_slice()), size).await?;
            work.skipped(state.offset);
        }
        // What is made is known by then, whatever becomes of the request.
        state.made = Some(name.clone());
        let exclusive = first && !is_own && !work.options.resume;
        let mode = attributes.permissions().unwrap_or(USUAL) & PERMISSIONS | WRITABLE;
        let special = existing.and_then(|one| one.kind()) == Some(FileKind::Special);
        // Later on all that is there is ours, and a server that still works on what it was told before must not cut it.
        let mut cut = !exclusive && !special && (first || state.changed);
        let mut writer = match place {
            Place::Local(folder) => {
                let (folder, name) = (folder.clone(), Place::local(&name)?);
                let open = move || {
                    if exclusive {
                        folder.create(&name, mode)
                    } else {
                        folder.write(&name, mode)
                    }
                };
                Writer::Local(Arc::new(blocking(open).await?))
            }
            Place::Remote(host, folder) => {
                let path = join(folder, &name);
                let size = attributes.size.unwrap_or_default();
                // What was begun is there, or has its name already.
                let begun = !first && !is_own && state.offset > 0;
                let how = match begun {
                    true => OpenMode::WRITE,
                    false => OpenMode::WRITE | OpenMode::CREATE,
                };
                let how = match (exclusive, cut && state.offset == 0) {
                    (true, _) => how | OpenMode::EXCLUSIVE,
                    (_, true) => {
                        cut = false;
                        how | OpenMode::TRUNCATE
                    }
                    _ => how,
                };
                let open = (how, OpenMode::WRITE);
                let files = open_all(host, &path, open, Attributes::of_mode(mode), size);
                Writer::Remote(files.await?)
            }
        };
        state.opened = true;
        state.changed = false;
        if cut {
            // What is behind is of another copy.
            writer.set_size(state.offset).await?;
        }
        Ok(writer)
    }
}

/// Opens one file on several channels where it is large: on the first one, which may make it, while the others are
/// opened, then on those at once.
async fn open_all(
    host: &Host,
    path: &[u8],
    (first_mode, mode): (OpenMode, OpenMode),
    attributes: Attributes,
    size: u64,
) -> Result<Vec<RemoteFile>, TransferError> {
    let first = host.channel().await?.sftp;
    let made = first.open(path, first_mode, attributes);
    let (made, others) = tokio::try_join!(made, host.others(&first, size))?;
    let mut files = vec![made];
    let mut opening = JoinSet::new();
    for sftp in others {
        let path = path.to_vec();
        opening.spawn(async move { sftp.open(path, mode, Attributes::default()).await });
    }
    for opened in opening.join_all().await {
        files.push(opened?);
    }
    Ok(files)
}
