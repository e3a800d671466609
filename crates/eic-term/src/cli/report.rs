//! An error as a person reads it: what failed, the cause, what to do.

use std::error::Error as _;
use std::fmt;
use std::io;

use eic_auth::{Error as Aws, Instance, TunnelError};
use eic_term::{Cause, Error, visible};

use super::advice;
use super::args::Misuse;

/// The exit code of a failure of our own, as ssh(1)'s.
pub(crate) const FAILED: u8 = 255;
/// The exit code of what a person has cancelled, as of a program that Ctrl-C ends.
pub(crate) const INTERRUPTED: u8 = 130;
/// The exit code of wrong usage.
pub(crate) const USAGE: u8 = 2;

/// What ends a command early.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    what: String,
    causes: Vec<String>,
    advice: Option<String>,
    /// The instances where one was meant and several match.
    pub(crate) matches: Vec<Instance>,
    pub(crate) exit_code: u8,
    /// Whether the connection is one that the host opens no more channels on.
    pub(crate) is_full: bool,
}

impl Failure {
    /// A failed step and its error.
    pub(crate) fn new(what: impl Into<String>, source: impl std::error::Error) -> Self {
        let mut causes = vec![source.to_string()];
        causes.extend(chain(source.source()));
        Self::of(what.into(), causes, None)
    }

    /// A failed step and its cause, whose type is not known.
    pub(crate) fn caused(what: impl Into<String>, cause: impl Into<Cause>) -> Self {
        let cause: Cause = cause.into();
        let mut causes = vec![cause.to_string()];
        causes.extend(chain(cause.source()));
        Self::of(what.into(), causes, None)
    }

    /// The same with a line on what to do.
    pub(crate) fn advised(self, advice: &str) -> Self {
        Self {
            advice: Some(advice.to_owned()),
            ..self
        }
    }

    /// The same, where there is one.
    pub(crate) fn advised_by(self, advice: Option<&str>) -> Self {
        match advice {
            Some(advice) => self.advised(advice),
            None => self,
        }
    }

    /// A stream's failure, which may be the tunnel's own.
    pub(crate) fn io(what: &str, source: io::Error) -> Self {
        let tunnel = source.get_ref().and_then(|inner| inner.downcast_ref());
        let advice = tunnel.and_then(|error: &TunnelError| advice::on_tunnel(error));
        Self {
            advice,
            ..Self::new(what, source)
        }
    }

    /// A command line that makes no sense.
    pub(crate) fn usage(misuse: Misuse) -> Self {
        let (what, advice) = match misuse {
            Misuse::NoTarget => (
                "no instance named",
                "`eic-term TARGET`, or `eic-term --help`; on a terminal a list to pick from opens",
            ),
            Misuse::NothingToForward => (
                "nothing to forward",
                "-L, -R or -D; `eic-term forward --help`",
            ),
            Misuse::NotForwarding => (
                "-L, -R or -D stands before a command that forwards nothing",
                "`connect`, `exec` and `forward` take them",
            ),
            Misuse::NotInteractive => (
                "an option of interactive sessions stands before a command that opens none",
                "`connect` and `exec` take -t, -T, -e, --term and --record",
            ),
            Misuse::NothingRemote => (
                "no instance named",
                "[USER@]TARGET:PATH for a source or the target; `eic-term cp --help`",
            ),
            Misuse::OneOnly => (
                "several instances match, and a terminal, forwards or the agent are for one",
                "one of them, or without -t, -A, -L, -R and -D",
            ),
            Misuse::OneInput => (
                "standard input is wanted for several things",
                "a file in the place of one `-`; --broadcast-stdin takes it all",
            ),
            Misuse::BeforeSsh => (
                "options stand before `ssh`",
                "OpenSSH's command line alone: `eic-term ssh [OPTIONS] DESTINATION [CMD]`",
            ),
        };
        Self {
            exit_code: USAGE,
            ..Self::of(what.to_owned(), Vec::new(), Some(advice.to_owned()))
        }
    }

    /// What and why, without advice.
    pub(crate) fn in_one_line(&self) -> String {
        let said = std::iter::once(&self.what).chain(&self.causes);
        let said: Vec<_> = said.map(|text| text.replace("\n    ", " ")).collect();
        said.join(": ")
    }

    /// Causes that repeat what is said already are left out.
    fn of(what: String, causes: Vec<String>, advice: Option<String>) -> Self {
        let mut kept: Vec<String> = Vec::new();
        for cause in causes.iter().map(|cause| visible(cause.trim_end())) {
            let said = |text: &String| text.contains(&cause);
            if !cause.is_empty() && !kept.iter().any(said) && !what.contains(&cause) {
                kept.push(cause.replace('\n', "\n    "));
            }
        }
        Self {
            what,
            causes: kept,
            advice,
            matches: Vec::new(),
            exit_code: FAILED,
            is_full: false,
        }
    }
}

fn chain(first: Option<&(dyn std::error::Error + 'static)>) -> Vec<String> {
    let errors = std::iter::successors(first, |error| (**error).source());
    errors.map(ToString::to_string).collect()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

/// So that a cause may be one.
impl std::error::Error for Failure {}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        if let Error::Way { source, .. } = error
            && let Some(failure) = source.downcast_ref::<Self>()
        {
            return failure.clone();
        }
        let (what, mut causes) = said(error);
        causes.extend(chain(error.source()));
        let failure = Self::of(visible(&what), causes, advice::on(error));
        match error {
            Error::Aws(Aws::Ambiguous { matches, .. }) => Self {
                matches: matches.clone(),
                ..failure
            },
            Error::Cancelled => Self {
                exit_code: INTERRUPTED,
                ..failure
            },
            Error::Refused {
                request: "open a channel",
            } => Self {
                is_full: true,
                ..failure
            },
            _ => failure,
        }
    }
}

/// The headline and, where the error's own words are two things at once, the first cause.
fn said(error: &Error) -> (String, Vec<String>) {
    match error {
        Error::Aws(aws) => said_by_aws(aws),
        Error::Login { methods, .. } => {
            let cause = format!("Permission denied ({})", methods.join(","));
            (error.to_string(), vec![cause])
        }
        other => (other.to_string(), Vec::new()),
    }
}

fn said_by_aws(error: &Aws) -> (String, Vec<String>) {
    let answered = |what: String, message: &str, request_id: &Option<String>| {
        let id = request_id.as_ref();
        let id = id.map_or(String::new(), |id| format!(" (request {id})"));
        (what, vec![format!("{message}{id}")])
    };
    match error {
        Aws::Ambiguous { selector, matches } => {
            let list = matches.iter().map(|one| format!("\n{one}")).collect();
            (
                format!("`{selector}` is {} instances", matches.len()),
                vec![list],
            )
        }
        Aws::AccessDenied {
            action,
            message,
            request_id,
        } => answered(format!("IAM denies {action}"), message, request_id),
        Aws::Throttled {
            operation,
            message,
            request_id,
            ..
        } => answered(format!("AWS throttles {operation}"), message, request_id),
        Aws::InvalidCredentials {
            code,
            message,
            request_id,
        } => answered(
            format!("AWS does not accept the credentials ({code})"),
            message,
            request_id,
        ),
        Aws::Service {
            operation,
            code,
            message,
            request_id,
        } => answered(format!("{operation} failed ({code})"), message, request_id),
        Aws::InvalidInstance {
            id,
            code,
            message,
            request_id,
        } => answered(
            format!("instance {id} cannot take a key ({code})"),
            message,
            request_id,
        ),
        Aws::Tunnel(TunnelError::Refused {
            request_id: Some(id),
            ..
        }) => (format!("cannot open the tunnel (request {id})"), Vec::new()),
        other => (other.to_string(), Vec::new()),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        if !self.causes.is_empty() {
            write!(f, "\n  cause: {}", self.causes.join(": "))?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "\n  try:   {advice}")?;
        }
        Ok(())
    }
}
