//! Folders within folders: what is in them becomes tasks, a bounded number of which run at once.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::TransferEvent;
use super::copy::{Copied, Copy, From, To};
use super::error::TransferError;
use super::folder::{Found, Place, Way, join};
use super::temporary;
use super::work::Work;
use crate::files::attributes::{Attributes, FileKind};
use crate::files::glob::fits;

/// How many folders are read at once.
const FOLDERS: usize = 16;
/// How many folders may wait for their turn; a server can make up any number.
const MOST_WAITING: usize = 1 << 18;
/// How deep folders may be; a server can make up any depth.
const MOST_DEPTH: usize = 256;
/// How long what is unfinished may take to be removed.
const LAST: Duration = Duration::from_secs(5);

/// What is to be done.
pub(super) enum Task {
    Folder(FolderTask),
    File(Box<FileTask>),
    /// A folder is whole: its attributes can be set.
    Finish(Way, Attributes, Option<Arc<End>>),
}

/// A folder to be copied.
pub(super) struct FolderTask {
    pub(super) from: Way,
    pub(super) to: Destination,
    pub(super) attributes: Attributes,
    /// As a person may know it.
    pub(super) shown: Vec<u8>,
    /// Below what was asked for.
    pub(super) relative: Vec<u8>,
    pub(super) depth: usize,
    pub(super) end: Option<Arc<End>>,
}

/// Where a folder's contents go.
#[derive(Clone)]
pub(super) enum Destination {
    /// Into one that is there.
    Into(Way),
    /// Into one that is made where it is not there.
    Below(Way, Vec<u8>),
}

/// A file or a symbolic link to be copied.
pub(super) struct FileTask {
    pub(super) copy: Copy,
    pub(super) shown: Vec<u8>,
    pub(super) is_link: bool,
    pub(super) end: Option<Arc<End>>,
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

/// Comes when the last task in a folder is done.
pub(super) struct End {
    what: Option<(Way, Attributes, Option<Arc<End>>)>,
    tasks: UnboundedSender<Task>,
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some((way, attributes, parent)) = self.what.take() {
            self.tasks.send(Task::Finish(way, attributes, parent)).ok();
        }
    }
}

/// Does all tasks and those that come of them; `false` where `cancel` came first.
pub(super) async fn run(
    work: &Arc<Work>,
    first: Vec<Task>,
    cancel: impl Future<Output = ()>,
) -> bool {
    let (sender, receiver) = unbounded_channel();
    for task in first {
        sender.send(task).ok();
    }
    let mut schedule = Schedule {
        work: work.clone(),
        sender,
        receiver,
        waiting: Vec::new(),
        reading: 0,
        tasks: JoinSet::new(),
    };
    tokio::select! {
        () = schedule.run() => return true,
        () = cancel => {}
    }
    work.cancel();
    schedule.waiting.clear();
    timeout(LAST, async {
        while schedule.tasks.join_next().await.is_some() {}
    })
    .await
    .ok();
    false
}

struct Schedule {
    work: Arc<Work>,
    sender: UnboundedSender<Task>,
    receiver: UnboundedReceiver<Task>,
    waiting: Vec<FolderTask>,
    reading: usize,
    /// Each says whether it was a folder.
    tasks: JoinSet<bool>,
}

impl Schedule {
    async fn run(&mut self) {
        loop {
            while self.reading < FOLDERS
                && let Some(folder) = self.waiting.pop()
            {
                self.reading += 1;
                let (work, sender) = (self.work.clone(), self.sender.clone());
                self.tasks.spawn(async move {
                    folder.run(&work, &sender).await;
                    true
                });
            }
            if self.tasks.is_empty() && self.receiver.is_empty() {
                return;
            }
            tokio::select! {
                Some(task) = self.receiver.recv() => self.take(task),
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if done.unwrap_or(false) {
                        self.reading = self.reading.saturating_sub(1);
                    }
                }
            }
        }
    }

    fn take(&mut self, task: Task) {
        let work = self.work.clone();
        match task {
            Task::Folder(folder) if self.waiting.len() >= MOST_WAITING => {
                work.failed(&folder.shown, TransferError::TooMuch("too many folders"));
            }
            Task::Folder(folder) => self.waiting.push(folder),
            Task::File(file) => {
                self.tasks.spawn(async move {
                    file.run(&work).await;
                    false
                });
            }
            Task::Finish(way, attributes, parent) => {
                self.tasks.spawn(async move {
                    // What cannot be set is of no weight: the files are there.
                    if let Err(error) = way.set(attributes).await {
                        tracing::debug!(%error, "a folder's attributes");
                    }
                    drop(parent);
                    false
                });
            }
        }
    }
}

impl FolderTask {
    async fn run(mut self, work: &Arc<Work>, tasks: &UnboundedSender<Task>) {
        if let Err(error) = self.copy(work, tasks).await {
            work.failed(&self.shown, error);
        }
    }

    async fn copy(
        &mut self,
        work: &Arc<Work>,
        tasks: &UnboundedSender<Task>,
    ) -> Result<(), TransferError> {
        if self.depth > MOST_DEPTH {
            return Err(TransferError::TooMuch("folders are too deep here"));
        }
        let follow = work.options.follow;
        let from = self.from.open(follow).await?;
        let target = match work.options.dry_run {
            true => None,
            false => Some(self.make().await?),
        };
        if let (Some((_, way, _)), Destination::Below(..)) = (&target, &self.to)
            && work.options.preserve
        {
            let what = (way.clone(), last(self.attributes), self.end.take());
            self.end = Some(Arc::new(End {
                what: Some(what),
                tasks: tasks.clone(),
            }));
        }
        work.count(|summary| summary.folders += 1);
        work.tell(TransferEvent::Entered { path: &self.shown });
        let mut names = from.names(follow);
        loop {
            let found = names.next().await?;
            if found.is_empty() || work.is_cancelled() {
                return Ok(());
            }
            for found in found {
                let shown = join(&self.shown, &found.name);
                let taken = self.take(work, tasks, &from, target.as_ref(), found, &shown);
                if let Err(error) = taken.await {
                    work.failed(&shown, error);
                }
            }
        }
    }

    /// Opens the folder's counterpart, and says whether it was made just now.
    async fn make(&self) -> Result<(Place, Way, bool), TransferError> {
        let (parent, name) = match &self.to {
            Destination::Into(way) => return Ok((way.open(true).await?, way.clone(), false)),
            Destination::Below(parent, name) => (parent, name),
        };
        let mode = self.attributes.permissions().unwrap_or(0o777) & 0o777 | 0o700;
        let is_new = parent.open(false).await?.make_folder(name, mode).await?;
        let way = parent.below(name)?;
        let place = way.open(false).await?;
        Ok((place, way, is_new))
    }

    async fn take(
        &self,
        work: &Arc<Work>,
        tasks: &UnboundedSender<Task>,
        from: &Place,
        target: Option<&(Place, Way, bool)>,
        found: Found,
        shown: &[u8],
    ) -> Result<(), TransferError> {
        let relative = join(&self.relative, &found.name);
        if is_excluded(&work.options.exclude, &found.name, &relative) {
            return Ok(());
        }
        // Before the name is part of any path.
        from.holds(&found.name)?;
        if let Some((place, ..)) = target {
            place.holds(&found.name)?;
        }
        let (attributes, kind) = self.look(work, from, &found).await?;
        match kind {
            FileKind::Special | FileKind::Symlink if work.options.files_only => {
                work.tell(TransferEvent::LeftOut { path: shown });
                Ok(())
            }
            FileKind::Special => Err(TransferError::Kind("it is a device, a socket or a pipe")),
            FileKind::Folder => {
                let to = match target {
                    Some((_, way, _)) => Destination::Below(way.clone(), found.name.clone()),
                    None => self.to.clone(),
                };
                let folder = Self {
                    from: self.from.below(&found.name)?,
                    to,
                    attributes,
                    shown: shown.to_vec(),
                    relative,
                    depth: self.depth + 1,
                    end: self.end.clone(),
                };
                tasks.send(Task::Folder(folder)).ok();
                Ok(())
            }
            FileKind::File | FileKind::Symlink => {
                let is_link = kind == FileKind::Symlink;
                let from = From::File(from.clone(), found.name.clone());
                let Some((place, _, is_new)) = target else {
                    work.planned(shown, attributes.size, is_link);
                    return Ok(());
                };
                let to = To::File {
                    place: place.clone(),
                    name: found.name,
                    is_new: *is_new,
                };
                let follow = work.options.follow;
                let file = FileTask {
                    copy: Copy {
                        from,
                        to,
                        attributes,
                        follow,
                    },
                    shown: shown.to_vec(),
                    is_link,
                    end: self.end.clone(),
                    permit: work.files.clone().acquire_owned().await.ok(),
                };
                tasks.send(Task::File(Box::new(file))).ok();
                Ok(())
            }
        }
    }

    /// What it is, which some servers do not say and links to be followed hide.
    async fn look(
        &self,
        work: &Work,
        from: &Place,
        found: &Found,
    ) -> Result<(Attributes, FileKind), TransferError> {
        let follow = work.options.follow;
        match found.attributes.kind() {
            Some(FileKind::Symlink) if follow => {}
            Some(kind) => return Ok((found.attributes, kind)),
            None => {}
        }
        let attributes = from.stat(&found.name, follow).await?;
        Ok((attributes, attributes.kind().unwrap_or(FileKind::File)))
    }
}

/// What a folder gets at the end.
fn last(attributes: Attributes) -> Attributes {
    Attributes {
        mode: attributes.permissions().map(|mode| mode & 0o777),
        times: attributes.times,
        ..Attributes::default()
    }
}

/// A pattern without a slash is for the name, one with a slash for the path below what was asked for.
pub(super) fn is_excluded(patterns: &[Vec<u8>], name: &[u8], relative: &[u8]) -> bool {
    patterns.iter().any(|pattern| match pattern.as_slice() {
        [b'/', path @ ..] => fits(path, relative),
        pattern if pattern.contains(&b'/') => fits(pattern, relative),
        pattern => fits(pattern, name),
    })
}

impl FileTask {
    async fn run(self, work: &Arc<Work>) {
        let Self {
            copy,
            shown,
            is_link,
            end,
            permit,
        } = self;
        if is_link {
            match link(&copy, work).await {
                Ok(()) => work.linked(&shown),
                Err(error) => work.failed(&shown, error),
            }
            drop((end, permit));
            return;
        }
        let size = copy.attributes.size;
        work.tell(TransferEvent::Started { path: &shown, size });
        match copy.run(work).await {
            Ok(Copied::Whole(bytes)) => work.copied(&shown, bytes),
            Ok(Copied::Unchanged) => work.unchanged(&shown, size),
            Err(TransferError::Cancelled) => {}
            Err(error) => work.failed(&shown, error),
        }
        drop((end, permit));
    }
}

/// Makes a symbolic link like another, in the place of what bears the name.
async fn link(copy: &Copy, work: &Work) -> Result<(), TransferError> {
    let (
        From::File(from, from_name),
        To::File {
            place,
            name,
            is_new,
        },
    ) = (&copy.from, &copy.to)
    else {
        return Ok(());
    };
    let target = from.read_link(from_name).await?;
    let existing = match is_new {
        true => None,
        false => place.existing(name).await?,
    };
    match existing.map(|existing| existing.kind()) {
        None => place.symlink(&target, name).await?,
        Some(Some(FileKind::Folder)) => {
            return Err(TransferError::Kind("a folder bears the name there"));
        }
        Some(_) => {
            let made = temporary::fresh(name);
            place.symlink(&target, &made).await?;
            place.rename(&made, name).await?;
        }
    }
    if work.options.preserve {
        // Not every system can.
        place.set_link(name, copy.attributes).await.ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out() {
        for (pattern, relative, expected) in [
            ("*.o", "src/main.o", true),
            ("*.o", "src/main.c", false),
            ("src", "src", true),
            ("src/*.c", "src/main.c", true),
            ("src/*.c", "other/main.c", false),
            ("/top", "top", true),
            ("/top", "below/top", false),
            (".git", ".git", true),
        ] {
            let name = relative.rsplit('/').next().unwrap().as_bytes();
            let patterns = [pattern.as_bytes().to_vec()];
            assert_eq!(
                is_excluded(&patterns, name, relative.as_bytes()),
                expected,
                "{pattern}"
            );
        }
    }
}
