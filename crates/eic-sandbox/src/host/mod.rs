//! What answers on the instances' SSH ports.

mod backlog;
mod builtin;
mod host_keys;
mod process;
mod sshd;
mod terminal;

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod platform;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

pub(crate) use builtin::Builtin;
pub(crate) use host_keys::HostKeys;
pub(crate) use platform::{current_user, share_folder};
pub(crate) use sshd::{Sshd, SshdProgram};

/// The variable that tells programs on which instance they run, as all hosts are one machine.
const INSTANCE: &str = "EIC_SANDBOX_INSTANCE";

/// The SSH host of one instance.
pub(crate) enum Host {
    /// A server in this process.
    Builtin(Builtin),
    /// The machine's own `sshd`, one process a connection.
    Sshd(Sshd),
    /// Something that accepts connections, reads, and never speaks.
    Mute,
    /// Nothing: connections are refused.
    Down,
}

impl Host {
    /// Whether connections are accepted at all.
    pub(crate) fn accepts(&self) -> bool {
        !matches!(self, Self::Down)
    }

    /// Serves one connection until its end.
    pub(crate) async fn serve<S>(&self, mut stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match self {
            Self::Builtin(host) => host.serve(stream).await,
            Self::Sshd(host) => host.serve(stream).await,
            Self::Mute => while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {},
            Self::Down => {}
        }
    }
}
