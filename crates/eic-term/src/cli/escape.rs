//! Escape keys: `~` after a newline speaks to us, not to the remote shell (ssh(1), ESCAPE CHARACTERS).

use std::str::FromStr;

/// What an escape key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// `~.`
    Disconnect,
    /// `~^Z`
    Suspend,
    /// `~#`
    ListForwards,
    /// `~C`: a line to be typed follows.
    Prompt,
    /// `~R`
    Rekey,
    /// `~?`
    Help,
}

impl Escape {
    const ALL: [(Self, u8, &str); 6] = [
        (Self::Disconnect, b'.', "disconnect"),
        (Self::Suspend, 0x1a, "suspend eic-term"),
        (Self::ListForwards, b'#', "list forwarded ports"),
        (
            Self::Prompt,
            b'C',
            "forward a port: -L [ADDR:]PORT:HOST:PORT",
        ),
        (Self::Rekey, b'R', "exchange new keys with the server"),
        (Self::Help, b'?', "this list"),
    ];

    fn of(key: u8) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(_, typed, _)| *typed == key)
            .map(|(escape, ..)| *escape)
    }
}

/// The key that begins an escape, `--escape-char`; `None` inside for `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EscapeChar(Option<u8>);

impl From<Option<u8>> for EscapeChar {
    fn from(byte: Option<u8>) -> Self {
        Self(byte)
    }
}

impl Default for EscapeChar {
    fn default() -> Self {
        Self(Some(b'~'))
    }
}

impl FromStr for EscapeChar {
    type Err = String;

    /// Takes a character, `^` and a letter for a control character, or `none`.
    fn from_str(text: &str) -> Result<Self, String> {
        match *text.as_bytes() {
            [key @ 0x21..0x7f] => Ok(Self(Some(key))),
            [b'^', letter @ b'?'..0x7f] => Ok(Self(Some(letter.to_ascii_uppercase() ^ 0x40))),
            _ if text == "none" => Ok(Self(None)),
            _ => Err("it must be one character, ^ and a letter, or `none`".to_owned()),
        }
    }
}

/// Escape keys and what is meant for the remote side, in the order typed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    Keys(Vec<u8>),
    Escape(Escape),
    /// What was typed at the prompt of `~C`, to be shown.
    Echo(String),
    /// The line that was typed there; `None` where it was given up.
    Line(Option<String>),
}

/// Finds escape keys in what is typed.
#[derive(Debug)]
pub(crate) struct Escapes {
    escape_char: EscapeChar,
    state: State,
    /// The line being typed at the prompt.
    line: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    LineStart,
    Inside,
    Pending,
    Prompt,
}

impl State {
    /// After a key that is for the remote side.
    fn after(key: u8) -> Self {
        match key {
            b'\r' | b'\n' => Self::LineStart,
            _ => Self::Inside,
        }
    }
}

impl Escapes {
    pub(crate) fn new(escape_char: EscapeChar) -> Self {
        Self {
            escape_char,
            state: State::LineStart,
            line: String::new(),
        }
    }

    /// Whether all of it is for the remote side as it is, as most is; if so, it has been taken.
    pub(crate) fn pass_all(&mut self, typed: &[u8]) -> bool {
        let Some(begin) = self.escape_char.0 else {
            return true;
        };
        let plain =
            matches!(self.state, State::LineStart | State::Inside) && !typed.contains(&begin);
        if let (true, Some(&last)) = (plain, typed.last()) {
            self.state = State::after(last);
        }
        plain
    }

    /// Takes what was typed apart. A lone escape character waits for the key after it.
    pub(crate) fn split(&mut self, typed: &[u8]) -> Vec<Typed> {
        let Some(begin) = self.escape_char.0 else {
            return vec![Typed::Keys(typed.to_vec())];
        };
        let mut pieces = Vec::new();
        for &key in typed {
            match self.state {
                State::Prompt => pieces.push(self.edit(key)),
                State::LineStart if key == begin => self.state = State::Pending,
                State::Pending => match Escape::of(key) {
                    Some(escape) => {
                        self.state = match escape {
                            Escape::Prompt => State::Prompt,
                            _ => State::LineStart,
                        };
                        pieces.push(Typed::Escape(escape));
                    }
                    None if key == begin => self.pass(key, &mut pieces),
                    None => {
                        self.pass(begin, &mut pieces);
                        self.pass(key, &mut pieces);
                    }
                },
                State::LineStart | State::Inside => self.pass(key, &mut pieces),
            }
        }
        pieces
    }

    /// Passes a key on to the remote side.
    fn pass(&mut self, key: u8, pieces: &mut Vec<Typed>) {
        self.state = State::after(key);
        match pieces.last_mut() {
            Some(Typed::Keys(keys)) => keys.push(key),
            _ => pieces.push(Typed::Keys(vec![key])),
        }
    }

    /// Takes a key typed at the prompt.
    fn edit(&mut self, key: u8) -> Typed {
        match key {
            b'\r' | b'\n' => {
                self.state = State::LineStart;
                Typed::Line(Some(std::mem::take(&mut self.line)))
            }
            // Ctrl-C, Ctrl-D, Escape.
            0x03 | 0x04 | 0x1b => {
                self.state = State::LineStart;
                self.line.clear();
                Typed::Line(None)
            }
            0x08 | 0x7f => Typed::Echo(self.line.pop().map_or("", |_| "\x08 \x08").to_owned()),
            b' '..=b'~' => {
                self.line.push(char::from(key));
                Typed::Echo(char::from(key).to_string())
            }
            _ => Typed::Echo(String::new()),
        }
    }

    /// The list that `~?` shows.
    pub(crate) fn help(&self) -> String {
        let begin = name(self.escape_char.0.unwrap_or(b'~'));
        let mut help = String::from("Escape keys, after a newline:\n");
        for (_, key, meaning) in Escape::ALL {
            help += &format!("  {begin}{:<3} {meaning}\n", name(key));
        }
        help + &format!("  {begin}{begin:<3} {begin} itself")
    }
}

/// A control character as `^` and its letter.
fn name(key: u8) -> String {
    if key.is_ascii_control() {
        format!("^{}", char::from(key ^ 0x40))
    } else {
        char::from(key).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is typed, piece by piece; escapes show as `<Name>`.
    fn split(escape_char: &str, typed: &[&str]) -> String {
        let mut escapes = Escapes::new(escape_char.parse().unwrap());
        let pieces = typed.iter().flat_map(|part| {
            let before = escapes.state;
            if escapes.pass_all(part.as_bytes()) {
                let after = std::mem::replace(&mut escapes.state, before);
                let pieces = escapes.split(part.as_bytes());
                assert_eq!(pieces, [Typed::Keys(part.as_bytes().to_vec())]);
                assert_eq!(escapes.state, after);
                return pieces;
            }
            escapes.split(part.as_bytes())
        });
        pieces
            .map(|piece| match piece {
                Typed::Keys(keys) => String::from_utf8(keys).unwrap(),
                Typed::Escape(escape) => format!("<{escape:?}>"),
                Typed::Echo(text) => text,
                Typed::Line(line) => format!("<{line:?}>"),
            })
            .collect()
    }

    #[test]
    fn escapes_count_only_after_a_newline() {
        let table: [(&[&str], &str); 12] = [
            (&["~."], "<Disconnect>"),
            (&["ls\r~."], "ls\r<Disconnect>"),
            (&["ls\r", "~", "."], "ls\r<Disconnect>"),
            (&["ls\n~\x1aps\r~."], "ls\n<Suspend>ps\r<Disconnect>"),
            (&["~?~R~."], "<Help><Rekey><Disconnect>"),
            (&["ls ~."], "ls ~."),
            (&["~~."], "~."),
            (&["~~\r~."], "~\r<Disconnect>"),
            (&["~x~."], "~x~."),
            (&["~\r~."], "~\r<Disconnect>"),
            (&["~"], ""),
            (&["~", "~", "~", "."], "~~."),
        ];
        for (typed, expected) in table {
            assert_eq!(split("~", typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn a_line_is_typed_at_the_prompt() {
        for (typed, expected) in [
            ("~C-L x\rls", "<Prompt>-L x<Some(\"-L x\")>ls"),
            (
                "~C~.\x7f\x08\x7fa\r~.",
                "<Prompt>~.\x08 \x08\x08 \x08a<Some(\"a\")><Disconnect>",
            ),
            ("~Cabc\x03ls", "<Prompt>abc<None>ls"),
            ("~C\t\r", "<Prompt><Some(\"\")>"),
        ] {
            assert_eq!(split("~", &[typed]), expected, "{typed:?}");
        }
    }

    #[test]
    fn another_escape_character_or_none() {
        assert_eq!(split("^]", &["~.\r\x1d."]), "~.\r<Disconnect>");
        assert_eq!(split("%", &["%%~."]), "%~.");
        assert_eq!(split("none", &["~.\r~."]), "~.\r~.");
        assert_eq!(split("^", &["^."]), "<Disconnect>");
        for wrong in ["", "ab", "^é", "é", "\x01", " "] {
            assert!(wrong.parse::<EscapeChar>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn help_names_every_key() {
        let help = Escapes::new("^]".parse().unwrap()).help();
        for line in ["  ^]. ", "  ^]^Z ", "  ^]^] ", "itself"] {
            assert!(help.contains(line), "{line:?} in {help}");
        }
    }
}
