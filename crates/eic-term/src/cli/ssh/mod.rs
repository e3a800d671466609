//! `ssh`: OpenSSH's command line, as `eic-term ssh …` or under the name `ssh`.

mod configured;
mod glob;
mod host;
mod instance;
mod keys;
mod known;
mod machine;
mod open;
#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;
mod proxy;
mod session;
mod share;
mod tcp;
mod token;
mod update;
mod x11;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use eic_term::ssh_config::{
    self, LogLevel, Messages, Refused, Request, Resolution, ResolvedOptions,
};
use eic_term::{AlgorithmLists, Session, visible};

pub(crate) use self::configured::Configured;
pub(crate) use self::host::Stream;
use self::machine::Machine;
use self::open::Dial;
pub(crate) use self::proxy::ProxyFailed;
use self::share::Process;
use super::Load;
use super::args::Common;
use super::log;
use super::report::{FAILED, Failure};
use super::ui::Ui;

/// The word before OpenSSH's command line, and the program's name in the place of it.
const NAME: &str = "ssh";

/// The arguments where they are ssh(1)'s: after the word `ssh`, or all of them under the name `ssh`.
pub(crate) fn arguments(mut all: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let program = all.next()?;
    if Path::new(&program).file_stem()? == NAME {
        return Some(all.collect());
    }
    (all.next()? == NAME).then(|| all.collect())
}

/// One run of the program.
struct Run<'a> {
    options: &'a ResolvedOptions,
    /// Whose instances there are.
    account: &'a Common,
    /// The command line that said so.
    arguments: &'a [OsString],
}

/// Does what the command line asks for.
pub(crate) fn run(arguments: &[OsString], ui: &Ui) -> Result<ExitCode, Failure> {
    run_for(arguments, Common::untyped()?, ui)
}

/// The same with an account's instances.
pub(crate) fn run_for(
    arguments: &[OsString],
    account: Common,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let (process, arguments) = Process::of(arguments);
    if process != Process::Foreground {
        platform::close_inherited();
    }
    match request(arguments, process == Process::Foreground, ui)? {
        None => return Ok(ExitCode::from(FAILED)),
        Some(Request::Version) => ui.notice(&version()),
        Some(Request::Query(lines) | Request::Print(lines)) => ui.result(&lines.join("\n"))?,
        Some(Request::Connect(options)) => {
            let run = Run {
                options: &options,
                account: &process.account(account),
                arguments,
            };
            return connect(&run, &process);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Logs in as the command line asks for, for `work` in the place of its command.
pub(crate) fn with_session(
    arguments: &[OsString],
    account: &Common,
    ui: &Ui,
    work: impl AsyncFnOnce(&Session, &ResolvedOptions, &Ui) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let Some(Request::Connect(options)) = request(arguments, true, ui)? else {
        return Ok(ExitCode::from(FAILED));
    };
    let ui = started(&options)?;
    let outcome = super::block_on(Load::Bulk, async {
        let (session, _update) = Dial::new(&options, account, &ui).open().await?;
        ui.timeline(session.timeline());
        work(&session, &options, &ui).await
    });
    Ok(super::ended(outcome, &ui))
}

/// What a command line asks for, after what is to be said of it (a process in the background leaves its warnings to the
/// one in the foreground); `None` where it is refused.
fn request(arguments: &[OsString], warns: bool, ui: &Ui) -> Result<Option<Request>, Failure> {
    match resolve(arguments)? {
        Ok(resolution) => {
            if warns {
                say(&resolution.warnings, ui)?;
            }
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
    log::start_debug(verbose, log.clone());
    let ui = Ui::new(quiet, verbose).mark("debug1: ");
    let ui = ui.batch(options.batch_mode).log(log);
    unsupported(options).iter().for_each(|said| ui.notice(said));
    for keyword in &options.unheeded {
        ui.detail(&format!("{keyword} is read, and without effect"));
    }
    Ok(ui)
}

/// Logs in and does what the session is for.
fn connect(run: &Run<'_>, process: &Process) -> Result<ExitCode, Failure> {
    let ui = started(run.options)?;
    let load = match session::will_want_pty(run.options) {
        true => Load::Keys,
        false => Load::Bulk,
    };
    let outcome = super::block_on(load, share::run(run, process, &ui));
    // It is said where the log is.
    Ok(super::ended(outcome, &ui))
}

/// What was asked for and is not done; the rest is.
fn unsupported(options: &ResolvedOptions) -> Vec<&'static str> {
    let all = [
        (
            options.tunnel,
            "warning: no tunnel device is made (-w): this is not known here",
        ),
        (
            options.pkcs11_provider.is_some(),
            "warning: PKCS11Provider is not known here: `ssh-add -s LIBRARY` lets the ssh-agent sign with it",
        ),
    ];
    let asked = all.into_iter().filter(|(asked, _)| *asked);
    asked.map(|(_, said)| said).collect()
}

/// How often a person is asked for what the host refuses.
fn tries(options: &ResolvedOptions) -> usize {
    usize::try_from(options.number_of_password_prompts).unwrap_or(usize::MAX)
}

fn verbosity(level: LogLevel) -> u8 {
    match level {
        LogLevel::Verbose | LogLevel::Debug1 => 1,
        LogLevel::Debug2 => 2,
        LogLevel::Debug3 => 3,
        _ => 0,
    }
}

/// The algorithms to offer. Where host keys are not named, those that are known come first; where ciphers are not, what the
/// session is for says which.
fn algorithms(options: &ResolvedOptions) -> AlgorithmLists {
    AlgorithmLists {
        key_exchanges: options.kex_algorithms.clone(),
        host_keys: if_named(
            &options.host_key_algorithms,
            options.host_key_algorithms_are_named,
        ),
        ciphers: if_named(&options.ciphers, options.ciphers_are_named),
        macs: options.macs.clone(),
        compression: options.compression,
        ca_signatures: options.ca_signature_algorithms.clone(),
        rsa_bits: Some(options.required_rsa_size),
    }
}

fn if_named(list: &[String], named: bool) -> Vec<String> {
    match named {
        true => list.to_vec(),
        false => Vec::new(),
    }
}

/// After how many bytes, and how long, new keys are wanted.
fn rekey_after(options: &ResolvedOptions) -> (Option<u64>, Option<Duration>) {
    let bytes = Some(options.rekey_limit_bytes).filter(|bytes| *bytes > 0);
    let seconds = Some(options.rekey_limit_seconds).filter(|seconds| *seconds > 0);
    let time = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    (bytes, time)
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
