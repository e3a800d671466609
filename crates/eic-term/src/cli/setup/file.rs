//! A file of somebody else's: read whole, kept as it was beside itself, replaced at once.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The file's text; one that is not there is empty.
pub(super) fn read(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}

/// Writes it anew, and returns where it is kept as it was before, if it was there. Whoever reads it meanwhile sees the
/// one or the other; a link stays one, and the permissions stay.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<Option<PathBuf>> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target
        .parent()
        .ok_or_else(|| io::Error::other("it has no folder"))?;
    fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    let backup = match fs::metadata(&target) {
        Ok(old) => {
            new.as_file().set_permissions(old.permissions())?;
            Some(keep(&target)?)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    new.as_file().sync_all()?;
    new.persist(&target)?;
    Ok(backup)
}

/// Copies a file to a new one beside it.
fn keep(path: &Path) -> io::Result<PathBuf> {
    for number in 0.. {
        let mut name = path.as_os_str().to_owned();
        name.push(".before-eic-term");
        if number > 0 {
            name.push(format!("-{number}"));
        }
        let kept = PathBuf::from(name);
        // None that is there is written over.
        match File::options().write(true).create_new(true).open(&kept) {
            Ok(_) => {
                fs::copy(path, &kept)?;
                return Ok(kept);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are too many copies of it"))
}
