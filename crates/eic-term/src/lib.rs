//! Logging in to EC2 instances: a target becomes a route, a route a byte stream, a stream a session,
//! a session a shell or a command.
//!
//! # How do I run a command on an instance?
//!
//! ```no_run
//! # #[cfg(feature = "ec2")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use eic_auth::{Api, ApiConfig};
//! use eic_term::{Connector, PinFile};
//!
//! let api = Api::load(ApiConfig::default()).await?;
//! let connector = Connector::new(api, PinFile::new("known_hosts"));
//! let session = connector.connect(&"ec2-user@web-1".parse()?).await?;
//! let output = session.command("uname -a").output().await?;
//! session.close().await?;
//! # Ok(()) }
//! ```
//!
//! # I have a byte stream already; how do I speak SSH on it?
//!
//! [`SessionBuilder`] takes anything that is [`AsyncRead`](tokio::io::AsyncRead) and
//! [`AsyncWrite`](tokio::io::AsyncWrite); no AWS is involved.
//!
//! # How do I forward a port?
//!
//! [`Session::forward_local`], [`Session::forward_remote`] and [`Session::forward_dynamic`] return guards; those of
//! [`Persistent`] outlive the session.
//!
//! # How do I copy files?
//!
//! [`files::Transfer`] copies trees and large files; [`Session::sftp`] has the single requests below it.
//!
//! # How do several processes use one session?
//!
//! [`share`]: one holds it, the others are its guests.
//!
//! # Which features are there?
//!
//! - `ec2`: finds instances and endpoints by name, tag, address or id, with `aws-sdk-ec2`.
//! - `terminal`: the local terminal in raw mode.
//! - `cli` (default): the binary; libraries switch it off.

mod agent;
mod algorithms;
mod child;
mod command;
mod connect;
mod connection;
mod destination;
mod error;
mod fleet;
mod flow;
mod forward;
mod handler;
mod identity;
mod key_push;
mod login;
#[cfg(feature = "ec2")]
mod lookup;
mod pattern;
mod peer;
mod pty;
mod pump;
mod quota;
#[cfg(feature = "ec2")]
mod remembered;
mod route;
mod security_key;
mod session;
mod survey;
mod timeline;
mod trust;
mod visible;
mod wire;
mod x11;

pub mod files;
pub mod share;
pub mod ssh_config;
#[cfg(feature = "terminal")]
pub mod terminal;

pub use agent::Agent;
pub use algorithms::{AlgorithmLists, Algorithms};
pub use child::{Child, ChildOutput, ChildStdin, ExitStatus, Signal};
pub use command::{Command, Output};
pub use connect::{ConnectOptions, Connector};
pub use connection::{Connection, SessionBuilder};
pub use destination::{Destination, Via};
pub use error::{Cause, Error};
pub use fleet::{Fleet, Place, Turn};
pub use flow::{Transcript, Transcripts};
pub use forward::{
    Address, Bind, DynamicForward, LocalForward, Persistent, PersistentEvent, RemoteForward,
    RemoteStream,
};
pub use identity::Identity;
pub use login::{Answers, Credentials, LoginMethod, Prompt, Question};
pub use pty::{Pty, WindowSize};
pub use route::{ConnectionType, Route, choose_route};
pub use security_key::SecurityKey;
pub use session::Session;
pub use timeline::{Span, Step, StepGuard, Timeline};
pub use trust::{
    HostKey, HostKeyError, HostKeyPolicy, KeyChange, KnownHosts, Pin, PinFile, Proof, Trust,
    TrustLevel,
};
pub use visible::{visible, visible_line};
pub use x11::{Display, X11};

/// Properties of private readers; see `fuzz/` in the repository.
#[cfg(fuzzing)]
pub mod fuzz {
    pub use crate::trust::fuzz::{known_hosts, pattern};
}
