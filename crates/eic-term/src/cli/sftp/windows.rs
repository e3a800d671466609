//! Paths, the shell and other programs on Windows.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::windows::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use eic_term::files::Attributes;
use tokio::signal::windows::{CtrlC, ctrl_c};

/// Lists files.
pub(super) const LIST: &str = "dir";
/// Ctrl-C goes to other groups of processes only.
const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;

/// A path out of bytes, which are text here.
pub(super) fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// A path's bytes, with slashes as patterns have them.
pub(super) fn bytes(path: &Path) -> Vec<u8> {
    path.to_string_lossy().replace('\\', "/").into_bytes()
}

/// What is known of a file here, with the mode that it would have elsewhere.
pub(super) fn attributes(of: &Metadata) -> Attributes {
    let mode = match of {
        of if of.is_dir() => 0o040_755,
        of if of.is_symlink() => 0o120_777,
        of if of.permissions().readonly() => 0o100_444,
        _ => 0o100_644,
    };
    let seconds = |time: io::Result<SystemTime>| {
        let since = time
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        since
            .and_then(|since| u32::try_from(since.as_secs()).ok())
            .unwrap_or_default()
    };
    Attributes {
        size: Some(of.len()),
        owner: None,
        mode: Some(mode),
        times: Some((seconds(of.accessed()), seconds(of.modified()))),
    }
}

pub(super) fn set_umask(_mask: u32) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "Windows has none",
    ))
}

/// The user's shell, with a line to run.
pub(super) fn shell(line: Option<&[u8]>) -> Command {
    let shell = std::env::var_os("ComSpec").unwrap_or_else(|| "cmd.exe".into());
    let mut command = Command::new(shell);
    if let Some(line) = line {
        command
            .raw_arg("/c")
            .raw_arg(String::from_utf8_lossy(line).as_ref());
    }
    command
}

/// A program that Ctrl-C does not end.
pub(super) fn undisturbed(program: &OsStr) -> Command {
    let mut command = Command::new(program);
    command.creation_flags(CREATE_NEW_PROCESS_GROUP);
    command
}

/// Hears Ctrl-C, which does not end us as long as this is there.
pub(super) fn interrupts() -> io::Result<CtrlC> {
    ctrl_c()
}
