//! ssh(1)'s command line: options before and after the destination, in clusters, then the command.

use std::ffi::OsString;

use super::address::{self, Uri};
use super::choices::ControlCommand;
use super::forward::Target;
use super::keyword::Key;
use super::log::{Fatal, Log};
use super::settings::Settings;
use super::switch;
use super::system::System;
use super::value::Value;

/// Options that stand alone.
const SWITCHES: &str = "1246afgknqstvxyACGKMNTXYV";
/// Options with an argument.
const WITH_ARGUMENT: &str = "bceilmopBDEFIJLOPQRSWw";

pub(super) const USAGE: &str = "\
usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-B bind_interface]
           [-b bind_address] [-c cipher_spec] [-D [bind_address:]port]
           [-E log_file] [-e escape_char] [-F configfile] [-I pkcs11]
           [-i identity_file] [-J [user@]host[:port]] [-L address]
           [-l login_name] [-m mac_spec] [-O ctl_cmd] [-o option] [-p port]
           [-Q query_option] [-R address] [-S ctl_path] [-W host:port]
           [-w local_tun[:remote_tun]] destination [command [argument ...]]";

/// What the command line says.
#[derive(Debug, Default)]
pub(super) struct CommandLine {
    pub(super) settings: Settings,
    /// The host as typed.
    pub(super) host: String,
    /// The command's words, joined by spaces as they are.
    pub(super) command: Option<OsString>,
    /// Whether the user's name was typed as such, and stands for nothing else.
    pub(super) user_is_literal: bool,
    /// `-F`.
    pub(super) config: Option<String>,
    /// `-G`.
    pub(super) print: bool,
    /// `-E`.
    pub(super) log_file: Option<String>,
    /// `-y`.
    pub(super) syslog: bool,
    /// `-O`.
    pub(super) control: Option<ControlCommand>,
    /// `-W`.
    pub(super) stdio_forward: Option<Target>,
    /// How often `-v` was said.
    pub(super) verbosity: u8,
}

/// What the command line asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// A connection, or how it would be made.
    Connection(Box<CommandLine>),
    /// `-V`.
    Version,
    /// `-Q`.
    Query(Vec<String>),
}

/// What one option did.
pub(super) enum Step {
    /// Something was said.
    Said,
    /// What is asked for is answered at once.
    Answer(Asked),
}

/// The command line as it is read.
pub(super) struct Parser<'a> {
    pub(super) line: CommandLine,
    pub(super) system: &'a dyn System,
    pub(super) log: &'a mut Log,
}

/// Reads a command line without the program's name.
///
/// # Errors
/// Where it makes no sense; the log says why.
pub(super) fn parse(
    arguments: &[OsString],
    system: &dyn System,
    log: &mut Log,
) -> Result<Asked, Fatal> {
    let line = CommandLine::default();
    let mut parser = Parser { line, system, log };
    let mut words = arguments;
    let terminated = match parser.options(&mut words)? {
        Ended::Answered(asked) => return Ok(asked),
        Ended::Terminated => true,
        Ended::AtWord => false,
    };
    let Some((destination, after)) = words.split_first() else {
        return Err(parser.usage());
    };
    parser.destination(&destination.to_string_lossy())?;
    words = after;
    if !terminated && let Ended::Answered(asked) = parser.options(&mut words)? {
        return Ok(asked);
    }
    parser.command(words)?;
    Ok(Asked::Connection(Box::new(parser.line)))
}

/// Why a row of options ended.
enum Ended {
    AtWord,
    /// By `--`.
    Terminated,
    Answered(Asked),
}

impl Parser<'_> {
    /// Reads options up to a word that is none.
    fn options(&mut self, words: &mut &[OsString]) -> Result<Ended, Fatal> {
        while let Some((word, after)) = words.split_first() {
            let word = word.to_string_lossy();
            let Some(cluster) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
                break;
            };
            *words = after;
            if cluster == "-" {
                return Ok(Ended::Terminated);
            }
            if let Step::Answer(asked) = self.cluster(cluster, words)? {
                return Ok(Ended::Answered(asked));
            }
        }
        Ok(Ended::AtWord)
    }

    /// `-vp22`: switches, the last of which may have its argument after it or in the next word.
    fn cluster(&mut self, cluster: &str, words: &mut &[OsString]) -> Result<Step, Fatal> {
        let mut rest = cluster.chars();
        while let Some(option) = rest.next() {
            if SWITCHES.contains(option) {
                if let Step::Answer(asked) = switch::alone(self, option)? {
                    return Ok(Step::Answer(asked));
                }
                continue;
            }
            if !WITH_ARGUMENT.contains(option) {
                self.log.say(format!("unknown option -- {option}"));
                return Err(self.usage());
            }
            let argument = match rest.as_str() {
                "" => self.next(words, option)?,
                argument => argument.to_owned(),
            };
            return switch::with_argument(self, option, &argument);
        }
        Ok(Step::Said)
    }

    fn next(&mut self, words: &mut &[OsString], option: char) -> Result<String, Fatal> {
        let Some((word, after)) = words.split_first() else {
            let what = format!("option requires an argument -- {option}");
            self.log.say(what);
            return Err(self.usage());
        };
        *words = after;
        Ok(word.to_string_lossy().into_owned())
    }

    /// `host`, `user@host` (the last `@` parts them) or `ssh://user@host:port`.
    fn destination(&mut self, text: &str) -> Result<(), Fatal> {
        let (user, host, port) = match address::uri(text, self.system) {
            Uri::Bad => return Err(self.usage()),
            Uri::Good(found) => (found.user, found.host, found.port),
            Uri::Other => match text.rsplit_once('@') {
                Some(("", _)) => return Err(self.usage()),
                Some((user, host)) => (Some(user.to_owned()), host.to_owned(), None),
                None => (None, text.to_owned(), None),
            },
        };
        if let Some(user) = user {
            self.user(user);
        }
        let settings = &mut self.line.settings;
        if let Some(port) = port {
            settings.say(Key::Port, Value::Number(i64::from(port)));
        }
        self.line.host = host;
        Ok(())
    }

    /// The first one holds.
    pub(super) fn user(&mut self, name: String) {
        self.line.user_is_literal |= !self.line.settings.has(Key::User);
        self.line.settings.say(Key::User, Value::Text(name));
    }

    fn command(&mut self, words: &[OsString]) -> Result<(), Fatal> {
        if self.line.host.is_empty() {
            return Err(self.usage());
        }
        let user = self.line.settings.text(Key::User);
        if user.is_some_and(|user| !address::is_safe_user(user)) {
            let what = "remote username contains invalid characters";
            return Err(self.log.fatal(what));
        }
        if !address::is_safe_host(&self.line.host) {
            return Err(self.log.fatal("hostname contains invalid characters"));
        }
        if words.is_empty() && self.line.settings.is(Key::SessionType, "subsystem") {
            self.log.say("You must specify a subsystem to invoke.");
            return Err(self.usage());
        }
        if self.line.syslog && self.line.log_file.is_some() {
            return Err(self.log.fatal("Can't specify both -y and -E"));
        }
        let space = std::ffi::OsStr::new(" ");
        self.line.command = (!words.is_empty()).then(|| words.join(space));
        Ok(())
    }

    pub(super) fn usage(&mut self) -> Fatal {
        self.log.fatal(USAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    fn read(words: &str) -> Result<CommandLine, Vec<String>> {
        let system = Fake::default().with_file("/home/me/.ssh/id", "");
        let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        let mut log = Log::default();
        match parse(&words, &system, &mut log) {
            Ok(Asked::Connection(line)) => Ok(*line),
            Ok(other) => panic!("{other:?}"),
            Err(Fatal) => Err(log.into_messages().shown),
        }
    }

    #[test]
    fn where_options_may_stand() {
        for (words, port, host, command) in [
            ("-p22 web", Some(22), "web", None),
            ("web -p 22 ls -l", Some(22), "web", Some("ls -l")),
            ("-vTp 22 -- web -l x", Some(22), "web", Some("-l x")),
            ("web -- -l x", None, "web", Some("-l x")),
            ("web ls -- -l", None, "web", Some("ls -- -l")),
            ("-oPort=22 web", Some(22), "web", None),
            ("ssh://me@web:2222 ls", Some(2222), "web", Some("ls")),
            ("me@corp@web -", None, "web", Some("-")),
            ("-p 22 -p 23 web", Some(22), "web", None),
        ] {
            let line = read(words).unwrap();
            let command = command.map(OsString::from);
            assert_eq!(line.settings.number(Key::Port), port, "{words}");
            assert_eq!(
                (line.host.as_str(), line.command),
                (host, command),
                "{words}"
            );
        }
    }

    #[test]
    fn who_is_meant_first() {
        for (words, user) in [
            ("me@web", "me"),
            ("-l you me@web", "you"),
            ("-ouser=x -l you me@web", "x"),
            ("me@web -l you", "me"),
            ("a@b@web", "a@b"),
        ] {
            let line = read(words).unwrap();
            assert_eq!(line.settings.text(Key::User), Some(user), "{words}");
        }
    }

    #[test]
    fn switches_that_change_their_meaning() {
        for (words, key, expected) in [
            ("-t web", Key::RequestTty, "true"),
            ("-tt web", Key::RequestTty, "force"),
            ("-T web", Key::RequestTty, "false"),
            ("-M web", Key::ControlMaster, "true"),
            ("-MM web", Key::ControlMaster, "ask"),
            ("-v web", Key::LogLevel, "DEBUG"),
            ("-vvvvv web", Key::LogLevel, "DEBUG3"),
            ("-vq web", Key::LogLevel, "SILENT"),
            ("-N web", Key::SessionType, "none"),
            ("-f web ls", Key::StdinNull, "yes"),
            ("-e ^] web", Key::EscapeChar, "\\^]"),
            ("-w 1:2 web", Key::Tunnel, "point-to-point"),
        ] {
            let line = read(words).unwrap();
            assert_eq!(line.settings.text(key), Some(expected), "{words}");
        }
    }

    #[test]
    fn what_is_wrong() {
        for (words, expected) in [
            ("", USAGE),
            ("-z web", "unknown option -- z"),
            ("web -p", "option requires an argument -- p"),
            ("@web", USAGE),
            ("ssh://web/x", USAGE),
            ("-s web", "You must specify a subsystem to invoke."),
            ("-y -E log web", "Can't specify both -y and -E"),
            ("-p x web", "Bad port 'x'"),
            ("-L x web", "Bad local forwarding specification 'x'"),
            (
                "-R x:y:z web",
                "Bad remote forwarding specification 'x:y:z'",
            ),
            ("-D a:b web", "Bad dynamic forwarding specification 'a:b'"),
            ("-W web", "Bad stdio forwarding specification 'web'"),
            ("-W a:1 -W b:1 web", "stdio forward already specified"),
            ("-O exit -W a:1 web", "Cannot specify stdio forward with -O"),
            (
                "-O exit -O stop web",
                "Multiplexing command already specified",
            ),
            ("-O x web", "Invalid multiplex command."),
            ("-N -s web x", "Cannot specify -s with -N/SessionType"),
            ("-c x web", "Unknown cipher type 'x'"),
            ("-m x web", "Unknown mac type 'x'"),
            ("-e ab web", "Bad escape character 'ab'."),
            ("-w x web", "Bad tun device 'x'"),
            (
                "-J a -J b web",
                "Only a single -J option is permitted (use commas to separate multiple jump hops)",
            ),
            (
                "-oProxyCommand=x -J b web",
                "Cannot specify -J with ProxyCommand",
            ),
            ("-J a, web", "Invalid -J argument"),
            (
                "-oFoo=1 web",
                "command-line: line 0: Bad configuration option: foo",
            ),
            (
                "-oPort= web",
                "command-line line 0: no argument after keyword \"port\"",
            ),
            ("-Q x", "Unsupported query \"x\""),
            ("-1 web", "SSH protocol v.1 is no longer supported"),
        ] {
            let messages = read(words).unwrap_err();
            assert_eq!(messages.first().unwrap(), expected, "{words}");
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_left_out() {
        let line = read("-i ~/.ssh/id -i /none web").unwrap();
        assert_eq!(line.settings.list(Key::IdentityFile), ["/home/me/.ssh/id"]);
    }
}
