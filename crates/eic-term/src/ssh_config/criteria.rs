//! What a `Match` line asks for.

use super::keyword::Key;
use super::kind::Arguments;
use super::log::{Fatal, Fault};
use super::network::Network;
use super::reader::{Reader, names_some};
use crate::pattern::{matches_hosts, matches_list};

/// Criteria that are asked together with what to compare with.
const WITH_ARGUMENT: &[&str] = &[
    "host",
    "originalhost",
    "user",
    "localuser",
    "localnetwork",
    "version",
    "tagged",
    "command",
    "sessiontype",
    "exec",
];

/// What one criterion found.
enum Found {
    Is(bool),
    /// The line makes no sense; what it says is said without the line's place.
    Wrong(String),
}

/// Whether all criteria of a line hold.
///
/// # Errors
/// Outside where reading ends, inside where the line makes no sense.
pub(super) fn evaluate(
    reader: &mut Reader<'_>,
    arguments: &mut Arguments<'_>,
    place: &str,
) -> Result<Result<bool, Fault>, Fatal> {
    let bad = |what: String| Ok(Err(Fault::error("Bad Match condition").after(what)));
    let (mut result, mut asked) = (true, 0);
    while let Some(word) = arguments.next() {
        let (negated, criterion) = match word.strip_prefix('!') {
            Some(criterion) => (true, criterion),
            None => (false, word.as_str()),
        };
        if criterion.eq_ignore_ascii_case("all") {
            return match asked > 1 || arguments.left() > 0 {
                true => bad(format!(
                    "{place}: '{word}' cannot be combined with other Match attributes"
                )),
                false => Ok(Ok(result && !negated)),
            };
        }
        asked += 1;
        match one(reader, criterion, arguments, result, place)? {
            Found::Is(found) => result &= found != negated,
            Found::Wrong(what) => return bad(what),
        }
    }
    match asked {
        0 => bad("One or more attributes required for Match".to_owned()),
        _ => Ok(Ok(result)),
    }
}

/// Commands run only where all before it held.
fn one(
    reader: &mut Reader<'_>,
    criterion: &str,
    arguments: &mut Arguments<'_>,
    still_holds: bool,
    place: &str,
) -> Result<Found, Fatal> {
    match criterion.to_ascii_lowercase().as_str() {
        "canonical" => return Ok(Found::Is(reader.scope.is_final)),
        "final" => {
            reader.wants_final = true;
            return Ok(Found::Is(reader.scope.is_final));
        }
        _ => {}
    }
    let takes_argument = |name: &str| {
        let mut names = WITH_ARGUMENT.iter();
        names.any(|one| one.eq_ignore_ascii_case(name))
    };
    let (name, pattern) = match criterion.split_once('=') {
        Some((name, pattern)) if takes_argument(name) => (name, Some(pattern.to_owned())),
        _ => (criterion, arguments.next()),
    };
    let lower = name.to_ascii_lowercase();
    let may_be_empty = matches!(lower.as_str(), "tagged" | "command");
    let pattern = pattern.filter(|pattern| may_be_empty || !pattern.is_empty());
    let Some(pattern) = pattern else {
        return Ok(Found::Wrong(format!("Missing Match criteria for {name}")));
    };
    if !takes_argument(name) {
        return Ok(Found::Wrong(format!("Unsupported Match attribute {name}")));
    }
    compare(reader, &lower, &pattern, still_holds, place)
}

fn compare(
    reader: &mut Reader<'_>,
    criterion: &str,
    pattern: &str,
    still_holds: bool,
    place: &str,
) -> Result<Found, Fatal> {
    let local = reader.system.local();
    let found = match criterion {
        "host" => {
            let host = reader.host_name();
            let host = host.map_err(|messages| reader.log.all_fatal(messages))?;
            by_host(reader, pattern, &host)
        }
        "originalhost" => {
            let host = reader.scope.original_host.clone();
            by_host(reader, pattern, &host)
        }
        "user" => {
            let user = reader.settings.text(Key::User);
            matches_list(pattern, user.unwrap_or(&local.user))
        }
        "localuser" => matches_list(pattern, &local.user),
        "version" => matches_list(pattern, super::VERSION),
        "tagged" => {
            let tag = reader.settings.text(Key::Tag);
            same_or_matches(pattern, tag.unwrap_or_default())
        }
        "command" => same_or_matches(pattern, &reader.scope.command),
        "sessiontype" => matches_list(pattern, session_type(reader)),
        "exec" => run(reader, pattern, still_holds, place)?,
        _ => match Network::list(pattern) {
            Ok(networks) => reader.system.addresses().iter().any(|address| {
                let mut networks = networks.iter();
                networks.any(|network| network.contains(*address))
            }),
            Err(what) => return Ok(Found::Wrong(what)),
        },
    };
    Ok(Found::Is(found))
}

/// Whether patterns match the host; one that names it makes the section the host's own.
fn by_host(reader: &mut Reader<'_>, patterns: &str, host: &str) -> bool {
    let found = matches_hosts(patterns, host);
    reader.names_host |= found && names_some(patterns);
    found
}

/// Nothing matches nothing alone.
fn same_or_matches(pattern: &str, text: &str) -> bool {
    match text {
        "" => pattern.is_empty(),
        text => matches_list(pattern, text),
    }
}

fn session_type(reader: &Reader<'_>) -> &'static str {
    match reader.settings.text(Key::SessionType) {
        Some("subsystem") => "subsystem",
        Some("none") => "none",
        _ if reader.scope.command.is_empty() => "shell",
        _ => "exec",
    }
}

/// Whether a command ends well.
fn run(
    reader: &mut Reader<'_>,
    command: &str,
    still_holds: bool,
    place: &str,
) -> Result<bool, Fatal> {
    let command = reader.tokens().expand(command);
    let command = command.map_err(|messages| reader.log.all_fatal(messages))?;
    if !still_holds {
        return Ok(false);
    }
    match reader.system.run(&command) {
        Ok(Some(status)) => Ok(status == 0),
        Ok(None) => {
            reader
                .log
                .say(format!("command '{command}' exited abnormally"));
            Err(reader
                .log
                .fatal(format!("{place}: match exec '{command}' error")))
        }
        Err(error) => {
            let why = super::reader::reason(&error);
            Err(reader
                .log
                .fatal(format!("{place}: match exec '{command}': {why}")))
        }
    }
}
