//! How far a copy is, as one line: the file, all of them, how fast, and how long still.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use eic_term::files::TransferEvent;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::show;

/// How far back the rate looks.
const SPAN: Duration = Duration::from_secs(5);
/// The shortest file name that is of any use.
const LEAST_NAME: usize = 12;

/// What has been heard so far.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    file: String,
    done: u64,
    announced: u64,
    files: u64,
    finished: u64,
    marks: VecDeque<(Instant, u64)>,
    /// When the files that are under way began.
    began: HashMap<Vec<u8>, Instant>,
    /// When the one began that came to its end last.
    last: Option<Instant>,
}

impl Meter {
    pub(super) fn hear(&mut self, event: &TransferEvent<'_>, now: Instant) {
        match event {
            TransferEvent::Started { path, size } => {
                self.began.insert(path.to_vec(), now);
                self.files += 1;
                self.announced = self.announced.saturating_add(size.unwrap_or_default());
            }
            TransferEvent::Advanced { bytes } => self.done = self.done.saturating_add(*bytes),
            TransferEvent::Skipped { bytes } => {
                self.announced = self.announced.saturating_sub(*bytes);
            }
            TransferEvent::Copied { path, .. } | TransferEvent::Failed { path, .. } => {
                self.finish(path);
            }
            TransferEvent::Unchanged { path, size } => {
                self.finish(path);
                self.announced = self.announced.saturating_sub(*size);
            }
            _ => {}
        }
    }

    fn finish(&mut self, path: &[u8]) {
        self.finished += 1;
        self.last = self.began.remove(path);
        self.file = show(path);
    }

    /// The file that has been under way for longest, else the last one.
    fn file(&self) -> String {
        let longest = self.began.iter().min_by_key(|(_, began)| **began);
        longest.map_or_else(|| self.file.clone(), |(path, _)| show(path))
    }

    /// The line at this moment.
    pub(super) fn line(&mut self, now: Instant, columns: usize) -> String {
        let rate = self.rate(now);
        let percent = match self.announced {
            0 => String::new(),
            all => format!("{:3} %  ", self.done.min(all).saturating_mul(100) / all),
        };
        let count = match self.files {
            0 | 1 => String::new(),
            files => format!("{}/{files} files  ", self.finished.min(files)),
        };
        let left = time_left(self.announced.saturating_sub(self.done), rate);
        let numbers = format!("{percent}{}  {}/s{left}", bytes(self.done), bytes(rate));
        let tail = format!("{count}{numbers}");
        with_name(&self.file(), &tail, columns)
    }

    /// What stays of the file that was heard last to be whole.
    pub(super) fn whole(&mut self, path: &[u8], size: u64, now: Instant, columns: usize) -> String {
        let began = self.last.take().unwrap_or(now);
        let seconds = now.saturating_duration_since(began).as_secs_f64();
        let rate = match per_second(size, seconds) {
            0 => String::new(),
            rate => format!("  {}/s", bytes(rate)),
        };
        let tail = format!("100 %  {}{rate}  {}", bytes(size), clock(seconds as u64));
        with_name(&show(path), &tail, columns)
    }

    /// Bytes a second, lately.
    fn rate(&mut self, now: Instant) -> u64 {
        self.marks.push_back((now, self.done));
        while self
            .marks
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > SPAN)
        {
            self.marks.pop_front();
        }
        let Some((since, before)) = self.marks.front() else {
            return 0;
        };
        let seconds = now.saturating_duration_since(*since).as_secs_f64();
        per_second(self.done.saturating_sub(*before), seconds)
    }
}

/// A name, as far as there is room, and the numbers at the line's end.
fn with_name(name: &str, tail: &str, columns: usize) -> String {
    let room = columns.saturating_sub(tail.width() + 3);
    if room < LEAST_NAME || name.is_empty() {
        return tail.to_owned();
    }
    let name = shortened(name, room);
    let padding = " ".repeat(room.saturating_sub(name.width()));
    format!("{name}{padding}  {tail}")
}

/// Bytes a second.
pub(crate) fn per_second(bytes: u64, seconds: f64) -> u64 {
    if seconds < 0.01 {
        return 0;
    }
    (bytes as f64 / seconds) as u64
}

fn time_left(bytes: u64, rate: u64) -> String {
    match bytes.checked_div(rate) {
        None | Some(0) => String::new(),
        Some(seconds @ ..360_000) => format!("  {} left", clock(seconds)),
        Some(_) => "  long".to_owned(),
    }
}

fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// The end of a name says more than its start.
fn shortened(name: &str, room: usize) -> String {
    if name.width() <= room {
        return name.to_owned();
    }
    let mut left = room.saturating_sub(1);
    let fits = |character: &char| {
        let width = character.width().unwrap_or_default();
        left.checked_sub(width).map(|rest| left = rest).is_some()
    };
    let end: Vec<char> = name.chars().rev().take_while(fits).collect();
    format!("…{}", end.into_iter().rev().collect::<String>())
}

/// A number of bytes as people say it.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while value >= 999.5 && units.len() > 0 {
        value /= 1024.0;
        unit = units.next();
    }
    let unit = unit.unwrap_or(&"B");
    match unit {
        &"B" => format!("{count} B"),
        unit if value < 9.95 => format!("{value:.1} {unit}"),
        unit => format!("{value:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_say_them() {
        for (count, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KiB"),
            (10 << 10, "10 KiB"),
            (1 << 20, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
    }

    #[test]
    fn the_line_says_where_it_is() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        assert_eq!(meter.line(start, 80), "0 B  0 B/s");
        let size = Some(100 << 20);
        let path = b"var/log/a\x1b[2J long name.log".as_slice();
        meter.hear(&TransferEvent::Started { path, size }, start);
        meter.hear(&TransferEvent::Advanced { bytes: 25 << 20 }, start);
        let at = start + Duration::from_secs(1);
        assert_eq!(
            meter.line(at, 80),
            format!(
                "{:<43}   25 %  25 MiB  25 MiB/s  0:03 left",
                "var/log/a\\u{1b}[2J long name.log"
            )
        );
        assert!(meter.line(at, 60).starts_with("…"));
        assert_eq!(meter.line(at, 40), " 25 %  25 MiB  25 MiB/s  0:03 left");
        let end = start + Duration::from_secs(65);
        let size = 130 << 20;
        meter.hear(&TransferEvent::Copied { path, size }, end);
        assert_eq!(
            meter.whole(path, size, end, 50),
            "…J long name.log  100 %  130 MiB  2.0 MiB/s  1:05"
        );
    }

    #[test]
    fn names_are_as_wide_as_they_look() {
        for (name, columns, shown) in [
            ("a", 20, "a               "),
            ("日本語日本語日本語", 17, "…日本語日本語"),
            ("日本語日本語日本語", 18, "…日本語日本語 "),
        ] {
            assert_eq!(with_name(name, "9", columns), format!("{shown}  9"));
        }
        assert_eq!(with_name("a", "9", 10), "9");
    }
}
