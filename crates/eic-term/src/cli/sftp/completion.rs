//! What Tab completes: pure.

use eic_term::visible;

use super::parse::NAMES;
use super::words::{self, Split};

/// What is being typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A command that begins so.
    Command(String),
    /// A file's name.
    Name(Name),
    /// Something else.
    Other,
}

/// A file's name as far as it is typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) side: Side,
    /// Where in the line it begins.
    pub(super) at: usize,
    /// The folder in it, up to its last slash.
    pub(super) folder: String,
    /// What follows.
    pub(super) begin: String,
    /// The quote that is open.
    pub(super) quote: Option<char>,
}

/// Whose files are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Here,
    Host,
}

/// Reads a line up to the cursor.
pub(super) fn typed(line: &str) -> Typed {
    let split = words::split_open(line.as_bytes());
    let names = split.words.iter().map(|(_, word)| word.name());
    let mut names: Vec<String> = names
        .map(|name| String::from_utf8_lossy(&name).into_owned())
        .collect();
    if !split.in_word {
        names.push(String::new());
    }
    let Some((current, before)) = names.split_last() else {
        return Typed::Other;
    };
    let Some((command, before)) = before.split_first() else {
        return Typed::Command(current.clone());
    };
    let is_option = |word: &&String| word.starts_with('-') && word.len() > 1;
    let number = before.iter().filter(|word| !is_option(word)).count();
    match side(command, number) {
        Some(side) if !is_option(&current) => Typed::Name(name(&split, line, current, side)),
        _ => Typed::Other,
    }
}

fn name(split: &Split, line: &str, typed: &str, side: Side) -> Name {
    let last = split.words.last().filter(|_| split.in_word);
    let end = typed.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, begin) = typed.split_at(end);
    Name {
        side,
        at: last.map_or(line.len(), |(at, _)| *at),
        folder: folder.to_owned(),
        begin: begin.to_owned(),
        quote: split.quote.map(char::from),
    }
}

/// Whose file a command's word is, options not counted.
fn side(command: &str, number: usize) -> Option<Side> {
    let command = command.trim_start_matches(['-', '@']).to_ascii_lowercase();
    let (_, name) = NAMES.iter().find(|(name, _)| *name == command)?;
    match (*name, number) {
        ("cd" | "df" | "ls" | "mkdir" | "rm" | "rmdir" | "stat", _) => Some(Side::Host),
        ("cp" | "ln" | "rename" | "symlink", _) => Some(Side::Host),
        ("chmod" | "chown" | "chgrp", 1..) => Some(Side::Host),
        ("get" | "reget", 0) | ("put" | "reput", 1..) => Some(Side::Host),
        ("get" | "reget", _) | ("put" | "reput", _) => Some(Side::Here),
        ("lcd" | "lls" | "lmkdir", _) => Some(Side::Here),
        _ => None,
    }
}

/// Commands that begin so.
pub(super) fn commands(begin: &str) -> Vec<String> {
    let begin = begin.to_ascii_lowercase();
    let names = NAMES.iter().map(|(name, _)| *name);
    let is_meant = |name: &&str| name.starts_with(&begin) && name.len() > 1;
    names
        .filter(is_meant)
        .map(|name| format!("{name} "))
        .collect()
}

impl Name {
    /// Whether a name in the folder is one that this can become: one that can be typed, and shown as it is.
    pub(super) fn begins(&self, name: &str) -> bool {
        let hidden = name.starts_with('.') && !self.begin.starts_with('.');
        let is_shown = visible(name) == name && !name.contains(['\n', '\t']);
        name.starts_with(&self.begin) && !hidden && is_shown
    }

    /// What to put into the line for a name in the folder.
    pub(super) fn replacement(&self, name: &str, is_folder: bool) -> String {
        let path = format!("{}{name}", self.folder);
        let mut text: String = self.quote.into_iter().collect();
        for character in path.chars() {
            let special = match self.quote {
                Some(quote) => character == quote || character == '\\',
                None => character.is_whitespace() || "\"'\\#*?[".contains(character),
            };
            if special {
                text.push('\\');
            }
            text.push(character);
        }
        if is_folder {
            text.push('/');
        } else {
            text.extend(self.quote);
            text.push(' ');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        let name = |side, at, folder: &str, begin: &str, quote| {
            let (folder, begin) = (folder.to_owned(), begin.to_owned());
            Typed::Name(Name {
                side,
                at,
                folder,
                begin,
                quote,
            })
        };
        let (here, host) = (Side::Here, Side::Host);
        for (line, expected) in [
            ("", Typed::Command(String::new())),
            ("ge", Typed::Command("ge".to_owned())),
            ("get ", name(host, 4, "", "", None)),
            ("get -r a/b", name(host, 7, "a/", "b", None)),
            ("get a ", name(here, 6, "", "", None)),
            ("-GET a b", name(here, 7, "", "b", None)),
            ("put a /", name(host, 6, "/", "", None)),
            ("put 'a b", name(here, 4, "", "a b", Some('\''))),
            (r"put a\ b", name(here, 4, "", "a b", None)),
            ("put \"a b/c", name(here, 4, "a b/", "c", Some('"'))),
            ("chmod 7", Typed::Other),
            ("chmod 755 a", name(host, 10, "", "a", None)),
            ("get -", name(host, 4, "", "-", None)),
            ("get -r", Typed::Other),
            ("nonsense a", Typed::Other),
            ("pwd ", Typed::Other),
        ] {
            assert_eq!(typed(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_put_in() {
        for (line, file, is_folder, expected) in [
            ("get a", "ab", false, "ab "),
            ("get x/a", "ab", true, "x/ab/"),
            ("get a", "a b", false, r"a\ b "),
            ("get a", "a'b*", false, r"a\'b\* "),
            ("get 'a", "a'b*", false, r"'a\'b*' "),
            ("get \"a", "a b", true, "\"a b/"),
        ] {
            let Typed::Name(name) = typed(line) else {
                panic!("{line} is no name");
            };
            assert!(name.begins(file), "{line}");
            let replacement = name.replacement(file, is_folder);
            assert_eq!(replacement, expected, "{line}");
            let words = words::split(
                format!("get {replacement}")
                    .trim_end_matches('/')
                    .as_bytes(),
            );
            if !is_folder {
                let path = [name.folder.as_bytes(), file.as_bytes()].concat();
                assert_eq!(words.unwrap()[1].name(), path, "{line}");
            }
        }
    }

    #[test]
    fn what_can_be_meant() {
        let Typed::Name(name) = typed("get a") else {
            panic!("no name");
        };
        for (file, expected) in [
            ("ab", true),
            ("b", false),
            ("a\u{1b}[2J", false),
            ("a\nb", false),
        ] {
            assert_eq!(name.begins(file), expected, "{file:?}");
        }
        assert_eq!(commands("re").join(""), "reget rename reput ");
        let Typed::Name(all) = typed("get ") else {
            panic!("no name");
        };
        assert!(all.begins("a") && !all.begins(".a"));
    }
}
