//! Files on the host: the SFTP subsystem, request by request.
//!
//! The wire is our own: the crate russh-sftp takes names for UTF-8 text and so loses others, and SFTP version 3 is some
//! twenty packets.

mod attributes;
mod carrier;
mod error;
mod extension;
mod file;
mod folder;
mod link;
mod packet;
mod sftp;

pub use attributes::{Attributes, FileKind};
pub use error::{SftpError, StatusCode};
pub use extension::{FileSystem, Limits};
pub use file::{OpenMode, RemoteFile};
pub use folder::{Entry, Folder};
pub use sftp::Sftp;
