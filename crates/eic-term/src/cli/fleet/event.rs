//! What happens to an instance of several.

use std::time::Duration;

use bytes::Bytes;
use eic_term::{ExitStatus, visible_line};

use crate::cli::report::{FAILED, Failure};

/// What timeout(1) exits with.
pub(crate) const TIMED_OUT: u8 = 124;
/// What a status that does not fit a process's own counts as: never as success, nor as unreachable.
const LARGE: u8 = 254;

/// Which of a command's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// One thing for each output.
#[derive(Debug, Default)]
pub(crate) struct Both<T> {
    stdout: T,
    stderr: T,
}

impl<T> Both<T> {
    pub(crate) fn new(stdout: T, stderr: T) -> Self {
        Self { stdout, stderr }
    }

    pub(crate) fn of(&self, stream: Stream) -> &T {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }

    pub(crate) fn of_mut(&mut self, stream: Stream) -> &mut T {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The connection is begun, by this way.
    Start {
        address: String,
    },
    Output(Stream, Bytes),
    End(Ending),
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ending {
    Exited(ExitStatus),
    /// It took longer than it may.
    TimedOut(Duration),
    /// It was never reached, or the connection was lost.
    Unreachable(Failure),
    /// A person interrupted it.
    Interrupted,
    /// It was not begun, because of what happened to others.
    NotRun,
}

impl Ending {
    pub(crate) fn is_ok(&self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }

    /// Its part in the exit status: the remote one, as a shell would tell it.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Exited(ExitStatus::Exited(code)) => u8::try_from(*code).unwrap_or(LARGE),
            Self::Exited(ExitStatus::Signaled { signal, .. }) => 128 + number(signal.name()),
            Self::Exited(ExitStatus::Missing) | Self::Unreachable(_) => FAILED,
            Self::TimedOut(_) => TIMED_OUT,
            // What stopped them counts.
            Self::Interrupted | Self::NotRun => 0,
        }
    }

    /// In words, after the instance's name.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Exited(ExitStatus::Exited(0)) => "ok".to_owned(),
            Self::Exited(ExitStatus::Exited(code)) => format!("exit status {code}"),
            Self::Exited(ExitStatus::Signaled { signal, .. }) => {
                format!("killed by SIG{}", visible_line(signal.name()))
            }
            Self::Exited(ExitStatus::Missing) => "ended without an exit status".to_owned(),
            Self::TimedOut(limit) => format!("took longer than {} s", limit.as_secs_f64()),
            Self::Unreachable(failure) => visible_line(&failure.in_one_line()),
            Self::Interrupted => "interrupted".to_owned(),
            Self::NotRun => "not run".to_owned(),
        }
    }
}

/// The numbers of the signals that end programs, which are the same everywhere (POSIX).
fn number(signal: &str) -> u8 {
    match signal {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        "ABRT" => 6,
        "KILL" => 9,
        "ALRM" => 14,
        "TERM" => 15,
        "ILL" => 4,
        "FPE" => 8,
        "SEGV" => 11,
        "PIPE" => 13,
        // Some other one.
        _ => LARGE - 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eic_term::Signal;

    #[test]
    fn codes_and_words() {
        let signal = |name: &str| {
            Ending::Exited(ExitStatus::Signaled {
                signal: Signal::new(name),
                core_dumped: false,
            })
        };
        for (ending, code, words) in [
            (Ending::Exited(ExitStatus::Exited(0)), 0, "ok"),
            (Ending::Exited(ExitStatus::Exited(3)), 3, "exit status 3"),
            (
                Ending::Exited(ExitStatus::Exited(256)),
                254,
                "exit status 256",
            ),
            (
                Ending::Exited(ExitStatus::Missing),
                255,
                "ended without an exit status",
            ),
            (signal("TERM"), 143, "killed by SIGTERM"),
            (signal("\u{1b}x"), 254, "killed by SIG\\u{1b}x"),
            (
                Ending::TimedOut(Duration::from_millis(1500)),
                124,
                "took longer than 1.5 s",
            ),
            (Ending::NotRun, 0, "not run"),
        ] {
            assert_eq!((ending.code(), ending.words().as_str()), (code, words));
        }
    }
}
