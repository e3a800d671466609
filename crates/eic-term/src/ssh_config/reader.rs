//! Reading configuration files, line by line.

use std::io;

use super::criteria;
use super::expand::{Named, Tokens, expand_home};
use super::keyword::{Key, Meaning, meaning};
use super::kind::Arguments;
use super::lexer::Line;
use super::log::{Fatal, Fault, Log};
use super::settings::Settings;
use super::system::System;
use crate::pattern;

/// How deep files may include others.
const DEEPEST: usize = 16;

/// What is known of the connection when files are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// The host's name: as typed, in a second pass the one that it stands for.
    pub(super) host: String,
    /// The host's name as typed.
    pub(super) original_host: String,
    /// The command to run there.
    pub(super) command: String,
    /// Whether the files are read for the second time.
    pub(super) is_final: bool,
}

/// Reads files into settings.
pub(super) struct Reader<'a> {
    pub(super) system: &'a dyn System,
    pub(super) log: &'a mut Log,
    pub(super) settings: &'a mut Settings,
    pub(super) scope: Scope,
    /// Whether a line asked for a second pass.
    pub(super) wants_final: bool,
    /// Whether the section that is being read names the host, rather than all hosts.
    pub(super) names_host: bool,
    /// Whether such a section names a key to log in with.
    pub(super) has_own_identity: bool,
}

/// Where a line stands, and what that means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    path: &'a str,
    /// Whether it is the user's own file.
    is_users: bool,
    /// Whether others must not be able to write it.
    is_checked: bool,
    /// Whether it is only checked for errors, as what includes it does not apply.
    is_idle: bool,
    depth: usize,
}

impl<'a> Source<'a> {
    pub(super) fn user(path: &'a str, is_checked: bool) -> Self {
        Self {
            path,
            is_users: true,
            is_checked,
            is_idle: false,
            depth: 0,
        }
    }

    pub(super) fn system(path: &'a str) -> Self {
        Self {
            is_users: false,
            ..Self::user(path, false)
        }
    }
}

/// How reading a line ended.
type Read = Result<(), Fault>;

impl Reader<'_> {
    /// Reads a file.
    ///
    /// # Errors
    /// `Ok` holds why a file cannot be read; the error is what is in it.
    pub(super) fn file(&mut self, source: Source<'_>) -> Result<io::Result<()>, Fatal> {
        if source.depth > DEEPEST {
            return Err(self.log.fatal("Too many recursive configuration includes"));
        }
        let text = match self.system.read(source.path) {
            Ok(text) => text,
            // To OpenSSH a folder is an empty file.
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => String::new(),
            Err(error) => return Ok(Err(error)),
        };
        let path = source.path;
        if source.is_checked && !self.system.is_trusted(path) {
            let what = format!("Bad owner or permissions on {path}");
            return Err(self.log.fatal(what));
        }
        tracing::debug!("reading configuration data {path}");
        match self.lines(&text, source)? {
            0 => Ok(Ok(())),
            bad => Err(self.log.fatal(format!(
                "{path}: terminating, {bad} bad configuration options"
            ))),
        }
    }

    /// How many lines are bad.
    fn lines(&mut self, text: &str, source: Source<'_>) -> Result<usize, Fatal> {
        let (mut active, mut bad) = (true, 0);
        // What is included belongs to the section that includes it, and ends none.
        let names_host = self.names_host;
        for (number, text) in text.split('\n').enumerate() {
            let place = format!("{} line {}", source.path, number + 1);
            // As a C string ends there.
            let text = text.split('\0').next().unwrap_or_default();
            let Some(line) = Line::parse(text) else {
                continue;
            };
            let good = self.line(&line, &place, Some(source), &mut active)?;
            bad += usize::from(!good);
        }
        self.names_host = names_host;
        Ok(bad)
    }

    /// Reads what an option on the command line says, as if it stood in a file.
    ///
    /// # Errors
    /// Where it says nothing that can be used.
    pub(super) fn option(&mut self, text: &str) -> Result<(), Fatal> {
        let Some(line) = Line::parse(text) else {
            return Ok(());
        };
        match self.line(&line, "command-line line 0", None, &mut true)? {
            true => Ok(()),
            false => Err(Fatal),
        }
    }

    /// Whether a line is good.
    fn line(
        &mut self,
        line: &Line<'_>,
        place: &str,
        source: Option<Source<'_>>,
        active: &mut bool,
    ) -> Result<bool, Fatal> {
        let read = self.read_line(line, place, source, active)?;
        match read {
            Ok(()) => Ok(true),
            Err(fault) => self.log.fault(place, fault).map(|()| false),
        }
    }

    fn read_line(
        &mut self,
        line: &Line<'_>,
        place: &str,
        source: Option<Source<'_>>,
        active: &mut bool,
    ) -> Result<Read, Fatal> {
        let keyword = line.keyword.as_str();
        if line.rest.is_empty() {
            let what = format!("no argument after keyword \"{keyword}\"");
            return Ok(Err(Fault::error(what)));
        }
        let meaning = meaning(keyword).or_else(|| self.ignored(keyword));
        if meaning.is_none() {
            // The one message with a colon after the file.
            let place = place.replacen(" line ", ": line ", 1);
            self.log
                .say(format!("{place}: Bad configuration option: {keyword}"));
        }
        let mut arguments = match Arguments::new(keyword, line.rest, self.system) {
            Ok(arguments) => arguments,
            Err(fault) => return Ok(Err(fault)),
        };
        arguments.is_typed = source.is_none();
        let Some(meaning) = meaning else {
            return Ok(Err(Fault::said()));
        };
        let read = self.apply(meaning, &mut arguments, place, source, active)?;
        Ok(read.and_then(|()| arguments.end()))
    }

    /// What `IgnoreUnknown` names is passed over.
    fn ignored(&self, keyword: &str) -> Option<Meaning> {
        let list = self.settings.text(Key::IgnoreUnknown)?;
        let list = list.to_ascii_lowercase();
        pattern::matches_list(&list, keyword).then_some(Meaning::Ignored)
    }

    fn apply(
        &mut self,
        meaning: Meaning,
        arguments: &mut Arguments<'_>,
        place: &str,
        source: Option<Source<'_>>,
        active: &mut bool,
    ) -> Result<Read, Fatal> {
        match (meaning, source) {
            (Meaning::Setting(key), _) => return Ok(self.set(key, arguments, *active)),
            (Meaning::Refuse, _) => return Ok(refuse(arguments, *active)),
            (Meaning::Ignored, _) => drop(arguments.all()),
            (Meaning::Unsupported, _) => {
                let keyword = arguments.keyword;
                arguments.all();
                self.log
                    .say(format!("{place}: Unsupported option \"{keyword}\""));
            }
            (Meaning::Include, None) => return Ok(Err(not_as_option("Include"))),
            (Meaning::Host | Meaning::Match, None) => return Ok(Err(not_as_option("Host"))),
            (Meaning::Host, Some(source)) => {
                return Ok(self.host(arguments, source).map(|found| *active = found));
            }
            (Meaning::Match, Some(source)) => {
                self.names_host = false;
                let found = criteria::evaluate(self, arguments, place)?;
                return Ok(found.map(|found| *active = found && !source.is_idle));
            }
            (Meaning::Include, Some(source)) => {
                return self.include(arguments, source, place, *active);
            }
        }
        Ok(Ok(()))
    }

    fn set(&mut self, key: Key, arguments: &mut Arguments<'_>, active: bool) -> Read {
        let Some(row) = key.row() else { return Ok(()) };
        let value = row.kind.parse(arguments)?;
        let most = row.kind.gathers().unwrap_or(usize::MAX);
        if active && self.settings.list(key).len() >= most {
            return Err(Fault::error(format!(
                "Too many {} files specified (max {most}).",
                match key {
                    Key::CertificateFile => "certificate",
                    _ => "identity",
                }
            )));
        }
        if let (true, Some(value)) = (active, value) {
            self.has_own_identity |= self.names_host && key == Key::IdentityFile;
            self.settings.say(key, value);
        }
        Ok(())
    }

    /// Whether one of the patterns matches, and none of those after `!`.
    fn host(&mut self, arguments: &mut Arguments<'_>, source: Source<'_>) -> Result<bool, Fault> {
        let (keyword, mut found) = (arguments.keyword, false);
        self.names_host = false;
        for word in arguments.all() {
            if word.is_empty() {
                return Err(Fault::error(format!("keyword {keyword} empty argument")));
            }
            let excluded = word.strip_prefix('!');
            let matches = pattern::matches(excluded.unwrap_or(&word), &self.scope.host);
            match (excluded, matches) {
                (Some(_), true) => return Ok(false),
                (None, true) => {
                    found = true;
                    self.names_host |= names_some(&word);
                }
                (_, false) => {}
            }
        }
        Ok(found && !source.is_idle)
    }

    fn include(
        &mut self,
        arguments: &mut Arguments<'_>,
        source: Source<'_>,
        place: &str,
        active: bool,
    ) -> Result<Read, Fatal> {
        let keyword = arguments.keyword;
        for word in arguments.all() {
            if word.is_empty() {
                return Ok(Err(Fault::error(format!(
                    "keyword {keyword} empty argument"
                ))));
            }
            let pattern = match self.include_path(&word, source, place) {
                Ok(Some(pattern)) => pattern,
                Ok(None) => continue,
                Err(fault) => return Ok(Err(fault)),
            };
            for path in self.system.glob(&pattern) {
                let included = Source {
                    path: &path,
                    is_checked: true,
                    is_idle: source.is_idle || !active,
                    depth: source.depth + 1,
                    ..source
                };
                if let Err(fault) = self.included(included)? {
                    return Ok(Err(fault));
                }
            }
        }
        Ok(Ok(()))
    }

    fn included(&mut self, source: Source<'_>) -> Result<Read, Fatal> {
        Ok(match self.file(source)? {
            Ok(()) => Ok(()),
            // Gone since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Fault::said().after(cannot_open(source.path, &error))),
        })
    }

    /// Relative paths are the user's `~/.ssh`'s or the system's folder's; `None` where what the path names is unknown,
    /// which is said.
    fn include_path(
        &mut self,
        word: &str,
        source: Source<'_>,
        place: &str,
    ) -> Result<Option<String>, Fault> {
        let path = match self.tokens().expand_all(word, self.system) {
            Ok(path) => path,
            Err(messages) => {
                messages.into_iter().for_each(|text| self.log.say(text));
                let what = format!("{place}: Unable to expand user config file '{word}'");
                self.log.say(what);
                return Ok(None);
            }
        };
        if path.starts_with('~') && !source.is_users {
            return Err(Fault::error(format!("bad include path {path}.")));
        }
        let path = match path.starts_with(['/', '~']) || is_absolute_on_windows(&path) {
            true => path,
            false if source.is_users => format!("~/.ssh/{path}"),
            false => format!("{}/{path}", self.system.local().system_folder),
        };
        // Where there is no such user, there is no such file.
        Ok(expand_home(&path, self.system).ok())
    }

    /// What tokens stand for, as far as is known by now.
    pub(super) fn tokens(&self) -> Tokens {
        let host = self.host_name().unwrap_or_default();
        let port = self.settings.number(Key::Port);
        let user = self.settings.text(Key::User);
        let jump = self.settings.get(Key::ProxyJump);
        let jump = jump.and_then(|value| value.hops().last());
        let named = Named {
            host: &host,
            original_host: &self.scope.original_host,
            port: port.and_then(|port| port.try_into().ok()).unwrap_or(22),
            user: user.unwrap_or(&self.system.local().user),
            key_alias: self.settings.text(Key::HostKeyAlias).unwrap_or(&host),
            jump_host: jump.map_or("", |hop| &hop.host),
        };
        Tokens::new(&named, self.system)
    }

    /// The host's name by now.
    ///
    /// # Errors
    /// The messages, where it names a token that there is not.
    pub(super) fn host_name(&self) -> Result<String, Vec<String>> {
        match self.settings.text(Key::HostName) {
            Some(name) if self.scope.is_final => Ok(name.to_owned()),
            Some(name) => Tokens::of(&[('h', &self.scope.host)]).expand(name),
            None => Ok(self.scope.host.clone()),
        }
    }
}

/// That a file cannot be opened, as OpenSSH says it.
pub(super) fn cannot_open(path: &str, error: &io::Error) -> String {
    format!("Can't open user config file {path}: {}", reason(error))
}

/// strerror(3)'s words alone.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next();
    words.unwrap_or_default().to_owned()
}

/// Whether patterns mean some hosts rather than all.
pub(super) fn names_some(patterns: &str) -> bool {
    let mut wanted = patterns.split(',').filter(|one| !one.starts_with('!'));
    wanted.any(|pattern| pattern.contains(|one| !matches!(one, '*' | '?')))
}

fn refuse(arguments: &mut Arguments<'_>, active: bool) -> Read {
    let reason = arguments.required("Missing argument.")?;
    match active {
        true => Err(Fault::fatal(format!("RefuseConnection: {reason}"))),
        false => Ok(()),
    }
}

fn not_as_option(what: &str) -> Fault {
    Fault::said().after(format!(
        "{what} directive not supported as a command-line option"
    ))
}

fn is_absolute_on_windows(path: &str) -> bool {
    cfg!(windows) && std::path::Path::new(path).is_absolute()
}
