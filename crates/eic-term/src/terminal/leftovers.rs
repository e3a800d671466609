//! What the remote side has switched on in the terminal, and how to switch it off again.

use std::collections::BTreeSet;

use vte::{Params, Parser, Perform};

/// Private modes that are off at first and that a shell does not expect to be on
/// (<https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>, DEC private mode set): cursor keys, reverse video,
/// origin, mouse reports in all their forms, focus reports, bracketed paste, synchronized updates, colour reports.
const OFF_AT_FIRST: &[u16] = &[
    1, 5, 6, 9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 2004, 2026, 2031, 2048,
];
/// Private modes that are on at first: wrapping, the cursor.
const ON_AT_FIRST: &[u16] = &[7, 25];
/// The alternate screen's modes. Leaving it comes last, as some of the others belong to a screen.
const ALTERNATE_SCREEN: &[u16] = &[47, 1047, 1049];

/// How much may be looked at later, in bytes.
const UNREAD: usize = 4 << 10;

/// Follows what is shown, so that what a lost session or a dead program has left on can be switched off.
///
/// ```
/// use eic_term::terminal::Leftovers;
/// let mut leftovers = Leftovers::default();
/// leftovers.follow(b"\x1b[?1049h\x1b[?1000h");
/// assert_eq!(leftovers.undo(), b"\x1b\\\x1b[?1000l\x1b[?1049l");
/// leftovers.follow(b"\x1b[?1000l\x1b[?1049l");
/// assert_eq!(leftovers.undo(), b"");
/// ```
#[derive(Default)]
pub struct Leftovers {
    parser: Parser,
    state: State,
    /// What is looked at later: between two keys it would be in the way.
    unread: Vec<u8>,
}

#[derive(Default)]
struct State {
    /// Private modes that are not as they were at first.
    modes: BTreeSet<u16>,
    colours: bool,
    keypad: bool,
    line_drawing: bool,
    cursor_style: bool,
    scroll_region: bool,
    /// xterm's modifyOtherKeys.
    key_modifiers: bool,
    /// How many of kitty's keyboard modes were pushed.
    keyboards: u16,
}

impl Leftovers {
    /// Takes what was shown.
    pub fn follow(&mut self, shown: &[u8]) {
        if self.unread.len() + shown.len() > UNREAD {
            self.read();
            self.parser.advance(&mut self.state, shown);
        } else {
            self.unread.extend_from_slice(shown);
        }
    }

    fn read(&mut self) {
        self.parser.advance(&mut self.state, &self.unread);
        self.unread.clear();
    }

    /// Returns what to show to switch everything off that is still on; nothing where nothing is.
    #[must_use]
    pub fn undo(&mut self) -> Vec<u8> {
        self.read();
        let undo = self.state.undo();
        if undo.is_empty() {
            return Vec::new();
        }
        // Ends a string that may have been cut short; alone it means nothing.
        format!("\x1b\\{undo}").into_bytes()
    }
}

impl std::fmt::Debug for Leftovers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leftovers")
    }
}

impl State {
    fn undo(&self) -> String {
        let mut undo = String::new();
        if self.keyboards > 0 {
            undo += &format!("\x1b[<{}u", self.keyboards);
        }
        for (on, sequence) in [
            (self.key_modifiers, "\x1b[>4m"),
            (self.keypad, "\x1b>"),
            (self.line_drawing, "\x1b(B"),
            (self.cursor_style, "\x1b[0 q"),
            // Setting the region moves the cursor.
            (self.scroll_region, "\x1b7\x1b[r\x1b8"),
        ] {
            undo += if on { sequence } else { "" };
        }
        let (screens, others): (Vec<_>, Vec<_>) = self
            .modes
            .iter()
            .partition(|mode| ALTERNATE_SCREEN.contains(mode));
        for mode in others.into_iter().chain(screens) {
            let end = if ON_AT_FIRST.contains(mode) { 'h' } else { 'l' };
            undo += &format!("\x1b[?{mode}{end}");
        }
        undo + if self.colours { "\x1b[0m" } else { "" }
    }

    fn set(&mut self, mode: u16, on: bool) {
        let changed = if ON_AT_FIRST.contains(&mode) {
            !on
        } else if OFF_AT_FIRST.contains(&mode) || ALTERNATE_SCREEN.contains(&mode) {
            on
        } else {
            return;
        };
        if changed {
            self.modes.insert(mode);
        } else {
            self.modes.remove(&mode);
        }
    }
}

impl Perform for State {
    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        let first = params.iter().next().and_then(|one| one.first().copied());
        let first = first.unwrap_or_default();
        match (intermediates, action) {
            (b"?", 'h' | 'l') => {
                let modes = params.iter().filter_map(|one| one.first());
                modes.for_each(|mode| self.set(*mode, action == 'h'));
            }
            (b"", 'm') => {
                let values: Vec<_> = params.iter().flatten().collect();
                self.colours = !matches!(values[..], [] | [0]);
            }
            (b"", 'r') => self.scroll_region = first > 0,
            (b" ", 'q') => self.cursor_style = first > 0,
            (b">", 'm') if first == 4 => self.key_modifiers = params.len() > 1,
            (b">", 'u') => self.keyboards = self.keyboards.saturating_add(1),
            (b"<", 'u') => self.keyboards = self.keyboards.saturating_sub(first.max(1)),
            (b"!", 'p') => *self = Self::default(),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _: bool, byte: u8) {
        match (intermediates, byte) {
            (b"", b'=') => self.keypad = true,
            (b"", b'>') => self.keypad = false,
            (b"(", charset) => self.line_drawing = charset == b'0',
            (b"", b'c') => *self = Self::default(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_left_on_is_undone() {
        let table = [
            ("plain text, \x1b[1mbold\x1b[0m and \x1b[31mred\x1b[m", ""),
            ("\x1b[1;31mstill red", "\x1b[0m"),
            ("\x1b[38;5;0mblack", "\x1b[0m"),
            ("\x1b[31m\x1b[0m", ""),
            ("\x1b[?2004h$ ", "\x1b[?2004l"),
            ("\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h"),
            ("\x1b[?25l\x1b[?25h", ""),
            ("\x1b[?1049;1000h", "\x1b[?1000l\x1b[?1049l"),
            ("\x1b=\x1b(0", "\x1b>\x1b(B"),
            ("\x1b[>1u\x1b[>1u\x1b[<u", "\x1b[<1u"),
            ("\x1b[>4;2m", "\x1b[>4m"),
            ("\x1b[>4;2m\x1b[>4m", ""),
            ("\x1b[1;10r", "\x1b7\x1b[r\x1b8"),
            ("\x1b[6 q", "\x1b[0 q"),
            ("\x1b[?1049h\x1b[?1002h\x1bc", ""),
            ("\x1b[?12h\x1b[?9999h", ""),
        ];
        for (shown, expected) in table {
            let mut leftovers = Leftovers::default();
            for byte in shown.bytes() {
                leftovers.follow(&[byte]);
            }
            let expected = match expected {
                "" => String::new(),
                some => format!("\x1b\\{some}"),
            };
            assert_eq!(
                String::from_utf8(leftovers.undo()).unwrap(),
                expected,
                "{shown:?}"
            );
        }
    }

    #[test]
    fn what_is_looked_at_later_keeps_its_order() {
        let text = [b'x'; UNREAD];
        let mut leftovers = Leftovers::default();
        for shown in [
            &b"\x1b[?25"[..],
            b"l",
            &text,
            b"\x1b[?1000",
            b"h",
            &text[1..],
        ] {
            leftovers.follow(shown);
        }
        assert_eq!(leftovers.undo(), b"\x1b\\\x1b[?25h\x1b[?1000l");
        leftovers.follow(b"\x1b[?25h");
        assert_eq!(leftovers.undo(), b"\x1b\\\x1b[?1000l");
    }
}
