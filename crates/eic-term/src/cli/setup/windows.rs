//! Links on Windows.

use std::fs;
use std::io;
use std::path::Path;

pub(super) const LINK: &str = "ssh.exe";

/// Makes a link to a program, or a copy where they are on different drives, in the place of an older one.
pub(super) fn link(program: &Path, link: &Path) -> io::Result<()> {
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder)?;
    }
    if link.exists() {
        fs::remove_file(link)?;
    }
    fs::hard_link(program, link).or_else(|_| fs::copy(program, link).map(drop))
}
