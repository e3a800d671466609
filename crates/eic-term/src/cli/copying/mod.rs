//! What is said of a copy while it goes on, by `cp` and by `sftp`.

mod meter;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use eic_term::files::{TransferError, TransferEvent};
use eic_term::{terminal, visible};

use super::report::Failure;
use super::ui::Ui;
pub(crate) use meter::{Meter, bytes, per_second};

/// The most failures that are told one by one; a server can make up any number.
const MOST_TOLD: u32 = 1000;

/// A meter that is heard and looked at in two places.
#[derive(Clone, Default)]
pub(crate) struct SharedMeter(Arc<Mutex<Meter>>);

impl SharedMeter {
    pub(crate) fn hear(&self, event: &TransferEvent<'_>) {
        self.with(|meter| meter.hear(event, Instant::now()));
    }

    /// The line at this moment.
    pub(crate) fn line(&self) -> String {
        self.with(|meter| meter.line(Instant::now(), terminal::size().columns.into()))
    }

    /// The line that stays of a file that is whole.
    pub(crate) fn whole(&self, path: &[u8], size: u64) -> String {
        let columns = terminal::size().columns.into();
        self.with(|meter| meter.whole(path, size, Instant::now(), columns))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Meter) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tells of what is not copied, up to a limit.
#[derive(Default)]
pub(crate) struct Failures(u32);

impl Failures {
    /// Tells of one; `false` where it is only counted.
    pub(crate) fn tell(
        &mut self,
        what: String,
        error: &TransferError,
        advice: Option<&str>,
        ui: &Ui,
    ) -> bool {
        self.0 = self.0.saturating_add(1);
        if self.0 > MOST_TOLD {
            return false;
        }
        ui.failure(&Failure::new(what, error).advised_by(advice));
        if self.0 == MOST_TOLD {
            ui.notice(&format!(
                "these were {MOST_TOLD} failures; more are counted, and not told one by one"
            ));
        }
        true
    }
}

/// A path as it may be shown: it may come from a server.
pub(crate) fn show(path: &[u8]) -> String {
    let text = visible(&String::from_utf8_lossy(path));
    text.replace('\n', "\\n").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_drive_the_terminal() {
        assert_eq!(show(b"a\nb\x1b[2J\xff"), "a\\nb\\u{1b}[2J\u{fffd}");
    }
}
