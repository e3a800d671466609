//! Escape keys: `~` after a newline speaks to us, not to the remote shell.

/// What an escape key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// `~.`
    Disconnect,
}

/// Finds escape keys in what is typed.
#[derive(Debug)]
pub(crate) struct Escapes {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    LineStart,
    Inside,
    Tilde,
}

impl Default for Escapes {
    fn default() -> Self {
        Self {
            state: State::LineStart,
        }
    }
}

impl Escapes {
    /// Takes what was typed; returns what of it the remote side gets and the escape key that ends it, if any.
    pub(crate) fn filter(&mut self, typed: &[u8]) -> (Vec<u8>, Option<Escape>) {
        let mut keys = Vec::with_capacity(typed.len() + 1);
        for &key in typed {
            match (self.state, key) {
                (State::LineStart, b'~') => self.state = State::Tilde,
                (State::Tilde, b'.') => return (keys, Some(Escape::Disconnect)),
                (State::Tilde, b'~') => {
                    keys.push(b'~');
                    self.state = State::Inside;
                }
                (State::Tilde, other) => {
                    keys.extend([b'~', other]);
                    self.state = after(other);
                }
                (_, other) => {
                    keys.push(other);
                    self.state = after(other);
                }
            }
        }
        (keys, None)
    }
}

fn after(key: u8) -> State {
    match key {
        b'\r' | b'\n' => State::LineStart,
        _ => State::Inside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_count_only_after_a_newline() {
        let table: [(&[&str], &str, bool); 7] = [
            (&["~."], "", true),
            (&["ls\r~."], "ls\r", true),
            (&["ls\r", "~", "."], "ls\r", true),
            (&["ls ~."], "ls ~.", false),
            (&["~~."], "~.", false),
            (&["~x~."], "~x~.", false),
            (&["~\r~."], "~\r", true),
        ];
        for (typed, expected, ends) in table {
            let mut escapes = Escapes::default();
            let mut sent = Vec::new();
            let mut ended = false;
            for part in typed {
                let (keys, escape) = escapes.filter(part.as_bytes());
                sent.extend(keys);
                ended |= escape.is_some();
            }
            assert_eq!(
                (String::from_utf8(sent).unwrap().as_str(), ended),
                (expected, ends),
                "{typed:?}"
            );
        }
    }
}
