//! Unix sockets on Unix.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

use super::address::Address;
use super::listener::Halves;

/// A socket that is listened on.
pub(crate) struct UnixListener(tokio::net::UnixListener);

/// The name of a socket that is listened on; dropping it removes it.
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Tells its file from one that another program has put there since.
    inode: u64,
}

impl UnixListener {
    /// Listens on a socket for this user alone. It is made in a folder that nobody else can enter, so that it is
    /// never open to others, whatever the umask.
    pub(crate) fn bind(path: &Path, replace: bool) -> io::Result<(Self, SocketFile)> {
        let beside = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = tempfile::Builder::new()
            .prefix(".")
            .rand_bytes(6)
            .tempdir_in(beside.unwrap_or(Path::new(".")))?;
        let made = folder.path().join("s");
        let listener = tokio::net::UnixListener::bind(&made)?;
        std::fs::set_permissions(&made, Permissions::from_mode(0o600))?;
        let inode = std::fs::symlink_metadata(&made)?.ino();
        if replace {
            std::fs::rename(&made, path)?;
        } else {
            move_to_nothing(&made, path)?;
        }
        let path = path.to_owned();
        Ok((Self(listener), SocketFile { path, inode }))
    }

    pub(crate) async fn accept(&self) -> io::Result<Halves> {
        Ok(halves(self.accept_stream().await?))
    }

    pub(crate) async fn accept_stream(&self) -> io::Result<UnixStream> {
        Ok(self.0.accept().await?.0)
    }
}

/// Unlike a renaming, a link replaces nothing; a file system without links has only the former.
fn move_to_nothing(made: &Path, path: &Path) -> io::Result<()> {
    match std::fs::hard_link(made, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(error) if path.symlink_metadata().is_ok() => Err(error),
        Err(_) => std::fs::rename(made, path),
        Ok(()) => Ok(()),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = std::fs::symlink_metadata(&self.path).is_ok_and(|one| one.ino() == self.inode);
        if ours {
            std::fs::remove_file(&self.path).ok();
        }
    }
}

pub(crate) async fn connect(path: &str) -> io::Result<Halves> {
    Ok(halves(UnixStream::connect(path).await?))
}

/// Where the X server of a display listens (X(7)): by its name alone on Linux, and by a file.
pub(crate) fn local_displays(number: u16) -> Vec<Address> {
    let path = format!("/tmp/.X11-unix/X{number}");
    let abstract_name = cfg!(target_os = "linux").then(|| Address::unix(format!("\0{path}")));
    abstract_name
        .into_iter()
        .chain([Address::unix(path)])
        .collect()
}

fn halves(stream: UnixStream) -> Halves {
    let (reader, writer) = stream.into_split();
    Halves::new(reader, writer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_the_users_alone_replaces_nothing_unasked_and_goes_with_its_guard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (_, first) = UnixListener::bind(&path, false).unwrap();
        let mode = std::fs::symlink_metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = UnixListener::bind(&path, false).err().unwrap();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let (_listener, second) = UnixListener::bind(&path, true).unwrap();
        drop(first);
        connect(path.to_str().unwrap()).await.unwrap();
        drop(second);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
