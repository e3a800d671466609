//! One line, from what is typed to how it ended.

use std::time::Duration;

use eic_term::files::SftpError;

use tokio_util::sync::CancellationToken;

use super::batch;
use super::client::{Client, Done};
use super::command::Command;
use super::parse::{self, Malformed, Prefix};
use crate::cli::report::Failure;

/// How long a transfer may take to end after Ctrl-C.
const LAST: Duration = Duration::from_secs(6);

/// What became of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ran {
    pub(super) prefix: Prefix,
    pub(super) done: Done,
}

/// Runs a line; what fails is said.
pub(super) async fn run(client: &mut Client, line: &[u8]) -> Ran {
    let (prefix, rest) = parse::prefix(line);
    let done = match parse::parse(rest) {
        Ok(None) => Done::Good,
        Ok(Some(command)) => run_command(client, command).await,
        Err(malformed) => {
            client.ui.failure(&misread(&malformed));
            Done::Failed
        }
    };
    Ran { prefix, done }
}

/// The same where nobody typed it: the line is shown first, unless it begins with `@`.
pub(super) async fn run_shown(client: &mut Client, line: &[u8]) -> Result<Ran, Failure> {
    if !parse::prefix(line).0.silent {
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
pub(super) async fn run_command(client: &mut Client, command: Command) -> Done {
    if matches!(command, Command::Shell(_) | Command::Lls(_)) {
        return tokio::select! {
            done = client.run(command) => done,
            never = ignore_interrupts() => never,
        };
    }
    client.interrupt = CancellationToken::new();
    let (interrupt, is_transfer) = (client.interrupt.clone(), command.is_transfer());
    let done = tokio::select! {
        done = client.run(command) => done,
        () = interrupted(interrupt, is_transfer) => Done::Interrupted,
    };
    match done {
        Done::Interrupted => client.ui.notice("interrupted"),
        Done::Failed if is_lost(client).await => return Done::Lost,
        _ => {}
    }
    done
}

/// Waits for Ctrl-C; a transfer has a moment then to leave what it has written in order.
async fn interrupted(interrupt: CancellationToken, is_transfer: bool) {
    tokio::signal::ctrl_c().await.ok();
    interrupt.cancel();
    if is_transfer {
        tokio::time::sleep(LAST).await;
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
