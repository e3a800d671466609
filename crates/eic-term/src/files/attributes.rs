//! What a server says of a file (§5 of the draft).

use bytes::{BufMut, BytesMut};

use super::error::SftpError;
use super::packet::Fields;

const SIZE: u32 = 1;
const OWNER: u32 = 1 << 1;
const PERMISSIONS: u32 = 1 << 2;
const TIMES: u32 = 1 << 3;
const EXTENDED: u32 = 1 << 31;
/// The most extensions that are read over.
const MOST_EXTENSIONS: u32 = 64;

/// The part of the mode that says what it is, as in `sys/stat.h`.
const S_IFMT: u32 = 0o170_000;

/// A file's attributes; what a server leaves out, or what is not to be set, is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Its size in bytes, which a server may be wrong about.
    pub size: Option<u64>,
    /// The numbers of its user and its group.
    pub owner: Option<(u32, u32)>,
    /// Its mode as POSIX has it, with the bits that say what it is.
    pub mode: Option<u32>,
    /// When it was last read and last written, in seconds since 1970.
    pub times: Option<(u32, u32)>,
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A device, a socket or a named pipe.
    Special,
}

impl FileKind {
    /// Reads it from a POSIX mode; a mode without a kind is taken for a regular file's.
    #[must_use]
    pub fn of_mode(mode: u32) -> Self {
        match mode & S_IFMT {
            0o040_000 => Self::Folder,
            0o120_000 => Self::Symlink,
            0o100_000 | 0 => Self::File,
            _ => Self::Special,
        }
    }
}

impl Attributes {
    /// Only a mode, for a new file or folder.
    #[must_use]
    pub fn of_mode(mode: u32) -> Self {
        Self {
            mode: Some(mode),
            ..Self::default()
        }
    }

    /// Returns what kind of file it is, where the server said so.
    #[must_use]
    pub fn kind(&self) -> Option<FileKind> {
        self.mode.map(FileKind::of_mode)
    }

    /// Returns the mode's lower 12 bits: permissions, set-id bits and the sticky bit.
    #[must_use]
    pub fn permissions(&self) -> Option<u32> {
        self.mode.map(|mode| mode & 0o7777)
    }

    pub(super) fn write(&self, to: &mut BytesMut) {
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        to.put_u32(
            flag(self.size.is_some(), SIZE)
                | flag(self.owner.is_some(), OWNER)
                | flag(self.mode.is_some(), PERMISSIONS)
                | flag(self.times.is_some(), TIMES),
        );
        if let Some(size) = self.size {
            to.put_u64(size);
        }
        if let Some((user, group)) = self.owner {
            to.put_u32(user);
            to.put_u32(group);
        }
        if let Some(mode) = self.mode {
            to.put_u32(mode);
        }
        if let Some((read, written)) = self.times {
            to.put_u32(read);
            to.put_u32(written);
        }
    }

    pub(super) fn read(from: &mut Fields) -> Result<Self, SftpError> {
        let flags = from.u32()?;
        let has = |flag: u32| flags & flag != 0;
        let attributes = Self {
            size: has(SIZE).then(|| from.u64()).transpose()?,
            owner: has(OWNER).then(|| pair(from)).transpose()?,
            mode: has(PERMISSIONS).then(|| from.u32()).transpose()?,
            times: has(TIMES).then(|| pair(from)).transpose()?,
        };
        if has(EXTENDED) {
            skip_extensions(from)?;
        }
        Ok(attributes)
    }
}

fn pair(from: &mut Fields) -> Result<(u32, u32), SftpError> {
    Ok((from.u32()?, from.u32()?))
}

fn skip_extensions(from: &mut Fields) -> Result<(), SftpError> {
    let count = from.u32()?;
    if count > MOST_EXTENSIONS {
        return Err(SftpError::Protocol(
            "a file has too many extended attributes",
        ));
    }
    for _ in 0..count {
        from.string()?;
        from.string()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let whole = Attributes {
            size: Some(1 << 40),
            owner: Some((1000, 1001)),
            mode: Some(0o100_644),
            times: Some((1, u32::MAX)),
        };
        let partial = Attributes {
            mode: None,
            ..whole
        };
        for attributes in [Attributes::default(), whole, partial] {
            let mut bytes = BytesMut::new();
            attributes.write(&mut bytes);
            let mut fields = Fields(bytes.freeze());
            assert_eq!(Attributes::read(&mut fields).unwrap(), attributes);
            assert!(fields.is_empty());
        }
        assert_eq!((whole.kind(), partial.kind()), (Some(FileKind::File), None));
    }

    #[test]
    fn kinds() {
        for (mode, kind) in [
            (0o100_755, FileKind::File),
            (0o755, FileKind::File),
            (0o041_777, FileKind::Folder),
            (0o120_777, FileKind::Symlink),
            (0o020_666, FileKind::Special),
            (0o010_666, FileKind::Special),
            (0o140_666, FileKind::Special),
        ] {
            assert_eq!(FileKind::of_mode(mode), kind, "{mode:o}");
        }
    }
}
