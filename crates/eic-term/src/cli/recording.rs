//! Recordings of interactive sessions: asciicast v2
//! (<https://docs.asciinema.org/manual/asciicast/v2/>), a line of JSON an event.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use eic_term::WindowSize;
use serde_json::json;

/// A recording under way, shared by everyone who adds to it.
#[derive(Clone)]
pub(crate) struct Recording(Arc<Mutex<Tape>>);

struct Tape {
    file: File,
    /// How much of the file is whole lines, in bytes.
    length: u64,
    started: Instant,
    with_input: bool,
    output: Text,
    input: Text,
    failed: Option<io::Error>,
}

impl Recording {
    /// Creates the file, for its owner only; one that is there already is left alone.
    pub(crate) fn create(
        path: &Path,
        with_input: bool,
        size: WindowSize,
        term: &str,
    ) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut tape = Tape {
            file: options.open(path)?,
            length: 0,
            started: Instant::now(),
            with_input,
            output: Text::default(),
            input: Text::default(),
            failed: None,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        tape.line(&json!({
            "version": 2,
            "width": size.columns,
            "height": size.rows,
            "timestamp": now.unwrap_or_default().as_secs(),
            "env": { "TERM": term },
        }));
        match tape.failed.take() {
            Some(error) => Err(error),
            None => Ok(Self(Arc::new(Mutex::new(tape)))),
        }
    }

    pub(crate) fn output(&self, shown: &[u8]) {
        self.with(|tape| {
            let text = tape.output.decode(shown);
            tape.event("o", &text);
        });
    }

    pub(crate) fn input(&self, typed: &[u8]) {
        self.with(|tape| {
            if tape.with_input {
                let text = tape.input.decode(typed);
                tape.event("i", &text);
            }
        });
    }

    pub(crate) fn resize(&self, to: WindowSize) {
        self.with(|tape| tape.event("r", &format!("{}x{}", to.columns, to.rows)));
    }

    /// What stopped it early, if anything did.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.with(|tape| tape.failed.take())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Tape) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tape {
    fn event(&mut self, kind: &str, text: &str) {
        if text.is_empty() || self.failed.is_some() {
            return;
        }
        let micros = self.started.elapsed().as_micros();
        let seconds = u32::try_from(micros / 1_000_000).unwrap_or(u32::MAX);
        let rest = u32::try_from(micros % 1_000_000).unwrap_or_default();
        self.line(&json!([
            f64::from(seconds) + f64::from(rest) / 1e6,
            kind,
            text
        ]));
    }

    /// Writes a line at once; after a failure the file ends with the last whole line.
    fn line(&mut self, value: &serde_json::Value) {
        let line = format!("{value}\n");
        match self.file.write_all(line.as_bytes()) {
            Ok(()) => self.length += line.len() as u64,
            Err(error) => {
                self.failed = Some(error);
                // What cannot be cut off either stays.
                self.file.set_len(self.length).ok();
            }
        }
    }
}

/// Bytes become text; a character cut in two waits for its other half.
#[derive(Default)]
struct Text(Vec<u8>);

impl Text {
    fn decode(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        let whole = self.0.len() - unfinished(&self.0);
        let rest = self.0.split_off(whole);
        let text = String::from_utf8_lossy(&self.0).into_owned();
        self.0 = rest;
        text
    }
}

/// The length of a character at the end that may still become whole.
fn unfinished(bytes: &[u8]) -> usize {
    match bytes.utf8_chunks().last() {
        Some(last) => {
            let tail = last.invalid();
            let could_go_on =
                std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none());
            if could_go_on { tail.len() } else { 0 }
        }
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_cut_in_two_become_whole() {
        let mut text = Text::default();
        let parts: [&[u8]; 6] = [b"a\xe2", b"\x82", b"\xacb\xff", b"\xf0\x9f", b"x", b"\xc3"];
        let decoded: Vec<_> = parts.iter().map(|part| text.decode(part)).collect();
        assert_eq!(decoded, ["a", "", "€b\u{fffd}", "", "\u{fffd}x", ""]);
    }

    #[test]
    fn a_recording_is_read_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.cast");
        let size = WindowSize::default();
        let recording = Recording::create(&path, true, size, "xterm").unwrap();
        recording.output(b"\x1b[1mhi\r\n");
        recording.input(b"\x03");
        recording.resize(WindowSize {
            columns: 300,
            rows: 50,
            ..size
        });
        recording.output(b"");
        assert!(
            Recording::create(&path, false, size, "xterm").is_err(),
            "it is there already"
        );
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            (&lines[0]["version"], &lines[0]["width"]),
            (&json!(2), &json!(80))
        );
        let events: Vec<_> = lines[1..]
            .iter()
            .map(|event| (&event[1], &event[2]))
            .collect();
        assert_eq!(
            events,
            [
                (&json!("o"), &json!("\x1b[1mhi\r\n")),
                (&json!("i"), &json!("\x03")),
                (&json!("r"), &json!("300x50")),
            ]
        );
        assert!(lines[1][0].as_f64().is_some_and(|seconds| seconds < 10.0));
    }
}
