use std::process::Command;

use super::args::RunArgs;
use super::child::Guard;
use super::report::Failure;
use super::start;

/// Runs a command inside a new region.
pub(crate) fn run(args: &RunArgs) -> Result<u8, Failure> {
    let guard = Guard::new()?;
    let region = start(&args.region)?;
    let mut words = args.command.iter();
    let mut command = Command::new(words.next().cloned().unwrap_or_default());
    command.args(words);
    guard.run(&region, command)
}
