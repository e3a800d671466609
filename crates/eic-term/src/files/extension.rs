//! What OpenSSH's server offers beside the protocol (§4 of its PROTOCOL file).

use super::error::SftpError;
use super::packet::{Fields, MOST_BYTES};

/// The extensions' names.
pub(super) mod names {
    pub(crate) const LIMITS: &str = "limits@openssh.com";
    pub(crate) const POSIX_RENAME: &str = "posix-rename@openssh.com";
    pub(crate) const HARD_LINK: &str = "hardlink@openssh.com";
    pub(crate) const LSETSTAT: &str = "lsetstat@openssh.com";
    pub(crate) const EXPAND_PATH: &str = "expand-path@openssh.com";
    pub(crate) const STATVFS: &str = "statvfs@openssh.com";
    pub(crate) const FSYNC: &str = "fsync@openssh.com";
    pub(crate) const COPY_DATA: &str = "copy-data";
    pub(crate) const OWNER_NAMES: &str = "users-groups-by-id@openssh.com";
}

/// What every server takes in a read or a write (§3 of the draft).
const LEAST: u32 = 32 << 10;
/// What else a packet with data has in it, in bytes; a handle has up to 256.
const OVERHEAD: u64 = 1024;

/// How much a server takes at once (`limits@openssh.com`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of one read.
    pub read: u32,
    /// The most bytes of one write.
    pub write: u32,
    /// The most open files and folders, where it says.
    pub handles: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            read: LEAST,
            write: LEAST,
            handles: None,
        }
    }
}

impl Limits {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, SftpError> {
        let (packet, read, write, handles) =
            (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
        let most = MOST_BYTES as u64 - OVERHEAD;
        let packet = match packet {
            0 => most,
            packet => packet.saturating_sub(OVERHEAD).min(most),
        };
        // 0 says that there is no limit, or none known.
        let usable = |limit: u64| match limit {
            0 => LEAST,
            limit => u32::try_from(limit.min(packet)).unwrap_or(LEAST).max(1),
        };
        Ok(Self {
            read: usable(read),
            write: usable(write),
            handles: Some(handles).filter(|count| *count > 0),
        })
    }
}

/// How full a file system is (`statvfs@openssh.com`), in the words of statvfs(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// The preferred size of a read or write, in bytes.
    pub block_size: u64,
    /// The size of a block in the counts below, in bytes.
    pub fragment_size: u64,
    /// Its blocks.
    pub blocks: u64,
    /// Its free blocks.
    pub free_blocks: u64,
    /// Those that the user may have.
    pub available_blocks: u64,
    /// Its inodes.
    pub inodes: u64,
    /// Its free inodes.
    pub free_inodes: u64,
    /// Those that the user may have.
    pub available_inodes: u64,
    /// Its number.
    pub id: u64,
    /// Its flags: 1 read-only, 2 without set-id.
    pub flags: u64,
    /// The longest name in it, in bytes.
    pub longest_name: u64,
}

impl FileSystem {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, SftpError> {
        Ok(Self {
            block_size: fields.u64()?,
            fragment_size: fields.u64()?,
            blocks: fields.u64()?,
            free_blocks: fields.u64()?,
            available_blocks: fields.u64()?,
            inodes: fields.u64()?,
            free_inodes: fields.u64()?,
            available_inodes: fields.u64()?,
            id: fields.u64()?,
            flags: fields.u64()?,
            longest_name: fields.u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{BufMut, BytesMut};

    #[test]
    fn limits_are_believed_within_reason() {
        for (said, read, write) in [
            ([262_144, 261_120, 261_120, 1019], 261_120, 261_120),
            ([0, 0, 0, 0], LEAST, LEAST),
            ([40_000, 1 << 20, 1 << 20, 0], 38_976, 38_976),
            ([0, u64::MAX, 100, 5], 256 << 10, 100),
            ([10, 10, 10, 1], 1, 1),
        ] {
            let mut bytes = BytesMut::new();
            said.iter().for_each(|number| bytes.put_u64(*number));
            let limits = Limits::read(&mut Fields(bytes.freeze())).unwrap();
            assert_eq!((limits.read, limits.write), (read, write), "{said:?}");
        }
    }
}
