//! `ssh`: OpenSSH's command line, as `eic-term ssh …` or under the name `ssh`.

mod glob;
mod host;
mod instance;
mod machine;
mod open;
#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;
mod session;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use eic_term::ssh_config::{
    self, LogLevel, Messages, Refused, Request, Resolution, ResolvedOptions,
};
use eic_term::{AlgorithmLists, Session, visible};

use self::machine::Machine;
use super::log;
use super::report::{FAILED, Failure};
use super::ui::Ui;

/// The arguments where they are ssh(1)'s: after the word `ssh`, or all of them under the name `ssh`.
pub(crate) fn arguments(mut all: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let program = all.next()?;
    if Path::new(&program).file_stem()? == "ssh" {
        return Some(all.collect());
    }
    (all.next()? == "ssh").then(|| all.collect())
}

/// Does what the command line asks for.
pub(crate) fn run(arguments: &[OsString], ui: &Ui) -> Result<ExitCode, Failure> {
    match request(arguments, ui)? {
        None => return Ok(ExitCode::from(FAILED)),
        Some(Request::Version) => ui.notice(&version()),
        Some(Request::Query(lines) | Request::Print(lines)) => ui.result(&lines.join("\n"))?,
        Some(Request::Connect(options)) => return connect(&options),
    }
    Ok(ExitCode::SUCCESS)
}

/// Logs in as the command line asks for, for `work` in the place of its command.
pub(crate) fn with_session(
    arguments: &[OsString],
    ui: &Ui,
    work: impl AsyncFnOnce(&Session, &ResolvedOptions, &Ui) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let Some(Request::Connect(options)) = request(arguments, ui)? else {
        return Ok(ExitCode::from(FAILED));
    };
    let ui = started(&options)?;
    let outcome = super::block_on(2, async {
        let session = open::open(&options, false, &ui).await?;
        ui.timeline(session.timeline());
        work(&session, &options, &ui).await
    });
    Ok(super::ended(outcome, &ui))
}

/// What a command line asks for, after what is to be said of it; `None` where it is refused.
fn request(arguments: &[OsString], ui: &Ui) -> Result<Option<Request>, Failure> {
    match resolve(arguments)? {
        Ok(resolution) => {
            say(&resolution.warnings, ui)?;
            Ok(Some(resolution.request))
        }
        Err(Refused(messages)) => {
            say(&messages, ui)?;
            Ok(None)
        }
    }
}

/// Resolves the command line with this machine's files; the outer error is that it cannot be asked.
fn resolve(arguments: &[OsString]) -> Result<Result<Resolution, Refused>, Failure> {
    let machine = Machine::this()?;
    Ok(ssh_config::resolve(arguments, &machine))
}

/// Starts the log and says how much is said.
fn started(options: &ResolvedOptions) -> Result<Ui, Failure> {
    let verbose = verbosity(options.log_level);
    let quiet = matches!(
        options.log_level,
        LogLevel::Quiet | LogLevel::Fatal | LogLevel::Error
    );
    let log = options.log_file.as_deref().map(|path| {
        let file = platform::append(path);
        file.map(Arc::new)
            .map_err(|source| Failure::new(format!("cannot write the log {path}"), source))
    });
    let log = log.transpose()?;
    log::start(verbose, log.clone());
    Ok(Ui::new(quiet, verbose).batch(options.batch_mode).log(log))
}

/// Logs in and does what the session is for.
fn connect(options: &ResolvedOptions) -> Result<ExitCode, Failure> {
    let ui = started(options)?;
    if options.control_command.is_some() {
        return Err(no_master(options));
    }
    if options.fork_after_authentication {
        ui.notice("warning: -f is not known here: this stays in the foreground");
    }
    let with_pty = session::wants_pty(options, &ui);
    let outcome = super::block_on(if with_pty { 1 } else { 2 }, async {
        let session = open::open(options, with_pty, &ui).await?;
        session::run(options, session, with_pty, &ui).await
    });
    // It is said where the log is.
    Ok(super::ended(outcome, &ui))
}

fn verbosity(level: LogLevel) -> u8 {
    match level {
        LogLevel::Verbose | LogLevel::Debug1 => 1,
        LogLevel::Debug2 => 2,
        LogLevel::Debug3 => 3,
        _ => 0,
    }
}

fn no_master(options: &ResolvedOptions) -> Failure {
    let path = options.control_path.as_deref().unwrap_or("none");
    Failure::caused(
        format!("cannot reach the shared connection at {path}"),
        "connections are not shared",
    )
}

/// The algorithms to offer. Where host keys are not named, those that are known come first.
fn algorithms(options: &ResolvedOptions) -> AlgorithmLists {
    AlgorithmLists {
        key_exchanges: options.kex_algorithms.clone(),
        host_keys: match options.host_key_algorithms_are_named {
            true => options.host_key_algorithms.clone(),
            false => Vec::new(),
        },
        ciphers: options.ciphers.clone(),
        macs: options.macs.clone(),
    }
}

/// Programs that ask `ssh -V` look for `OpenSSH_` and a version, at the start of the line; the rest says who this is.
fn version() -> String {
    let own = env!("CARGO_PKG_VERSION");
    format!(
        "{} compatible, eic-term {own} with russh",
        ssh_config::VERSION
    )
}

/// What is for the system's log is for nobody here.
fn say(messages: &Messages, ui: &Ui) -> Result<(), Failure> {
    for message in &messages.shown {
        ui.notice(&visible(message));
    }
    let Some(path) = &messages.log_file else {
        return Ok(());
    };
    // It is there, though empty, where there is nothing to say.
    let file = platform::append(path).and_then(|mut file| {
        let mut lines = messages.logged.iter();
        lines.try_for_each(|message| writeln!(file, "{message}"))
    });
    file.map_err(|source| Failure::new(format!("cannot write the log {path}"), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_arguments_are_those_of_ssh() {
        for (line, expected) in [
            ("eic-term ssh -G web", Some("-G web")),
            ("/usr/bin/ssh -G web", Some("-G web")),
            ("ssh.exe ssh", Some("ssh")),
            ("eic-term ssh", Some("")),
            ("eic-term web ssh", None),
            ("eic-term", None),
            ("", None),
        ] {
            let words = line.split_whitespace().map(OsString::from);
            let found = arguments(words).map(|words| words.join(std::ffi::OsStr::new(" ")));
            assert_eq!(found, expected.map(OsString::from), "{line}");
        }
    }
}
