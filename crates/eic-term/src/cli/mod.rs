//! The command line: arguments become settings, settings a library call, its outcome an exit code.

mod advice;
mod args;
mod config;
mod connect;
mod escape;
mod exec;
mod folders;
mod list;
mod log;
mod report;
mod send_key;
mod settings;
mod streams;
mod tunnel;
mod ui;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use report::Failure;
use ui::Ui;

/// Parses the arguments and runs the command.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(cli.common.quiet, cli.common.verbose);
    log::start(cli.common.verbose);
    let outcome = run(cli, &ui);
    outcome.unwrap_or_else(|failure| {
        ui.failure(&failure);
        ExitCode::from(failure.exit_code)
    })
}

fn run(cli: Cli, ui: &Ui) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| Failure::new("cannot start", source))?;
    let outcome = runtime.block_on(dispatch(cli, ui));
    // A thread may be blocked reading standard input, which nobody waits for any more.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(cli: Cli, ui: &Ui) -> Result<ExitCode, Failure> {
    let common = &cli.common;
    match cli.command {
        None => {
            let target = cli.target.ok_or_else(Failure::no_target)?;
            connect::run(common, &args::Connect { target }, ui).await
        }
        Some(Command::Connect(args)) => connect::run(common, &args, ui).await,
        Some(Command::Exec(args)) => exec::run(common, &args, ui).await,
        Some(Command::Tunnel(args)) => tunnel::run(common, &args, ui).await,
        Some(Command::SendKey(args)) => send_key::run(common, &args, ui).await,
        Some(Command::List(args)) => list::run(common, &args, ui).await,
    }
}
