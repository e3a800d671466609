//! An open file on the host.

use std::fmt;
use std::ops::BitOr;

use bytes::Bytes;

use super::attributes::Attributes;
use super::error::{SftpError, StatusCode};
use super::extension::names;
use super::link::Answer;
use super::packet::{Request, kind};
use super::sftp::Sftp;

/// What a file is opened for (§6.3 of the draft); joined by `|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenMode(u32);

impl OpenMode {
    /// To read.
    pub const READ: Self = Self(1);
    /// To write.
    pub const WRITE: Self = Self(1 << 1);
    /// To write at its end only.
    pub const APPEND: Self = Self(1 << 2);
    /// Made where it is not there.
    pub const CREATE: Self = Self(1 << 3);
    /// Emptied.
    pub const TRUNCATE: Self = Self(1 << 4);
    /// Refused where it is there, a symbolic link included.
    pub const EXCLUSIVE: Self = Self(1 << 5);

    pub(super) fn bits(self) -> u32 {
        self.0
    }
}

impl BitOr for OpenMode {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// An open file on the host. Dropping it closes it; [`close`](Self::close) reports, too.
///
/// Reads and writes carry their place with them, so that several can be under way at once.
pub struct RemoteFile {
    sftp: Sftp,
    handle: Bytes,
    closed: bool,
}

/// A read under way.
pub(super) struct Reading {
    answer: Answer,
    length: u32,
}

impl Reading {
    /// As [`RemoteFile::read_at`].
    pub(super) async fn wait(self) -> Result<Bytes, SftpError> {
        let data = match self.answer.wait().await?.of_kind(kind::DATA) {
            Ok(mut fields) => fields.string()?,
            Err(error) if error.code() == Some(StatusCode::EOF) => return Ok(Bytes::new()),
            Err(error) => return Err(error),
        };
        match data.len() {
            0 => Err(SftpError::Protocol("a read brought nothing, and no end")),
            length if length > self.length as usize => Err(SftpError::Protocol(
                "a read brought more than was asked for",
            )),
            _ => Ok(data),
        }
    }
}

/// A request under way whose answer is only good or bad.
pub(super) struct Doing(Answer);

impl Doing {
    pub(super) async fn wait(self) -> Result<(), SftpError> {
        self.0.wait().await?.done()
    }
}

impl RemoteFile {
    pub(super) fn new(sftp: Sftp, handle: Bytes) -> Self {
        Self {
            sftp,
            handle,
            closed: false,
        }
    }

    /// Reads up to `length` bytes, fewer than [`Limits::read`](super::Limits::read); servers may bring less, and nothing at the end.
    ///
    /// # Errors
    /// The server's [`SftpError::Status`], or what befell the connection.
    pub async fn read_at(&self, offset: u64, length: u32) -> Result<Bytes, SftpError> {
        self.begin_read(offset, length).await?.wait().await
    }

    /// Sends the request, in its turn.
    pub(super) async fn begin_read(&self, offset: u64, length: u32) -> Result<Reading, SftpError> {
        let request = self.request(kind::READ).u64(offset).u32(length);
        let answer = self.sftp.submit(request).await?;
        Ok(Reading { answer, length })
    }

    /// Writes all of `data`, no more than [`Limits::write`](super::Limits::write).
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    pub async fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), SftpError> {
        let data = Bytes::copy_from_slice(data);
        self.begin_write(offset, data).await?.wait().await
    }

    /// Sends the request, in its turn.
    pub(super) async fn begin_write(&self, offset: u64, data: Bytes) -> Result<Doing, SftpError> {
        let request = self.request(kind::WRITE).u64(offset).with_data(data);
        Ok(Doing(self.sftp.submit(request).await?))
    }

    /// Returns its attributes.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    pub async fn stat(&self) -> Result<Attributes, SftpError> {
        self.sftp.attributes(self.request(kind::FSTAT)).await
    }

    /// Sets its attributes.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    pub async fn set_stat(&self, attributes: Attributes) -> Result<(), SftpError> {
        self.begin_set_stat(attributes).await?.wait().await
    }

    /// Sends the request, in its turn.
    pub(super) async fn begin_set_stat(&self, attributes: Attributes) -> Result<Doing, SftpError> {
        let request = self.request(kind::FSETSTAT);
        let request = request.raw(|bytes| attributes.write(bytes));
        Ok(Doing(self.sftp.submit(request).await?))
    }

    /// Waits until it is on the host's disk (`fsync@openssh.com`).
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at); [`SftpError::Unsupported`].
    pub async fn sync(&self) -> Result<(), SftpError> {
        let request = self.sftp.offered(names::FSYNC)?;
        self.sftp.done(request.string(&self.handle)).await
    }

    /// Copies bytes to another file on the host, without them coming here (`copy-data`); a `length` of 0 is all.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at); [`SftpError::Unsupported`].
    pub async fn copy_to(
        &self,
        offset: u64,
        length: u64,
        to: &Self,
        to_offset: u64,
    ) -> Result<(), SftpError> {
        let request = self.sftp.offered(names::COPY_DATA)?;
        let request = request.string(&self.handle).u64(offset).u64(length);
        let request = request.string(&to.handle).u64(to_offset);
        self.sftp.done(request).await
    }

    /// Closes it, and reports what the server has not said before, such as a full disk.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    pub async fn close(self) -> Result<(), SftpError> {
        self.begin_close().await?.wait().await
    }

    /// Sends the request, in its turn.
    pub(super) async fn begin_close(mut self) -> Result<Doing, SftpError> {
        self.closed = true;
        Ok(Doing(self.sftp.submit(self.request(kind::CLOSE)).await?))
    }

    fn request(&self, kind: u8) -> Request {
        Request::new(kind).string(&self.handle)
    }
}

impl Drop for RemoteFile {
    fn drop(&mut self) {
        if !self.closed {
            self.sftp.tell(self.request(kind::CLOSE));
        }
    }
}

impl fmt::Debug for RemoteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteFile")
    }
}
