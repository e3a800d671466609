//! What the key records of a Windows console in VT mode stand for.

/// <https://learn.microsoft.com/windows/win32/inputdev/virtual-key-codes>
const VK_MENU: u16 = 0x12;
const VK_SPACE: u16 = 0x20;
const VK_2: u16 = 0x32;
const VK_PRIOR: u16 = 0x21;
const VK_NEXT: u16 = 0x22;
const VK_END: u16 = 0x23;
const VK_HOME: u16 = 0x24;
const VK_LEFT: u16 = 0x25;
const VK_UP: u16 = 0x26;
const VK_RIGHT: u16 = 0x27;
const VK_DOWN: u16 = 0x28;
const VK_INSERT: u16 = 0x2D;
const VK_DELETE: u16 = 0x2E;
const VK_F1: u16 = 0x70;
const VK_F12: u16 = 0x7B;

/// What xterm has between `ESC [` and `~` for F5 to F12 (<https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>, PC-style function keys).
const FUNCTION_KEYS: [u8; 8] = [15, 17, 18, 19, 20, 21, 23, 24];

/// A key record, as the console gives it (`KEY_EVENT_RECORD`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) down: bool,
    pub(super) repeats: u16,
    pub(super) code: u16,
    /// The UTF-16 code unit; a VT sequence comes as one record each.
    pub(super) unit: u16,
    pub(super) control: bool,
    pub(super) alt: bool,
    pub(super) shift: bool,
}

impl Key {
    /// Returns the code units that it types.
    pub(super) fn units(self) -> Vec<u16> {
        let units: Vec<_> = match self.sequence() {
            Some(sequence) => sequence.encode_utf16().collect(),
            None if self.types() => vec![self.unit],
            None => Vec::new(),
        };
        units.repeat(self.repeats.into())
    }

    /// The sequence of a key that has no character: Windows' console gives it one unit a record, Wine's leaves it to us.
    fn sequence(self) -> Option<String> {
        if !self.down || self.unit != 0 {
            return None;
        }
        let (number, last) = special(self.code)?;
        let held = [(self.shift, 1), (self.alt, 2), (self.control, 4)];
        let modifiers: u8 = held.iter().map(|(held, bit)| u8::from(*held) * bit).sum();
        Some(match (last, modifiers) {
            ('P'..='S', 0) => format!("\x1bO{last}"),
            ('~', 0) => format!("\x1b[{number}~"),
            (_, 0) => format!("\x1b[{last}"),
            _ => format!("\x1b[{number};{}{last}", modifiers + 1),
        })
    }

    fn types(self) -> bool {
        match (self.down, self.unit) {
            // Modifiers have no character; Ctrl-Space and Ctrl-@ have NUL.
            (true, 0) => self.code == 0 || self.control && matches!(self.code, VK_SPACE | VK_2),
            (true, _) => true,
            // A character typed by its number ends with the release of Alt.
            (false, unit) => self.code == VK_MENU && unit != 0,
        }
    }
}

/// The number in a key's sequence and its last character, as xterm has them.
fn special(code: u16) -> Option<(u8, char)> {
    Some(match code {
        VK_UP => (1, 'A'),
        VK_DOWN => (1, 'B'),
        VK_RIGHT => (1, 'C'),
        VK_LEFT => (1, 'D'),
        VK_END => (1, 'F'),
        VK_HOME => (1, 'H'),
        VK_INSERT => (2, '~'),
        VK_DELETE => (3, '~'),
        VK_PRIOR => (5, '~'),
        VK_NEXT => (6, '~'),
        VK_F1..=VK_F12 => match FUNCTION_KEYS.get(usize::from(code - VK_F1).wrapping_sub(4)) {
            Some(number) => (*number, '~'),
            None => (
                1,
                ['P', 'Q', 'R', 'S']
                    .get(usize::from(code - VK_F1))
                    .copied()?,
            ),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_type_what_a_terminal_would_send() {
        let plain = Key {
            down: true,
            repeats: 1,
            code: 0x41,
            unit: 0x61,
            control: false,
            alt: false,
            shift: false,
        };
        let table: [(&str, Key, &[u16]); 8] = [
            ("a", plain, &[0x61]),
            (
                "a held down",
                Key {
                    repeats: 3,
                    ..plain
                },
                &[0x61; 3],
            ),
            (
                "a released",
                Key {
                    down: false,
                    ..plain
                },
                &[],
            ),
            (
                "Ctrl-C",
                Key {
                    unit: 3,
                    control: true,
                    ..plain
                },
                &[3],
            ),
            (
                "Ctrl alone",
                Key {
                    code: 0x11,
                    unit: 0,
                    control: true,
                    ..plain
                },
                &[],
            ),
            (
                "Ctrl-Space",
                Key {
                    code: VK_SPACE,
                    unit: 0,
                    control: true,
                    ..plain
                },
                &[0],
            ),
            (
                "a sequence's NUL",
                Key {
                    code: 0,
                    unit: 0,
                    ..plain
                },
                &[0],
            ),
            (
                "Alt+0233",
                Key {
                    down: false,
                    code: VK_MENU,
                    unit: 0xE9,
                    ..plain
                },
                &[0xE9],
            ),
        ];
        for (name, key, expected) in table {
            assert_eq!(key.units(), expected, "{name}");
        }
    }

    #[test]
    fn keys_without_a_character_are_as_xterm_has_them() {
        let none = [false; 3];
        let shift = [true, false, false];
        let alt = [false, true, false];
        let control = [false, false, true];
        for (code, [shift, alt, control], expected) in [
            (VK_UP, none, "\x1b[A"),
            (VK_UP, shift, "\x1b[1;2A"),
            (VK_LEFT, alt, "\x1b[1;3D"),
            (VK_RIGHT, control, "\x1b[1;5C"),
            (VK_DOWN, [true; 3], "\x1b[1;8B"),
            (VK_HOME, none, "\x1b[H"),
            (VK_DELETE, none, "\x1b[3~"),
            (VK_DELETE, control, "\x1b[3;5~"),
            (VK_NEXT, none, "\x1b[6~"),
            (VK_F1, none, "\x1bOP"),
            (VK_F1, shift, "\x1b[1;2P"),
            (VK_F1 + 3, none, "\x1bOS"),
            (VK_F1 + 4, none, "\x1b[15~"),
            (VK_F12, none, "\x1b[24~"),
            // F13 and the Shift key alone.
            (VK_F12 + 1, none, ""),
            (0x10, shift, ""),
        ] {
            let key = Key {
                down: true,
                repeats: 1,
                code,
                unit: 0,
                control,
                alt,
                shift,
            };
            let units: Vec<_> = expected.encode_utf16().collect();
            assert_eq!(key.units(), units, "{code:x} {expected}");
            let released = Key { down: false, ..key };
            assert!(released.units().is_empty(), "{code:x} {expected}");
            // A console that gives sequences by itself has no such records.
            let unit = 0x1B;
            assert_eq!(Key { unit, ..key }.units(), [unit], "{code:x} {expected}");
        }
    }
}
