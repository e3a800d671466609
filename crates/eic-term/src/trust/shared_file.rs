//! Files that several processes read and replace at the same time.
//!
//! On Windows a file cannot be opened, or be replaced, at the moment at which another process does so: it is tried
//! again for a second.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use tempfile::NamedTempFile;

const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// Opens a file to read it.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut opened = File::open(path);
    for _ in 0..TRIES {
        match &opened {
            Err(error) if is_taken(error) => thread::sleep(PAUSE),
            _ => break,
        }
        opened = File::open(path);
    }
    opened
}

/// Puts a new file in the place of another, in one step.
pub(super) fn replace(path: &Path, mut new: NamedTempFile) -> io::Result<()> {
    for _ in 0..TRIES {
        match new.persist(path) {
            Err(failed) if is_taken(&failed.error) => new = failed.file,
            done => return done.map(drop).map_err(|failed| failed.error),
        }
        thread::sleep(PAUSE);
    }
    new.persist(path)?;
    Ok(())
}

/// Adds a line, in one piece; the file and its folder are made where they are missing.
pub(super) fn append(path: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        private(&mut builder);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    let mut file = options.append(true).create(true).open(path)?;
    let unfinished =
        std::fs::read(path).is_ok_and(|text| text.last().is_some_and(|last| *last != b'\n'));
    let line = if unfinished {
        format!("\n{line}")
    } else {
        line.to_owned()
    };
    file.write_all(line.as_bytes())
}

#[cfg(unix)]
fn private(builder: &mut DirBuilder) {
    use std::os::unix::fs::DirBuilderExt;
    builder.mode(0o700);
}

#[cfg(not(unix))]
fn private(_: &mut DirBuilder) {}

fn is_taken(error: &io::Error) -> bool {
    cfg!(windows) && error.kind() == io::ErrorKind::PermissionDenied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_read_and_replace_at_once_do_not_fail() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        replace(&path, NamedTempFile::new_in(folder.path()).unwrap()).unwrap();
                        open(&path).unwrap();
                    }
                });
            }
        });
    }
}
