//! One file from one side to the other: to a temporary name first, and under its own when it is whole.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::block::{Arriving, BLOCK, Input, Leaving, Output, Reader, Writer};
use super::error::TransferError;
use super::folder::{Place, blocking, join};
use super::host::Host;
use super::work::Work;
use super::{resume, temporary};
use crate::files::attributes::{Attributes, FileKind};
use crate::files::error::SftpError;
use crate::files::file::{OpenMode, RemoteFile};
use crate::files::sftp::Sftp;

/// Permissions: what is asked for, and what must be there while a file is written.
const PERMISSIONS: u32 = 0o777;
const WRITABLE: u32 = 0o600;
/// Where nothing is known of a file.
const USUAL: u32 = 0o666;

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
        /// Whether the folder was empty before.
        is_new: bool,
    },
    Stream(Mutex<Option<Output>>),
}

/// What is in there; a stream is taken out to be used, and nobody else has it.
fn stream<S>(slot: &mut Mutex<Option<S>>) -> &mut Option<S> {
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
struct State {
    /// All before this is written.
    offset: u64,
    /// The name written to, once it is made.
    made: Option<Vec<u8>>,
    /// What the source was like when the copy began.
    seen: Option<(Option<u64>, Option<u32>)>,
    /// What bore the name before.
    existing: Option<Option<Attributes>>,
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
            match attempt {
                Err(TransferError::Remote(error)) if error.is_lost() && self.can_go_on() => {
                    if let Err(error) = self.renew(&generations, error).await {
                        break Err(error.into());
                    }
                }
                copied => break copied,
            }
        };
        if copied.is_err() && !work.options.resume {
            self.clean_up(&state).await;
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

    /// Takes away what is not whole.
    async fn clean_up(&self, state: &State) {
        if let (To::File { place, name, .. }, Some(made)) = (&self.to, &state.made)
            && made != name
        {
            place.remove(made).await.ok();
        }
    }

    async fn attempt(
        &mut self,
        work: &Arc<Work>,
        state: &mut State,
    ) -> Result<Copied, TransferError> {
        let (mut reader, attributes) = self.open_source(work).await?;
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
        }
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

    async fn open_source(&mut self, work: &Work) -> Result<(Reader, Attributes), TransferError> {
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
                let channels = work.channels(host, size).await?;
                let files = open_all(&channels, &path, OpenMode::READ, Attributes::default());
                Ok((Reader::Remote(files.await?), self.attributes))
            }
        }
    }

    /// With `resume`, whether the file is there already.
    async fn is_unchanged(
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
    fn temporary(&self, work: &Work, existing: Option<Attributes>) -> Option<Vec<u8>> {
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
    async fn open_target(
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
                let channels = work.channels(host, size).await?;
                let how = match exclusive {
                    true => OpenMode::WRITE | OpenMode::CREATE | OpenMode::EXCLUSIVE,
                    false => OpenMode::WRITE | OpenMode::CREATE,
                };
                let files = open_all(&channels, &path, how, Attributes::of_mode(mode));
                Writer::Remote(files.await?)
            }
        };
        let special = existing.and_then(|one| one.kind()) == Some(FileKind::Special);
        if !exclusive && !special {
            // What is behind is of another copy.
            writer.set_size(state.offset).await?;
        }
        Ok(writer)
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
        {
            let mode = attributes.permissions().unwrap_or(USUAL) & PERMISSIONS | WRITABLE;
            let (folder, made, name) = (folder.clone(), Place::local(&made)?, Place::local(name)?);
            blocking(move || folder.put(&made, &name, &data, mode, last)).await?;
            work.advanced(size, &self.hosts());
            return Ok(Copied::Whole(size));
        }
        let mut writer = self.open_target(work, state, attributes).await?;
        let written = writer.begin(0, data).await?;
        written.wait().await?;
        work.advanced(size, &self.hosts());
        self.finish(state, writer, last, size).await?;
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
        if work.options.in_place {
            return None;
        }
        let before = state
            .existing
            .flatten()
            .filter(|one| one.kind() == Some(FileKind::File));
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
        let mut writer = self.open_target(work, state, attributes).await?;
        let hosts = self.hosts();
        let mut pipe = Pipe {
            work,
            hosts: &hosts,
            sparse: self.may_have_holes(work, state),
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
        let ended = pipe.ended;
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
        if !special {
            writer.set_size(total).await?;
        }
        let last = self
            .last_attributes(work, state, attributes)
            .filter(|_| !special);
        self.finish(state, writer, last, total).await?;
        Ok(Copied::Whole(total))
    }

    /// Blocks of nothing but zeros need not be written to a new file.
    fn may_have_holes(&self, work: &Work, state: &State) -> bool {
        let is_file = matches!(self.to, To::File { .. });
        let special =
            state.existing.flatten().and_then(|one| one.kind()) == Some(FileKind::Special);
        is_file && !work.options.in_place && !special
    }

    /// Gives it its name, now that it is whole.
    async fn finish(
        &self,
        state: &mut State,
        writer: Writer,
        last: Option<Attributes>,
        size: u64,
    ) -> Result<(), TransferError> {
        writer.close(last).await?;
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

/// Opens one file on several channels. The first one makes it.
async fn open_all(
    channels: &[Sftp],
    path: &[u8],
    mode: OpenMode,
    attributes: Attributes,
) -> Result<Vec<RemoteFile>, TransferError> {
    let mut files = Vec::new();
    for (position, sftp) in channels.iter().enumerate() {
        let mode = match position {
            0 => mode,
            _ if mode == OpenMode::READ => mode,
            _ => OpenMode::WRITE,
        };
        files.push(sftp.open(path, mode, attributes).await?);
    }
    Ok(files)
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

/// The blocks of one file that are under way.
struct Pipe<'a> {
    work: &'a Work,
    hosts: &'a [Option<&'a Host>; 2],
    sparse: bool,
    /// Where the next block to ask for begins.
    next: u64,
    /// How many bytes are announced.
    size: Option<u64>,
    /// Where the file turned out to end.
    ended: Option<u64>,
    arriving: VecDeque<(u64, u32, Arriving, OwnedSemaphorePermit)>,
    leaving: VecDeque<(u64, Leaving, OwnedSemaphorePermit)>,
    block: u32,
}

impl Pipe<'_> {
    async fn run(
        &mut self,
        reader: &mut Reader,
        writer: &mut Writer,
        written: &mut u64,
    ) -> Result<(), TransferError> {
        let most = writer.most();
        loop {
            self.ask(reader).await?;
            if let Some((offset, length, block, permit)) = self.arriving.pop_front() {
                let data = block.wait().await?;
                self.pass_on(reader, writer, (offset, length), data, permit)
                    .await?;
            } else if self.leaving.is_empty() {
                return Ok(());
            }
            while (self.leaving.len() > most || self.arriving.is_empty())
                && let Some((end, block, _permit)) = self.leaving.pop_front()
            {
                block.wait().await?;
                self.work.advanced(end.saturating_sub(*written), self.hosts);
                *written = end;
                if self.arriving.is_empty() && self.wants_more() {
                    break;
                }
            }
        }
    }

    fn wants_more(&self) -> bool {
        self.ended.is_none() && self.size.is_none_or(|size| self.next < size)
    }

    /// Asks for more blocks, as far as there is room for them.
    async fn ask(&mut self, reader: &mut Reader) -> Result<(), TransferError> {
        while self.wants_more() {
            // Without a size one block at a time finds the end.
            let idle = self.arriving.is_empty();
            if !idle && self.size.is_none() {
                break;
            }
            let left = self.size.map_or(u64::MAX, |size| size - self.next);
            // Blocks stay in their lanes.
            let lane = u64::from(self.block) - self.next % u64::from(self.block);
            let length = u32::try_from(left.min(lane)).unwrap_or(self.block);
            let permit = match idle && self.leaving.is_empty() {
                true => self.work.room(length).await,
                false => self.work.room_now(length),
            };
            let Some(permit) = permit else { break };
            self.work.pass(length).await;
            let block = reader.begin(self.next, length).await?;
            self.arriving.push_back((self.next, length, block, permit));
            self.next += u64::from(length);
        }
        Ok(())
    }

    /// Writes a block, after what a short read has left of it has come, too.
    async fn pass_on(
        &mut self,
        reader: &mut Reader,
        writer: &mut Writer,
        (offset, length): (u64, u32),
        data: Bytes,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), TransferError> {
        let data = fill(reader, offset, length, data).await?;
        let end = offset + data.len() as u64;
        if data.len() < length as usize {
            self.ended = Some(end);
            self.arriving.clear();
        }
        let hole = self.sparse && data.iter().all(|byte| *byte == 0);
        let block = match hole {
            true => Leaving::Gone,
            false => writer.begin(offset, data).await?,
        };
        self.leaving.push_back((end, block, permit));
        Ok(())
    }
}

/// Reads until a block is whole, or to the end of the file.
async fn fill(
    reader: &mut Reader,
    offset: u64,
    length: u32,
    first: Bytes,
) -> Result<Bytes, TransferError> {
    if first.is_empty() || first.len() == length as usize {
        return Ok(first);
    }
    let mut data = first.to_vec();
    while data.len() < length as usize {
        let count = data.len() as u64;
        let missing = u32::try_from(u64::from(length).saturating_sub(count)).unwrap_or(length);
        let more = reader.begin(offset + count, missing).await?.wait().await?;
        if more.is_empty() {
            break;
        }
        data.extend_from_slice(&more);
    }
    Ok(data.into())
}
