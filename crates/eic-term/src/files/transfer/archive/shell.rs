//! What a POSIX shell is told: paths, patterns, scripts.

use tokio::io::AsyncReadExt;

use super::{home, lost};
use crate::command::Command;
use crate::files::glob::is_pattern;
use crate::files::transfer::error::TransferError;
use crate::files::transfer::resume::quoted;
use crate::session::Session;

/// How much of a list of paths is read, in bytes.
const MOST_LIST: u64 = 64 << 20;

/// A script for sh(1), whatever the user's own shell is.
pub(super) fn script(session: &Session, script: &[u8]) -> Command {
    session.command([b"exec sh -c ", &*quoted(script)].concat())
}

/// The paths that a pattern stands for on the host; one that is a file's own name stands for that.
pub(super) async fn expand(
    session: &Session,
    pattern: &[u8],
) -> Result<Vec<Vec<u8>>, TransferError> {
    let pattern = home(pattern);
    if !is_pattern(pattern) {
        return Ok(vec![pattern.to_vec()]);
    }
    let mut child = script(session, &listing(pattern))
        .spawn()
        .await
        .map_err(lost)?;
    drop((child.stdin.take(), child.stderr.take()));
    let mut list = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MOST_LIST).read_to_end(&mut list).await?;
    }
    if list.len() as u64 == MOST_LIST {
        return Err(TransferError::TooMuch(
            "a pattern that stands for too many paths",
        ));
    }
    child.wait().await.map_err(lost)?;
    // What follows the last NUL is no path.
    let mut paths: Vec<_> = list.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    paths.pop();
    Ok(paths)
}

/// Prints each path and a NUL. A pattern that stands for nothing stands for itself in a shell.
fn listing(pattern: &[u8]) -> Vec<u8> {
    let is_there = |path: &[u8]| [b"[ -e ", path, b" ] || [ -h ", path, b" ]"].concat();
    let literal = quoted(pattern);
    [
        b"if ",
        &*is_there(&literal),
        b"; then printf '%s\\0' ",
        &literal,
        b"; else for path in ",
        &word(pattern),
        b"; do if ",
        &is_there(b"\"$path\""),
        b"; then printf '%s\\0' \"$path\"; fi; done; fi",
    ]
    .concat()
}

/// A pattern as a word of a shell, in which nothing but wildcards has a meaning.
fn word(pattern: &[u8]) -> Vec<u8> {
    let mut word = Vec::new();
    let mut rest = pattern;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'*' | b'?' => word.push(*byte),
            b'[' => match class(after) {
                Some((class, after)) => {
                    word.extend(class);
                    rest = after;
                }
                None => word.extend(b"'['"),
            },
            b'\\' => match after.split_first() {
                Some((escaped, after)) => {
                    word.extend(quoted(&[*escaped]));
                    rest = after;
                }
                None => word.extend(b"'\\'"),
            },
            byte => word.extend(quoted(&[*byte])),
        }
    }
    word
}

/// A class after its `[`, and what follows; `None` where it has no end.
fn class(pattern: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut word, mut rest) = match pattern {
        [b'!' | b'^', rest @ ..] => (b"[!".to_vec(), rest),
        rest => (b"[".to_vec(), rest),
    };
    let mut first = true;
    loop {
        let (byte, after) = match rest {
            [b']', after @ ..] if !first => {
                word.push(b']');
                return Some((word, after));
            }
            [b'\\', escaped, after @ ..] => (escaped, after),
            [b'-', after @ ..] if !first => {
                word.push(b'-');
                rest = after;
                continue;
            }
            [byte, after @ ..] => (byte, after),
            [] => return None,
        };
        word.extend(quoted(&[*byte]));
        rest = after;
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_wildcards_has_a_meaning() {
        for (pattern, expected) in [
            ("a*", "'a'*"),
            ("$?", "'$'?"),
            ("'", r"''\'''"),
            ("[a-c]", "['a'-'c']"),
            ("[^$]", "[!'$']"),
            ("[]]", "[']']"),
            ("[a", "'[''a'"),
            (r"\*", "'*'"),
            (r"\", r"'\'"),
        ] {
            let word = word(pattern.as_bytes());
            assert_eq!(String::from_utf8(word).unwrap(), expected, "{pattern}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_finds_what_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "a.log",
            "b.log",
            "it's $HOME.log",
            "[x].log",
            "line\nbreak",
            ".hidden.log",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        for (pattern, expected) in [
            ("?.log", "a.log\0b.log\0"),
            ("[!a].log", "b.log\0"),
            ("[x].log", "[x].log\0"),
            ("it's $*.log", "it's $HOME.log\0"),
            ("l*", "line\nbreak\0"),
            (".h*", ".hidden.log\0"),
            ("*;echo", ""),
            ("$(echo a.log)*", ""),
        ] {
            let mut sh = std::process::Command::new("sh");
            let script = String::from_utf8(listing(pattern.as_bytes())).unwrap();
            let sh = sh.arg("-c").arg(script).current_dir(folder.path());
            let found = String::from_utf8(sh.output().unwrap().stdout).unwrap();
            assert_eq!(found, expected, "{pattern}");
        }
    }
}
