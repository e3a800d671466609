//! Arguments in, exit code out.

mod args;
mod build;
mod child;
mod demo;
mod report;
mod run;
mod serve;
mod ui;

use std::process::ExitCode;

use clap::Parser;
use eic_sandbox::{Config, Fleet, Region};

use args::{Args, Command, RegionArgs};
use report::Failure;

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Demo(args) => demo::demo(&args),
        Command::Serve(args) => serve::serve(&args),
        Command::Fleet => {
            ui::print(Fleet::BUILT_IN);
            Ok(0)
        }
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            ui::report(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn start(args: &RegionArgs) -> Result<Region, Failure> {
    let mut config = Config::default().rtt(args.rtt).sshd(args.sshd);
    if let Some(path) = &args.fleet {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| Failure::FleetFile {
            path: path.clone(),
            source,
        })?;
        config = config.fleet(text.parse().map_err(Failure::Region)?);
    }
    let faults = args.fault.iter().cloned();
    Region::start(faults.fold(config, Config::fault)).map_err(Failure::Region)
}
