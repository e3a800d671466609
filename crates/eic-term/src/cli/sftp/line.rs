//! One line, from what is typed to how it ended.

use eic_term::files::SftpError;

use super::batch;
use super::client::{Client, Done};
use super::command::{self, Command, Malformed, Prefix};
use crate::cli::report::Failure;

/// What became of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ran {
    pub(super) prefix: Prefix,
    pub(super) done: Done,
    /// Whether Ctrl-C ended it.
    pub(super) interrupted: bool,
}

/// Runs a line; what fails is said.
pub(super) async fn run(client: &mut Client, line: &[u8]) -> Ran {
    let (prefix, rest) = command::prefix(line);
    let (done, interrupted) = match command::parse(rest) {
        Ok(None) => (Done::Good, false),
        Ok(Some(command)) => run_command(client, command).await,
        Err(malformed) => {
            client.ui.failure(&misread(&malformed));
            (Done::Failed, false)
        }
    };
    Ran {
        prefix,
        done,
        interrupted,
    }
}

/// The same where nobody typed it: the line is shown first, unless it begins with `@`.
pub(super) async fn run_shown(client: &mut Client, line: &[u8]) -> Result<Ran, Failure> {
    if !command::prefix(line).0.silent {
        client.say(&batch::echo(line))?;
    }
    Ok(run(client, line).await)
}

fn misread(malformed: &Malformed) -> Failure {
    let failure = Failure::caused(malformed.to_string(), "");
    match malformed {
        Malformed::Unterminated => {
            failure.advised("a backslash before a quote that is part of a name")
        }
        _ => failure.advised("`help` lists the commands and their options"),
    }
}

/// Runs a command until it is done or Ctrl-C is pressed, which programs of this machine see for themselves.
pub(super) async fn run_command(client: &mut Client, command: Command) -> (Done, bool) {
    if matches!(command, Command::Shell(_) | Command::Lls(_)) {
        let done = tokio::select! {
            done = client.run(command) => done,
            never = ignore_interrupts() => never,
        };
        return (done, false);
    }
    let done = tokio::select! {
        done = client.run(command) => Some(done),
        _ = tokio::signal::ctrl_c() => None,
    };
    match done {
        None => {
            client.ui.notice("interrupted");
            (Done::Failed, true)
        }
        Some(Done::Failed) if is_lost(client).await => (Done::Lost, false),
        Some(done) => (done, false),
    }
}

/// Hears Ctrl-C, so that it does not end us.
async fn ignore_interrupts() -> ! {
    loop {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether what failed was the connection.
async fn is_lost(client: &Client) -> bool {
    let answer = client.sftp.real_path(".").await;
    answer.as_ref().is_err_and(SftpError::is_lost)
}
