//! A cache's file: read by many, replaced by one at a time, nobody else's to read.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// A cache larger than this is begun anew, in bytes.
const LARGEST: u64 = 64 << 20;
/// How often, and after which pause, another process is waited for.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(5);

/// The lines, as far as they can be read.
pub(super) fn read(path: &Path) -> impl Iterator<Item = String> + use<> {
    let small = fs::metadata(path).is_ok_and(|data| data.len() <= LARGEST);
    let file = small.then(|| File::open(path).ok()).flatten();
    let lines = file.map(|file| BufReader::with_capacity(64 << 10, file).lines());
    lines.into_iter().flatten().map_while(Result::ok)
}

pub(super) fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Lets one process at a time read a cache and replace it, while what is returned is kept. Where that cannot be had
/// soon it is done without: at worst something is forgotten.
pub(super) fn turn(folder: &Path) -> Option<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join("lock")).ok()?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            _ => break,
        }
    }
    Some(file)
}

/// A new file, which only its owner can read, in the place of the old one.
pub(super) fn replace(folder: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.persist(path)?;
    Ok(())
}
