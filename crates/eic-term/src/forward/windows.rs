//! Unix sockets on Windows: there are none in tokio.

use std::io;
use std::path::Path;

use super::address::Address;
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

/// Where the X server of a display listens: X servers for Windows have ports alone.
pub(crate) fn local_displays(number: u16) -> Vec<Address> {
    let port = number.checked_add(6000).into_iter();
    port.map(|port| Address::tcp("127.0.0.1", port)).collect()
}

fn unsupported() -> io::Error {
    let reason = "Unix sockets are not supported on Windows";
    io::Error::new(io::ErrorKind::Unsupported, reason)
}
