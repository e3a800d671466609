//! How far a file is, on one line of the terminal.

use std::time::{Duration, Instant};

use eic_term::terminal;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::ls;
use crate::cli::ui::Ui;

/// How often it is drawn anew.
const INTERVAL: Duration = Duration::from_millis(200);

/// The line of one file.
pub(super) struct Meter {
    name: String,
    size: Option<u64>,
    /// How much was there before.
    start: u64,
    done: u64,
    began: Instant,
    drawn: Option<Instant>,
    ui: Ui,
}

impl Meter {
    /// A file of which `start` bytes are there already.
    pub(super) fn new(name: String, size: Option<u64>, start: u64, ui: &Ui) -> Self {
        Self {
            name,
            size,
            start,
            done: start,
            began: Instant::now(),
            drawn: None,
            ui: ui.clone(),
        }
    }

    /// So many bytes more.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= INTERVAL) {
            self.drawn = Some(Instant::now());
            self.ui.status(&self.line(false));
        }
    }

    /// Leaves the last line where it is.
    pub(super) fn finish(self) {
        self.ui.notice(&self.line(true));
    }

    fn line(&self, ended: bool) -> String {
        let elapsed = self.began.elapsed();
        let rate = rate(self.done - self.start, elapsed);
        let time = match (self.size, rate) {
            _ if ended => elapsed.as_secs(),
            (Some(size), 1..) => size.saturating_sub(self.done) / rate,
            _ => 0,
        };
        let share = match self.size {
            _ if ended => 100,
            Some(size @ 1..) => self.done.saturating_mul(100) / size,
            _ => 0,
        };
        let numbers = numbers(share.min(100), self.done, rate, time, ended);
        let width = usize::from(terminal::size().columns).saturating_sub(1);
        line(&self.name, &numbers, width)
    }
}

/// In bytes a second.
fn rate(bytes: u64, elapsed: Duration) -> u64 {
    let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    bytes.saturating_mul(1000) / elapsed.max(1)
}

fn numbers(share: u64, done: u64, rate: u64, seconds: u64, ended: bool) -> String {
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let time = match minutes / 60 {
        0 => format!("{minutes:02}:{seconds:02}"),
        hours => format!("{hours}:{:02}:{seconds:02}", minutes % 60),
    };
    let what = if ended { "" } else { " ETA" };
    format!(
        " {share:>3}% {:>6} {:>6}/s {time:>8}{what:<4}",
        ls::scaled(done),
        ls::scaled(rate)
    )
}

/// The name as far as there is room, and the numbers at the end.
fn line(name: &str, numbers: &str, width: usize) -> String {
    let room = width.saturating_sub(numbers.width());
    let mut used = 0;
    let kept = name.chars().take_while(|character| {
        used += character.width().unwrap_or(0);
        used <= room
    });
    let kept: String = kept.collect();
    let padding = " ".repeat(room.saturating_sub(kept.width()));
    format!("{kept}{padding}{numbers}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let numbers = numbers(45, 123_456_789, 3_500_000, 65, false);
        assert_eq!(numbers, "  45%   118M   3.3M/s    01:05 ETA");
        for (name, width, expected) in [
            ("a", 40, "a       45%   118M   3.3M/s    01:05 ETA"),
            (
                "a-long-name",
                40,
                "a-long  45%   118M   3.3M/s    01:05 ETA",
            ),
            ("日本", 37, "日   45%   118M   3.3M/s    01:05 ETA"),
            ("a", 3, "  45%   118M   3.3M/s    01:05 ETA"),
        ] {
            assert_eq!(line(name, &numbers, width), expected, "{name} {width}");
        }
        assert_eq!(
            super::numbers(100, 0, 0, 3 * 3600 + 61, true),
            " 100%     0B     0B/s  3:01:01    "
        );
    }

    #[test]
    fn rates() {
        assert_eq!(rate(1000, Duration::from_millis(500)), 2000);
        assert_eq!(rate(1000, Duration::ZERO), 1_000_000);
    }
}
