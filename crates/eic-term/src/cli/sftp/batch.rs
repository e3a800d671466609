//! Commands out of a file or a pipe, a line each.

use std::ffi::OsStr;
use std::process::ExitCode;

use eic_term::{terminal, visible};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use super::client::{Client, Done};
use super::line::{self, Ran};
use crate::cli::report::{FAILED, Failure, INTERRUPTED};

/// The exit code where a command of a batch failed, as sftp(1)'s.
const COMMAND_FAILED: u8 = 1;
/// The longest line, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Where commands come from.
pub(super) struct Batch {
    lines: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    /// Whether a command that fails ends it.
    strict: bool,
}

impl Batch {
    /// Commands of a file, `-` for standard input, the first that fails being the last.
    pub(super) async fn open(file: &OsStr) -> Result<Self, Failure> {
        let lines: Box<dyn AsyncRead + Send + Unpin> = match file {
            file if file == "-" => terminal::input(),
            file => {
                let opened = tokio::fs::File::open(file).await;
                let what = || format!("cannot read the batch {}", file.to_string_lossy());
                Box::new(opened.map_err(|source| Failure::new(what(), source))?)
            }
        };
        Ok(Self {
            lines: BufReader::new(lines),
            strict: true,
        })
    }

    /// Commands of standard input, all of them.
    pub(super) fn of_input() -> Self {
        Self {
            lines: BufReader::new(terminal::input()),
            strict: false,
        }
    }

    /// Runs them to their end.
    pub(super) async fn run(mut self, client: &mut Client) -> Result<ExitCode, Failure> {
        loop {
            let line = tokio::select! {
                line = self.next() => line?,
                _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(INTERRUPTED)),
            };
            let Some(line) = line else {
                return Ok(ExitCode::SUCCESS);
            };
            let Ran { prefix, done } = line::run_shown(client, &line).await?;
            match done {
                Done::Interrupted => return Ok(ExitCode::from(INTERRUPTED)),
                Done::Quit => return Ok(ExitCode::SUCCESS),
                Done::Lost => return Ok(ExitCode::from(FAILED)),
                Done::Failed if self.strict && !prefix.may_fail => {
                    return Ok(ExitCode::from(COMMAND_FAILED));
                }
                Done::Failed | Done::Good => {}
            }
        }
    }

    /// The next line without its end; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.lines).take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut line).await;
        let count = read.map_err(|source| Failure::new("cannot read commands", source))?;
        if count as u64 == LONGEST_LINE {
            return Err(Failure::caused(
                "cannot read commands",
                "a line is longer than 1 MiB",
            ));
        }
        while let Some(b'\r' | b'\n') = line.last() {
            line.pop();
        }
        Ok((count > 0).then_some(line))
    }
}

/// A line as it is shown in front of what it does.
pub(super) fn echo(line: &[u8]) -> String {
    format!("sftp> {}", visible(&String::from_utf8_lossy(line)))
}
