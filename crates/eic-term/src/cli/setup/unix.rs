//! Links on Unix.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

pub(super) const LINK: &str = "ssh";

/// Makes a link to a program, in the place of an older one.
pub(super) fn link(program: &Path, link: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|to| to == program) {
        return Ok(());
    }
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder)?;
    }
    if fs::symlink_metadata(link).is_ok_and(|old| old.is_symlink()) {
        fs::remove_file(link)?;
    }
    symlink(program, link)
}
