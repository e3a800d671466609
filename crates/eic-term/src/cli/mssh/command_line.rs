//! The command lines of AWS's `mssh` and `msftp` (ec2instanceconnectcli 1.0.3): their own options among those of ssh(1)
//! or sftp(1), then the target, then the command.
//!
//! It differs from them in this: their options end where the command begins, and ssh's may stand in any order, `-i` and
//! `-tt` included; the target may be anything that names an instance.

use std::ffi::{OsStr, OsString};

/// Which of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Mssh,
    Msftp,
}

/// What a command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CommandLine {
    pub(super) region: Option<String>,
    pub(super) profile: Option<String>,
    zone: Option<String>,
    /// The instance that a host's name means.
    pub(super) instance: Option<String>,
    pub(super) debug: bool,
    /// The options of ssh(1) or sftp(1), in their order.
    pub(super) options: Vec<OsString>,
    pub(super) user: Option<String>,
    pub(super) host: String,
    /// After the host and a colon: a path, for `msftp`.
    pub(super) path: Option<String>,
    pub(super) command: Vec<OsString>,
}

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Help,
    Session(Box<CommandLine>),
}

/// Why a command line makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misuse {
    /// An option of the program's own: said on standard error, exit status 2.
    Option(String),
    /// Anything else: said with the usage on standard output, exit status 1.
    Line(String),
}

/// Their own options: letter, name, and whether it has an argument.
const OWN: &[(char, &str, bool)] = &[
    ('r', "region", true),
    ('z', "zone", true),
    ('u', "profile", true),
    ('t', "instance_id", true),
    ('d', "debug", false),
    ('h', "help", false),
];

impl Program {
    /// By its name.
    pub(super) fn named(name: &OsStr) -> Option<Self> {
        match name.to_str()? {
            "mssh" => Some(Self::Mssh),
            "msftp" => Some(Self::Msftp),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mssh => "mssh",
            Self::Msftp => "msftp",
        }
    }

    /// The options of the program behind it that have an argument.
    fn with_argument(self) -> &'static str {
        match self {
            Self::Mssh => "bceilmopBDEFIJLOPQRSWw",
            Self::Msftp => "bciloBDFJPRSX",
        }
    }
}

/// Reads a command line without the program's name.
pub(super) fn parse(program: Program, words: &[OsString]) -> Result<Asked, Misuse> {
    let mut parser = Parser {
        program,
        line: CommandLine::default(),
        words: words.iter(),
    };
    let mut target = None;
    while let Some(word) = parser.words.next() {
        let text = word.to_string_lossy();
        match text.strip_prefix('-').filter(|rest| !rest.is_empty()) {
            Some("-") if target.is_none() => target = Some(parser.target()?),
            Some("-") => break,
            Some(option) => {
                if parser.option(option, word)? {
                    return Ok(Asked::Help);
                }
                continue;
            }
            None if target.is_none() => {
                target = Some(text.into_owned());
                continue;
            }
            None => parser.line.command.push(word.clone()),
        }
        break;
    }
    let mut line = parser.line;
    line.command.extend(parser.words.cloned());
    let target = target.ok_or_else(missing)?;
    line.aim(program, &target)?;
    Ok(Asked::Session(Box::new(line)))
}

fn missing() -> Misuse {
    Misuse::Line("Missing target".to_owned())
}

struct Parser<'a> {
    program: Program,
    line: CommandLine,
    words: std::slice::Iter<'a, OsString>,
}

impl Parser<'_> {
    /// What stands after `--`.
    fn target(&mut self) -> Result<String, Misuse> {
        let word = self.words.next().ok_or_else(missing)?;
        Ok(word.to_string_lossy().into_owned())
    }

    /// An option without its first `-`; whether help is wanted.
    fn option(&mut self, option: &str, word: &OsString) -> Result<bool, Misuse> {
        if let Some(long) = option.strip_prefix('-') {
            return self.long(long, word);
        }
        let mut rest = option.chars();
        let own = rest.next().and_then(own_letter);
        match own {
            // No instance is named `t`.
            _ if option == "tt" && self.program == Program::Mssh => self.pass(option, word),
            Some(row @ (_, _, true)) => {
                let value = Some(rest.as_str()).filter(|value| !value.is_empty());
                let value = value.map(|value| value.strip_prefix('=').unwrap_or(value));
                self.set(row, value)?;
            }
            Some(('h', ..)) => return Ok(true),
            Some(_) => {
                self.line.debug = true;
                let others = rest.as_str();
                if !others.is_empty() {
                    let word = OsString::from(format!("-{others}"));
                    return self.option(others, &word);
                }
            }
            None => self.pass(option, word),
        }
        Ok(false)
    }

    /// `--name`, `--name=value`, or as much of the name as only one has.
    fn long(&mut self, long: &str, word: &OsString) -> Result<bool, Misuse> {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        // No two of the names begin alike.
        match OWN.iter().find(|(_, full, _)| full.starts_with(name)) {
            Some(row @ (_, _, true)) => self.set(row, value)?,
            Some(row) if value.is_some() => {
                let value = value.unwrap_or_default();
                return Err(wrong(row, &format!("ignored explicit argument '{value}'")));
            }
            Some(('h', ..)) => return Ok(true),
            Some(_) => self.line.debug = true,
            // It is refused there.
            None => self.line.options.push(word.clone()),
        }
        Ok(false)
    }

    /// Takes an option's argument, out of the next word where it is not in this one.
    fn set(&mut self, row: &(char, &str, bool), value: Option<&str>) -> Result<(), Misuse> {
        let value = match value {
            Some(value) => Some(value.to_owned()),
            None => self
                .words
                .next()
                .map(|word| word.to_string_lossy().into_owned())
                .filter(|word| !is_option(word)),
        };
        let value = value.ok_or_else(|| wrong(row, "expected one argument"))?;
        let place = match row.0 {
            'r' => &mut self.line.region,
            'z' => &mut self.line.zone,
            'u' => &mut self.line.profile,
            _ => &mut self.line.instance,
        };
        *place = Some(value);
        Ok(())
    }

    /// Leaves options to the program behind this one, with the argument of the last.
    fn pass(&mut self, cluster: &str, word: &OsString) {
        self.line.options.push(word.clone());
        let with_argument = self.program.with_argument();
        let found = cluster.find(|option| with_argument.contains(option));
        if found.is_some_and(|at| at + 1 == cluster.len()) {
            self.line.options.extend(self.words.next().cloned());
        }
    }
}

fn own_letter(letter: char) -> Option<&'static (char, &'static str, bool)> {
    OWN.iter().find(|(own, ..)| *own == letter)
}

fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

fn wrong((letter, name, _): &(char, &str, bool), what: &str) -> Misuse {
    Misuse::Option(format!("argument -{letter}/--{name}: {what}"))
}

impl CommandLine {
    /// Takes the target apart, and checks in AWS's order.
    fn aim(&mut self, program: Program, target: &str) -> Result<(), Misuse> {
        let wrong = |what: String| Err(Misuse::Line(what));
        let host = match target.split_once('@') {
            Some((_, host)) if host.contains('@') => return wrong("Invalid target".to_owned()),
            Some((user, host)) => {
                self.user = Some(user.to_owned()).filter(|user| !user.is_empty());
                host
            }
            None => target,
        };
        let (host, path) = match host.split_once(':') {
            Some((host, path)) if program == Program::Msftp => (host, Some(path.to_owned())),
            _ => (host, None),
        };
        host.clone_into(&mut self.host);
        self.path = path.filter(|path| !path.is_empty());
        if let Some(region) = self.region.as_ref().filter(|text| !is_region(text)) {
            return wrong(format!("{region} is not a valid region"));
        }
        if let Some(zone) = self.zone.as_ref().filter(|text| !is_zone(text)) {
            return wrong(format!("{zone} is not a valid zone"));
        }
        if let Some(user) = self.user.as_ref().filter(|name| !is_user(name)) {
            return wrong(format!("{user} is not a valid UNIX username"));
        }
        // The target's own id counts.
        let instance = self
            .instance
            .take()
            .filter(|_| !self.host.to_lowercase().starts_with("i-"));
        self.instance = instance.filter(|id| !id.is_empty());
        if self.instance.as_ref().is_some_and(|id| !is_instance(id)) {
            return wrong("Invalid instance_id".to_owned());
        }
        match self.host.is_empty() || self.instance.is_some() && !is_host(&self.host) {
            true => wrong("Invalid target".to_owned()),
            false => Ok(()),
        }
    }
}

/// What is left of `us-east-1b` after the region.
fn after_region(text: &str) -> Option<&str> {
    let (area, number) = text.rsplit_once('-')?;
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let rest = number.trim_start_matches(|one: char| one.is_ascii_digit());
    (area.split('-').all(is_word) && rest.len() < number.len()).then_some(rest)
}

fn is_region(text: &str) -> bool {
    text.is_empty() || after_region(text) == Some("")
}

fn is_zone(text: &str) -> bool {
    let letter = |rest: &str| rest.starts_with(|one: char| one.is_ascii_lowercase());
    // Local zones have more after it: us-west-2-lax-1a.
    text.is_empty() || after_region(text).is_some_and(letter) || text.matches('-').count() > 2
}

fn is_user(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
}

fn is_instance(text: &str) -> bool {
    let digits = text.strip_prefix("i-");
    digits.is_some_and(|digits| digits.starts_with(|one: char| one.is_ascii_hexdigit()))
}

/// A name of the DNS, or an address.
fn is_host(name: &str) -> bool {
    let plain = |one: char| one.is_ascii_alphanumeric() || "-.:".contains(one);
    name.chars().all(plain) && !name.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(program: Program, words: &str) -> Result<Asked, Misuse> {
        let words: Vec<_> = words.split_whitespace().map(OsString::from).collect();
        parse(program, &words)
    }

    fn session(program: Program, words: &str) -> CommandLine {
        match read(program, words) {
            Ok(Asked::Session(line)) => *line,
            other => panic!("{words}: {other:?}"),
        }
    }

    #[test]
    fn whose_option_it_is() {
        for (words, own, options, command) in [
            ("web", "", "", ""),
            (
                "-r eu-west-1 -u prod web ls -d",
                "eu-west-1 prod",
                "",
                "ls -d",
            ),
            ("-reu-west-1 --profile=prod web", "eu-west-1 prod", "", ""),
            ("--reg eu-west-1 web", "eu-west-1", "", ""),
            ("web -r eu-west-1 -p 22 ls", "eu-west-1", "-p 22", "ls"),
            ("-z eu-west-1a web", "", "", ""),
            ("-v web ls", "", "-v", "ls"),
            ("-vp 22 -p22 -4 web", "", "-vp 22 -p22 -4", ""),
            ("-i key -L 1:a:2 web", "", "-i key -L 1:a:2", ""),
            ("-o RequestTTY=yes web", "", "-o RequestTTY=yes", ""),
            ("-tt web top", "", "-tt", "top"),
            ("-vt web top", "", "-vt", "top"),
            ("-dv web", "debug", "-v", ""),
            ("-t i-0123 -d web", "i-0123 debug", "", ""),
            ("-- web -p 1", "", "", "-p 1"),
            ("web -- -p 1", "", "", "-p 1"),
            ("-- web -- -p", "", "", "-- -p"),
            ("--other web", "", "--other", ""),
        ] {
            let line = session(Program::Mssh, words);
            let debug = line.debug.then(|| "debug".to_owned());
            let found = [line.region, line.profile, line.instance, debug];
            let found: Vec<_> = found.into_iter().flatten().collect();
            assert_eq!(found.join(" "), own, "{words}");
            assert_eq!(line.options.join(OsStr::new(" ")), options, "{words}");
            assert_eq!(line.command.join(OsStr::new(" ")), command, "{words}");
            assert_eq!(line.host, "web", "{words}");
        }
    }

    #[test]
    fn targets() {
        for (program, words, expected) in [
            (Program::Mssh, "me@web", (Some("me"), "web", None)),
            (Program::Mssh, "@web", (None, "web", None)),
            (Program::Mssh, "2001:db8::7", (None, "2001:db8::7", None)),
            (
                Program::Msftp,
                "me@web:dir/",
                (Some("me"), "web", Some("dir/")),
            ),
            (
                Program::Msftp,
                "-b batch -P 22 -R 9 web:",
                (None, "web", None),
            ),
        ] {
            let line = session(program, words);
            let found = (
                line.user.as_deref(),
                line.host.as_str(),
                line.path.as_deref(),
            );
            assert_eq!(found, expected, "{words}");
        }
        let line = session(Program::Mssh, "-t i-0fff i-0123");
        assert_eq!((line.instance, line.host.as_str()), (None, "i-0123"));
    }

    #[test]
    fn what_makes_no_sense() {
        let line = |text: &str| Misuse::Line(text.to_owned());
        let option = |text: &str| Misuse::Option(text.to_owned());
        for (words, expected) in [
            ("", line("Missing target")),
            ("-p 22", line("Missing target")),
            ("--", line("Missing target")),
            ("-r nowhere web", line("nowhere is not a valid region")),
            ("-z eu-west-1 web", line("eu-west-1 is not a valid zone")),
            ("1x@web", line("1x is not a valid UNIX username")),
            ("a@b@web", line("Invalid target")),
            ("-t x web", line("Invalid instance_id")),
            ("-t i-0123 bad_host", line("Invalid target")),
            ("-r", option("argument -r/--region: expected one argument")),
            (
                "-r -v web",
                option("argument -r/--region: expected one argument"),
            ),
            (
                "--debug=x web",
                option("argument -d/--debug: ignored explicit argument 'x'"),
            ),
        ] {
            assert_eq!(read(Program::Mssh, words), Err(expected), "{words}");
        }
        assert_eq!(read(Program::Msftp, "-h"), Ok(Asked::Help));
        assert_eq!(read(Program::Mssh, "--he -r"), Ok(Asked::Help));
    }
}
