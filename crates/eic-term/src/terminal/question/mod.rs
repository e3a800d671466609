//! Questions to the person at the terminal, whatever standard input and output are.

use std::io::{self, Read, Write};

use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

/// An answer longer than this is no answer, in bytes.
const LONGEST: usize = 8 << 10;

/// Returns whether there is a terminal to ask on.
#[must_use]
pub fn can_ask() -> bool {
    platform::Terminal::open().is_ok()
}

/// Asks for one line; `None` where the person gives up (Ctrl-D at once) or the process is asked to end.
/// The answer is shown while it is typed if `echo` is set, and zeroized when dropped.
///
/// Ctrl-C and Ctrl-Z mean what they mean where nothing is asked, once the terminal has its modes again: the process group gets
/// `SIGINT` or `SIGTSTP`, as by readpassphrase(3). After a stop the question is asked anew. A process that handles `SIGINT`
/// itself gets `None`, as on Windows.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] and the like where there is no terminal.
pub async fn ask(prompt: &str, echo: bool) -> io::Result<Option<Zeroizing<String>>> {
    let mut ended = platform::Ended::listen()?;
    loop {
        let mut terminal = platform::Terminal::open()?;
        let restored = terminal.silence()?;
        terminal.write_all(prompt.as_bytes())?;
        let typed = spawn_blocking(move || read_line(&mut terminal, echo));
        let answer = tokio::select! {
            answer = typed => answer??,
            () = ended.wait() => Answer::None,
        };
        drop(restored);
        match answer {
            Answer::Line(line) => return Ok(Some(line)),
            Answer::None => return Ok(None),
            Answer::Later => platform::stop().await?,
            Answer::Interrupted => return platform::interrupt().await.map(|()| None),
        }
    }
}

/// What became of a question.
enum Answer {
    Line(Zeroizing<String>),
    None,
    /// The person does something else first.
    Later,
    Interrupted,
}

fn read_line(terminal: &mut platform::Terminal, echo: bool) -> io::Result<Answer> {
    let mut line = Line::default();
    let outcome = loop {
        let mut byte = [0];
        if terminal.read(&mut byte)? == 0 {
            break Answer::None;
        }
        match line.take(byte[0]) {
            Outcome::Typed(shown) if echo => terminal.write_all(&shown)?,
            Outcome::Typed(_) => {}
            Outcome::Done => break Answer::Line(line.text()),
            Outcome::GivenUp => break Answer::None,
            Outcome::Suspended => break Answer::Later,
            Outcome::Interrupted => break Answer::Interrupted,
        }
    };
    terminal.write_all(b"\r\n")?;
    Ok(outcome)
}

/// What is typed so far.
#[derive(Default)]
struct Line(Zeroizing<Vec<u8>>);

/// What a byte means.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// More may come; this shows it.
    Typed(Vec<u8>),
    Done,
    GivenUp,
    Suspended,
    Interrupted,
}

impl Line {
    fn take(&mut self, byte: u8) -> Outcome {
        match byte {
            b'\r' | b'\n' => Outcome::Done,
            // Ctrl-C, Ctrl-\.
            0x03 | 0x1c => Outcome::Interrupted,
            // Ctrl-D.
            0x04 if self.0.is_empty() => Outcome::GivenUp,
            // Ctrl-Z, which is no key of this kind on Windows.
            0x1a if cfg!(unix) => Outcome::Suspended,
            // Backspace, by either name.
            0x08 | 0x7f => Outcome::Typed(b"\x08 \x08".repeat(self.erase_one())),
            // Ctrl-U, Ctrl-W.
            0x15 | 0x17 => {
                let shown = std::str::from_utf8(&self.0).map_or(0, |text| text.chars().count());
                self.0.clear();
                Outcome::Typed(b"\x08 \x08".repeat(shown))
            }
            byte if byte < b' ' || self.0.len() == LONGEST => Outcome::Typed(Vec::new()),
            byte => {
                self.0.push(byte);
                Outcome::Typed(vec![byte])
            }
        }
    }

    /// Takes the last character away; returns how many were.
    fn erase_one(&mut self) -> usize {
        while let Some(byte) = self.0.pop() {
            // The first byte of a character in UTF-8.
            if byte & 0xc0 != 0x80 {
                return 1;
            }
        }
        0
    }

    fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(String::from_utf8_lossy(&self.0).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is answered, `None` where the person gave up or is not done.
    fn typed(keys: &str) -> Option<String> {
        let mut line = Line::default();
        for byte in keys.bytes() {
            match line.take(byte) {
                Outcome::Typed(_) => {}
                Outcome::Done => return Some(line.text().to_string()),
                Outcome::GivenUp | Outcome::Suspended | Outcome::Interrupted => return None,
            }
        }
        None
    }

    #[test]
    fn lines_are_edited() {
        for (keys, answer) in [
            ("secret\r", Some("secret")),
            ("secret\n", Some("secret")),
            ("\r", Some("")),
            ("ab\x7fc\r", Some("ac")),
            ("aé\x7f\x08\x08b\r", Some("b")),
            ("wrong\x15right\r", Some("right")),
            ("a\x1b\x04b\r", Some("ab")),
            ("a\x03", None),
            ("\x04", None),
            ("unfinished", None),
        ] {
            assert_eq!(typed(keys).as_deref(), answer, "{keys:?}");
        }
    }

    #[test]
    fn an_endless_line_is_cut() {
        let answer = typed(&("x".repeat(LONGEST + 9) + "\r")).unwrap();
        assert_eq!(answer.len(), LONGEST);
    }
}
