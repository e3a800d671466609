use std::process::Command;

use super::args::RunArgs;
use super::report::Failure;
use super::{child, start};

/// Runs a command inside a new region.
pub(crate) fn run(args: &RunArgs) -> Result<u8, Failure> {
    let region = start(&args.region)?;
    let mut words = args.command.iter();
    let mut command = Command::new(words.next().cloned().unwrap_or_default());
    command.args(words);
    child::run(&region, command)
}
