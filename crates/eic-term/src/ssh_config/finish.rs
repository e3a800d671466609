//! The last steps: what does not go together, and what stands for something else.

use super::address::is_safe_user;
use super::command_line::CommandLine;
use super::expand::{Named, Tokens, expand_home};
use super::keyword::Key;
use super::log::{Fatal, Log};
use super::reader::reason;
use super::settings::Settings;
use super::system::System;
use super::value::Value;

/// Says no to settings that contradict each other, and mends some.
pub(super) fn check(
    settings: &mut Settings,
    line: &CommandLine,
    log: &mut Log,
) -> Result<(), Fatal> {
    jump(settings, log)?;
    if let Some(alias) = settings.text(Key::HostKeyAlias) {
        let alias = alias.to_ascii_lowercase();
        settings.put(Key::HostKeyAlias, Value::Text(alias));
    }
    let fdpass = settings.is(Key::ProxyUseFdpass, "yes");
    if settings.is(Key::ProxyCommand, "-") && fdpass {
        return Err(log.fatal("ProxyCommand=- and ProxyUseFDPass are incompatible"));
    }
    if settings.is(Key::UpdateHostKeys, "ask") && cannot_ask(settings, line) {
        settings.put_word(Key::UpdateHostKeys, "false");
    }
    if settings.number(Key::ConnectionAttempts) == Some(0) {
        return Err(log.fatal("Invalid number of ConnectionAttempts"));
    }
    let remote = settings.has(Key::RemoteCommand);
    if line.command.is_some() && remote {
        return Err(log.fatal("Cannot execute command-line and remote command."));
    }
    let nothing_to_do = line.command.is_none() && !remote && !settings.is(Key::SessionType, "none");
    if settings.is(Key::ForkAfterAuthentication, "yes") && nothing_to_do {
        return Err(log.fatal("Cannot fork into background without a command to execute."));
    }
    Ok(())
}

/// A host cannot be on the way to itself.
fn jump(settings: &mut Settings, log: &mut Log) -> Result<(), Fatal> {
    let hops = settings.get(Key::ProxyJump).map_or(&[][..], Value::hops);
    let Some(last) = hops.last() else {
        return Ok(());
    };
    let user = settings.text(Key::User);
    let same_user = last.user.is_none() || last.user.as_deref() == user;
    let same_port = settings.number(Key::Port) == Some(i64::from(last.port.unwrap_or(22)));
    if settings.is(Key::HostName, &last.host) && same_port && same_user {
        return Err(log.fatal(format!("jumphost loop via {}", last.host)));
    }
    settings.put_word(Key::ProxyUseFdpass, "no");
    Ok(())
}

/// Whether nobody would see the question.
fn cannot_ask(settings: &Settings, line: &CommandLine) -> bool {
    let shared = !settings.is(Key::ControlPersist, "no") && settings.has(Key::ControlPath);
    let command = line.command.is_some() || settings.has(Key::RemoteCommand);
    let level = settings.text(Key::LogLevel);
    let quiet = matches!(level, Some("SILENT" | "FATAL" | "ERROR"));
    shared || command || quiet || settings.is(Key::RequestTty, "false")
}

/// How a setting's tokens are replaced.
#[derive(Clone, Copy, PartialEq)]
enum Expansion {
    /// Tokens alone.
    Tokens,
    /// `~`, tokens and variables.
    Path,
    /// Tokens and variables.
    Text,
}

/// What is replaced before `ssh -G` prints it; the rest is when it is used.
const EXPANDED: &[(Key, Expansion)] = &[
    (Key::RemoteCommand, Expansion::Tokens),
    (Key::ControlPath, Expansion::Path),
    (Key::IdentityAgent, Expansion::Path),
    (Key::ForwardAgent, Expansion::Path),
    (Key::VersionAddendum, Expansion::Text),
    (Key::UserKnownHostsFile, Expansion::Path),
    (Key::LocalForward, Expansion::Tokens),
    (Key::RemoteForward, Expansion::Tokens),
    (Key::DynamicForward, Expansion::Tokens),
];

/// Replaces tokens, variables and `~`.
pub(super) fn expand(
    settings: &mut Settings,
    line: &CommandLine,
    system: &dyn System,
    log: &mut Log,
) -> Result<Tokens, Fatal> {
    expand_user(settings, line, system, log)?;
    let tokens = tokens(settings, line, system);
    for (key, expansion) in EXPANDED {
        let Some(value) = settings.get_mut(*key) else {
            continue;
        };
        for text in value.texts() {
            let expanded = match expansion {
                Expansion::Tokens => tokens.expand(text),
                Expansion::Text => tokens.expand_all(text, system),
                Expansion::Path => path(&tokens, text, system),
            };
            *text = expanded.map_err(|messages| log.all_fatal(messages))?;
        }
        if *key == Key::ForwardAgent {
            find_agent(settings, system, log)?;
        }
    }
    Ok(tokens)
}

/// A path's `~`, tokens and variables.
///
/// # Errors
/// The messages, where something is unknown.
pub(super) fn path(
    tokens: &Tokens,
    text: &str,
    system: &dyn System,
) -> Result<String, Vec<String>> {
    let path = expand_home(text, system).map_err(|message| vec![message])?;
    tokens.expand_all(&path, system)
}

/// A user's name that a file or `-o` says may hold tokens, of which `%C` and `%r` would be about itself.
fn expand_user(
    settings: &mut Settings,
    line: &CommandLine,
    system: &dyn System,
    log: &mut Log,
) -> Result<(), Fatal> {
    let without_user = tokens(settings, line, system).only("Ldhijklnpu");
    let is_template = |user: &&str| !line.user_is_literal && user.contains(['%', '$']);
    if let Some(user) = settings.text(Key::User).filter(is_template) {
        let user = without_user.expand_all(user, system);
        let user = user.map_err(|messages| log.all_fatal(messages))?;
        if !is_safe_user(&user) {
            let what = "remote username contains invalid characters";
            return Err(log.fatal(what));
        }
        settings.put(Key::User, Value::Text(user));
    }
    Ok(())
}

fn tokens(settings: &Settings, line: &CommandLine, system: &dyn System) -> Tokens {
    let hops = settings.get(Key::ProxyJump).map_or(&[][..], Value::hops);
    let port = settings.number(Key::Port);
    let named = Named {
        host: settings.text(Key::HostName).unwrap_or_default(),
        original_host: &line.host,
        port: port.and_then(|port| port.try_into().ok()).unwrap_or(22),
        user: settings.text(Key::User).unwrap_or_default(),
        key_alias: settings.text(Key::HostKeyAlias).unwrap_or(&line.host),
        jump_host: hops.last().map_or("", |hop| &hop.host),
    };
    Tokens::new(&named, system)
}

/// An agent's socket that is not there is said to be so.
fn find_agent(settings: &Settings, system: &dyn System, log: &mut Log) -> Result<(), Fatal> {
    let Some(Value::Path(path)) = settings.get(Key::ForwardAgent) else {
        return Ok(());
    };
    let Err(error) = system.find(path) else {
        return Ok(());
    };
    log.say(format!(
        "Cannot forward agent socket path \"{path}\": {}",
        reason(&error)
    ));
    match settings.is(Key::ExitOnForwardFailure, "yes") {
        true => Err(Fatal),
        false => Ok(()),
    }
}
