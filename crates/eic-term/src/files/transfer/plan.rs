//! What was asked for becomes the first tasks.

use std::path::Path;
use std::sync::{Arc, Mutex};

use futures_util::stream::{self, StreamExt};

use super::copy::{Copy, From, To};
use super::error::TransferError;
use super::folder::{Place, Way, blocking};
use super::host::Host;
use super::tree::{Destination, FileTask, FolderTask, Task};
use super::work::Work;
use super::{Location, Where};
use crate::files::attributes::{Attributes, FileKind};
use crate::files::error::SftpError;
use crate::files::glob::is_pattern;
use crate::files::local::{LocalFolder, bytes_of};

/// How many sources are looked at at once.
const AT_ONCE: usize = 64;
const NO_FOLDER: TransferError = TransferError::Kind("the target is no folder");

/// A path here or there, that is surely one.
pub(super) enum Spot {
    Local(std::path::PathBuf),
    Remote(Host, Vec<u8>),
}

/// Where sources go.
pub(super) enum Target {
    /// Each under its own name.
    Into(Way),
    /// A single one under this name.
    As {
        way: Way,
        name: Vec<u8>,
        /// Whether nothing bears it yet.
        is_new: bool,
    },
}

/// Makes the tasks for all sources. What is wrong with one of them is told, and the others go on.
pub(super) async fn tasks(
    work: &Arc<Work>,
    sources: Vec<Location>,
    target: Location,
) -> Result<Vec<Task>, TransferError> {
    let mut spots = Vec::new();
    let mut input = None;
    for source in sources {
        match source.0 {
            Where::Local(path) => spots.push(Spot::Local(path)),
            Where::Remote(host, path) => expand(work, &host, path, &mut spots).await?,
            Where::Input(stream) => input = Some(stream),
            Where::Output(_) => return Err(TransferError::Kind("an output is no source")),
        }
    }
    let single = spots.len() + usize::from(input.is_some()) == 1;
    let target = match target.0 {
        Where::Output(stream) => return to_stream(work, spots, stream).await,
        Where::Input(_) => return Err(TransferError::Kind("an input is no target")),
        Where::Local(path) => local_target(&path, single).await?,
        Where::Remote(host, path) => remote_target(&host, path, single).await?,
    };
    let mut tasks = Vec::new();
    if let Some(stream) = input {
        tasks.extend(from_stream(work, stream, &target).await?);
    }
    let planned = stream::iter(spots).map(|spot| plan(work, &target, spot));
    let mut planned = planned.buffered(AT_ONCE);
    while let Some((shown, task)) = planned.next().await {
        match task {
            Ok(task) => tasks.extend(task),
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => work.failed(&shown, error),
        }
    }
    Ok(tasks)
}

/// The task for one source, and its name.
async fn plan(
    work: &Arc<Work>,
    target: &Target,
    spot: Spot,
) -> (Vec<u8>, Result<Option<Task>, TransferError>) {
    let shown = spot.shown();
    let task = spot.task(work, target, &shown).await;
    (shown, task)
}

/// Adds the paths that a pattern stands for; one that is a file's own name stands for that.
async fn expand(
    work: &Work,
    host: &Host,
    path: Vec<u8>,
    to: &mut Vec<Spot>,
) -> Result<(), TransferError> {
    let path = home(host, path).await?;
    let path = &path;
    let is_there = host.ask(|sftp| async move { Ok(sftp.lstat(path).await.is_ok()) });
    if !is_pattern(path) || is_there.await? {
        to.push(Spot::Remote(host.clone(), path.clone()));
        return Ok(());
    }
    let paths = host
        .ask(|sftp| async move { sftp.glob(path).await })
        .await?;
    if paths.is_empty() {
        work.failed(path, TransferError::NoMatch);
    }
    to.extend(
        paths
            .into_iter()
            .map(|path| Spot::Remote(host.clone(), path)),
    );
    Ok(())
}

/// Takes `~` for what it is: the folder that paths start from anyway.
async fn home(host: &Host, path: Vec<u8>) -> Result<Vec<u8>, TransferError> {
    Ok(match path.as_slice() {
        b"" | b"~" | b"~/" => b".".to_vec(),
        [b'~', b'/', rest @ ..] => rest.to_vec(),
        [b'~', ..] => {
            let path = &path;
            let expanded = |sftp: crate::files::Sftp| async move {
                match sftp.expand_path(path).await {
                    Err(SftpError::Unsupported(_)) => Ok(path.clone()),
                    expanded => expanded,
                }
            };
            host.ask(expanded).await?
        }
        _ => path,
    })
}

pub(super) async fn local_target(path: &Path, single: bool) -> Result<Target, TransferError> {
    let opened = {
        let path = path.to_owned();
        blocking(move || LocalFolder::open(&path)).await
    };
    let missing = match opened {
        Ok(folder) => return Ok(Target::Into(Way::Local(Arc::new(folder), Vec::new()))),
        Err(error) => error,
    };
    let as_folder = !single || path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let named = path.file_name().and_then(bytes_of);
    match named {
        Some(name) if !as_folder => {
            let parent = local_parent(path).await?;
            Ok(Target::As {
                way: Way::Local(parent, Vec::new()),
                name,
                is_new: false,
            })
        }
        _ if missing.is_missing() => Err(TransferError::Kind("there is no such target folder")),
        _ => Err(NO_FOLDER),
    }
}

async fn local_parent(path: &Path) -> Result<Arc<LocalFolder>, TransferError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = parent.to_owned();
    Ok(Arc::new(
        blocking(move || LocalFolder::open(&parent)).await?,
    ))
}

async fn remote_target(host: &Host, path: Vec<u8>, single: bool) -> Result<Target, TransferError> {
    let path = home(host, path).await?;
    let way = Way::Remote(host.clone(), path.clone());
    let seen = {
        let path = &path;
        host.ask(|sftp| async move {
            match sftp.stat(path).await {
                Ok(attributes) => Ok(Some(attributes)),
                Err(error) if error.code() == Some(crate::files::StatusCode::NO_SUCH_FILE) => {
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        })
        .await?
    };
    if seen.is_some_and(|seen| seen.kind() == Some(FileKind::Folder)) {
        return Ok(Target::Into(way));
    }
    match split(&path) {
        (parent, Some(name)) if single && !path.ends_with(b"/") => Ok(Target::As {
            way: Way::Remote(host.clone(), parent),
            name,
            is_new: seen.is_none(),
        }),
        _ if seen.is_none() => Err(TransferError::Kind("there is no such target folder")),
        _ => Err(NO_FOLDER),
    }
}

/// The folder and the name in it, where a path ends with one.
pub(super) fn split(path: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    let end = path
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(0, |last| last + 1);
    let trimmed = path.get(..end).unwrap_or_default();
    let start = trimmed
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let (parent, name) = trimmed.split_at(start);
    match name {
        b"" | b"." | b".." => (path.to_vec(), None),
        name if parent.is_empty() => (b".".to_vec(), Some(name.to_vec())),
        name => (parent.to_vec(), Some(name.to_vec())),
    }
}

impl Spot {
    pub(super) fn shown(&self) -> Vec<u8> {
        match self {
            Self::Local(path) => path.as_os_str().as_encoded_bytes().to_vec(),
            Self::Remote(_, path) => path.clone(),
        }
    }

    /// The folder that it is in and its name there; no name where the path ends in none, as `.` does.
    pub(super) async fn place(&self) -> Result<(Place, Option<Vec<u8>>), TransferError> {
        match self {
            Self::Remote(host, path) => {
                let (parent, name) = split(path);
                Ok((Place::Remote(host.clone(), parent), name))
            }
            Self::Local(path) => {
                let text = path.as_os_str().as_encoded_bytes();
                let name = path.file_name().filter(|_| !text.ends_with(b"/."));
                if name.is_none() {
                    let path = path.clone();
                    let folder = blocking(move || LocalFolder::open(&path)).await?;
                    return Ok((Place::Local(Arc::new(folder)), None));
                }
                let name = name.and_then(bytes_of);
                let name = name.ok_or(TransferError::Name("its name is no Unicode"))?;
                Ok((Place::Local(local_parent(path).await?), Some(name)))
            }
        }
    }

    async fn way(&self) -> Result<Way, TransferError> {
        match self {
            Self::Remote(host, path) => Ok(Way::Remote(host.clone(), path.clone())),
            Self::Local(path) => {
                let path = path.clone();
                let folder = blocking(move || LocalFolder::open(&path)).await?;
                Ok(Way::Local(Arc::new(folder), Vec::new()))
            }
        }
    }

    async fn task(
        &self,
        work: &Arc<Work>,
        target: &Target,
        shown: &[u8],
    ) -> Result<Option<Task>, TransferError> {
        let (place, name) = self.place().await?;
        let attributes = match &name {
            Some(name) => place.stat(name, true).await?,
            None => Attributes::of_mode(0o040_755),
        };
        match (attributes.kind(), name) {
            (Some(FileKind::Folder), _) if !work.options.recursive => {
                Err(TransferError::Kind("it is a folder, which -r copies"))
            }
            (Some(FileKind::Folder), name) => {
                let to = match (target, name) {
                    (Target::Into(way), None) => Destination::Into(way.clone()),
                    (Target::Into(way), Some(name)) => Destination::Below(way.clone(), name),
                    (Target::As { way, name, .. }, _) => {
                        Destination::Below(way.clone(), name.clone())
                    }
                };
                Ok(Some(Task::Folder(FolderTask {
                    from: self.way().await?,
                    to,
                    attributes,
                    shown: shown.to_vec(),
                    relative: Vec::new(),
                    depth: 0,
                    end: None,
                })))
            }
            (Some(FileKind::Special), _) => {
                Err(TransferError::Kind("it is a device, a socket or a pipe"))
            }
            (_, Some(name)) => file(work, place, name, attributes, target, shown).await,
            (_, None) => Ok(None),
        }
    }
}

async fn file(
    work: &Arc<Work>,
    place: Place,
    name: Vec<u8>,
    attributes: Attributes,
    target: &Target,
    shown: &[u8],
) -> Result<Option<Task>, TransferError> {
    if work.options.dry_run {
        work.planned(shown, attributes.size, false);
        return Ok(None);
    }
    let (way, to_name, is_new) = match target {
        Target::Into(way) => (way, name.clone(), false),
        Target::As { way, name, is_new } => (way, name.clone(), *is_new),
    };
    let to = way.open(true).await?;
    to.holds(&to_name)?;
    let from = From::File(place, name);
    let to = To::File {
        place: to,
        name: to_name,
        is_new,
    };
    Ok(Some(task(from, to, attributes, shown)))
}

fn task(from: From, to: To, attributes: Attributes, shown: &[u8]) -> Task {
    Task::File(Box::new(FileTask {
        copy: Copy {
            from,
            to,
            attributes,
            follow: true,
        },
        shown: shown.to_vec(),
        is_link: false,
        end: None,
        permit: None,
    }))
}

async fn from_stream(
    work: &Work,
    stream: super::block::Input,
    target: &Target,
) -> Result<Option<Task>, TransferError> {
    let Target::As { way, name, is_new } = target else {
        return Err(TransferError::Kind(
            "a stream needs a file to be written to, not a folder",
        ));
    };
    if work.options.dry_run {
        work.planned(b"-", None, false);
        return Ok(None);
    }
    let place = way.open(true).await?;
    let from = From::Stream(Mutex::new(Some(stream)));
    let to = To::File {
        place,
        name: name.clone(),
        is_new: *is_new,
    };
    Ok(Some(task(from, to, Attributes::default(), b"-")))
}

/// One file to a stream.
async fn to_stream(
    work: &Work,
    spots: Vec<Spot>,
    stream: super::block::Output,
) -> Result<Vec<Task>, TransferError> {
    let mut spots = spots.into_iter();
    let (Some(spot), None) = (spots.next(), spots.next()) else {
        return Err(TransferError::Kind("a stream takes one file"));
    };
    let (place, name) = spot.place().await?;
    let name = name.ok_or(TransferError::Kind("a stream takes no folder"))?;
    let attributes = place.stat(&name, true).await?;
    if attributes.kind() == Some(FileKind::Folder) {
        return Err(TransferError::Kind("a stream takes no folder"));
    }
    if work.options.dry_run {
        work.planned(&spot.shown(), attributes.size, false);
        return Ok(Vec::new());
    }
    let from = From::File(place, name);
    let to = To::Stream(Mutex::new(Some(stream)));
    Ok(vec![task(from, to, attributes, &spot.shown())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_into_folder_and_name() {
        let table: &[(&str, &str, Option<&str>)] = &[
            ("a", ".", Some("a")),
            ("a/b", "a/", Some("b")),
            ("/a", "/", Some("a")),
            ("a/b//", "a/", Some("b")),
            (".", ".", None),
            ("a/..", "a/..", None),
            ("a/.", "a/.", None),
            ("/", "/", None),
            ("", "", None),
        ];
        for (path, parent, name) in table {
            let name = name.map(|name| name.as_bytes().to_vec());
            assert_eq!(
                split(path.as_bytes()),
                (parent.as_bytes().to_vec(), name),
                "{path}"
            );
        }
    }
}
