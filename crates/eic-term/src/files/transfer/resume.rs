//! Where a copy that was cut goes on: as far as both sides have the same bytes.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;

use super::error::TransferError;
use super::folder::{Place, blocking, join};
use super::host::Host;
use crate::files::file::OpenMode;
use crate::files::local::read_at;
use crate::files::{Attributes, FileKind};

/// What may be missing before the end of a part: blocks that were under way together, in bytes.
const UNSURE: u64 = 16 << 20;
/// How much of the end is compared where the host cannot compute a hash, in bytes.
const TAIL: u64 = 1 << 20;
/// How much is read at once, in bytes.
const CHUNK: u32 = 256 << 10;

type Spot<'a> = (&'a Place, &'a [u8]);

/// How many bytes of a file there are already, checked.
pub(super) async fn offset(from: Spot<'_>, to: Spot<'_>, size: u64) -> Result<u64, TransferError> {
    let (place, name) = to;
    let part = place.existing(name).await?;
    let Some(part) = part.filter(|part| part.kind() == Some(FileKind::File)) else {
        return Ok(0);
    };
    let there = part.size.unwrap_or_default().min(size);
    for offset in candidates(there) {
        let same = match same_by_hash(from, to, offset).await {
            Some(same) => same,
            None => same_tail(from, to, offset).await?,
        };
        if same {
            return Ok(offset);
        }
    }
    Ok(0)
}

/// Where to look, in turn.
fn candidates(there: u64) -> impl Iterator<Item = u64> {
    let places = [there, there.saturating_sub(UNSURE)];
    places.into_iter().filter(|offset| *offset > 0)
}

/// Compares the first bytes of two files by their hashes; `None` where a side cannot compute one.
pub(super) async fn same_by_hash(from: Spot<'_>, to: Spot<'_>, length: u64) -> Option<bool> {
    // Gigabytes are read for nothing where the other side cannot.
    let stop = Arc::new(AtomicBool::new(false));
    let one = async |spot| {
        let hash = hash(spot, length, &stop).await;
        stop.fetch_or(hash.is_none(), Ordering::Relaxed);
        hash
    };
    let (from, to) = tokio::join!(one(from), one(to));
    Some(from? == to?)
}

async fn hash((place, name): Spot<'_>, length: u64, stop: &Arc<AtomicBool>) -> Option<String> {
    match place {
        Place::Local(folder) => {
            let (folder, name) = (folder.clone(), Place::local(name).ok()?);
            let stop = stop.clone();
            let hash = move || hash_of(&folder.read(&name, true)?.0, length, &stop);
            blocking(hash).await.ok()
        }
        Place::Remote(host, folder) => remote_hash(host, &join(folder, name), length).await,
    }
}

fn hash_of(file: &File, length: u64, stop: &AtomicBool) -> io::Result<String> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; CHUNK as usize];
    let mut offset = 0;
    while offset < length {
        let wanted = usize::try_from(length - offset)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let room = buffer.get_mut(..wanted).unwrap_or_default();
        let count = read_at(file, room, offset)?;
        if count == 0 || stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        context.update(room.get(..count).unwrap_or_default());
        offset += count as u64;
    }
    Ok(HEXLOWER.encode(context.finish().as_ref()))
}

/// Asks the host's own sha256sum(1).
async fn remote_hash(host: &Host, path: &[u8], length: u64) -> Option<String> {
    let command = hash_command(path, length);
    let output = host.session()?.command(command).output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let hash = text.split_whitespace().next()?;
    (output.status.success() && hash.len() == 64).then(|| hash.to_owned())
}

fn hash_command(path: &[u8], length: u64) -> Vec<u8> {
    let mut command = format!("LC_ALL=C; set -e; head -c {length} < ").into_bytes();
    command.extend(quoted(path));
    command.extend_from_slice(b" | sha256sum");
    command
}

/// A path as one word of a POSIX shell.
pub(super) fn quoted(path: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in path {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// Compares the last bytes before a place.
async fn same_tail(from: Spot<'_>, to: Spot<'_>, offset: u64) -> Result<bool, TransferError> {
    let start = offset.saturating_sub(TAIL);
    let (from, to) = tokio::try_join!(read(from, start, offset), read(to, start, offset))?;
    Ok(from == to)
}

async fn read((place, name): Spot<'_>, start: u64, end: u64) -> Result<Vec<u8>, TransferError> {
    let length = usize::try_from(end.saturating_sub(start)).unwrap_or_default();
    match place {
        Place::Local(folder) => {
            let (folder, name) = (folder.clone(), Place::local(name)?);
            let read = move || {
                let mut buffer = vec![0; length];
                let count = read_at(&folder.read(&name, true)?.0, &mut buffer, start)?;
                buffer.truncate(count);
                Ok(buffer)
            };
            blocking(read).await
        }
        Place::Remote(host, folder) => {
            let sftp = host.channel().await?.sftp;
            let path = join(folder, name);
            let file = sftp
                .open(path, OpenMode::READ, Attributes::default())
                .await?;
            let mut bytes = Vec::new();
            while bytes.len() < length {
                let missing = u32::try_from(length - bytes.len())
                    .unwrap_or(CHUNK)
                    .min(32 << 10);
                let more = file.read_at(start + bytes.len() as u64, missing).await?;
                if more.is_empty() {
                    break;
                }
                bytes.extend_from_slice(&more);
            }
            Ok(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_looked_at_whole_and_without_what_was_under_way() {
        let look = |there| candidates(there).collect::<Vec<_>>();
        assert_eq!(look(0), [0_u64; 0]);
        assert_eq!(look(5), [5]);
        assert_eq!(look(UNSURE + 5), [UNSURE + 5, 5]);
    }

    #[test]
    fn a_path_is_one_word() {
        let command = hash_command(b"it's $HOME", 7);
        let text = String::from_utf8(command).unwrap();
        assert!(
            text.ends_with(r"head -c 7 < 'it'\''s $HOME' | sha256sum"),
            "{text}"
        );
    }
}
