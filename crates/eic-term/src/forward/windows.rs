//! Unix sockets on Windows: there are none in tokio.

use std::io;
use std::path::Path;

use super::listener::Halves;

/// Never made.
pub(crate) enum UnixListener {}

/// Never made.
pub(crate) enum SocketFile {}

impl UnixListener {
    pub(crate) fn bind(_: &Path, _: bool) -> io::Result<(Self, SocketFile)> {
        Err(unsupported())
    }

    #[expect(clippy::unused_async, reason = "it has the signature of the other")]
    pub(crate) async fn accept(&self) -> io::Result<Halves> {
        match *self {}
    }
}

#[expect(clippy::unused_async, reason = "it has the signature of the other")]
pub(crate) async fn connect(_: &str) -> io::Result<Halves> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    let reason = "Unix sockets are not supported on Windows";
    io::Error::new(io::ErrorKind::Unsupported, reason)
}
