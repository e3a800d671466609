//! Remote text made safe to print.

/// How many characters of a text fit a message.
const LINE: usize = 500;

/// Makes control characters visible, so that remote text cannot drive the local terminal:
/// `\n` and `\t` stay, any other control character and every character that reorders text is escaped.
///
/// ```
/// assert_eq!(eic_term::visible("a\x1b[2J\nb"), "a\\u{1b}[2J\nb");
/// ```
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmless(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

/// The same on one line and cut to a length that fits a message, for text that names or explains something.
///
/// ```
/// assert_eq!(eic_term::visible_line("bye\nerror: x"), "bye\\nerror: x");
/// ```
#[must_use]
pub fn visible_line(text: &str) -> String {
    let (start, rest) = match text.char_indices().nth(LINE) {
        Some((end, _)) => text.split_at(end),
        None => (text, ""),
    };
    let shown = visible(start).replace('\n', "\\n").replace('\t', "\\t");
    match rest {
        "" => shown,
        _ => shown + "…",
    }
}

fn is_harmless(character: char) -> bool {
    let reorders = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    matches!(character, '\n' | '\t') || !(character.is_control() || reorders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_drives_a_terminal() {
        let table = [
            ("plain é 日本 😀", "plain é 日本 😀"),
            ("line\nnext\tcell", "line\nnext\tcell"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("back\rover", "back\\u{d}over"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
        ];
        for (text, expected) in table {
            assert_eq!(visible(text), expected);
        }
    }

    #[test]
    fn a_line_stays_one_and_short() {
        assert_eq!(visible_line("a\n\tb\x1b[1m"), "a\\n\\tb\\u{1b}[1m");
        assert_eq!(visible_line(&"é".repeat(LINE)), "é".repeat(LINE));
        let cut = visible_line(&"é".repeat(LINE + 1));
        assert_eq!(cut, "é".repeat(LINE) + "…");
    }
}
