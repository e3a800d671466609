//! What the key records of a Windows console in VT mode stand for.

use std::iter::repeat_n;

/// <https://learn.microsoft.com/windows/win32/inputdev/virtual-key-codes>
const VK_MENU: u16 = 0x12;
const VK_SPACE: u16 = 0x20;
const VK_2: u16 = 0x32;

/// A key record, as the console gives it (`KEY_EVENT_RECORD`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) down: bool,
    pub(super) repeats: u16,
    pub(super) code: u16,
    /// The UTF-16 code unit; a VT sequence comes as one record each.
    pub(super) unit: u16,
    pub(super) control: bool,
}

impl Key {
    /// Returns the code units that it types.
    pub(super) fn units(self) -> impl Iterator<Item = u16> {
        let count = if self.types() { self.repeats } else { 0 };
        repeat_n(self.unit, count.into())
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
            assert_eq!(key.units().collect::<Vec<_>>(), expected, "{name}");
        }
    }
}
