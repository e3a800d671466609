//! One quiet line that says what is being waited for while a connection is made.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use eic_term::{Timeline, terminal};
use tokio_util::task::AbortOnDropHandle;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How long nobody wonders.
const DELAY: Duration = Duration::from_millis(500);
const INTERVAL: Duration = Duration::from_millis(100);
/// Nothing from here to the screen's end.
const ERASE: &str = "\r\x1b[J";
/// The line above.
const UP: &str = "\x1b[A";

/// The terminal's last lines, while they are ours.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    shown: String,
    ours: bool,
}

impl Line {
    /// Makes room for something else.
    pub(crate) fn erase(&self) {
        self.change(|content| content.show(String::new()));
    }

    /// Keeps the line free until the guard is dropped.
    pub(crate) fn hold(&self) -> Held {
        let mut before = false;
        self.change(|content| {
            content.show(String::new());
            before = std::mem::take(&mut content.ours);
        });
        Held {
            line: self.clone(),
            before,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Content)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Keeps the line free for something else.
pub(crate) struct Held {
    line: Line,
    before: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.line.change(|content| content.ours = self.before);
    }
}

impl Content {
    /// Shows this text instead of what is there. Nothing is left to do where standard error is gone.
    fn show(&mut self, text: String) {
        if self.shown != text {
            let up = UP.repeat(self.shown.matches('\n').count());
            let _obedient = terminal::obey_sequences();
            write!(io::stderr().lock(), "{up}{ERASE}{text}").ok();
            self.shown = text;
        }
    }
}

/// Keeps the line up to date; dropping it erases the line.
pub(crate) struct Progress {
    line: Line,
    task: AbortOnDropHandle<()>,
}

impl Progress {
    /// Says which step is under way.
    pub(crate) fn start(target: String, timeline: Timeline, line: Line) -> Self {
        let started = Instant::now();
        let text = move || {
            let step = timeline.current()?;
            Some(fit(&format!(
                "{target}: {step} …{}",
                seconds(started.elapsed())
            )))
        };
        Self::draw(line, DELAY, text)
    }

    /// Shows what is to be said at each moment.
    pub(crate) fn keep(mut text: impl FnMut() -> String + Send + 'static, line: Line) -> Self {
        Self::draw(line, INTERVAL, move || Some(fit(&text())))
    }

    /// The same of several lines, which are as they are; `None` leaves what is there.
    pub(crate) fn live(line: Line, text: impl Fn() -> Option<String> + Send + 'static) -> Self {
        Self::draw(line, DELAY, text)
    }

    fn draw(
        line: Line,
        delay: Duration,
        mut text: impl FnMut() -> Option<String> + Send + 'static,
    ) -> Self {
        let drawn = line.clone();
        line.change(|content| content.ours = true);
        let task = tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            loop {
                if let Some(text) = text() {
                    // It may have been aborted meanwhile, which stops it at an await only.
                    drawn.change(|content| {
                        if content.ours {
                            content.show(text)
                        }
                    });
                }
                tokio::time::sleep(INTERVAL).await;
            }
        });
        Self {
            line,
            task: AbortOnDropHandle::new(task),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        self.line.change(|content| content.ours = false);
        self.line.erase();
    }
}

/// Worth saying from the second one on.
fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0 | 1 => String::new(),
        seconds => format!(" {seconds} s"),
    }
}

fn fit(text: &str) -> String {
    fitting(text, terminal::size().columns.into())
}

/// As much as fits on one line without wrapping.
pub(crate) fn fitting(text: &str, columns: usize) -> String {
    let mut left = columns.saturating_sub(1);
    let fits = |character: &char| {
        let width = character.width().unwrap_or_default();
        left.checked_sub(width).is_some_and(|rest| {
            left = rest;
            true
        })
    };
    text.chars().take_while(fits).collect()
}

/// A text in a column so wide, cut where it is wider.
pub(crate) fn column(text: &str, width: usize) -> String {
    let text = match text.width() > width {
        true => format!("{}…", fitting(text, width)),
        false => text.to_owned(),
    };
    let rest = width.saturating_sub(text.width());
    text + &" ".repeat(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_look() {
        for (name, expected) in [
            ("web-1", "web-1   "),
            ("日本", "日本    "),
            ("a-long-name", "a-long-…"),
            ("日本日本日", "日本日… "),
        ] {
            assert_eq!(column(name, 8), expected);
        }
    }
}
