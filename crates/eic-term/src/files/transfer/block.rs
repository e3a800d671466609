//! An open file on either side, read and written in blocks that are under way together.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::TransferError;
use crate::files::attributes::Attributes;
use crate::files::error::SftpError;
use crate::files::file::{Doing, Reading, RemoteFile};
use crate::files::local::{LocalFolder, read_at, write_at};

/// The size of a block, in bytes; less where a server takes less.
pub(super) const BLOCK: u32 = 128 << 10;

/// A stream of our own, such as standard input.
pub(super) type Input = Pin<Box<dyn AsyncRead + Send>>;
/// A stream of our own, such as standard output.
pub(super) type Output = Pin<Box<dyn AsyncWrite + Send>>;

/// A file that is read.
pub(super) enum Reader {
    Local(Arc<File>),
    /// The same file on several channels.
    Remote(Vec<RemoteFile>),
    Stream(Input),
}

/// A file that is written.
pub(super) enum Writer {
    Local(Arc<File>),
    Remote(Vec<RemoteFile>),
    Stream(Output),
}

/// A block on its way from a file.
pub(super) enum Arriving {
    Local(JoinHandle<io::Result<Bytes>>),
    Remote(Reading),
    Here(Bytes),
}

/// A block on its way to a file.
pub(super) enum Leaving {
    Local(JoinHandle<io::Result<()>>),
    Remote(Doing),
    Gone,
}

impl Arriving {
    /// Empty at the end of the file.
    pub(super) async fn wait(self) -> Result<Bytes, TransferError> {
        match self {
            Self::Local(read) => Ok(read.await.map_err(io::Error::other)??),
            Self::Remote(read) => Ok(read.wait().await?),
            Self::Here(bytes) => Ok(bytes),
        }
    }
}

impl Leaving {
    pub(super) async fn wait(self) -> Result<(), TransferError> {
        match self {
            Self::Local(written) => Ok(written.await.map_err(io::Error::other)??),
            Self::Remote(written) => Ok(written.wait().await?),
            Self::Gone => Ok(()),
        }
    }
}

/// Which of a file's channels has this block.
fn lane(files: &[RemoteFile], offset: u64) -> Result<&RemoteFile, SftpError> {
    let block = offset / u64::from(BLOCK);
    let lane = block.checked_rem(files.len() as u64).unwrap_or_default();
    let gone = || SftpError::Ended {
        stderr: String::new(),
    };
    files
        .get(usize::try_from(lane).unwrap_or_default())
        .ok_or_else(gone)
}

impl Reader {
    /// Whether blocks can be read side by side.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    pub(super) async fn begin(
        &mut self,
        offset: u64,
        length: u32,
    ) -> Result<Arriving, TransferError> {
        Ok(match self {
            Self::Local(file) => {
                let file = file.clone();
                Arriving::Local(spawn_blocking(move || read(&file, offset, length)))
            }
            Self::Remote(files) => {
                Arriving::Remote(lane(files, offset)?.begin_read(offset, length).await?)
            }
            Self::Stream(input) => {
                let mut bytes = Vec::with_capacity(length as usize);
                let mut part = input.take(length.into());
                while part.read_buf(&mut bytes).await? > 0 {}
                Arriving::Here(bytes.into())
            }
        })
    }

    /// How large the file is now, where that is known.
    pub(super) async fn size(&mut self) -> Result<Option<u64>, TransferError> {
        match self {
            Self::Local(file) => Ok(Some(file.metadata()?.len())),
            Self::Remote(files) => match files.first() {
                Some(file) => Ok(file.stat().await?.size),
                None => Ok(None),
            },
            Self::Stream(_) => Ok(None),
        }
    }
}

/// Reads until there is enough, or the end.
fn read(file: &File, offset: u64, length: u32) -> io::Result<Bytes> {
    let mut bytes = vec![0; length as usize];
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match read_at(file, room, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes.into())
}

impl Writer {
    /// How many blocks may be on their way: a disk takes them one after the other anyway.
    pub(super) fn most(&self) -> usize {
        match self {
            Self::Local(_) | Self::Stream(_) => 2,
            Self::Remote(_) => usize::MAX,
        }
    }

    pub(super) async fn begin(
        &mut self,
        offset: u64,
        data: Bytes,
    ) -> Result<Leaving, TransferError> {
        Ok(match self {
            Self::Local(file) => {
                let file = file.clone();
                Leaving::Local(spawn_blocking(move || write_at(&file, &data, offset)))
            }
            Self::Remote(files) => {
                Leaving::Remote(lane(files, offset)?.begin_write(offset, data).await?)
            }
            Self::Stream(output) => {
                output.write_all(&data).await?;
                Leaving::Gone
            }
        })
    }

    /// Makes it so long, in case its end is a hole or it was longer before.
    pub(super) async fn set_size(&mut self, size: u64) -> Result<(), TransferError> {
        match self {
            Self::Local(file) => {
                let file = file.clone();
                super::folder::blocking(move || file.set_len(size)).await
            }
            Self::Remote(files) => {
                let size = Attributes {
                    size: Some(size),
                    ..Attributes::default()
                };
                match files.first() {
                    Some(file) => Ok(file.set_stat(size).await?),
                    None => Ok(()),
                }
            }
            Self::Stream(_) => Ok(()),
        }
    }

    /// Ends the writing: attributes are set and what the disk has to say is heard.
    pub(super) async fn close(
        self,
        attributes: Option<Attributes>,
        sync: bool,
    ) -> Result<(), TransferError> {
        match self {
            Self::Local(file) => {
                let end = move || {
                    attributes.map_or(Ok(()), |to| LocalFolder::set(&file, to))?;
                    if sync { file.sync_all() } else { Ok(()) }
                };
                super::folder::blocking(end).await
            }
            Self::Remote(files) => {
                if let (true, Some(file)) = (sync, files.first()) {
                    match file.sync().await {
                        Err(SftpError::Unsupported(_)) => {}
                        synced => synced?,
                    }
                }
                let set = match (attributes, files.first()) {
                    (Some(attributes), Some(file)) => Some(file.begin_set_stat(attributes).await?),
                    _ => None,
                };
                let mut closing = Vec::new();
                for file in files {
                    closing.push(file.begin_close().await?);
                }
                for done in set.into_iter().chain(closing) {
                    done.wait().await?;
                }
                Ok(())
            }
            Self::Stream(mut output) => Ok(output.flush().await?),
        }
    }
}
