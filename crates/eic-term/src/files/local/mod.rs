//! Files here. A folder is a handle, and what is in it is reached by single names, so that nobody who swaps a folder for a
//! symbolic link meanwhile leads us elsewhere.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod platform;

pub(super) use platform::{LocalFolder, bytes_of, name_of, read_at, write_at};

use std::ffi::{OsStr, OsString};
use std::io;

use super::attributes::Attributes;

/// A name in a folder here.
#[derive(Debug, Clone)]
pub(super) struct LocalEntry {
    pub(super) name: OsString,
    pub(super) attributes: Attributes,
}

impl LocalFolder {
    /// Makes a whole file at once, under its own name only when it is.
    pub(super) fn put(
        &self,
        made: &OsStr,
        name: &OsStr,
        data: &[u8],
        mode: u32,
        last: Option<Attributes>,
    ) -> io::Result<()> {
        let file = self.create(made, mode)?;
        let written = write_at(&file, data, 0);
        let written = written.and_then(|()| last.map_or(Ok(()), |last| Self::set(&file, last)));
        // Windows renames no open file.
        drop(file);
        let done = written.and_then(|()| self.rename(made, name));
        if done.is_err() {
            self.remove(made).ok();
        }
        done
    }
}
