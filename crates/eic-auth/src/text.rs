//! Text that came from afar, made fit to be shown.

use std::fmt;

/// Displays a remote text with its control characters escaped, so that it cannot drive a terminal, and cut
/// to a length that fits a message.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

/// Characters of a remote text that a message shows.
const SHOWN: usize = 1000;

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(SHOWN) {
            if is_hazard(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        if characters.next().is_some() {
            f.write_str("…")?;
        }
        Ok(())
    }
}

/// Control characters (C0, C1, DEL), and the bidirectional controls that reorder what is shown (UAX 9).
fn is_hazard(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hazards_are_escaped() {
        for (raw, shown) in [
            ("Unable to connect to target", "Unable to connect to target"),
            ("Größe ✓", "Größe ✓"),
            ("a\x1b[2Jb", "a\\u{1b}[2Jb"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}txt", "\\u{202e}txt"),
            ("", ""),
        ] {
            assert_eq!(Printable(raw).to_string(), shown);
        }
    }

    #[test]
    fn long_text_is_cut() {
        let shown = Printable(&"x".repeat(5000)).to_string();
        assert_eq!(shown.chars().count(), SHOWN + 1);
        assert!(shown.ends_with('…'));
    }
}
