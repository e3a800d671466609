//! Commands that do something on this machine.

use std::env;
use std::io;
use std::path::PathBuf;

use eic_term::files::{Attributes, SftpError, Tree};
use eic_term::visible_line;
use etcetera::home_dir;

use super::words::Word;
use super::{paths, platform};
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

pub(super) fn cd(path: Option<&[u8]>) -> Result<(), Failure> {
    let path = match path {
        None | Some(b"") => home()?,
        Some(path) => expand(path)?,
    };
    let what = || format!("cannot enter {}", path.display());
    env::set_current_dir(&path).map_err(|source| Failure::new(what(), source))
}

/// Where we are here.
pub(super) fn folder() -> Result<String, Failure> {
    let folder = env::current_dir();
    let folder =
        folder.map_err(|source| Failure::new("cannot find out the folder here", source))?;
    Ok(visible_line(&folder.to_string_lossy()))
}

pub(super) fn make_folder(path: &[u8]) -> Result<(), Failure> {
    let path = expand(path)?;
    let what = || format!("cannot make the folder {}", path.display());
    std::fs::create_dir(&path).map_err(|source| Failure::new(what(), source))
}

pub(super) fn set_umask(mask: u32) -> Result<(), Failure> {
    platform::set_umask(mask).map_err(|source| Failure::new("cannot set the umask", source))
}

/// Lists files by the system's own program.
pub(super) async fn list(words: &[u8], ui: &Ui) -> Result<(), Failure> {
    let mut line = platform::LIST.as_bytes().to_vec();
    line.push(b' ');
    line.extend_from_slice(words);
    shell(&line, ui).await
}

/// Runs a line in the shell, or the shell itself, which has the terminal until it ends.
pub(super) async fn shell(line: &[u8], ui: &Ui) -> Result<(), Failure> {
    let line = Some(line).filter(|line| !line.is_empty());
    let failed = |source| Failure::new("cannot run the shell", source);
    let mut child = tokio::process::Command::from(platform::shell(line))
        .spawn()
        .map_err(failed)?;
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        ui.notice(&format!("the shell ended with {status}"));
    }
    Ok(())
}

/// A path here; a leading `~/` is the home folder.
pub(super) fn expand(path: &[u8]) -> Result<PathBuf, Failure> {
    Ok(match path {
        b"~" => home()?,
        [b'~', b'/', rest @ ..] => home()?.join(platform::path(rest)),
        path => platform::path(path),
    })
}

/// The files of this machine.
pub(super) struct Here;

impl Tree for Here {
    async fn entries(&self, folder: &[u8]) -> Result<Vec<(Vec<u8>, Attributes)>, SftpError> {
        Ok(entries(folder).unwrap_or_default())
    }

    async fn attributes(&self, path: &[u8]) -> Result<Option<Attributes>, SftpError> {
        let path = platform::path(path);
        let found = std::fs::metadata(&path).or_else(|_| std::fs::symlink_metadata(&path));
        Ok(found.ok().map(|found| platform::attributes(&found)))
    }
}

/// What is in a folder here.
fn entries(folder: &[u8]) -> io::Result<Vec<(Vec<u8>, Attributes)>> {
    let folder = match folder {
        [] => platform::path(b"."),
        folder => platform::path(folder),
    };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // What is gone by now is left out.
        if let Ok(found) = entry.metadata() {
            let name = platform::bytes(entry.file_name().as_ref());
            entries.push((name, platform::attributes(&found)));
        }
    }
    Ok(entries)
}

/// The pattern that a word is here.
pub(super) fn pattern(word: &Word) -> Result<Vec<u8>, Failure> {
    Ok(match word.0.as_slice() {
        [b'~', b'/', rest @ ..] => {
            let home = Word::literal(&platform::bytes(&home()?));
            paths::join(&home.0, rest)
        }
        pattern => pattern.to_vec(),
    })
}

fn home() -> Result<PathBuf, Failure> {
    home_dir().map_err(|source| Failure::new("cannot find your home folder", source))
}
