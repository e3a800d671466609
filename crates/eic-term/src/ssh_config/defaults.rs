//! What holds where nothing is said.

use super::command_line::CommandLine;
use super::keyword::{KEYWORDS, Key, Keyword};
use super::kind::{Arguments, Kind};
use super::log::{Fatal, Log};
use super::settings::Settings;
use super::system::System;
use super::value::Value;

/// Fills in all that is not set, clears what is set to `none` and works lists of algorithms out.
pub(super) fn fill(
    settings: &mut Settings,
    line: &CommandLine,
    system: &dyn System,
    log: &mut Log,
) -> Result<(), Fatal> {
    depending(settings, line);
    if !settings.has(Key::User) {
        settings.put(Key::User, Value::Text(system.local().user.clone()));
    }
    for row in KEYWORDS {
        if let (false, Some(value)) = (settings.has(row.key), of(row, system)) {
            settings.put(row.key, value);
        }
        if let Kind::Algorithms(family) = row.kind {
            let list = settings.text(row.key).map(str::to_owned);
            let names = list.map_or(Some(family.defaults()), |list| family.assemble(&list));
            let wrong = || {
                log.fatal(format!(
                    "fill_default_options: {}: invalid argument",
                    row.name
                ))
            };
            let names = names.ok_or_else(wrong)?;
            settings.put(row.key, Value::Text(names.join(",")));
        }
        if row.kind.clears_on_none() && says_none(settings, row.key) {
            settings.remove(row.key);
        }
    }
    if settings
        .get(Key::ProxyJump)
        .is_some_and(|value| value.hops().is_empty())
    {
        settings.remove(Key::ProxyJump);
    }
    Ok(())
}

/// What a setting is where nothing is said of it.
pub(super) fn of(row: &Keyword, system: &dyn System) -> Option<Value> {
    let arguments = Arguments::new(row.name, row.default?, system);
    let value = arguments.and_then(|arguments| default(row.kind, arguments));
    // What the table says can be read: a test reads it.
    Some(value.ok().flatten().unwrap_or(Value::Word("none")))
}

/// Files stand in one line here, in a line each elsewhere.
fn default(kind: Kind, mut arguments: Arguments<'_>) -> super::kind::Parsed {
    match kind {
        Kind::Files(_) => Ok(Some(Value::List(arguments.all()))),
        kind => kind.parse(&mut arguments),
    }
}

fn says_none(settings: &Settings, key: Key) -> bool {
    let text = settings.text(key);
    text.is_some_and(|text| text.eq_ignore_ascii_case("none"))
}

/// Defaults that other settings decide.
fn depending(settings: &mut Settings, line: &CommandLine) {
    for key in [Key::ExitOnForwardFailure, Key::ClearAllForwardings] {
        if line.stdio_forward.is_some() && !settings.has(key) {
            settings.put_word(key, "yes");
        }
    }
    if settings.is(Key::ClearAllForwardings, "yes") {
        for key in [Key::LocalForward, Key::RemoteForward, Key::DynamicForward] {
            settings.remove(key);
        }
        settings.put_word(Key::Tunnel, "false");
    }
    // Debian's own: who waits unattended wants to know of a dead host some time.
    if settings.is(Key::BatchMode, "yes") && !settings.has(Key::ServerAliveInterval) {
        settings.put(Key::ServerAliveInterval, Value::Number(300));
    }
    let dns = settings.text(Key::VerifyHostKeyDns);
    let files = settings.list(Key::UserKnownHostsFile);
    let usual = files.iter().all(|file| file == "~/.ssh/known_hosts") && files.len() <= 1;
    let usual = usual && (!files.is_empty() || !settings.has(Key::UserKnownHostsFile));
    if !settings.has(Key::UpdateHostKeys) && usual && matches!(dns, None | Some("false")) {
        settings.put_word(Key::UpdateHostKeys, "true");
    }
}
