//! The command line: arguments become settings, settings a library call, its outcome an exit code.

mod advice;
mod args;
mod cache;
mod complete;
mod config;
mod connect;
mod copying;
mod cp;
mod display;
mod escape;
mod exec;
mod expiry;
mod fleet;
mod folders;
mod forward;
mod forward_spec;
mod forwards;
mod identities;
mod interactive;
mod list;
mod log;
mod memory;
mod mssh;
mod picker;
mod place;
mod progress;
mod recording;
mod report;
mod send_key;
mod settings;
mod setup;
mod sftp;
mod ssh;
mod streams;
mod term;
mod trust;
mod tunnel;
mod ui;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use args::{Cli, Command, Common, Misuse};
use report::Failure;
use ui::Ui;

/// What a thread's stack may grow to, in bytes: as the first one's, which logins by way of other hosts need unoptimized.
const STACK: usize = 8 << 20;
/// How long threads have to end.
const FAREWELL: Duration = Duration::from_millis(50);

/// Parses the arguments and runs the command.
pub(crate) fn main() -> ExitCode {
    if let Some(called) = mssh::Called::by(std::env::args_os()) {
        let ui = Ui::new(false, 0);
        return ended(called.run(&ui), &ui);
    }
    if let Some(arguments) = ssh::arguments(std::env::args_os()) {
        let ui = Ui::new(false, 0);
        return ended(ssh::run(&arguments, &ui), &ui);
    }
    if let Some(arguments) = sftp::arguments(std::env::args_os()) {
        let ui = Ui::new(false, 0);
        return ended(sftp::run_program(&arguments, &ui), &ui);
    }
    if complete::answer() {
        return ExitCode::SUCCESS;
    }
    let cli = Cli::parse();
    let ui = Ui::new(cli.common.quiet, cli.common.verbose);
    log::start(cli.common.verbose, None);
    ended(run(cli, &ui), &ui)
}

fn ended(outcome: Result<ExitCode, Failure>, ui: &Ui) -> ExitCode {
    outcome.unwrap_or_else(|failure| {
        ui.failure(&failure);
        ExitCode::from(failure.exit_code)
    })
}

fn run(cli: Cli, ui: &Ui) -> Result<ExitCode, Failure> {
    let can_pick = picker::can_pick(ui);
    if !can_pick && std::env::args_os().len() == 1 {
        return complete::help();
    }
    let (common, command) = cli.into_command(can_pick).map_err(Failure::usage)?;
    block_on(Load::of(&command), dispatch(&common, command, ui))
}

/// Runs to an end.
fn block_on(
    load: Load,
    work: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    let runtime = load
        .runtime()
        .thread_stack_size(STACK)
        .enable_all()
        .build()
        .map_err(|source| Failure::new("cannot start", source))?;
    let outcome = runtime.block_on(work);
    // A thread may be blocked reading standard input, which nobody waits for any more; the others are done at once.
    // Windows takes what they use away from them at the end.
    runtime.shutdown_timeout(if cfg!(windows) {
        FAREWELL
    } else {
        Duration::ZERO
    });
    outcome
}

/// What mostly passes through. A key does so through several tasks, which is sooner done where all of them are on one
/// thread; bulk gains from two.
enum Load {
    Keys,
    Bulk,
}

impl Load {
    fn of(command: &Command) -> Self {
        match command {
            Command::Connect(_) | Command::Pick(_) => Self::Keys,
            Command::Exec(args) if args.interactive.wants_pty(false) => Self::Keys,
            _ => Self::Bulk,
        }
    }

    fn runtime(self) -> tokio::runtime::Builder {
        use tokio::runtime::Builder;
        match self {
            Self::Keys => Builder::new_current_thread(),
            Self::Bulk => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(2);
                builder
            }
        }
    }
}

async fn dispatch(common: &Common, command: Command, ui: &Ui) -> Result<ExitCode, Failure> {
    match command {
        Command::Connect(args) => connect::run(common, &args, ui).await,
        Command::Pick(args) => connect::pick(common, args, ui).await,
        Command::Exec(args) => exec::run(common, args, ui).await,
        Command::Cp(args) => cp::run(common, &args, ui).await,
        Command::Forward(args) => forward::run(common, &args, ui).await,
        Command::Tunnel(args) => tunnel::run(common, &args, ui).await,
        Command::Sftp(args) => sftp::run(common, &args, ui).await,
        Command::SendKey(args) => send_key::run(common, &args, ui).await,
        Command::List(args) => list::run(common, &args, ui).await,
        Command::Setup(args) => setup::run(&args, ui),
        // It is run before anything else is read, where it is the first word.
        Command::Ssh { .. } => Err(Failure::usage(Misuse::BeforeSsh)),
        Command::Trust(args) => trust::run(common, &args, ui).await,
        Command::Completion { shell } => complete::script(&shell, ui),
        Command::Man { folder } => complete::manual(&folder, ui),
    }
}
