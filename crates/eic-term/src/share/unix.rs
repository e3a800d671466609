//! Unix: a socket, and who is at its other end as the system knows it.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use tokio::net::UnixStream;

use crate::forward::{SocketFile, UnixListener};

pub(super) type Stream = UnixStream;

/// A socket that is listened on, and removed when this is dropped.
pub(super) struct Listener {
    socket: UnixListener,
    _file: SocketFile,
}

impl Listener {
    /// Listens on a socket for this user alone. One that nobody listens on any more is replaced.
    pub(super) async fn bind(path: &Path) -> io::Result<Self> {
        let bound = match UnixListener::bind(path, false) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_stale(path).await => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path, false)
            }
            bound => bound,
        };
        bound.map(|(socket, _file)| Self { socket, _file })
    }

    /// Waits for the next of this user's processes; the superuser's may come too.
    pub(super) async fn accept(&mut self) -> io::Result<Stream> {
        loop {
            let stream = self.socket.accept_stream().await?;
            let user = stream.peer_cred()?.uid();
            if user == 0 || user == own_user()? {
                return Ok(stream);
            }
            tracing::warn!(user, "another user is turned away");
        }
    }
}

async fn is_stale(path: &Path) -> bool {
    let is_socket = path.symlink_metadata();
    is_socket.is_ok_and(|file| file.file_type().is_socket())
        && UnixStream::connect(path)
            .await
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Connects to a process of this user; what another's would be told is no business of theirs.
pub(super) async fn connect(path: &Path) -> io::Result<Stream> {
    let stream = UnixStream::connect(path).await?;
    if stream.peer_cred()?.uid() == own_user()? {
        return Ok(stream);
    }
    let reason = "another user listens there";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

/// The user of this process, whom the system knows at both ends of a pair of sockets.
fn own_user() -> io::Result<u32> {
    Ok(UnixStream::pair()?.0.peer_cred()?.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_is_a_socket_and_stale_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = Listener::bind(&path).await.unwrap();
        let taken = Listener::bind(&path).await.err().unwrap();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        drop(first);
        assert!(!path.exists());
        std::fs::write(&path, "a file of somebody's").unwrap();
        assert!(Listener::bind(&path).await.is_err());
        assert!(path.is_file());
    }
}
