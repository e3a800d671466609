//! One session for several processes of a user.
//!
//! The process that holds the session listens on a socket, or on a named pipe of Windows, and serves those who come;
//! they run commands as if the session were theirs. Every stream of a command has a connection of its own, so that the
//! system does the waiting and the closing of each way for itself, and no byte is framed.
//!
//! ```no_run
//! # async fn holder(session: eic_term::Session) -> Result<(), Box<dyn std::error::Error>> {
//! use eic_term::share::{Listener, Sharing, Visit};
//!
//! let mut listener = Listener::bind("/run/user/1000/web-1").await?;
//! let sharing = Sharing::new(session);
//! loop {
//!     let visitor = listener.accept().await?;
//!     let sharing = sharing.clone();
//!     tokio::spawn(async move {
//!         if let Ok(Some(Visit::Session(visit))) = sharing.receive(visitor).await {
//!             visit.serve().await;
//!         }
//!     });
//! }
//! # }
//! # async fn guest() -> Result<(), eic_term::Error> {
//! let shared = eic_term::share::Shared::at("/run/user/1000/web-1");
//! let output = shared.command("uname -a").output().await?;
//! # Ok(()) }
//! ```

#[cfg(windows)]
mod access;
mod guest;
mod holder;
mod message;
#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) use guest::Held;
pub use guest::Shared;
pub use holder::{Control, Reply, SessionVisit, Sharing, Visit};
pub use message::{ForwardKind, ForwardRequest};
pub(crate) use message::{Open, Purpose};

/// Where other processes of this user come. On Unix dropping it removes the socket.
pub struct Listener(platform::Listener);

/// A connection to another process of this user.
pub struct LocalStream(platform::Stream);

impl Listener {
    /// Listens on a path: a socket with the mode 0600, or a pipe whose name derives from the path and which only this
    /// user may open. A socket that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where somebody listens there, or where a file is that is no socket; else the
    /// system's.
    pub async fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        platform::Listener::bind(path.as_ref()).await.map(Self)
    }

    /// Waits for the next process of this user.
    ///
    /// # Errors
    /// The system's.
    pub async fn accept(&mut self) -> io::Result<LocalStream> {
        self.0.accept().await.map(LocalStream)
    }
}

impl LocalStream {
    /// Connects to where a process of this user listens.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] where another user's listens; else the system's.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        platform::connect(path.as_ref()).await.map(Self)
    }
}

impl AsyncRead for LocalStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for LocalStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl fmt::Debug for LocalStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalStream")
    }
}
