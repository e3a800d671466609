//! A local script, run on a host that has no copy of it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;

use crate::cli::report::Failure;

/// The largest script that is sent, in bytes.
const LARGEST: u64 = 16 << 20;

/// Reads a script; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Bytes, Failure> {
    let mut script = Vec::new();
    let read = match path == Path::new("-") {
        true => io::stdin().take(LARGEST + 1).read_to_end(&mut script),
        false => File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut script)),
    };
    let what = || format!("cannot read the script {}", path.display());
    read.map_err(|source| Failure::new(what(), source))?;
    if script.len() as u64 > LARGEST {
        let limit = format!("it is larger than {} MiB", LARGEST >> 20);
        return Err(Failure::caused(what(), limit));
    }
    Ok(script.into())
}

/// The command that takes a script from its standard input and runs it with these arguments, by the program that its
/// first line names, else by `sh`. `more` says that the script's own input follows it.
pub(crate) fn command(script: &[u8], arguments: &[OsString], more: bool) -> Vec<u8> {
    // Byte by byte, where nothing that follows may be read.
    let receive = match more {
        true => format!("dd bs=1 count={} of=\"$f\" 2>/dev/null", script.len()),
        false => "cat >\"$f\"".to_owned(),
    };
    let wrapper = format!(
        "umask 077; f=$(mktemp \"${{TMPDIR:-/tmp}}/eic-term.XXXXXXXXXX\") || exit 126; \
         trap \"rm -f \\\"$f\\\"\" EXIT; trap \"exit 129\" HUP; trap \"exit 130\" INT; \
         trap \"exit 143\" TERM; {receive} || exit 126; "
    );
    let mut command = b"exec sh -c ".to_vec();
    let mut inner = wrapper.into_bytes();
    for word in interpreter(script) {
        inner.extend(quoted(&word));
        inner.push(b' ');
    }
    inner.extend(b"\"$f\" \"$@\"; exit $?");
    command.extend(quoted(&inner));
    command.extend(b" eic-term");
    for argument in arguments {
        command.push(b' ');
        command.extend(quoted(argument.as_encoded_bytes()));
    }
    command
}

/// The words of the script's first line: a program and at most one argument, as execve(2) reads them.
fn interpreter(script: &[u8]) -> Vec<Vec<u8>> {
    let line = script.split(|byte| *byte == b'\n').next();
    let line = line.and_then(|line| line.strip_prefix(b"#!"));
    let line = line.unwrap_or_default().trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (program, argument) = line.split_at(end.unwrap_or(line.len()));
    let words = [program, argument.trim_ascii_start()];
    let words: Vec<_> = words
        .iter()
        .filter(|word| !word.is_empty())
        .map(|word| word.to_vec())
        .collect();
    match words.is_empty() {
        true => vec![b"sh".to_vec()],
        false => words,
    }
}

/// One word to any shell.
fn quoted(word: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in word {
        match byte {
            b'\'' => quoted.extend(b"'\\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines() {
        for (script, expected) in [
            ("", &["sh"] as &[&str]),
            ("echo\n", &["sh"]),
            ("#!/bin/bash\n", &["/bin/bash"]),
            ("#!/usr/bin/env python3\r\n", &["/usr/bin/env", "python3"]),
            ("#! /usr/bin/awk  -f \nx", &["/usr/bin/awk", "-f"]),
            ("#!/usr/bin/env -S a b", &["/usr/bin/env", "-S a b"]),
        ] {
            let words: Vec<_> = expected
                .iter()
                .map(|word| word.as_bytes().to_vec())
                .collect();
            assert_eq!(interpreter(script.as_bytes()), words, "{script:?}");
        }
    }

    #[test]
    fn words_stay_words() {
        assert_eq!(quoted(b"it's $HOME"), b"'it'\\''s $HOME'");
    }
}
