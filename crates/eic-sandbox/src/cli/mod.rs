//! Arguments in, exit code out.

mod args;
mod build;
mod child;
mod demo;
mod report;
mod run;
mod serve;
mod ui;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use eic_sandbox::{Config, Fleet, Region};

use args::{Args, Command, RegionArgs};
use report::Failure;
use tracing_subscriber::EnvFilter;

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    log();
    let result = match args.command {
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

/// Logs to the standard error what `EIC_SANDBOX_LOG` asks for, e.g. `debug`; warnings unless
/// it is set.
fn log() {
    let filter = EnvFilter::try_from_env("EIC_SANDBOX_LOG");
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("eic_sandbox=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}

fn start(args: &RegionArgs) -> Result<Region, Failure> {
    let mut config = Config::default().rtt(args.rtt).sshd(args.sshd);
    if let Some(path) = &args.fleet {
        config = config.fleet(read(path)?.parse().map_err(Failure::Region)?);
    }
    for path in &args.authorized_key {
        config = config.authorized_key(read(path)?);
    }
    let faults = args.fault.iter().cloned();
    Region::start(faults.fold(config, Config::fault)).map_err(Failure::Region)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|source| Failure::Read {
        path: path.to_owned(),
        source,
    })
}
