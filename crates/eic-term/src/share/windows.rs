//! Windows: a named pipe, whose name derives from the path.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeClient, NamedPipeServer};

use super::access;

/// The system's error where all instances of a pipe are taken (`ERROR_PIPE_BUSY`).
const BUSY: i32 = 231;
/// How long an instance is waited for, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

/// Either end of a pipe.
pub(super) enum Stream {
    Server(NamedPipeServer),
    Client(NamedPipeClient),
}

/// A pipe that is listened on.
pub(super) struct Listener {
    name: String,
    next: NamedPipeServer,
}

impl Listener {
    /// Listens on a pipe for this user alone; it must be the first of its name.
    #[expect(clippy::unused_async, reason = "it has the signature of the other")]
    pub(super) async fn bind(path: &Path) -> io::Result<Self> {
        let name = name(path)?;
        // Wine makes a second first instance.
        if ClientOptions::new().open(&name).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let next = access::create(&name, true).map_err(|error| match error.kind() {
            // What is there has the name already, whoever made it.
            io::ErrorKind::PermissionDenied => io::ErrorKind::AlreadyExists.into(),
            _ => error,
        })?;
        Ok(Self { name, next })
    }

    /// Waits for the next of this user's processes.
    pub(super) async fn accept(&mut self) -> io::Result<Stream> {
        self.next.connect().await?;
        let next = access::create(&self.name, false)?;
        Ok(Stream::Server(std::mem::replace(&mut self.next, next)))
    }
}

/// Connects to a process of this user.
pub(super) async fn connect(path: &Path) -> io::Result<Stream> {
    let name = name(path)?;
    let opened = tokio::time::timeout(PATIENCE, async {
        loop {
            match ClientOptions::new().open(&name) {
                Err(error) if error.raw_os_error() == Some(BUSY) => {
                    tokio::time::sleep(PAUSE).await;
                }
                opened => return opened,
            }
        }
    });
    let pipe = opened.await.map_err(|_| io::ErrorKind::TimedOut)??;
    if access::is_own(&pipe)? {
        return Ok(Stream::Client(pipe));
    }
    let reason = "another user listens there";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

/// The pipe of a path, which stands for the same file in capitals.
fn name(path: &Path) -> io::Result<String> {
    let path = std::path::absolute(path)?;
    let text = path.to_string_lossy().to_lowercase();
    let hash = HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref());
    Ok(format!(r"\\.\pipe\eic-term-{hash}"))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Server(pipe) => Pin::new(pipe).poll_read(cx, buffer),
            Self::Client(pipe) => Pin::new(pipe).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Server(pipe) => Pin::new(pipe).poll_write(cx, bytes),
            Self::Client(pipe) => Pin::new(pipe).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Server(pipe) => Pin::new(pipe).poll_flush(cx),
            Self::Client(pipe) => Pin::new(pipe).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pipe_has_one_listener_and_goes_with_it() {
        let path = Path::new(r"C:\Users\me\.ssh\control");
        let mut first = Listener::bind(path).await.unwrap();
        let (came, went) = tokio::join!(first.accept(), connect(path));
        assert!(came.is_ok(), "{:?}", came.err());
        assert!(went.is_ok(), "{:?}", went.err());
        let again = Listener::bind(Path::new(r"c:\users\ME\.ssh\control")).await;
        assert_eq!(again.err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        drop((came, went, first));
        let nobody = connect(path).await.err().unwrap();
        assert_eq!(nobody.kind(), io::ErrorKind::NotFound);
    }
}
