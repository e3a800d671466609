//! `cargo demo` runs this program through cargo, which builds this program alone: eic-term is
//! built here, so that the demo works on a fresh clone and after every change.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, ffi::OsString};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use super::report::Failure;
use super::{child, ui};

/// How long a build may be silent; one that has nothing to do takes less.
const SILENCE: Duration = Duration::from_secs(2);

/// Builds eic-term with the profile and into the folder of this program, when cargo runs it.
pub(crate) fn bring_up_to_date(own: &Path) -> Result<(), Failure> {
    match cargo_build(own) {
        Some(command) => child::runtime()?.block_on(build(command)),
        None => Ok(()),
    }
}

/// The build command; `None` where cargo does not run us (it sets these variables, and a
/// program that it runs passes them on to others).
fn cargo_build(own: &Path) -> Option<Command> {
    let cargo = env::var_os("CARGO")?;
    let ours = env::var_os("CARGO_PKG_NAME")? == env!("CARGO_PKG_NAME");
    let manifest = Path::new(&env::var_os("CARGO_MANIFEST_DIR")?).join("Cargo.toml");
    let folder = own.parent()?;
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--package",
        "eic-term",
        "--bin",
        "eic-term",
        "--manifest-path",
    ]);
    command.arg(manifest).arg("--profile").arg(profile(folder)?);
    command.arg("--target-dir").arg(folder.parent()?);
    ours.then_some(command)
}

/// The profile whose builds cargo puts into this folder.
fn profile(folder: &Path) -> Option<OsString> {
    let name = folder.file_name()?;
    Some(if name == "debug" {
        "dev".into()
    } else {
        name.to_owned()
    })
}

/// Builds silently; a build that takes long or fails is shown.
async fn build(command: Command) -> Result<(), Failure> {
    let program = command.get_program().to_owned();
    let failed = |source| Failure::Spawn {
        program: program.clone(),
        source,
    };
    let mut cargo = tokio::process::Command::from(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut kept = Vec::new();
    if let Some(messages) = cargo.stderr.take() {
        kept = show_when_long(messages).await.map_err(failed)?;
    }
    if cargo.wait().await.map_err(failed)?.success() {
        return Ok(());
    }
    ui::pass_on(&kept);
    Err(Failure::Build)
}

/// Keeps the messages back for a while, then shows them as they come; what was never shown
/// is given back.
async fn show_when_long(mut messages: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let patience = Instant::now() + SILENCE;
    let mut kept = Vec::new();
    while let Ok(read) = timeout_at(patience, messages.read_buf(&mut kept)).await {
        if read? == 0 {
            return Ok(kept);
        }
    }
    loop {
        ui::pass_on(&kept);
        kept.clear();
        if messages.read_buf(&mut kept).await? == 0 {
            return Ok(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles() {
        for (folder, expected) in [
            ("/t/debug", "dev"),
            ("/t/release", "release"),
            ("/t/x", "x"),
        ] {
            assert_eq!(profile(Path::new(folder)).unwrap(), expected);
        }
    }
}
