//! Folders by path. We make no symbolic links here, so a server cannot lead us out of the folder by one.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::LocalEntry;
use crate::files::attributes::{Attributes, FileKind};

/// What it takes to set times: `FILE_WRITE_ATTRIBUTES`.
const WRITE_ATTRIBUTES: u32 = 0x100;
/// What it takes to open a folder: `FILE_FLAG_BACKUP_SEMANTICS`.
const BACKUP_SEMANTICS: u32 = 0x0200_0000;

/// A folder.
#[derive(Debug)]
pub(in super::super) struct LocalFolder {
    path: PathBuf,
}

impl LocalFolder {
    /// Opens the folder that a person named, wherever symbolic links lead.
    pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
        // The absolute path may be longer than 260 letters.
        let path = fs::canonicalize(path)?;
        match fs::metadata(&path)?.is_dir() {
            true => Ok(Self { path }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Opens a folder in it.
    pub(in super::super) fn folder(&self, name: &OsStr, follow: bool) -> io::Result<Self> {
        match self.stat(name, follow)?.kind() {
            Some(FileKind::Folder) => Ok(Self {
                path: self.path.join(name),
            }),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Makes a folder in it; `false` where there is one.
    pub(in super::super) fn make_folder(&self, name: &OsStr, _mode: u32) -> io::Result<bool> {
        match fs::create_dir(self.path.join(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns what is in it.
    pub(in super::super) fn entries(
        &self,
        follow: bool,
        mut each: impl FnMut(LocalEntry) -> bool,
    ) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let attributes = self
                .stat(&name, follow)
                .or_else(|_| self.stat(&name, false));
            let attributes = attributes.unwrap_or_default();
            if !each(LocalEntry { name, attributes }) {
                break;
            }
        }
        Ok(())
    }

    pub(in super::super) fn stat(&self, name: &OsStr, follow: bool) -> io::Result<Attributes> {
        let path = self.path.join(name);
        let metadata = if follow {
            fs::metadata(path)
        } else {
            fs::symlink_metadata(path)
        };
        Ok(attributes(&metadata?))
    }

    pub(in super::super) fn read_link(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        let target = fs::read_link(self.path.join(name))?;
        let text = target.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
        Ok(text.replace('\\', "/").into_bytes())
    }

    /// Opens a regular file to read it.
    pub(in super::super) fn read(
        &self,
        name: &OsStr,
        follow: bool,
    ) -> io::Result<(File, Attributes)> {
        match self.stat(name, follow)?.kind() {
            Some(FileKind::File) => {}
            Some(FileKind::Folder) => return Err(io::ErrorKind::IsADirectory.into()),
            _ => return Err(io::Error::other("it is no regular file")),
        }
        let file = File::open(self.path.join(name))?;
        let attributes = attributes(&file.metadata()?);
        Ok((file, attributes))
    }

    /// Makes a new file; what bears the name already is an error.
    pub(in super::super) fn create(&self, name: &OsStr, _mode: u32) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(true);
        options.open(self.path.join(name))
    }

    /// Opens a file to write it where it is, or makes it.
    pub(in super::super) fn write(&self, name: &OsStr, _mode: u32) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        options.open(self.path.join(name))
    }

    pub(in super::super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    pub(in super::super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    pub(in super::super) fn symlink(&self, _target: &[u8], _name: &OsStr) -> io::Result<()> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "symbolic links are not made on Windows; -L copies what they lead to",
        ))
    }

    /// Sets the times of an open file; modes mean nothing here.
    pub(in super::super) fn set(file: &File, attributes: Attributes) -> io::Result<()> {
        let Some((read, written)) = attributes.times else {
            return Ok(());
        };
        let at = |seconds: u32| UNIX_EPOCH + Duration::from_secs(seconds.into());
        let times = fs::FileTimes::new().set_accessed(at(read));
        file.set_times(times.set_modified(at(written)))
    }

    /// Sets the folder's own times.
    pub(in super::super) fn set_own(&self, attributes: Attributes) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let options = options.access_mode(WRITE_ATTRIBUTES);
        let folder = options.custom_flags(BACKUP_SEMANTICS).open(&self.path)?;
        Self::set(&folder, attributes)
    }

    pub(in super::super) fn set_link(&self, _name: &OsStr, _of: Attributes) -> io::Result<()> {
        Ok(())
    }
}

fn attributes(metadata: &Metadata) -> Attributes {
    let kind = metadata.file_type();
    let readable = if metadata.permissions().readonly() {
        0o444
    } else {
        0o644
    };
    let mode = match () {
        () if kind.is_symlink() => 0o120_777,
        () if kind.is_dir() => 0o040_755,
        () => 0o100_000 | readable,
    };
    Attributes {
        size: Some(metadata.len()),
        owner: None,
        mode: Some(mode),
        times: Some((seconds(metadata.accessed()), seconds(metadata.modified()))),
    }
}

/// SFTP's times are unsigned and of 32 bits.
fn seconds(time: io::Result<SystemTime>) -> u32 {
    let since = time
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
    })
}

pub(in super::super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

pub(in super::super) fn write_at(file: &File, mut data: &[u8], mut offset: u64) -> io::Result<()> {
    while !data.is_empty() {
        let count = file.seek_write(data, offset)?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        data = data.get(count..).unwrap_or_default();
        offset += count as u64;
    }
    Ok(())
}

pub(in super::super) fn name_of(bytes: &[u8]) -> Option<OsString> {
    Some(std::str::from_utf8(bytes).ok()?.into())
}

pub(in super::super) fn bytes_of(name: &OsStr) -> Option<Vec<u8>> {
    Some(name.to_str()?.as_bytes().to_vec())
}
