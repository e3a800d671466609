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
mod glob;
mod link;
mod local;
mod name;
mod packet;
mod sftp;
mod transfer;

pub use attributes::{Attributes, FileKind};
pub use error::{SftpError, StatusCode};
pub use extension::{FileSystem, Limits};
pub use file::{OpenMode, RemoteFile};
pub use folder::{Entry, Folder};
pub use glob::{Found, Tree, glob, is_pattern, matches};
pub use sftp::Sftp;
pub use transfer::{
    Host, Location, Summary, Transfer, TransferError, TransferEvent, TransferOptions,
};
