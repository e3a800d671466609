//! How far a copy is, as one line: the file, all of them, how fast, and how long still.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use eic_term::files::TransferEvent;

use super::show;

/// How far back the rate looks.
const SPAN: Duration = Duration::from_secs(5);
/// The shortest file name that is of any use.
const LEAST_NAME: usize = 12;

/// What has been heard so far.
#[derive(Debug, Default)]
pub(super) struct Meter {
    file: String,
    done: u64,
    announced: u64,
    files: u64,
    finished: u64,
    marks: VecDeque<(Instant, u64)>,
}

impl Meter {
    pub(super) fn hear(&mut self, event: &TransferEvent<'_>) {
        match event {
            TransferEvent::Started { path, size } => {
                self.file = show(path);
                self.files += 1;
                self.announced = self.announced.saturating_add(size.unwrap_or_default());
            }
            TransferEvent::Advanced { bytes } => self.done = self.done.saturating_add(*bytes),
            TransferEvent::Skipped { bytes } => {
                self.announced = self.announced.saturating_sub(*bytes);
            }
            TransferEvent::Copied { .. } | TransferEvent::Failed { .. } => self.finished += 1,
            TransferEvent::Unchanged { size, .. } => {
                self.finished += 1;
                self.announced = self.announced.saturating_sub(*size);
            }
            _ => {}
        }
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
        let room = columns.saturating_sub(tail.chars().count() + 3);
        if room < LEAST_NAME {
            return tail;
        }
        format!("{}  {tail}", shortened(&self.file, room))
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

/// Bytes a second.
pub(super) fn per_second(bytes: u64, seconds: f64) -> u64 {
    if seconds < 0.01 {
        return 0;
    }
    (bytes as f64 / seconds) as u64
}

fn time_left(bytes: u64, rate: u64) -> String {
    match bytes.checked_div(rate) {
        None | Some(0) => String::new(),
        Some(seconds @ ..3600) => format!("  {}:{:02} left", seconds / 60, seconds % 60),
        Some(seconds @ ..360_000) => {
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            format!("  {hours}:{minutes:02}:{:02} left", seconds % 60)
        }
        Some(_) => "  long".to_owned(),
    }
}

/// The end of a name says more than its start.
fn shortened(name: &str, room: usize) -> String {
    let count = name.chars().count();
    if count <= room {
        return name.to_owned();
    }
    let rest: String = name.chars().skip(count - room + 1).collect();
    format!("…{rest}")
}

/// A number of bytes as people say it.
pub(super) fn bytes(count: u64) -> String {
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
        assert_eq!(meter.line(start, 80), "  0 B  0 B/s");
        let size = Some(100 << 20);
        let path = b"var/log/a\x1b[2J long name.log".as_slice();
        meter.hear(&TransferEvent::Started { path, size });
        meter.hear(&TransferEvent::Advanced { bytes: 25 << 20 });
        let at = start + Duration::from_secs(1);
        assert_eq!(
            meter.line(at, 80),
            "var/log/a\\u{1b}[2J long name.log   25 %  25 MiB  25 MiB/s  0:03 left"
        );
        assert!(meter.line(at, 60).starts_with("…"));
        assert_eq!(meter.line(at, 40), " 25 %  25 MiB  25 MiB/s  0:03 left");
    }
}
