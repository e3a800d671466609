//! Files on the host, as the SFTP subsystem offers them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use russh::Channel;
use russh::client::Msg;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;

use super::attributes::Attributes;
use super::carrier::{Sink, Source};
use super::error::SftpError;
use super::extension::{FileSystem, Limits, names};
use super::file::{OpenMode, RemoteFile};
use super::folder::{Entry, Folder};
use super::link::{Answer, Link};
use super::packet::{Fields, Reply, Request, kind};
use crate::session::Session;

/// How long a server may neither answer nor take anything.
const SILENCE: Duration = Duration::from_secs(60);

/// The files of a host (draft-ietf-secsh-filexfer-02, version 3, and OpenSSH's extensions), on one channel; clones
/// share it. Paths and names are bytes: relative ones start from the user's home folder.
///
/// Requests run side by side: await several at once for speed, such as in a [`tokio::task::JoinSet`]. Dropping the last clone,
/// [`RemoteFile`] and [`Folder`] closes the channel.
///
/// ```no_run
/// # async fn example(session: eic_term::Session) -> Result<(), eic_term::files::SftpError> {
/// let sftp = session.sftp().await?;
/// let size = sftp.stat("/etc/os-release").await?.size;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Sftp {
    inner: Arc<Inner>,
}

struct Inner {
    link: Link,
    extensions: HashMap<Bytes, Bytes>,
    limits: OnceCell<Limits>,
    /// The answer with the limits, asked for at once: it is there when they are needed.
    asked: Mutex<Option<Answer>>,
    /// Keeps the connection open.
    session: Option<Session>,
}

impl Session {
    /// Starts the SFTP subsystem on a channel of its own. A server that is silent for 60 s while something is asked of
    /// it counts as lost.
    ///
    /// # Errors
    /// [`SftpError::NoSubsystem`] where the server has none; otherwise as any request.
    pub async fn sftp(&self) -> Result<Sftp, SftpError> {
        self.sftp_on(self.open_channel().await?).await
    }

    pub(super) async fn sftp_on(&self, channel: Channel<Msg>) -> Result<Sftp, SftpError> {
        let (reader, writer) = channel.split();
        let asked = writer.request_subsystem(true, "sftp").await;
        self.peer().or_lost(asked).await?;
        let source = Source::channel(self.clone(), reader);
        let sink = Sink::Channel(Arc::new(writer));
        Sftp::start(source, sink, SILENCE, Some(self.clone())).await
    }
}

impl Sftp {
    /// Speaks SFTP on other streams, such as a local server's pipes; `silence` is how long it may say and take nothing.
    ///
    /// # Errors
    /// As any request.
    pub async fn over(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        silence: Duration,
    ) -> Result<Self, SftpError> {
        let (source, sink) = (
            Source::Stream(Box::new(reader)),
            Sink::Stream(Box::new(writer)),
        );
        Self::start(source, sink, silence, None).await
    }

    async fn start(
        source: Source,
        sink: Sink,
        silence: Duration,
        session: Option<Session>,
    ) -> Result<Self, SftpError> {
        let (link, mut fields) = Link::start(source, sink, silence).await?;
        fields.u32()?;
        let mut extensions = HashMap::new();
        while !fields.is_empty() {
            extensions.insert(fields.string()?, fields.string()?);
        }
        let asked = match extensions.contains_key(names::LIMITS.as_bytes()) {
            true => Some(link.submit(Request::extended(names::LIMITS)).await?),
            false => None,
        };
        let inner = Inner {
            link,
            extensions,
            asked: Mutex::new(asked),
            limits: OnceCell::new(),
            session,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Returns whether the server offers an extension, such as `posix-rename@openssh.com`.
    #[must_use]
    pub fn offers(&self, name: &str) -> bool {
        self.inner.extensions.contains_key(name.as_bytes())
    }

    /// Returns how much the server takes at once: what it says of itself, else what every server takes.
    ///
    /// # Errors
    /// As any request.
    pub async fn limits(&self) -> Result<Limits, SftpError> {
        let ask = || async {
            let asked = self.inner.asked.lock();
            let asked = asked.unwrap_or_else(PoisonError::into_inner).take();
            let answer = match asked {
                Some(asked) => asked.wait().await?,
                None if !self.offers(names::LIMITS) => return Ok(Limits::default()),
                None => self.ask(Request::extended(names::LIMITS)).await?,
            };
            match answer.of_kind(kind::EXTENDED_REPLY) {
                Ok(mut fields) => Limits::read(&mut fields),
                Err(SftpError::Status { .. }) => Ok(Limits::default()),
                Err(error) => Err(error),
            }
        };
        self.inner.limits.get_or_try_init(ask).await.copied()
    }

    /// Opens a file; `attributes` are those of one that is created.
    ///
    /// # Errors
    /// The server's [`SftpError::Status`], or what befell the connection.
    pub async fn open(
        &self,
        path: impl AsRef<[u8]>,
        mode: OpenMode,
        attributes: Attributes,
    ) -> Result<RemoteFile, SftpError> {
        let request = Request::new(kind::OPEN)
            .string(path.as_ref())
            .u32(mode.bits())
            .raw(|bytes| attributes.write(bytes));
        let handle = self.handle(request).await?;
        Ok(RemoteFile::new(self.clone(), handle))
    }

    /// Opens a folder to read its names.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_folder(&self, path: impl AsRef<[u8]>) -> Result<Folder, SftpError> {
        let handle = self.handle(of_path(kind::OPENDIR, path)).await?;
        Ok(Folder::new(self.clone(), handle))
    }

    /// Reads a folder's names to the end, without `.` and `..`; [`open_folder`](Self::open_folder) gives them as they
    /// come.
    ///
    /// # Errors
    /// As [`open`](Self::open), and past a million names.
    pub async fn read_folder(&self, path: impl AsRef<[u8]>) -> Result<Vec<Entry>, SftpError> {
        let mut folder = self.open_folder(path).await?;
        let mut entries = Vec::new();
        while let Some(mut more) = folder.next().await? {
            entries.append(&mut more);
        }
        Ok(entries)
    }

    /// Returns a file's attributes, following symbolic links.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn stat(&self, path: impl AsRef<[u8]>) -> Result<Attributes, SftpError> {
        self.attributes(of_path(kind::STAT, path)).await
    }

    /// Returns the attributes of what bears the name, a symbolic link's own too.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn lstat(&self, path: impl AsRef<[u8]>) -> Result<Attributes, SftpError> {
        self.attributes(of_path(kind::LSTAT, path)).await
    }

    /// Sets attributes, following symbolic links.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn set_stat(
        &self,
        path: impl AsRef<[u8]>,
        attributes: Attributes,
    ) -> Result<(), SftpError> {
        let request = of_path(kind::SETSTAT, path).raw(|bytes| attributes.write(bytes));
        self.done(request).await
    }

    /// Sets a symbolic link's own attributes (`lsetstat@openssh.com`).
    ///
    /// # Errors
    /// As [`open`](Self::open); [`SftpError::Unsupported`].
    pub async fn set_lstat(
        &self,
        path: impl AsRef<[u8]>,
        attributes: Attributes,
    ) -> Result<(), SftpError> {
        let request = self.offered(names::LSETSTAT)?;
        let request = request.string(path.as_ref());
        self.done(request.raw(|bytes| attributes.write(bytes)))
            .await
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn make_folder(
        &self,
        path: impl AsRef<[u8]>,
        attributes: Attributes,
    ) -> Result<(), SftpError> {
        let request = of_path(kind::MKDIR, path).raw(|bytes| attributes.write(bytes));
        self.done(request).await
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn remove_folder(&self, path: impl AsRef<[u8]>) -> Result<(), SftpError> {
        self.done(of_path(kind::RMDIR, path)).await
    }

    /// Removes a file or a symbolic link.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn remove(&self, path: impl AsRef<[u8]>) -> Result<(), SftpError> {
        self.done(of_path(kind::REMOVE, path)).await
    }

    /// Renames as POSIX does, in place of what bears the new name, where the server can
    /// (`posix-rename@openssh.com`); else as version 3 has it, which fails where the name is taken.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn rename(
        &self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
    ) -> Result<(), SftpError> {
        match self.offered(names::POSIX_RENAME) {
            Ok(request) => self.done(of_two(request, from, to)).await,
            Err(_) => self.rename_strictly(from, to).await,
        }
    }

    /// Renames as version 3 has it (§6.5 of the draft), which fails where the new name is taken.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn rename_strictly(
        &self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
    ) -> Result<(), SftpError> {
        self.done(of_two(Request::new(kind::RENAME), from, to))
            .await
    }

    /// Gives a file another name (`hardlink@openssh.com`).
    ///
    /// # Errors
    /// As [`open`](Self::open); [`SftpError::Unsupported`].
    pub async fn hard_link(
        &self,
        original: impl AsRef<[u8]>,
        link: impl AsRef<[u8]>,
    ) -> Result<(), SftpError> {
        let request = self.offered(names::HARD_LINK)?;
        self.done(of_two(request, original, link)).await
    }

    /// Makes a symbolic link at `link` with this target.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn symlink(
        &self,
        target: impl AsRef<[u8]>,
        link: impl AsRef<[u8]>,
    ) -> Result<(), SftpError> {
        // OpenSSH's server reads them in this order, against the draft, and others follow it (its PROTOCOL, §4.1).
        self.done(of_two(Request::new(kind::SYMLINK), target, link))
            .await
    }

    /// Returns a symbolic link's target.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn read_link(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, SftpError> {
        self.name(of_path(kind::READLINK, path)).await
    }

    /// Returns the absolute path of what this names; of `.`, the folder that relative paths start from.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn real_path(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, SftpError> {
        self.name(of_path(kind::REALPATH, path)).await
    }

    /// Expands `~` and `~USER` at the start of a path (`expand-path@openssh.com`).
    ///
    /// # Errors
    /// As [`open`](Self::open); [`SftpError::Unsupported`].
    pub async fn expand_path(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, SftpError> {
        let request = self.offered(names::EXPAND_PATH)?;
        self.name(request.string(path.as_ref())).await
    }

    /// Returns how full the file system of a path is (`statvfs@openssh.com`).
    ///
    /// # Errors
    /// As [`open`](Self::open); [`SftpError::Unsupported`].
    pub async fn file_system(&self, path: impl AsRef<[u8]>) -> Result<FileSystem, SftpError> {
        let request = self.offered(names::STATVFS)?;
        let mut fields = self.extended(request.string(path.as_ref())).await?;
        FileSystem::read(&mut fields)
    }

    /// Returns the names of users and of groups, empty where a number has none (`users-groups-by-id@openssh.com`).
    ///
    /// # Errors
    /// As [`open`](Self::open); [`SftpError::Unsupported`].
    pub async fn owner_names(
        &self,
        users: &[u32],
        groups: &[u32],
    ) -> Result<(Vec<Vec<u8>>, Vec<Vec<u8>>), SftpError> {
        let numbers = |of: &[u32]| {
            of.iter()
                .flat_map(|id| id.to_be_bytes())
                .collect::<Vec<_>>()
        };
        let request = self.offered(names::OWNER_NAMES)?;
        let request = request.string(&numbers(users)).string(&numbers(groups));
        let mut fields = self.extended(request).await?;
        Ok((names_in(fields.string()?)?, names_in(fields.string()?)?))
    }

    /// The start of a request by an extension.
    pub(super) fn offered(&self, name: &'static str) -> Result<Request, SftpError> {
        if !self.offers(name) {
            return Err(SftpError::Unsupported(name));
        }
        Ok(Request::extended(name))
    }

    /// Returns whether both share one channel.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The session that it is a channel of.
    pub(super) fn session(&self) -> Option<&Session> {
        self.inner.session.as_ref()
    }

    pub(super) async fn submit(&self, request: Request) -> Result<Answer, SftpError> {
        self.inner.link.submit(request).await
    }

    /// Sends a request whose answer nobody needs.
    pub(super) fn tell(&self, request: Request) {
        self.inner.link.tell(request);
    }

    async fn ask(&self, request: Request) -> Result<Reply, SftpError> {
        self.submit(request).await?.wait().await
    }

    pub(super) async fn done(&self, request: Request) -> Result<(), SftpError> {
        self.ask(request).await?.done()
    }

    async fn handle(&self, request: Request) -> Result<Bytes, SftpError> {
        self.ask(request).await?.of_kind(kind::HANDLE)?.string()
    }

    pub(super) async fn attributes(&self, request: Request) -> Result<Attributes, SftpError> {
        Attributes::read(&mut self.ask(request).await?.of_kind(kind::ATTRS)?)
    }

    async fn extended(&self, request: Request) -> Result<Fields, SftpError> {
        self.ask(request).await?.of_kind(kind::EXTENDED_REPLY)
    }

    /// The one name of an answer.
    async fn name(&self, request: Request) -> Result<Vec<u8>, SftpError> {
        let mut fields = self.ask(request).await?.of_kind(kind::NAME)?;
        match fields.u32()? {
            1 => Ok(fields.string()?.to_vec()),
            _ => Err(SftpError::Protocol("one name was asked for")),
        }
    }
}

impl fmt::Debug for Sftp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sftp")
    }
}

fn of_path(kind: u8, path: impl AsRef<[u8]>) -> Request {
    Request::new(kind).string(path.as_ref())
}

fn of_two(request: Request, first: impl AsRef<[u8]>, second: impl AsRef<[u8]>) -> Request {
    request.string(first.as_ref()).string(second.as_ref())
}

fn names_in(bytes: Bytes) -> Result<Vec<Vec<u8>>, SftpError> {
    let (mut fields, mut names) = (Fields(bytes), Vec::new());
    while !fields.is_empty() {
        names.push(fields.string()?.to_vec());
    }
    Ok(names)
}
