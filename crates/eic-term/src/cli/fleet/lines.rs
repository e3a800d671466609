//! Whole lines as they come, behind the names of who gave them or as they are.

use std::io;

use eic_term::terminal::Screen;
use eic_term::visible;

use super::event::{Both, Event, Stream};
use super::targets::Host;
use crate::cli::ui::Ui;

/// A line longer than this comes in pieces, in bytes.
const LONGEST: usize = 64 << 10;

/// What is left of a stream behind its last whole line.
#[derive(Debug, Default)]
pub(crate) struct Partial(Vec<u8>);

impl Partial {
    /// Adds what has come; gives every line that is whole, with its end, and pieces of one that is too long.
    pub(crate) fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.0.is_empty() && piece.ends_with(b"\n") {
                line(piece);
                continue;
            }
            self.0.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.0.len() >= LONGEST {
                line(&std::mem::take(&mut self.0));
            }
        }
    }

    /// The last line, which has no end.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.0)).filter(|line| !line.is_empty())
    }
}

/// Shows lines on our own outputs.
pub(crate) struct Lines {
    with_names: bool,
    outputs: Both<Output>,
    /// By the instances' numbers.
    partial: Vec<Both<Partial>>,
    ui: Ui,
}

struct Output {
    screen: Screen,
    is_terminal: bool,
}

impl Lines {
    pub(crate) fn new(with_names: bool, hosts: usize, ui: &Ui) -> Self {
        let outputs = Both::new(
            Output {
                screen: Screen::stdout(),
                is_terminal: io::IsTerminal::is_terminal(&io::stdout()),
            },
            Output {
                screen: Screen::stderr(),
                is_terminal: io::IsTerminal::is_terminal(&io::stderr()),
            },
        );
        Self {
            with_names,
            outputs,
            partial: (0..hosts).map(|_| Default::default()).collect(),
            ui: ui.clone(),
        }
    }

    /// Shows what an event brings.
    pub(crate) async fn take(
        &mut self,
        number: usize,
        host: &Host,
        event: &Event,
    ) -> io::Result<()> {
        match event {
            Event::Start { .. } => Ok(()),
            Event::Output(stream, bytes) => self.output(number, host, *stream, bytes).await,
            Event::End(_) => {
                for stream in [Stream::Stdout, Stream::Stderr] {
                    // What has no end gets one.
                    if self.has_partial(number, stream) {
                        self.output(number, host, stream, b"\n").await?;
                    }
                }
                Ok(())
            }
        }
    }

    fn has_partial(&self, number: usize, stream: Stream) -> bool {
        let partial = self.partial.get(number).map(|both| both.of(stream));
        partial.is_some_and(|partial| !partial.0.is_empty())
    }

    async fn output(
        &mut self,
        number: usize,
        host: &Host,
        stream: Stream,
        bytes: &[u8],
    ) -> io::Result<()> {
        let output = self.outputs.of_mut(stream);
        let Some(partial) = self.partial.get_mut(number) else {
            return Ok(());
        };
        let name = self.with_names.then_some(host.label.as_str());
        let mut text = Vec::with_capacity(bytes.len());
        partial.of_mut(stream).push(bytes, |line| {
            add_line(&mut text, name, line, output.is_terminal);
        });
        if text.is_empty() {
            return Ok(());
        }
        self.ui.make_room();
        output.screen.show(&text).await
    }
}

/// One line as it is shown; on a terminal nothing in it drives the terminal.
pub(crate) fn add_line(text: &mut Vec<u8>, name: Option<&str>, line: &[u8], to_terminal: bool) {
    if let Some(name) = name {
        text.extend(name.as_bytes());
        text.extend(b" | ");
    }
    if to_terminal {
        let shown = String::from_utf8_lossy(line);
        let shown = shown.trim_end_matches(['\r', '\n']);
        // What a carriage return has overwritten is not seen.
        let shown = shown.rsplit('\r').next().unwrap_or_default();
        text.extend(visible(shown).as_bytes());
        text.push(b'\n');
        return;
    }
    text.extend(line);
    if !line.ends_with(b"\n") {
        text.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole() {
        let mut partial = Partial::default();
        let mut lines = Vec::new();
        for bytes in ["a\nb", "c", "\n\nd", ""] {
            partial.push(bytes.as_bytes(), |line| lines.push(line.to_vec()));
        }
        assert_eq!(lines, [b"a\n".to_vec(), b"bc\n".to_vec(), b"\n".to_vec()]);
        assert_eq!(partial.take().unwrap(), b"d");
        let mut pieces = Vec::new();
        for _ in 0..3 {
            partial.push(&[b'x'; LONGEST - 1], |line| pieces.push(line.len()));
        }
        assert_eq!(
            pieces,
            [LONGEST * 2 - 2],
            "a piece of a line without an end"
        );
    }

    #[test]
    fn lines_as_they_are_shown() {
        for (name, line, to_terminal, expected) in [
            (Some("web-1"), "up\n", false, "web-1 | up\n"),
            (Some("web-1"), "up", false, "web-1 | up\n"),
            (None, "a\r\n", false, "a\r\n"),
            (None, "1%\r2%\r\n", true, "2%\n"),
            (Some("w"), "\u{1b}[2Jx\n", true, "w | \\u{1b}[2Jx\n"),
        ] {
            let mut text = Vec::new();
            add_line(&mut text, name, line.as_bytes(), to_terminal);
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }
}
