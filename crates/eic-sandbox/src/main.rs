//! The command line of eic-sandbox: see `eic-sandbox --help`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
