//! Ports and Unix sockets forwarded through a session (RFC 4254 §7, OpenSSH's PROTOCOL §2.4).
//!
//! A connection of which nobody reads one end does not hold up the others: see `flow`. Every forward is a guard: what listens does so until it is dropped. [`Persistent`] gives them a next session when
//! one ends.

mod address;
mod dynamic;
mod listener;
mod local;
mod open;
mod persistent;
mod proxy;
mod registry;
mod relay;
mod remote;
mod sessions;
mod socks;
mod stream;
mod traffic;

#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(unix, path = "unix.rs")]
mod socket;

pub use address::{Address, Bind};
pub use dynamic::DynamicForward;
pub(crate) use listener::{Halves, connect};
pub use local::LocalForward;
pub(crate) use open::Way;
pub use persistent::{Persistent, PersistentEvent};
pub(crate) use registry::{Incoming, Registry};
pub(crate) use relay::relay;
pub use remote::RemoteForward;
pub(crate) use socket::local_displays;
#[cfg(unix)]
pub(crate) use socket::{SocketFile, UnixListener};
pub use stream::RemoteStream;
