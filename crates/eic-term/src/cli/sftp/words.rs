//! A line's words, by the quoting of OpenSSH's `sftp`.

use std::iter::Peekable;
use std::slice::Iter;

/// What a shell pattern is made of.
const SPECIAL: &[u8] = b"*?[";

/// A word as typed: a pattern in which a backslash takes a character for what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word(pub(super) Vec<u8>);

/// A quote that is not closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unterminated;

impl Word {
    /// A word that means this name and nothing else.
    pub(super) fn literal(name: &[u8]) -> Self {
        let escaped = name.iter().flat_map(|byte| {
            let special = SPECIAL.contains(byte) || *byte == b'\\';
            special.then_some(b'\\').into_iter().chain([*byte])
        });
        Self(escaped.collect())
    }

    /// The name where no pattern is meant: what was escaped for the sake of patterns stands for itself.
    pub(super) fn name(&self) -> Vec<u8> {
        let mut name = Vec::with_capacity(self.0.len());
        let mut bytes = self.0.iter().peekable();
        while let Some(byte) = bytes.next() {
            let meant =
                bytes.next_if(|next| *byte == b'\\' && (SPECIAL.contains(next) || **next == b'\\'));
            name.push(*meant.unwrap_or(byte));
        }
        name
    }
}

/// Splits a line into words; `#` ends it.
pub(super) fn split(line: &[u8]) -> Result<Vec<Word>, Unterminated> {
    match split_open(line) {
        Split {
            quote: None, words, ..
        } => Ok(words.into_iter().map(|(_, word)| word).collect()),
        _ => Err(Unterminated),
    }
}

/// A line that goes on.
#[derive(Debug, Default)]
pub(super) struct Split {
    /// Its words, and where each begins.
    pub(super) words: Vec<(usize, Word)>,
    /// The quote that is still open.
    pub(super) quote: Option<u8>,
    /// Whether what follows belongs to the last word.
    pub(super) in_word: bool,
}

/// Splits a line that goes on.
pub(super) fn split_open(line: &[u8]) -> Split {
    let mut split = Split::default();
    let mut bytes = line.iter().peekable();
    while let Some(byte) = bytes.next() {
        if split.quote.is_none() && *byte == b'#' {
            split.in_word = false;
            return split;
        }
        if split.quote.is_none() && byte.is_ascii_whitespace() {
            split.in_word = false;
            continue;
        }
        if !split.in_word {
            split.in_word = true;
            let at = line.len() - bytes.len() - 1;
            split.words.push((at, Word::default()));
        }
        let Some((_, Word(word))) = split.words.last_mut() else {
            continue;
        };
        match (split.quote, *byte) {
            (None, b'"' | b'\'') => split.quote = Some(*byte),
            (Some(open), close) if open == close => split.quote = None,
            (None, b'\\') => escape(word, &mut bytes),
            (Some(open), b'\\') => escape_quoted(word, open, &mut bytes),
            (Some(_), special) if SPECIAL.contains(&special) => word.extend([b'\\', special]),
            (_, other) => word.push(other),
        }
    }
    split
}

/// Outside quotes a backslash is left only where a pattern needs it.
fn escape(word: &mut Vec<u8>, bytes: &mut Peekable<Iter<'_, u8>>) {
    let Some(next) = bytes.next() else {
        return;
    };
    if SPECIAL.contains(next) || *next == b'\\' {
        word.push(b'\\');
    }
    word.push(*next);
}

/// Inside quotes it takes away the meaning of that quote and of itself; else it stands for itself.
fn escape_quoted(word: &mut Vec<u8>, quote: u8, bytes: &mut Peekable<Iter<'_, u8>>) {
    match bytes.next() {
        None => {}
        Some(next) if *next == quote => word.push(quote),
        Some(next) if SPECIAL.contains(next) => word.extend([b'\\', b'\\', b'\\', *next]),
        Some(next) => word.extend([b'\\', *next]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(word: &Word) -> String {
        String::from_utf8(word.0.clone()).unwrap()
    }

    #[test]
    fn quoting() {
        let table: [(&str, &[&str]); 18] = [
            ("", &[]),
            ("  ls\t-l  a ", &["ls", "-l", "a"]),
            ("get a b # c", &["get", "a", "b"]),
            ("get 'a#b'", &["get", "a#b"]),
            (r"get a\ b", &["get", "a b"]),
            (r#"get "a b""#, &["get", "a b"]),
            (r#"get a"b c"d'e f'"#, &["get", "ab cde f"]),
            (r#"get "it's""#, &["get", "it's"]),
            (r#"get "a\"b""#, &["get", "a\"b"]),
            (r"get 'a\'b'", &["get", "a'b"]),
            (r"get a\*b", &["get", r"a\*b"]),
            (r#"get "a*b""#, &["get", r"a\*b"]),
            (r#"get "a\*b""#, &["get", r"a\\\*b"]),
            (r"get a\\b", &["get", r"a\\b"]),
            (r"get 'a\\b'", &["get", r"a\\b"]),
            (r#"get """#, &["get", ""]),
            (r"get a\", &["get", "a"]),
            (r"get \#a", &["get", "#a"]),
        ];
        for (line, expected) in table {
            let words = split(line.as_bytes()).unwrap();
            let words: Vec<_> = words.iter().map(text).collect();
            assert_eq!(words, expected, "{line}");
        }
        for line in ["get 'a", "get \"a'", "\""] {
            assert_eq!(split(line.as_bytes()), Err(Unterminated), "{line}");
        }
    }

    #[test]
    fn where_words_begin() {
        let split = split_open(b"get  a \"b c");
        let words = split.words.iter();
        let found: Vec<_> = words.map(|(at, word)| (*at, text(word))).collect();
        let expected = [(0, "get"), (5, "a"), (7, "b c")];
        assert_eq!(found, expected.map(|(at, word)| (at, word.to_owned())));
        assert_eq!(split.quote, Some(b'"'));
        for (line, in_word) in [
            ("a", true),
            ("a ", false),
            (r"a\ ", true),
            ("a #", false),
            ("", false),
        ] {
            assert_eq!(split_open(line.as_bytes()).in_word, in_word, "{line}");
        }
    }

    #[test]
    fn names_out_of_words() {
        for (word, name) in [
            ("a", "a"),
            (r"a\*b", "a*b"),
            (r"a\\b", r"a\b"),
            (r"a\xb", r"a\xb"),
            (r"a\", r"a\"),
            (r"a*", "a*"),
        ] {
            let found = Word(word.as_bytes().to_vec()).name();
            assert_eq!(String::from_utf8(found).unwrap(), name, "{word}");
        }
        for name in ["a", "a*[b]?", r"a\b", r"\"] {
            let word = Word::literal(name.as_bytes());
            assert_eq!(word.name(), name.as_bytes(), "{name}");
        }
    }
}
