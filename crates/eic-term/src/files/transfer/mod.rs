//! Copies of files and folders between here and a host, or between two hosts.

mod archive;
mod block;
mod copy;
mod error;
mod folder;
mod host;
mod pipe;
mod plan;
mod rate;
mod resume;
mod temporary;
mod tree;
mod work;

use std::fmt;
use std::future::{Future, pending};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

pub use error::TransferError;
pub use host::Host;
use work::Work;

/// One side of a copy.
pub struct Location(Where);

enum Where {
    Local(PathBuf),
    Remote(Host, Vec<u8>),
    Input(block::Input),
    Output(block::Output),
}

impl Location {
    /// A path here.
    pub fn local(path: impl Into<PathBuf>) -> Self {
        Self(Where::Local(path.into()))
    }

    /// A path on a host; relative ones start from the user's home folder, which `~` is, too. As a source it may be a
    /// pattern, see [`matches`](super::matches).
    pub fn remote(host: &Host, path: impl Into<Vec<u8>>) -> Self {
        Self(Where::Remote(host.clone(), path.into()))
    }

    /// A stream to be copied to a file.
    pub fn input(stream: impl AsyncRead + Send + 'static) -> Self {
        Self(Where::Input(Box::pin(stream)))
    }

    /// A stream to copy a file to.
    pub fn output(stream: impl AsyncWrite + Send + 'static) -> Self {
        Self(Where::Output(Box::pin(stream)))
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Where::Local(path) => write!(f, "{}", path.display()),
            Where::Remote(host, path) => write!(f, "{host:?}:{}", String::from_utf8_lossy(path)),
            Where::Input(_) | Where::Output(_) => f.write_str("-"),
        }
    }
}

/// How to copy; by default files only, as new ones that have their names when they are whole.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TransferOptions {
    /// Folders with all that is in them, too.
    pub recursive: bool,
    /// Modes (without set-id bits) and times go along.
    pub preserve: bool,
    /// What symbolic links lead to is copied, and not the links. What is named itself is followed in any case.
    pub follow: bool,
    /// Files that are there are written over, and not replaced: a copy that is cut leaves them half.
    pub in_place: bool,
    /// A copy that was cut goes on, after a look at what is there; what is there whole is left alone. What is unfinished
    /// stays for the next one.
    pub resume: bool,
    /// Nothing is written.
    pub dry_run: bool,
    /// Patterns of names, or with a slash in them of paths, that are left out.
    pub exclude: Vec<Vec<u8>>,
    /// The most bytes a second.
    pub limit_rate: Option<u64>,
    /// A file counts as copied when it is on the disk, where the server can say so.
    pub sync: bool,
    /// Symbolic links below what is named are left out, and so is what is neither file nor folder, which is no failure.
    pub files_only: bool,
    /// The most bytes that one request reads or writes; else as many as the server takes.
    pub block: Option<u32>,
    /// The most requests for bytes that are under way at once.
    pub requests: Option<u32>,
}

/// What happens in a transfer. Paths are bytes that a server may have made up: see [`crate::visible`].
#[derive(Debug)]
#[non_exhaustive]
pub enum TransferEvent<'a> {
    /// The server has no SFTP: tar(1) there copies, without temporary names on its side, and goes on with nothing.
    NoSftp,
    /// A folder is about to be copied.
    Entered {
        /// The source's path.
        path: &'a [u8],
    },
    /// A file is about to be copied.
    Started {
        /// The source's path.
        path: &'a [u8],
        /// How large it is said to be, in bytes.
        size: Option<u64>,
    },
    /// Some of the files' bytes are where they should be.
    Advanced {
        /// How many.
        bytes: u64,
    },
    /// Some of a file's bytes were there already.
    Skipped {
        /// How many.
        bytes: u64,
    },
    /// A file is whole, or would be copied where nothing is written.
    Copied {
        /// The source's path.
        path: &'a [u8],
        /// How large it turned out to be, in bytes.
        size: u64,
    },
    /// A symbolic link is made.
    Linked {
        /// The source's path.
        path: &'a [u8],
    },
    /// A file was there already.
    Unchanged {
        /// The source's path.
        path: &'a [u8],
        /// How large it is, in bytes.
        size: u64,
    },
    /// A symbolic link or a special file was left out.
    LeftOut {
        /// The source's path.
        path: &'a [u8],
    },
    /// Something was not copied. The rest goes on.
    Failed {
        /// The source's path.
        path: &'a [u8],
        /// Why not.
        error: &'a TransferError,
    },
}

/// What has come of a transfer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Files copied.
    pub files: u64,
    /// Folders copied.
    pub folders: u64,
    /// Symbolic links made.
    pub links: u64,
    /// Files that were there already.
    pub unchanged: u64,
    /// What was not copied.
    pub failed: u64,
    /// Bytes written.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// Whether it was stopped before its end.
    pub cancelled: bool,
}

type OnEvent = Box<dyn FnMut(TransferEvent<'_>) + Send>;

/// A copy about to be made: many files at once, large ones in parts, whatever the round trip takes.
///
/// A file is written to a hidden name beside its own, `.NAME.eic-…`, and renamed when it is whole. Nothing that a server lists is written outside the
/// target folder, and no symbolic link below it is followed.
///
/// ```no_run
/// # async fn example(session: eic_term::Session) -> Result<(), eic_term::files::TransferError> {
/// use eic_term::files::{Host, Location, Transfer, TransferOptions};
/// let host = Host::new(session);
/// let mut options = TransferOptions::default();
/// options.recursive = true;
/// let transfer = Transfer::new([Location::remote(&host, "logs")], Location::local("."), options);
/// let summary = transfer.on_event(|event| eprintln!("{event:?}")).run().await?;
/// assert_eq!(summary.failed, 0);
/// # Ok(()) }
/// ```
pub struct Transfer {
    sources: Vec<Location>,
    target: Location,
    options: TransferOptions,
    on_event: OnEvent,
}

impl Transfer {
    /// Prepares a copy of all sources: into the target where it is a folder, else, of a single one, under that name.
    pub fn new(
        sources: impl IntoIterator<Item = Location>,
        target: Location,
        options: TransferOptions,
    ) -> Self {
        Self {
            sources: sources.into_iter().collect(),
            target,
            options,
            on_event: Box::new(|_| {}),
        }
    }

    /// Is told what happens, as it happens. What this does, the copy waits for.
    #[must_use]
    pub fn on_event(mut self, on_event: impl FnMut(TransferEvent<'_>) + Send + 'static) -> Self {
        self.on_event = Box::new(on_event);
        self
    }

    /// Copies. A file that fails is an event, and the others go on.
    ///
    /// # Errors
    /// What is wrong with the target as a whole, or what has become of the connection.
    pub async fn run(self) -> Result<Summary, TransferError> {
        self.run_until(pending()).await
    }

    /// Copies until `cancel` is ready: then what is unfinished is removed, which takes a few seconds at most, unless it is
    /// to be resumed. Dropping this instead leaves unfinished files under their hidden names.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_until(
        self,
        cancel: impl Future<Output = ()>,
    ) -> Result<Summary, TransferError> {
        let start = std::time::Instant::now();
        let hosts = self.hosts();
        let work = Arc::new(Work::new(self.options, self.on_event));
        let mut cancel = std::pin::pin!(cancel);
        let stopped = Summary {
            cancelled: true,
            ..Summary::default()
        };
        let without_sftp = tokio::select! {
            needed = archive::is_needed(&hosts) => needed,
            () = &mut cancel => return Ok(stopped),
        };
        let whole = if without_sftp {
            work.tell(TransferEvent::NoSftp);
            tokio::select! {
                done = archive::run(&work, self.sources, self.target) => done.map(|()| true)?,
                () = cancel => {
                    work.cancel();
                    false
                }
            }
        } else {
            let tasks = tokio::select! {
                tasks = plan::tasks(&work, self.sources, self.target) => tasks?,
                () = &mut cancel => return Ok(stopped),
            };
            tree::run(&work, tasks, cancel).await
        };
        for host in hosts {
            host.settle(Duration::from_secs(2)).await;
        }
        if let Some(error) = work.fatal() {
            return Err(error);
        }
        Ok(Summary {
            took: start.elapsed(),
            cancelled: !whole,
            ..work.summary()
        })
    }

    fn hosts(&self) -> Vec<Host> {
        let places = self.sources.iter().chain([&self.target]);
        let host = |place: &Location| match &place.0 {
            Where::Remote(host, _) => Some(host.clone()),
            _ => None,
        };
        places.filter_map(host).collect()
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transfer({:?} to {:?})", self.sources, self.target)
    }
}
