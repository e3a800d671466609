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
        if is_same(program, link)? {
            return Ok(());
        }
        make_room(link)?;
    }
    fs::hard_link(program, link).or_else(|_| fs::copy(program, link).map(drop))
}

/// A link has the program's size and time, and so has a copy. While the program runs, as now, neither could be removed.
fn is_same(program: &Path, link: &Path) -> io::Result<bool> {
    let (program, link) = (fs::metadata(program)?, fs::metadata(link)?);
    Ok(program.len() == link.len() && program.modified()? == link.modified()?)
}

/// Moves an older program out of the way: one that runs can be renamed, and be removed the next time.
fn make_room(link: &Path) -> io::Result<()> {
    let old = link.with_extension("old");
    fs::remove_file(&old).ok();
    fs::rename(link, &old)?;
    fs::remove_file(&old).ok();
    Ok(())
}
