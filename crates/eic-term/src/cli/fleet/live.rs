//! What is going on, on the terminal's last lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use eic_term::{Timeline, terminal, visible};
use unicode_width::UnicodeWidthStr;

use super::event::{Ending, Event};
use super::targets::Host;
use crate::cli::progress::{Progress, column, fitting};
use crate::cli::ui::Ui;

/// How wide the column of names is, at least and at most.
const NAME: std::ops::Range<usize> = 12..32;

/// Who works, and how many have ended.
#[derive(Clone, Default)]
pub(crate) struct Live(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    all: usize,
    done: usize,
    failed: usize,
    running: BTreeMap<usize, Running>,
}

struct Running {
    label: String,
    since: Instant,
    timeline: Option<Timeline>,
    /// The last line that it has said.
    last: String,
}

impl Live {
    pub(crate) fn new(all: usize) -> Self {
        let live = Self::default();
        live.change(|state| state.all = all);
        live
    }

    /// Shows it until the guard is dropped.
    pub(crate) fn show(&self, ui: &Ui) -> Option<Progress> {
        let live = self.clone();
        ui.live(move || {
            let size = terminal::size();
            let (columns, rows) = (size.columns.into(), size.rows.into());
            Some(live.change(|state| state.text(columns, rows)))
        })
    }

    pub(crate) fn take(&self, number: usize, host: &Host, event: &Event) {
        self.change(|state| match event {
            Event::Start { .. } => {
                let running = Running {
                    label: host.label.clone(),
                    since: Instant::now(),
                    timeline: host.way.as_ref().ok().map(|way| way.timeline.clone()),
                    last: String::new(),
                };
                state.running.insert(number, running);
            }
            Event::Output(_, bytes) => {
                if let Some(running) = state.running.get_mut(&number)
                    && let Some(line) = last_line(bytes)
                {
                    running.last = line;
                }
            }
            Event::End(ending) => state.end(number, ending),
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn end(&mut self, number: usize, ending: &Ending) {
        self.running.remove(&number);
        self.done += 1;
        self.failed += usize::from(!ending.is_ok());
    }

    /// One line for each that works, as far as there is room, and one for all.
    fn text(&self, columns: usize, rows: usize) -> String {
        let room = rows.saturating_sub(3);
        let shown = || self.running.values().take(room);
        let widest = shown().map(|running| running.label.width()).max();
        let width = widest.unwrap_or_default().clamp(NAME.start, NAME.end);
        let mut text = String::new();
        for running in shown() {
            let line = fitting(&running.text(width), columns);
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str(&fitting(&self.summary(room), columns));
        text
    }

    fn summary(&self, room: usize) -> String {
        let running = self.running.len();
        let hidden = match running.saturating_sub(room) {
            0 => String::new(),
            hidden => format!(" ({hidden} not shown)"),
        };
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(", {failed} of them failed"),
        };
        let (all, done) = (self.all, self.done);
        format!("{done} of {all} done{failed}, {running} working{hidden}")
    }
}

impl Running {
    fn text(&self, width: usize) -> String {
        let seconds = self.since.elapsed().as_secs();
        let step = self.timeline.as_ref().and_then(Timeline::current);
        let doing = match step {
            Some(step) => format!("{step} …"),
            None => self.last.clone(),
        };
        format!("{} {seconds:>4} s  {doing}", column(&self.label, width))
    }
}

/// The last line with something on it, safe to show.
fn last_line(bytes: &[u8]) -> Option<String> {
    let tail = bytes.get(bytes.len().saturating_sub(1024)..)?;
    let mut lines = tail.rsplit(|byte| matches!(byte, b'\n' | b'\r'));
    let line = lines.find(|line| !line.trim_ascii().is_empty())?;
    let line = visible(&String::from_utf8_lossy(line));
    Some(line.replace('\t', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_safe() {
        assert_eq!(last_line(b"a\nb\tc\n\n").unwrap(), "b c");
        assert_eq!(last_line(b"10%\r20%\r").unwrap(), "20%");
        assert_eq!(last_line(b"\x1b[2Jx").unwrap(), "\\u{1b}[2Jx");
        assert_eq!(last_line(b"\n"), None);
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let mut state = State {
            all: 5,
            ..State::default()
        };
        for number in 0..4 {
            let running = Running {
                label: format!("web-{number}"),
                since: Instant::now(),
                timeline: None,
                last: "x".repeat(100),
            };
            state.running.insert(number, running);
        }
        state.end(3, &Ending::Interrupted);
        let text = state.text(40, 5);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines.iter().all(|line| line.len() < 40), "{text}");
        assert!(
            lines[2].starts_with("1 of 5 done, 1 of them failed, 3 workin"),
            "{text}"
        );
    }
}
