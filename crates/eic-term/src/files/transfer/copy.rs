//! One file from one side to the other: to a temporary name first, and under its own when it is whole.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::block::{BLOCK, Input, Output, Reader, Writer};
use super::error::TransferError;
use super::folder::{Place, blocking};
use super::host::Host;
use super::pipe::{Pipe, fill};
use super::work::Work;
use crate::files::attributes::{Attributes, FileKind};
use crate::files::error::SftpError;

/// Permissions: what is asked for, and what must be there while a file is written.
pub(super) const PERMISSIONS: u32 = 0o777;
pub(super) const WRITABLE: u32 = 0o600;
/// Where nothing is known of a file.
pub(super) const USUAL: u32 = 0o666;

/// Where a file comes from.
pub(super) enum From {
    File(Place, Vec<u8>),
    Stream(Mutex<Option<Input>>),
}

/// Where a file goes.
pub(super) enum To {
    File {
        place: Place,
        name: Vec<u8>,
        /// Whether nothing bore the name before.
        is_new: bool,
    },
    Stream(Mutex<Option<Output>>),
}

/// What is in there; a stream is taken out to be used, and nobody else has it.
pub(super) fn stream<S>(slot: &mut Mutex<Option<S>>) -> &mut Option<S> {
    slot.get_mut().unwrap_or_else(PoisonError::into_inner)
}

/// A file about to be copied.
pub(super) struct Copy {
    pub(super) from: From,
    pub(super) to: To,
    pub(super) attributes: Attributes,
    pub(super) follow: bool,
}

/// How a copy went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copied {
    Whole(u64),
    /// It was there already.
    Unchanged,
}

/// How far a copy is; it outlives a lost connection.
#[derive(Default)]
pub(super) struct State {
    /// All before this is written.
    pub(super) offset: u64,
    /// The name written to, once it is made.
    pub(super) made: Option<Vec<u8>>,
    /// Whether it was opened, and what it has behind is ours.
    pub(super) opened: bool,
    /// What the source was like when the copy began.
    pub(super) seen: Option<(Option<u64>, Option<u32>)>,
    /// Whether it was another one before, and what is written is of no use.
    pub(super) changed: bool,
    /// What bore the name before.
    pub(super) existing: Option<Option<Attributes>>,
}

impl Copy {
    /// Copies it, on as many connections as it takes.
    pub(super) async fn run(mut self, work: &Arc<Work>) -> Result<Copied, TransferError> {
        let mut state = State::default();
        let copied = loop {
            let generations = self.generations();
            let attempt = tokio::select! {
                attempt = self.attempt(work, &mut state) => attempt,
                () = work.cancelled() => Err(TransferError::Cancelled),
            };
            let lost = attempt.as_ref().err().and_then(TransferError::remote);
            match lost
                .filter(|error| error.is_lost() && self.can_go_on())
                .cloned()
            {
                Some(error) => {
                    if let Err(error) = self.renew(&generations, error).await {
                        break Err(error.into());
                    }
                }
                None => break attempt,
            }
        };
        if copied.is_err() {
            self.clean_up(work, &state).await;
        }
        copied
    }

    fn hosts(&self) -> [Option<&Host>; 2] {
        let from = match &self.from {
            From::File(place, _) => place.host(),
            From::Stream(_) => None,
        };
        let to = match &self.to {
            To::File { place, .. } => place.host(),
            To::Stream(_) => None,
        };
        [from, to]
    }

    fn generations(&self) -> Vec<u64> {
        let hosts = self.hosts();
        hosts
            .iter()
            .flatten()
            .map(|host| host.generation())
            .collect()
    }

    /// What was read from a stream is gone.
    fn can_go_on(&self) -> bool {
        !matches!(self.from, From::Stream(_))
    }

    async fn renew(&self, generations: &[u64], error: SftpError) -> Result<(), SftpError> {
        let hosts: Vec<_> = self.hosts().into_iter().flatten().collect();
        let one = hosts.len() == 1;
        for (host, generation) in hosts.into_iter().zip(generations) {
            let lost = host.session().is_none_or(|session| session.is_closed());
            if one || lost {
                host.renew(*generation, error.clone()).await?;
            }
        }
        Ok(())
    }

    /// Takes away what is not whole; what is to stay has no holes.
    async fn clean_up(&self, work: &Work, state: &State) {
        let (To::File { place, name, .. }, Some(made)) = (&self.to, &state.made) else {
            return;
        };
        let existing = state.existing.flatten().and_then(|one| one.kind());
        if made == name && existing == Some(FileKind::Special) {
            return;
        }
        if made == name || work.options.resume {
            if state.opened {
                place.cut(made, state.offset).await.ok();
            }
        } else {
            place.remove(made).await.ok();
        }
    }

    async fn attempt(
        &mut self,
        work: &Arc<Work>,
        state: &mut State,
    ) -> Result<Copied, TransferError> {
        let (mut reader, attributes) = self.open_source().await?;
        let seen = (
            attributes.size,
            attributes.times.map(|(_, written)| written),
        );
        if state
            .seen
            .replace(seen)
            .is_some_and(|before| before != seen)
        {
            state.offset = 0;
            state.changed = true;
        }
        let size = attributes.size.unwrap_or_default();
        let _preparing = self.hosts()[1].and_then(|host| host.prepare(size));
        if let To::File { .. } = &self.to
            && self.is_unchanged(work, attributes, state).await?
        {
            return Ok(Copied::Unchanged);
        }
        let block = work.block(&self.hosts()).await?;
        let small = attributes.size.filter(|size| *size <= block.into());
        if let (Some(size @ 1..), false, false) = (small, reader.is_stream(), work.options.resume)
            && state.made.is_none()
        {
            // What is read first need not be cleaned up where it cannot be.
            let length = u32::try_from(size).unwrap_or(BLOCK);
            let first = whole(&mut reader, work, length).await?;
            return self.put(work, state, attributes, first, reader).await;
        }
        self.stream(work, state, attributes, reader).await
    }

    /// A small file, whose bytes are here: nothing is waited for that need not be.
    async fn put(
        &mut self,
        work: &Work,
        state: &mut State,
        attributes: Attributes,
        data: Bytes,
        reader: Reader,
    ) -> Result<Copied, TransferError> {
        drop(reader);
        let size = data.len() as u64;
        let last = self.last_attributes(work, state, attributes);
        if let To::File {
            place: Place::Local(folder),
            name,
            ..
        } = &self.to
            && let Some(made) = self.temporary(work, state.existing.flatten())
            && made != *name
            && !work.options.sync
        {
            let mode = attributes.permissions().unwrap_or(USUAL) & PERMISSIONS | WRITABLE;
            let (folder, made, name) = (folder.clone(), Place::local(&made)?, Place::local(name)?);
            let put = move || folder.put(&made, &name, &data, mode, last);
            blocking(put).await.map_err(TransferError::writing)?;
            work.advanced(size, &self.hosts());
            return Ok(Copied::Whole(size));
        }
        let written = async {
            let mut writer = self.open_target(work, state, attributes).await?;
            writer.begin(0, data).await?.wait().await?;
            work.advanced(size, &self.hosts());
            self.finish(work, state, writer, last, size).await
        };
        written.await.map_err(TransferError::writing)?;
        Ok(Copied::Whole(size))
    }

    /// What is set at the end: of everything with `preserve`, else the mode of what was there before, or what the
    /// file could not have while it was written.
    fn last_attributes(
        &self,
        work: &Work,
        state: &State,
        attributes: Attributes,
    ) -> Option<Attributes> {
        let mode = attributes.permissions().map(|mode| mode & PERMISSIONS);
        if work.options.preserve {
            let times = attributes.times;
            return Some(Attributes {
                mode,
                times,
                ..Attributes::default()
            });
        }
        let before = state
            .existing
            .flatten()
            .filter(|one| one.kind() == Some(FileKind::File));
        // As sftp(1) does: what is new here can still be written to.
        let is_here = self.hosts()[1].is_none();
        if work.options.in_place && (before.is_some() || is_here) {
            return None;
        }
        let before = before.and_then(|before| before.permissions());
        let kept = before.map(|before| before & PERMISSIONS);
        let unusual = mode.filter(|mode| mode & WRITABLE != WRITABLE);
        kept.or(unusual).map(Attributes::of_mode)
    }

    async fn stream(
        &mut self,
        work: &Work,
        state: &mut State,
        attributes: Attributes,
        mut reader: Reader,
    ) -> Result<Copied, TransferError> {
        let _turn = work.large.acquire().await;
        let opened = self.open_target(work, state, attributes).await;
        let mut writer = match opened {
            Err(error) if error.is_missing() && self.is_renamed(state, attributes).await => {
                return Ok(Copied::Whole(state.offset));
            }
            opened => opened.map_err(TransferError::writing)?,
        };
        let hosts = self.hosts();
        let mut pipe = Pipe {
            work,
            hosts: &hosts,
            sparse: self.may_have_holes(work, state),
            ends_in_hole: state.offset > 0,
            next: state.offset,
            size: attributes
                .size
                .filter(|size| *size > 0 && !reader.is_stream()),
            ended: None,
            arriving: VecDeque::new(),
            leaving: VecDeque::new(),
            block: work.block(&hosts).await?,
        };
        let copied = pipe.run(&mut reader, &mut writer, &mut state.offset).await;
        let (ended, ends_in_hole) = (pipe.ended, pipe.sparse && pipe.ends_in_hole);
        drop(pipe);
        if let (Err(_), Writer::Stream(output), To::Stream(slot)) =
            (&copied, &mut writer, &mut self.to)
        {
            // The next attempt goes on with it.
            *stream(slot) = Some(std::mem::replace(output, Box::pin(tokio::io::sink())));
        }
        copied?;
        let total = state.offset;
        if let (Some(size), Some(copied)) = (attributes.size.filter(|size| *size > 0), ended)
            && copied < size
            && reader.size().await?.is_some_and(|now| now > copied)
        {
            return Err(TransferError::EndedEarly { copied, size });
        }
        drop(reader);
        let special =
            state.existing.flatten().and_then(|one| one.kind()) == Some(FileKind::Special);
        let last = self
            .last_attributes(work, state, attributes)
            .filter(|_| !special);
        let finished = async {
            if ends_in_hole {
                writer.set_size(total).await?;
            }
            self.finish(work, state, writer, last, total).await
        };
        finished.await.map_err(TransferError::writing)?;
        Ok(Copied::Whole(total))
    }

    /// Blocks of nothing but zeros need not be written to a new file.
    fn may_have_holes(&self, work: &Work, state: &State) -> bool {
        let is_file = matches!(self.to, To::File { .. });
        let special =
            state.existing.flatten().and_then(|one| one.kind()) == Some(FileKind::Special);
        is_file && !work.options.in_place && !special
    }

    /// Whether the host gave it its name just before the connection was lost.
    async fn is_renamed(&self, state: &State, attributes: Attributes) -> bool {
        let (To::File { place, name, .. }, Some(size)) = (&self.to, attributes.size) else {
            return false;
        };
        let there = place.existing(name).await.ok().flatten();
        state.offset == size && there.and_then(|there| there.size) == Some(size)
    }

    /// Gives it its name, now that it is whole.
    async fn finish(
        &self,
        work: &Work,
        state: &mut State,
        writer: Writer,
        last: Option<Attributes>,
        size: u64,
    ) -> Result<(), TransferError> {
        writer.close(last, work.options.sync).await?;
        let (To::File { place, name, .. }, Some(made)) = (&self.to, &state.made) else {
            return Ok(());
        };
        if made != name {
            let renamed = place.rename(made, name).await;
            // It may have been done just before the connection was lost.
            if let Err(error) = renamed
                && !(error.is_missing()
                    && place.existing(name).await?.and_then(|one| one.size) == Some(size))
            {
                return Err(error);
            }
        }
        state.made = None;
        Ok(())
    }
}

/// Reads so many bytes, or as many as there are.
async fn whole(reader: &mut Reader, work: &Work, length: u32) -> Result<Bytes, TransferError> {
    work.pass(length).await;
    let first = reader.begin(0, length).await?.wait().await?;
    let data = fill(reader, 0, length, first).await?;
    let (copied, size) = (data.len() as u64, u64::from(length));
    if copied < size && reader.size().await?.is_some_and(|now| now > copied) {
        return Err(TransferError::EndedEarly { copied, size });
    }
    Ok(data)
}
