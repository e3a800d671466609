//! What a shell is told while somebody types: commands, options, and names that are known already. Nothing is asked of
//! the network.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};

use super::args::Cli;
use super::cache;
use super::report::Failure;
use super::ui::Ui;

/// The variable by which a shell asks, as its script sets it.
const VARIABLE: &str = "COMPLETE";

/// The words that are being typed, a line each, as PowerShell's script hands them over.
const WORDS: &str = "EIC_TERM_WORDS";

/// PowerShell's script. The one that clap has runs what was typed so far.
const POWER_SHELL: &str = include_str!("power_shell.ps1");

/// Answers a shell that asks; whether one did.
pub(crate) fn answer() -> bool {
    if env::var_os(VARIABLE).is_none() {
        return false;
    }
    let words = match words_by_variable() {
        Some(words) => ["eic-term", "--"]
            .into_iter()
            .map(OsString::from)
            .chain(words.into_iter().map(OsString::from))
            .collect(),
        None => env::args_os().collect::<Vec<_>>(),
    };
    let folder = env::current_dir().ok();
    let completion = CompleteEnv::with_factory(Cli::command);
    let answered = completion.try_complete(words, folder.as_deref());
    answered.unwrap_or_else(|error| error.exit())
}

fn words_by_variable() -> Option<Vec<String>> {
    let words = env::var(WORDS).ok()?;
    Some(words.split('\n').map(str::to_owned).collect())
}

/// Prints the script that makes a shell ask.
pub(crate) fn script(shell: &str, ui: &Ui) -> Result<ExitCode, Failure> {
    if shell == "powershell" {
        ui.result(POWER_SHELL.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let shells = Shells::builtins();
    let what = "cannot make the script";
    let Some(completer) = shells.completer(shell) else {
        return Err(Failure::caused(what, format!("no such shell: {shell}")));
    };
    let mut script = Vec::new();
    let name = "eic-term";
    completer
        .write_registration(VARIABLE, name, name, name, &mut script)
        .map_err(|source| Failure::new(what, source))?;
    ui.result(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the manual pages into a folder.
pub(crate) fn manual(folder: &Path, ui: &Ui) -> Result<ExitCode, Failure> {
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    let what = || format!("cannot write manual pages into {}", folder.display());
    written.map_err(|source| Failure::new(what(), source))?;
    ui.notice(&format!(
        "`man -l {}/eic-term.1` shows the first",
        folder.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The shells that can ask.
pub(crate) fn shells() -> Vec<&'static str> {
    vec!["bash", "zsh", "fish", "powershell", "elvish"]
}

/// The targets that begin like this: names, and ids where one is being typed.
pub(crate) fn targets(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else {
        return Vec::new();
    };
    let words = words_by_variable().unwrap_or_else(|| env::args().collect());
    let known = cache::names(option(&words, "--profile"), option(&words, "--region"));
    let names = known
        .iter()
        .map(|one| (one.name.as_deref().unwrap_or_default(), one.id.as_str()));
    let found = matching(current, names);
    found
        .into_iter()
        .map(|(word, help)| CompletionCandidate::new(word).help(Some(help.into())))
        .collect()
}

/// What begins like this, each once, with what it is. A user before it stays.
fn matching<'a>(
    current: &str,
    known: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<(String, String)> {
    let (user, start) = match current.rsplit_once('@') {
        Some((user, start)) => (format!("{user}@"), start),
        None => (String::new(), current),
    };
    let mut found = Vec::new();
    for (name, id) in known {
        if is_safe(name) && name.starts_with(start) {
            found.push((format!("{user}{name}"), id.to_owned()));
        }
        if start.starts_with("i-") && is_safe(id) && id.starts_with(start) {
            let name = if is_safe(name) { name } else { "" };
            found.push((format!("{user}{id}"), name.to_owned()));
        }
    }
    found.sort();
    found.dedup_by(|a, b| a.0 == b.0);
    found
}

/// Whether a shell takes it for one word and nothing else: tags are others' words.
fn is_safe(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
    !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain)
}

/// The value of an option on the line that is being typed.
fn option<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.strip_prefix(name) {
            Some("") => return words.next().map(String::as_str),
            Some(rest) if rest.starts_with('=') => return rest.get(1..),
            _ => {}
        }
    }
    None
}

/// Help where nothing at all was typed.
pub(crate) fn help() -> Result<ExitCode, Failure> {
    let help = Cli::command().render_long_help();
    // Nothing is left to do where standard error is gone.
    writeln!(std::io::stderr(), "{}", help.ansi()).ok();
    Ok(ExitCode::from(super::report::USAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_begin_like_this() {
        let known = [
            ("web-1", "i-00000001"),
            ("web-2", "i-00000002"),
            ("web-2", "i-00000003"),
            ("$(rm -rf)", "i-00000004"),
            ("", "i-00000005"),
        ];
        for (current, expected) in [
            ("web", "web-1 web-2"),
            ("ubuntu@web-1", "ubuntu@web-1"),
            (
                "i-0000000",
                "i-00000001 i-00000002 i-00000003 i-00000004 i-00000005",
            ),
            ("", "web-1 web-2"),
            ("db", ""),
        ] {
            let found = matching(current, known.into_iter());
            let words: Vec<_> = found.iter().map(|(word, _)| word.as_str()).collect();
            assert_eq!(words.join(" "), expected, "{current}");
        }
    }

    #[test]
    fn options_on_the_line() {
        let words = ["eic-term", "--profile", "a", "--region=b", "web"].map(str::to_owned);
        assert_eq!(option(&words, "--profile"), Some("a"));
        assert_eq!(option(&words, "--region"), Some("b"));
        assert_eq!(option(&words, "--other"), None);
    }
}
