//! An open folder on the host.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;

use super::attributes::Attributes;
use super::error::{SftpError, StatusCode};
use super::link::Answer;
use super::packet::{Fields, Reply, Request, kind};
use super::sftp::Sftp;

/// How many requests for names are under way at once: OpenSSH's server answers with 100 names at most.
const AHEAD: usize = 8;
/// The most names taken from one folder.
const MOST: usize = 1 << 20;

/// A name in a folder, with what the server says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, which a server may make up: check it before it becomes a path.
    pub name: Vec<u8>,
    /// A line as of `ls -l`, as OpenSSH's server gives it; for people only.
    pub long_name: Vec<u8>,
    /// Its own attributes, a symbolic link's too.
    pub attributes: Attributes,
}

/// An open folder on the host, whose names come a few at a time. Dropping it closes it.
pub struct Folder {
    sftp: Sftp,
    handle: Bytes,
    ahead: VecDeque<Answer>,
    /// How many to have under way; more, once there is more than one answer.
    width: usize,
    count: usize,
}

impl Folder {
    pub(super) fn new(sftp: Sftp, handle: Bytes) -> Self {
        Self {
            sftp,
            handle,
            ahead: VecDeque::new(),
            width: 2,
            count: 0,
        }
    }

    /// Returns the next names, without `.` and `..`; `None` at the end.
    ///
    /// # Errors
    /// The server's [`SftpError::Status`], what befell the connection, or too many names.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>, SftpError> {
        while self.ahead.len() < self.width {
            let request = Request::new(kind::READDIR).string(&self.handle);
            self.ahead.push_back(self.sftp.submit(request).await?);
        }
        self.width = AHEAD;
        let Some(answer) = self.ahead.pop_front() else {
            return Ok(None);
        };
        let entries = entries(answer.wait().await?)?;
        let Some(entries) = entries else {
            return Ok(None);
        };
        self.count += entries.len();
        if self.count > MOST {
            return Err(SftpError::TooMuch(
                "a folder with more than a million names",
            ));
        }
        let real = |entry: &Entry| !matches!(entry.name.as_slice(), b"." | b"..");
        Ok(Some(entries.into_iter().filter(real).collect()))
    }
}

/// An answer without names is an end, too.
fn entries(reply: Reply) -> Result<Option<Vec<Entry>>, SftpError> {
    let mut fields = match reply.of_kind(kind::NAME) {
        Ok(fields) => fields,
        Err(error) if error.code() == Some(StatusCode::EOF) => return Ok(None),
        Err(error) => return Err(error),
    };
    let count = fields.u32()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(entry(&mut fields)?);
    }
    Ok(Some(entries).filter(|entries| !entries.is_empty()))
}

fn entry(fields: &mut Fields) -> Result<Entry, SftpError> {
    Ok(Entry {
        name: fields.string()?.to_vec(),
        long_name: fields.string()?.to_vec(),
        attributes: Attributes::read(fields)?,
    })
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.sftp
            .tell(Request::new(kind::CLOSE).string(&self.handle));
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Folder")
    }
}
