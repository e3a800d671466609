use std::fs;

use eic_sandbox::Region;

use super::args::ServeArgs;
use super::child::Guard;
use super::report::Failure;
use super::{start, ui};

/// Starts a region, tells its environment, and waits to be interrupted.
pub(crate) fn serve(args: &ServeArgs) -> Result<u8, Failure> {
    let guard = Guard::new()?;
    let region = start(&args.region)?;
    match &args.env_file {
        Some(path) => fs::write(
            path,
            lines(&region, |name, value| format!("{name}={value}")),
        )
        .map_err(|source| Failure::EnvFile {
            path: path.clone(),
            source,
        })?,
        None => ui::print(&lines(&region, shell_command)),
    }
    ui::say("# the region is up; interrupt with Ctrl-C");
    guard.wait();
    Ok(0)
}

fn lines(region: &Region, line: impl Fn(&str, &str) -> String) -> String {
    region
        .env()
        .iter()
        .map(|(name, value)| line(name, value) + "\n")
        .collect()
}

/// For a POSIX shell, or PowerShell on Windows; both take single quotes literally.
fn shell_command(name: &str, value: &str) -> String {
    if cfg!(windows) {
        format!("$env:{name} = '{}'", value.replace('\'', "''"))
    } else {
        format!("export {name}='{}'", value.replace('\'', r"'\''"))
    }
}
