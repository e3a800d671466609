//! The options of a command of `sftp`: pure.

use super::parse::Malformed;
use super::words::Word;

/// A command's words, its options taken off: they end at the first word that is none, or after `--`.
pub(super) struct Options<'a> {
    name: &'static str,
    pub(super) given: Vec<char>,
    pub(super) words: &'a [Word],
}

impl<'a> Options<'a> {
    pub(super) fn split(
        name: &'static str,
        words: &'a [Word],
        known: &str,
    ) -> Result<Self, Malformed> {
        let mut given = Vec::new();
        let mut words = words;
        while let Some((Word(first), rest)) = words.split_first() {
            match first.as_slice() {
                [b'-'] => break,
                [b'-', b'-'] => {
                    words = rest;
                    break;
                }
                [b'-', letters @ ..] => {
                    words = rest;
                    let letters = String::from_utf8_lossy(letters).into_owned();
                    if let Some(other) = letters.chars().find(|one| !known.contains(*one)) {
                        let option = other.to_string();
                        let command = name;
                        return Err(Malformed::Option { command, option });
                    }
                    given.extend(letters.chars());
                }
                _ => break,
            }
        }
        Ok(Self { name, given, words })
    }

    pub(super) fn has(&self, option: char) -> bool {
        self.given.contains(&option)
    }

    pub(super) fn path(&self) -> Option<Vec<u8>> {
        self.words.first().map(Word::name)
    }

    pub(super) fn one_path(&self) -> Result<Word, Malformed> {
        let first = self.words.first().cloned();
        first.ok_or(Malformed::NoPath(self.name))
    }

    pub(super) fn two_paths(&self) -> Result<(Vec<u8>, Vec<u8>), Malformed> {
        match self.words {
            [one, other, ..] => Ok((one.name(), other.name())),
            _ => Err(Malformed::NoTwoPaths(self.name)),
        }
    }

    pub(super) fn number(&self, base: u32) -> Result<u32, Malformed> {
        let text = self.words.first().map(Word::name);
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        let number = text.and_then(|text| u32::from_str_radix(&text, base).ok());
        let kind = if base == 8 { "an octal" } else { "a" };
        let command = self.name;
        number.ok_or(Malformed::NoNumber { command, kind })
    }
}
