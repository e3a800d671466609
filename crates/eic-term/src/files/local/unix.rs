//! Folders by handle: openat(2) and its relatives, which follow no symbolic link here.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, fchmod, fstat, futimens,
    mkdirat, openat, readlinkat, renameat, statat, symlinkat, unlinkat, utimensat,
};

use super::LocalEntry;
use crate::files::attributes::{Attributes, FileKind};

/// An open folder.
#[derive(Debug)]
pub(in super::super) struct LocalFolder {
    handle: OwnedFd,
}

/// No terminal is taken over, no named pipe waited for.
const SAFE: OFlags = OFlags::CLOEXEC
    .union(OFlags::NOCTTY)
    .union(OFlags::NONBLOCK);

impl LocalFolder {
    /// Opens the folder that a person named, wherever symbolic links lead.
    pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
        Self::open_at(CWD, path.as_os_str(), OFlags::empty())
    }

    fn open_at(at: impl AsFd, name: &OsStr, how: OFlags) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | how;
        let handle = openat(at, name, flags, Mode::empty())?;
        Ok(Self { handle })
    }

    /// Opens a folder in it.
    pub(in super::super) fn folder(&self, name: &OsStr, follow: bool) -> io::Result<Self> {
        Self::open_at(&self.handle, name, no_follow(follow))
    }

    /// Makes a folder in it; `false` where there is one.
    pub(in super::super) fn make_folder(&self, name: &OsStr, mode: u32) -> io::Result<bool> {
        match mkdirat(&self.handle, name, Mode::from_raw_mode(mode as _)) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns what is in it.
    pub(in super::super) fn entries(
        &self,
        follow: bool,
        mut each: impl FnMut(LocalEntry) -> bool,
    ) -> io::Result<()> {
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
            if matches!(name.as_bytes(), b"." | b"..") {
                continue;
            }
            // One that is gone meanwhile, or a link to nowhere, is reported when it is copied.
            let attributes = self
                .stat(&name, follow)
                .or_else(|_| self.stat(&name, false));
            let attributes = attributes.unwrap_or_else(|_| of_type(entry.file_type()));
            if !each(LocalEntry { name, attributes }) {
                break;
            }
        }
        Ok(())
    }

    pub(in super::super) fn stat(&self, name: &OsStr, follow: bool) -> io::Result<Attributes> {
        let flags = if follow {
            AtFlags::empty()
        } else {
            AtFlags::SYMLINK_NOFOLLOW
        };
        Ok(attributes(&statat(&self.handle, name, flags)?))
    }

    pub(in super::super) fn read_link(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(readlinkat(&self.handle, name, Vec::new())?.into_bytes())
    }

    /// Opens a regular file to read it.
    pub(in super::super) fn read(
        &self,
        name: &OsStr,
        follow: bool,
    ) -> io::Result<(File, Attributes)> {
        let flags = OFlags::RDONLY | SAFE | no_follow(follow);
        let file = File::from(openat(&self.handle, name, flags, Mode::empty())?);
        let attributes = attributes(&fstat(&file)?);
        match attributes.kind() {
            Some(FileKind::File) => Ok((file, attributes)),
            Some(FileKind::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            _ => Err(io::Error::other("it is no regular file")),
        }
    }

    /// Makes a new file; what bears the name already is an error, a symbolic link included.
    pub(in super::super) fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | SAFE;
        let mode = Mode::from_raw_mode(mode as _);
        Ok(openat(&self.handle, name, flags, mode)?.into())
    }

    /// Opens a file to write it where it is, or makes it.
    pub(in super::super) fn write(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | SAFE;
        let mode = Mode::from_raw_mode(mode as _);
        Ok(openat(&self.handle, name, flags, mode)?.into())
    }

    pub(in super::super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.handle, from, &self.handle, to)?)
    }

    pub(in super::super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    pub(in super::super) fn symlink(&self, target: &[u8], name: &OsStr) -> io::Result<()> {
        Ok(symlinkat(OsStr::from_bytes(target), &self.handle, name)?)
    }

    /// Sets mode and times of an open file.
    pub(in super::super) fn set(file: &File, attributes: Attributes) -> io::Result<()> {
        set(file, attributes)
    }

    /// Sets its own.
    pub(in super::super) fn set_own(&self, attributes: Attributes) -> io::Result<()> {
        set(&self.handle, attributes)
    }

    /// Sets a symbolic link's times; its mode means nothing.
    pub(in super::super) fn set_link(&self, name: &OsStr, of: Attributes) -> io::Result<()> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        match times(of) {
            Some(times) => Ok(utimensat(&self.handle, name, &times, flags)?),
            None => Ok(()),
        }
    }
}

fn no_follow(follow: bool) -> OFlags {
    if follow {
        OFlags::empty()
    } else {
        OFlags::NOFOLLOW
    }
}

fn set(handle: impl AsFd, attributes: Attributes) -> io::Result<()> {
    if let Some(mode) = attributes.permissions() {
        fchmod(&handle, Mode::from_raw_mode(mode as _))?;
    }
    if let Some(times) = times(attributes) {
        futimens(&handle, &times)?;
    }
    Ok(())
}

fn times(attributes: Attributes) -> Option<Timestamps> {
    let (read, written) = attributes.times?;
    let at = |seconds: u32| Timespec {
        tv_sec: seconds.into(),
        tv_nsec: 0,
    };
    Some(Timestamps {
        last_access: at(read),
        last_modification: at(written),
    })
}

fn of_type(kind: FileType) -> Attributes {
    Attributes::of_mode(kind.as_raw_mode() as _)
}

#[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
fn attributes(stat: &Stat) -> Attributes {
    Attributes {
        size: u64::try_from(stat.st_size).ok(),
        owner: Some((stat.st_uid, stat.st_gid)),
        mode: Some(stat.st_mode as u32),
        times: Some((seconds(stat.st_atime as i64), seconds(stat.st_mtime as i64))),
    }
}

/// SFTP's times are unsigned and of 32 bits.
fn seconds(time: i64) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}

pub(in super::super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

pub(in super::super) fn write_at(file: &File, data: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(data, offset)
}

pub(in super::super) fn name_of(bytes: &[u8]) -> Option<OsString> {
    Some(OsString::from_vec(bytes.to_vec()))
}

pub(in super::super) fn bytes_of(name: &OsStr) -> Option<Vec<u8>> {
    Some(name.as_bytes().to_vec())
}
