//! sftp(1)'s command line, as OpenSSH has it: pure.

use std::ffi::OsString;

use super::command::How;
use super::place::{self, Place};

pub(super) const USAGE: &str = "\
usage: sftp [-46AaCfNpqrv] [-B buffer_size] [-b batchfile] [-c cipher]
          [-D sftp_server_command] [-F ssh_config] [-i identity_file]
          [-J destination] [-l limit] [-o ssh_option] [-P port]
          [-R num_requests] [-S program] [-s subsystem | sftp_server]
          [-X sftp_option] destination";

/// Options that stand alone.
const SWITCHES: &str = "1246AaCfhNpqrv";
/// Options with an argument.
const WITH_ARGUMENT: &str = "BbcDFiJloPRSsX";

/// What the command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// What `ssh` is to be told, the destination included.
    pub(super) ssh: Vec<String>,
    /// What the other side is called where people read it.
    pub(super) name: String,
    pub(super) way: Way,
    /// The path at the destination, and where to put what is there.
    pub(super) path: Option<String>,
    pub(super) local: Option<String>,
    pub(super) settings: Settings,
}

/// How the server is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// By a session of our own.
    #[default]
    Session,
    /// By a program that takes the command line of `ssh` (`-S`).
    Program(String),
    /// A server on this machine (`-D`).
    Local(String),
}

/// How the work is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// A file of commands, `-` for standard input.
    pub(crate) batch: Option<OsString>,
    pub(crate) how: How,
    /// Says only what is asked for.
    pub(crate) quiet: bool,
    /// The most bytes to send or take in a second.
    pub(crate) limit_rate: Option<u64>,
    /// The size of a read or write, in bytes.
    pub(crate) buffer: Option<u32>,
    /// How many of them are under way at once.
    pub(crate) requests: Option<usize>,
}

/// Why a command line makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misuse {
    /// It is none; the usage alone says it where there is nothing to add.
    Usage(Option<String>),
    /// An option's argument is wrong.
    Argument(String),
}

/// Reads a command line without the program's name.
pub(super) fn parse(arguments: &[OsString]) -> Result<Arguments, Misuse> {
    let words = arguments.iter().map(|word| word.to_string_lossy());
    let words: Vec<String> = words.map(|word| word.into_owned()).collect();
    let mut parser = Parser::default();
    let rest = parser.options(&words)?;
    parser.finish(rest)
}

#[derive(Default)]
struct Parser {
    arguments: Arguments,
    port: Option<u16>,
    server: Option<String>,
    noisy: bool,
}

impl Parser {
    /// Reads options up to a word that is none; returns the words from there on.
    fn options<'a>(&mut self, words: &'a [String]) -> Result<&'a [String], Misuse> {
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            let Some(cluster) = word.strip_prefix('-').filter(|one| !one.is_empty()) else {
                break;
            };
            rest = after;
            if cluster == "-" {
                break;
            }
            let mut letters = cluster.chars();
            while let Some(letter) = letters.next() {
                if SWITCHES.contains(letter) {
                    self.switch(letter)?;
                    continue;
                }
                if !WITH_ARGUMENT.contains(letter) {
                    return usage(format!("unknown option -- {letter}"));
                }
                let value = match (letters.as_str(), rest.split_first()) {
                    ("", Some((next, after))) => {
                        rest = after;
                        next.clone()
                    }
                    ("", None) => {
                        return usage(format!("option requires an argument -- {letter}"));
                    }
                    (value, _) => value.to_owned(),
                };
                self.option(letter, value)?;
                break;
            }
        }
        Ok(rest)
    }

    fn switch(&mut self, letter: char) -> Result<(), Misuse> {
        let settings = &mut self.arguments.settings;
        match letter {
            '1' => return wrong("SSH protocol v.1 is no longer supported"),
            '2' => {}
            'a' => settings.how.resume = true,
            'f' => settings.how.sync = true,
            'p' => settings.how.preserve = true,
            'r' => settings.how.recursive = true,
            'N' => self.noisy = true,
            'h' => return Err(Misuse::Usage(None)),
            other => {
                settings.quiet |= other == 'q';
                self.arguments.ssh.push(format!("-{other}"));
            }
        }
        Ok(())
    }

    fn option(&mut self, letter: char, value: String) -> Result<(), Misuse> {
        let arguments = &mut self.arguments;
        let settings = &mut arguments.settings;
        match letter {
            'b' if settings.batch.is_some() => return wrong("Batch file already specified."),
            'b' => {
                settings.batch = Some(value.into());
                settings.quiet = true;
                arguments.ssh.push("-oBatchMode=yes".to_owned());
            }
            'B' => settings.buffer = Some(buffer(&value)?),
            'R' => settings.requests = Some(requests(&value)?),
            'l' => {
                let kilobits: Option<u64> = value.parse().ok().filter(|limit| *limit > 0);
                let limit = kilobits.ok_or(Misuse::Usage(None))?;
                settings.limit_rate = Some(limit.saturating_mul(1024) / 8);
            }
            'X' => match value.split_once('=') {
                Some(("buffer", size)) => settings.buffer = Some(buffer(size)?),
                Some(("nrequests", count)) => settings.requests = Some(requests(count)?),
                _ => return wrong("Invalid -X option"),
            },
            'P' => self.port = Some(port(&value)?),
            'D' => arguments.way = Way::Local(value),
            'S' if !matches!(arguments.way, Way::Local(_)) => arguments.way = Way::Program(value),
            'S' => {}
            's' => self.server = Some(value),
            letter => arguments.ssh.extend([format!("-{letter}"), value]),
        }
        Ok(())
    }

    fn finish(mut self, words: &[String]) -> Result<Arguments, Misuse> {
        let arguments = &mut self.arguments;
        arguments.settings.quiet &= !self.noisy;
        if let Way::Local(command) = &arguments.way {
            arguments.name = command.clone();
            return Ok(self.arguments);
        }
        let (destination, local) = match words {
            [destination] => (destination, None),
            [destination, local] => (destination, Some(local.clone())),
            _ => return Err(Misuse::Usage(None)),
        };
        let Place { host, path } = place::parse(destination).ok_or(Misuse::Usage(None))?;
        let (user, host) = place::user_and_host(&host);
        if host.is_empty() {
            return usage("Missing hostname");
        }
        arguments.path = path;
        arguments.local = local;
        let own = [
            "-oForwardX11=no",
            "-oPermitLocalCommand=no",
            "-oClearAllForwardings=yes",
        ];
        arguments.ssh.splice(0..0, own.map(str::to_owned));
        // Last, so that -A and -o ForwardAgent win.
        arguments.ssh.push("-oForwardAgent=no".to_owned());
        if let Some(port) = self.port {
            arguments.ssh.push(format!("-oPort={port}"));
        }
        let server = self.server.unwrap_or_else(|| "sftp".to_owned());
        if !server.contains('/') {
            arguments.ssh.push("-s".to_owned());
        }
        arguments.name = host.trim_start_matches("ssh://").to_owned();
        if let Some(user) = user {
            arguments.ssh.extend(["-l".to_owned(), user]);
        }
        arguments.ssh.extend(["--".to_owned(), host, server]);
        Ok(self.arguments)
    }
}

fn usage<T>(what: impl Into<String>) -> Result<T, Misuse> {
    Err(Misuse::Usage(Some(what.into())))
}

fn wrong<T>(what: impl Into<String>) -> Result<T, Misuse> {
    Err(Misuse::Argument(what.into()))
}

fn buffer(text: &str) -> Result<u32, Misuse> {
    let size = text.parse().ok().filter(|size| *size > 0);
    size.ok_or_else(|| Misuse::Argument(format!("Invalid buffer size \"{text}\"")))
}

fn requests(text: &str) -> Result<usize, Misuse> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| Misuse::Argument(format!("Invalid number of requests \"{text}\"")))
}

fn port(text: &str) -> Result<u16, Misuse> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| Misuse::Argument(format!("Bad port \"{text}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Misuse> {
        let words: Vec<_> = line.split_whitespace().map(OsString::from).collect();
        super::parse(&words)
    }

    /// What `ssh` is told besides what it always is.
    fn ssh(line: &str) -> String {
        let told = parse(line).unwrap().ssh;
        let always = [
            "-oForwardX11=no",
            "-oPermitLocalCommand=no",
            "-oClearAllForwardings=yes",
        ];
        assert_eq!(told[..3], always);
        told[3..].join(" ").replace("-oForwardAgent=no ", "")
    }

    #[test]
    fn what_ssh_is_told() {
        for (line, expected) in [
            ("web", "-s -- web sftp"),
            ("me@web:", "-s -l me -- web sftp"),
            ("-P 2222 -vC4 web", "-v -C -4 -oPort=2222 -s -- web sftp"),
            (
                "-oUser=me -i key -c aes -J a,b -F f web",
                "-o User=me -i key -c aes -J a,b -F f -s -- web sftp",
            ),
            ("-s other web", "-s -- web other"),
            ("-s /usr/lib/sftp-server web", "-- web /usr/lib/sftp-server"),
            ("-b - web", "-oBatchMode=yes -s -- web sftp"),
            ("-q -- [::1]:a", "-q -s -- ::1 sftp"),
            ("sftp://me@web:2222/a", "-s -- ssh://me@web:2222 sftp"),
            ("tag:Role=web:a", "-s -- tag:Role=web sftp"),
        ] {
            assert_eq!(ssh(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_for_us() {
        let parsed = parse("-afpr -B 1000 -R7 -l 800 -b file web:a b").unwrap();
        let all = How {
            resume: true,
            sync: true,
            preserve: true,
            recursive: true,
        };
        let expected = Settings {
            batch: Some("file".into()),
            how: all,
            quiet: true,
            limit_rate: Some(102_400),
            buffer: Some(1000),
            requests: Some(7),
        };
        assert_eq!(parsed.settings, expected);
        assert_eq!(
            (parsed.path.as_deref(), parsed.local.as_deref()),
            (Some("a"), Some("b"))
        );
        assert!(!parse("-N -b file web").unwrap().settings.quiet);
        assert!(
            parse("-X nrequests=3 -Xbuffer=4 web")
                .unwrap()
                .settings
                .requests
                == Some(3)
        );
    }

    #[test]
    fn ways() {
        for (line, expected) in [
            ("web", Way::Session),
            ("-S /usr/bin/ssh web", Way::Program("/usr/bin/ssh".into())),
            (
                "-D /usr/lib/sftp-server",
                Way::Local("/usr/lib/sftp-server".into()),
            ),
            ("-b - -D server ignored", Way::Local("server".into())),
        ] {
            assert_eq!(parse(line).unwrap().way, expected, "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense() {
        let usage = |what: Option<&str>| Misuse::Usage(what.map(str::to_owned));
        let wrong = |what: &str| Misuse::Argument(what.to_owned());
        for (line, expected) in [
            ("", usage(None)),
            ("a b c", usage(None)),
            ("-h", usage(None)),
            ("-l none web", usage(None)),
            ("-Z web", usage(Some("unknown option -- Z"))),
            ("-P", usage(Some("option requires an argument -- P"))),
            ("me@:a", usage(Some("Missing hostname"))),
            ("-1 web", wrong("SSH protocol v.1 is no longer supported")),
            ("-P none web", wrong("Bad port \"none\"")),
            ("-B 0 web", wrong("Invalid buffer size \"0\"")),
            ("-R x web", wrong("Invalid number of requests \"x\"")),
            ("-X x=1 web", wrong("Invalid -X option")),
            ("-b a -b b web", wrong("Batch file already specified.")),
        ] {
            assert_eq!(parse(line), Err(expected), "{line}");
        }
    }
}
