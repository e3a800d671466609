//! What is typed, as keys.

/// A key that the list knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Backspace,
    /// Ctrl-U: all that was typed.
    Clear,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Mark,
    Enter,
    Leave,
}

/// The keys in what a terminal has sent at once; a lone escape is the key, one with more behind it a sequence.
pub(crate) fn keys(typed: &[u8]) -> Vec<Key> {
    let text = String::from_utf8_lossy(typed);
    let mut keys = Vec::new();
    let mut rest = &*text;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        let (key, left) = match first {
            '\u{1b}' => escape(after),
            first => (plain(first), after),
        };
        keys.extend(key);
        rest = left;
    }
    keys
}

fn plain(typed: char) -> Option<Key> {
    Some(match typed {
        '\r' | '\n' => Key::Enter,
        '\t' => Key::Mark,
        '\u{8}' | '\u{7f}' => Key::Backspace,
        // Ctrl-C, -D and -G.
        '\u{3}' | '\u{4}' | '\u{7}' => Key::Leave,
        // Ctrl-P and -K, -N and -J; -U.
        '\u{10}' | '\u{b}' => Key::Up,
        '\u{e}' => Key::Down,
        '\u{15}' => Key::Clear,
        typed if typed.is_control() => return None,
        typed => Key::Char(typed),
    })
}

/// A sequence of ECMA-48 behind the escape, and what follows it.
fn escape(after: &str) -> (Option<Key>, &str) {
    let Some(inner) = after.strip_prefix(['[', 'O']) else {
        return match after.is_empty() {
            true => (Some(Key::Leave), after),
            // A key with Alt, which means nothing here.
            false => (
                None,
                after
                    .get(after.chars().next().map_or(0, char::len_utf8)..)
                    .unwrap_or_default(),
            ),
        };
    };
    let end = inner.find(|c: char| ('@'..='~').contains(&c));
    let (sequence, rest) = match end {
        Some(end) => inner.split_at(end + 1),
        None => (inner, ""),
    };
    let key = match sequence {
        "A" => Key::Up,
        "B" => Key::Down,
        "5~" => Key::PageUp,
        "6~" => Key::PageDown,
        "H" | "1~" => Key::First,
        "F" | "4~" => Key::Last,
        _ => return (None, rest),
    };
    (Some(key), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        for (typed, expected) in [
            ("we", vec![Key::Char('w'), Key::Char('e')]),
            ("\u{1b}", vec![Key::Leave]),
            ("\u{1b}[A\u{1b}OB", vec![Key::Up, Key::Down]),
            ("\u{1b}[5~x", vec![Key::PageUp, Key::Char('x')]),
            ("\u{1b}[1;5Cx", vec![Key::Char('x')]),
            ("\u{1b}x\r", vec![Key::Enter]),
            (
                "é\t\u{7f}\u{3}",
                vec![Key::Char('é'), Key::Mark, Key::Backspace, Key::Leave],
            ),
        ] {
            assert_eq!(keys(typed.as_bytes()), expected, "{typed:?}");
        }
    }
}
