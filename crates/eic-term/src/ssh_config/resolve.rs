//! From a command line to the settings of a connection: options, the user's file, the system's, defaults.

use std::ffi::OsString;

use super::command_line::{self, Asked, CommandLine};
use super::expand::Tokens;
use super::hostname;
use super::keyword::{Key, Keyword, UNHEEDED};
use super::log::{Fatal, Log, Messages, Refused};
use super::options::ResolvedOptions;
use super::print;
use super::reader::{Reader, Scope, Source, cannot_open};
use super::settings::Settings;
use super::system::System;
use super::value::Value;
use super::{defaults, finish, typed};

/// What a command line asks for, and what is to be said of it first.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// What is asked for.
    pub request: Request,
    /// Messages.
    pub warnings: Messages,
}

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// The program's version (`-V`).
    Version,
    /// The names of algorithms, a line each (`-Q`).
    Query(Vec<String>),
    /// The settings, a line each (`-G`).
    Print(Vec<String>),
    /// A connection.
    Connect(Box<ResolvedOptions>),
}

/// Reads ssh(1)'s command line, without the program's name, and the configuration files that it leads to.
///
/// ```
/// # use eic_term::ssh_config::{Request, System, resolve};
/// # fn example(system: &dyn System) -> Result<(), Box<dyn std::error::Error>> {
/// let arguments = ["-p", "2222", "web", "uptime"].map(Into::into);
/// if let Request::Connect(options) = resolve(&arguments, system)?.request {
///     println!("{}@{}:{}", options.user, options.host_name, options.port);
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// Where OpenSSH would exit with 255; the messages are its own.
pub fn resolve(arguments: &[OsString], system: &dyn System) -> Result<Resolution, Refused> {
    let mut log = Log::default();
    let request = request(arguments, system, &mut log);
    let messages = log.into_messages();
    match request {
        Ok(request) => Ok(Resolution {
            request,
            warnings: messages,
        }),
        Err(Fatal) => Err(Refused(messages)),
    }
}

fn request(arguments: &[OsString], system: &dyn System, log: &mut Log) -> Result<Request, Fatal> {
    let line = match command_line::parse(arguments, system, log)? {
        Asked::Version => return Ok(Request::Version),
        Asked::Query(names) => return Ok(Request::Query(names)),
        Asked::Connection(line) => line,
    };
    let resolved = Resolved::new(*line, system, log)?;
    match resolved.line.print {
        true => Ok(Request::Print(print::lines(
            &resolved.line.host,
            &resolved.settings,
        ))),
        false => typed::options(&resolved, system, log).map(|options| {
            let options = Box::new(options);
            Request::Connect(options)
        }),
    }
}

/// All that is known of a connection.
pub(super) struct Resolved {
    pub(super) line: CommandLine,
    pub(super) settings: Settings,
    pub(super) tokens: Tokens,
    /// Settings that nobody named.
    pub(super) unnamed: Vec<Key>,
    /// Settings that were named and that nothing here follows.
    pub(super) unheeded: Vec<&'static str>,
    /// Whether a key was named for this host in particular.
    pub(super) has_own_identity: bool,
}

impl Resolved {
    fn new(mut line: CommandLine, system: &dyn System, log: &mut Log) -> Result<Self, Fatal> {
        let mut settings = std::mem::take(&mut line.settings);
        log.set_level(settings.text(Key::LogLevel).unwrap_or_default());
        if line.syslog || line.log_file.is_some() {
            log.redirect(line.log_file.clone());
        }
        let is_typed = settings.has(Key::IdentityFile);
        let (host, is_own) = read(&line, &mut settings, system, log)?;
        let named = |key: &Key| settings.has(*key);
        let watched = [
            Key::User,
            Key::IdentityFile,
            Key::HostKeyAlgorithms,
            Key::Ciphers,
        ];
        let unnamed = watched.into_iter().filter(|key| !named(key)).collect();
        let unheeded = unheeded(&settings, system);
        defaults::fill(&mut settings, &line, system, log)?;
        settings.put(Key::HostName, Value::Text(host));
        finish::check(&mut settings, &line, log)?;
        log.set_level(settings.text(Key::LogLevel).unwrap_or_default());
        let tokens = finish::expand(&mut settings, &line, system, log)?;
        Ok(Self {
            line,
            settings,
            tokens,
            unnamed,
            unheeded,
            has_own_identity: is_typed || is_own,
        })
    }
}

/// The names of settings that ask for something that nothing here does; `no` and `none` ask for nothing.
fn unheeded(settings: &Settings, system: &dyn System) -> Vec<&'static str> {
    let rows = UNHEEDED.iter().filter_map(|key| key.row());
    let asks = |row: &&Keyword| {
        let value = settings.get(row.key);
        value.is_some_and(|value| {
            !["", "no", "none"].contains(&value.print().as_str())
                && Some(value) != defaults::of(row, system).as_ref()
        })
    };
    rows.filter(asks).map(|row| row.name).collect()
}

/// Reads the files, a second time where they or a new name for the host ask for it; the host to connect to, and
/// whether they name a key for it in particular.
fn read(
    line: &CommandLine,
    settings: &mut Settings,
    system: &dyn System,
    log: &mut Log,
) -> Result<(String, bool), Fatal> {
    let command = line.command.as_ref();
    let command = command.map(|command| command.to_string_lossy().into_owned());
    let scope = Scope {
        host: line.host.clone(),
        original_host: line.host.clone(),
        command: command.unwrap_or_default(),
        is_final: false,
    };
    let mut reader = Reader {
        system,
        log,
        settings,
        scope,
        wants_final: false,
        names_host: false,
        has_own_identity: false,
    };
    files(&mut reader, line)?;
    let host = reader.host_name();
    let host = host.map_err(|messages| reader.log.all_fatal(messages))?;
    let host = hostname::canonicalize(host, reader.settings, system, reader.log)?;
    if reader.wants_final || hostname::is_canonicalized(reader.settings) {
        reader
            .settings
            .put(Key::HostName, Value::Text(host.clone()));
        reader.scope.host.clone_from(&host);
        reader.scope.is_final = true;
        files(&mut reader, line)?;
    }
    Ok((host, reader.has_own_identity))
}

/// The file that is named, or the user's and the system's, either of which may be missing.
fn files(reader: &mut Reader<'_>, line: &CommandLine) -> Result<(), Fatal> {
    let system = reader.system;
    match line.config.as_deref() {
        Some(path) if path.eq_ignore_ascii_case("none") => Ok(()),
        Some(path) => match reader.file(Source::user(path, false))? {
            Ok(()) => Ok(()),
            Err(error) => Err(reader.log.fatal(cannot_open(path, &error))),
        },
        None => {
            let local = system.local();
            let _unreadable = reader.file(Source::user(&local.user_config, true))?;
            let _unreadable = reader.file(Source::system(&local.system_config))?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn what_is_asked_for_and_not_done() {
        for (config, expected) in [
            ("", &[][..]),
            (
                "VisualHostKey no\nCheckHostIP no\nObscureKeystrokeTiming no",
                &[],
            ),
            (
                "LogVerbose none\nChannelTimeout none\nStreamLocalBindMask 0177",
                &[],
            ),
            ("FingerprintHash sha256\nPort 1", &[]),
            (
                "VisualHostKey yes\nFingerprintHash md5\nObscureKeystrokeTiming yes",
                &["fingerprinthash", "obscurekeystroketiming", "visualhostkey"],
            ),
            (
                "LogVerbose a\nChannelTimeout session=1m\nStreamLocalBindMask 0077",
                &["channeltimeout", "logverbose", "streamlocalbindmask"],
            ),
        ] {
            let system = Fake::default().with_file("/home/me/.ssh/config", config);
            let Request::Connect(options) = resolve(&["web".into()], &system).unwrap().request
            else {
                panic!("{config}");
            };
            assert_eq!(options.unheeded, expected, "{config:?}");
        }
    }

    #[test]
    fn whose_keys_are_a_hosts_own() {
        for (config, typed, expected) in [
            ("IdentityFile a", "web", false),
            ("Host *\nIdentityFile a", "web", false),
            ("Host * !db\nIdentityFile a", "web", false),
            ("Host web\nPort 1\nMatch all\nIdentityFile a", "web", false),
            ("Match user me\nIdentityFile a", "web", false),
            ("Match host *\nIdentityFile a", "web", false),
            ("Host web\nIdentityFile a", "web", true),
            (
                "Host w*\nIdentityFile a\nHost *\nIdentityFile b",
                "web",
                true,
            ),
            ("Host db\nIdentityFile a", "web", false),
            ("Match host w* user me\nIdentityFile a", "web", true),
            ("Match host web user you\nIdentityFile a", "web", false),
            ("Match originalhost web\nIdentityFile a", "web", true),
            ("Host web\nInclude more", "web", true),
            ("Include more", "web", false),
            ("", "-oIdentityFile=a web", true),
            ("", "web", false),
        ] {
            let system = Fake::default()
                .with_file("/home/me/.ssh/config", config)
                .with_file("/home/me/.ssh/more", "IdentityFile a");
            let words: Vec<_> = typed.split(' ').map(OsString::from).collect();
            let Request::Connect(options) = resolve(&words, &system).unwrap().request else {
                panic!("{config}");
            };
            assert_eq!(options.identity_files_are_own, expected, "{config:?}");
        }
    }
}
