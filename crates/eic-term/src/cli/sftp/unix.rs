//! Paths, the shell and other programs on Unix.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use eic_term::files::Attributes;
use rustix::fs::Mode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Lists files.
pub(super) const LIST: &str = "ls";

/// A path out of bytes.
pub(super) fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// A path's bytes.
pub(super) fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

/// What is known of a file here.
pub(super) fn attributes(of: &Metadata) -> Attributes {
    let seconds = |time: i64| u32::try_from(time).unwrap_or_default();
    Attributes {
        size: Some(of.size()),
        owner: Some((of.uid(), of.gid())),
        mode: Some(of.mode()),
        times: Some((seconds(of.atime()), seconds(of.mtime()))),
    }
}

pub(super) fn set_umask(mask: u32) -> io::Result<()> {
    rustix::process::umask(Mode::from_bits_truncate(mask & 0o777));
    Ok(())
}

/// The user's shell, with a line to run.
pub(super) fn shell(line: Option<&[u8]>) -> Command {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let mut command = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()));
    if let Some(line) = line {
        command.arg("-c").arg(OsStr::from_bytes(line));
    }
    command
}

/// A program that Ctrl-C does not end.
pub(super) fn undisturbed(program: &OsStr) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "trap '' INT; exec \"$0\" \"$@\""])
        .arg(program);
    command
}

/// Hears Ctrl-C, which therefore does not end us.
pub(super) fn interrupts() -> io::Result<Signal> {
    signal(SignalKind::interrupt())
}
