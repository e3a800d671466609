//! What holds of every text.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::fake::Fake;
use super::keyword::KEYWORDS;
use super::kind::Kind;
use super::{Refused, Request, resolve};

/// No text of the lengths that are tried may take longer, on a slow machine and unoptimized.
const LONGEST: Duration = Duration::from_secs(5);

/// The lines of `-G` with this configuration.
fn print(config: &str, more: &[&str]) -> Result<Vec<String>, Refused> {
    let system = Fake::default()
        .with_file("/config", config)
        .with_file("/more", config);
    let words = ["-G", "-F", "/config"].iter().chain(more);
    let words: Vec<OsString> = words.map(OsString::from).collect();
    match resolve(&words, &system)?.request {
        Request::Print(lines) => Ok(lines),
        other => panic!("{other:?}"),
    }
}

/// A keyword, known or not, and what may stand after it.
fn line() -> impl Strategy<Value = String> {
    let names = KEYWORDS.iter().map(|row| row.name);
    let names: Vec<&str> = names.chain(["Host", "Match", "Include", "x"]).collect();
    let words = prop::collection::vec(word(), 0..4);
    (prop::sample::select(names), "[ =\t]{1,2}", words)
        .prop_map(|(name, blank, words)| format!("{name}{blank}{}", words.join(" ")))
}

fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "yes", "no", "none", "any", "all", "final", "host", "exec", "true", "*", "web", "!web",
        "1:2:3", "[::1]:22", "${HOME}", "%h", "%%", "~/x", "~you", "1h", "1G", "/more", "\"a b\"",
        "'", "^A", "+x", "-x", "a@b:1,c", "#",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "\\PC{0,8}"]
}

/// A setting that reads what it prints.
fn plain_setting() -> impl Strategy<Value = String> {
    let rows = KEYWORDS.iter().filter(|row| row.default.is_some());
    let setting = |row: &'static super::keyword::Keyword| match row.kind {
        Kind::Flag => vec![format!("{} yes", row.name), format!("{} no", row.name)],
        Kind::Choice(choices) => {
            let lines = choices
                .iter()
                .map(|(word, _)| format!("{} {word}", row.name));
            lines.collect()
        }
        Kind::Number | Kind::Seconds => vec![format!("{} 7", row.name)],
        _ => Vec::new(),
    };
    // Neither goes with `web` and no command.
    let unusable = ["forkafterauthentication", "canonicalizefallbacklocal"];
    let usable = |line: &String| !unusable.iter().any(|name| line.starts_with(name));
    let lines: Vec<String> = rows.flat_map(setting).filter(usable).collect();
    prop::sample::select(lines)
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(config in "\\PC{0,200}") {
        let _either = print(&config, &["web"]);
    }

    #[test]
    fn any_lines_are_read_or_refused(lines in prop::collection::vec(line(), 0..12)) {
        let start = Instant::now();
        let _either = print(&lines.join("\n"), &["me@web", "ls"]);
        prop_assert!(start.elapsed() < LONGEST);
    }

    #[test]
    fn any_command_line_is_read_or_refused(words in prop::collection::vec("\\PC{0,9}|-[a-zA-Z0-9]{1,3}", 0..8)) {
        let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        let start = Instant::now();
        let _either = resolve(&words, &Fake::default());
        prop_assert!(start.elapsed() < LONGEST);
    }

    #[test]
    fn what_is_printed_says_the_same(lines in prop::collection::vec(plain_setting(), 0..12)) {
        let first = print(&lines.join("\n"), &["web"]).unwrap();
        prop_assert_eq!(&print(&first.join("\n"), &["web"]).unwrap(), &first);
    }

    #[test]
    fn what_is_said_first_holds(first in plain_setting(), later in plain_setting()) {
        let same = first.split(' ').next() == later.split(' ').next();
        let both = print(&format!("{first}\n{later}"), &["web"]).unwrap();
        let alone = print(&first, &["web"]).unwrap();
        prop_assert!(!same || both == alone);
    }
}

#[test]
fn long_texts_take_no_longer_than_they_must() {
    let start = Instant::now();
    let pattern = "*a".repeat(20_000);
    let patterns = format!("Host {pattern}\nMatch host {pattern}\nIgnoreUnknown {pattern}\n");
    print(&patterns, &[&"a".repeat(200)]).unwrap();
    let many = "SendEnv A -A\nLocalForward 1 a:1\n".repeat(5_000);
    print(&many, &["web"]).unwrap();
    // Files that include themselves, and twice.
    let twice = print("Include /more /more\n", &["web"]);
    twice.unwrap_err();
    assert!(start.elapsed() < 2 * LONGEST, "{:?}", start.elapsed());
}
