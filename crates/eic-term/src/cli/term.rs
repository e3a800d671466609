//! What the host is told of the local terminal, and whether it knows one of that name.

use std::env;

use eic_term::{Command, Session};

use super::ui::Ui;

/// The type that all terminals of today are, or pretend to be.
const USUAL: &str = "xterm-256color";
/// The terminal's type where `TERM` does not say: a console of Windows knows xterm's sequences; elsewhere nothing is known
/// of it, or there is none.
const DEFAULT: &str = if cfg!(windows) { USUAL } else { "dumb" };
/// Types that every host knows (Debian's ncurses-base and what other systems install likewise).
const KNOWN: &[&str] = &[
    "ansi",
    "dumb",
    "linux",
    "rxvt",
    "screen",
    "screen-256color",
    "tmux",
    "tmux-256color",
    "vt100",
    "vt220",
    "xterm",
    "xterm-256color",
    "xterm-color",
];
/// What a shell says of a command that it does not have (POSIX, Shell Command Language 2.8.2).
const NOT_FOUND: u32 = 127;

/// The local terminal's type.
pub(crate) fn local() -> String {
    env::var("TERM")
        .ok()
        .filter(|term| !term.is_empty())
        .unwrap_or_else(|| DEFAULT.to_owned())
}

/// Offers what programs want to know of the terminal and the language, unless it is set otherwise; most servers take
/// `LANG` and `LC_*`.
pub(crate) fn offer_env(command: Command) -> Command {
    let wanted = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let set: Vec<_> = command
        .get_envs()
        .map(|(name, _)| name.to_owned())
        .collect();
    wanted
        .filter(|(name, _)| name == "COLORTERM" || name == "LANG" || name.starts_with("LC_"))
        .filter(|(name, _)| !set.contains(name))
        .fold(command, |command, (name, value)| command.env(name, value))
}

/// Says so where the host does not know a terminal of this type. Only unusual ones are worth the question.
pub(crate) async fn check(session: &Session, term: &str, ui: &Ui) {
    let plain = |key: char| key.is_ascii_alphanumeric() || "+-._".contains(key);
    if KNOWN.contains(&term) || !term.chars().all(plain) {
        return;
    }
    let asked = session.command(format!("infocmp {term}")).output().await;
    // A host that cannot answer may know it all the same.
    if asked.is_ok_and(|answer| !matches!(answer.status.code(), None | Some(0 | NOT_FOUND))) {
        ui.notice(&format!(
            "the host does not know the terminal `{term}`: if programs complain, `--term {USUAL}`"
        ));
    }
}
