//! The command line: arguments become settings, settings a library call, its outcome an exit code.

mod advice;
mod args;
mod config;
mod connect;
mod escape;
mod exec;
mod expiry;
mod folders;
mod forward;
mod forward_args;
mod forward_spec;
mod forwards;
mod interactive;
mod list;
mod log;
mod progress;
mod recording;
mod report;
mod send_key;
mod settings;
mod streams;
mod term;
mod trust;
mod tunnel;
mod ui;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, Common};
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
    let (common, command) = cli.into_command().map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers(&command))
        .enable_all()
        .build()
        .map_err(|source| Failure::new("cannot start", source))?;
    let outcome = runtime.block_on(dispatch(&common, command, ui));
    // A thread may be blocked reading standard input, which nobody waits for any more.
    runtime.shutdown_background();
    outcome
}

/// A key passes through several tasks, which is sooner done where none can wander to another thread; bulk gains
/// from a second one.
fn workers(command: &Command) -> usize {
    match command {
        Command::Connect(_) => 1,
        Command::Exec(args) if args.interactive.wants_pty(false) => 1,
        _ => 2,
    }
}

async fn dispatch(common: &Common, command: Command, ui: &Ui) -> Result<ExitCode, Failure> {
    match command {
        Command::Connect(args) => connect::run(common, &args, ui).await,
        Command::Exec(args) => exec::run(common, &args, ui).await,
        Command::Forward(args) => forward::run(common, &args, ui).await,
        Command::Tunnel(args) => tunnel::run(common, &args, ui).await,
        Command::SendKey(args) => send_key::run(common, &args, ui).await,
        Command::List(args) => list::run(common, &args, ui).await,
        Command::Trust(args) => trust::run(common, &args, ui).await,
    }
}
