//! Everything that is told of a run: on our outputs, in the log folder, on the live lines, in the last words.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::args::{Mode, Several};
use super::event::{Ending, Event};
use super::fold::Fold;
use super::json::Json;
use super::lines::Lines;
use super::live::Live;
use super::log_dir::LogDir;
use super::targets::Host;
use super::{is_watched, summary};
use crate::cli::progress::Progress;
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// What a run looks like.
pub(crate) struct View {
    hosts: Vec<Arc<Host>>,
    output: Output,
    logs: Option<(PathBuf, LogDir)>,
    live: Live,
    /// By the instances' numbers, as they end.
    endings: Vec<Option<Ending>>,
    ui: Ui,
}

enum Output {
    Fold(Fold),
    Lines(Lines),
    Json(Json),
}

impl View {
    pub(crate) fn new(several: &Several, hosts: Vec<Arc<Host>>, ui: &Ui) -> Result<Self, Failure> {
        let count = hosts.len();
        let usual = match is_watched() {
            true => Mode::Fold,
            false => Mode::Prefix,
        };
        let output = match several.output.unwrap_or(usual) {
            _ if several.json => Output::Json(Json::new(count, ui)),
            Mode::Fold => Output::Fold(Fold::new(count, ui)),
            mode => Output::Lines(Lines::new(mode == Mode::Prefix, count, ui)),
        };
        let again = several.log_dir.is_none();
        let folder = several.log_dir.as_ref().or(several.retry_failed.as_ref());
        let logs = match folder {
            Some(folder) => Some((folder.clone(), LogDir::create(folder, again)?)),
            None => None,
        };
        Ok(Self {
            output,
            logs,
            live: Live::new(count),
            endings: (0..count).map(|_| None).collect(),
            hosts,
            ui: ui.clone(),
        })
    }

    /// Shows what is going on until the guard is dropped.
    pub(crate) fn live(&self) -> Option<Progress> {
        self.live.show(&self.ui)
    }

    pub(crate) async fn take(&mut self, number: usize, event: Event) -> io::Result<()> {
        let Some(host) = self.hosts.get(number) else {
            return Ok(());
        };
        self.live.take(number, host, &event);
        if let Some((_, logs)) = &mut self.logs {
            logs.take(number, host, &event)?;
        }
        match &mut self.output {
            Output::Fold(fold) => fold.take(number, &event).await,
            Output::Lines(lines) => lines.take(number, host, &event).await?,
            Output::Json(json) => json.take(number, host, &event).await?,
        }
        if let (Event::End(ending), Some(kept)) = (event, self.endings.get_mut(number)) {
            *kept = Some(ending);
        }
        Ok(())
    }

    /// Shows the rest, and the last words.
    pub(crate) async fn finish(&mut self, took: Duration) -> io::Result<()> {
        if let Output::Fold(fold) = &mut self.output {
            fold.finish(&self.hosts).await?;
        }
        let mut words = summary::text(&self.hosts, &self.endings, took);
        if let Some((folder, logs)) = &self.logs {
            logs.finish(&self.hosts, &self.endings)?;
            if self
                .endings
                .iter()
                .any(|ending| !ending.as_ref().is_some_and(Ending::is_ok))
            {
                let folder = folder.display();
                words.push_str(&format!("\n  again for those: --retry-failed {folder}"));
            }
        }
        self.ui.notice(&words);
        Ok(())
    }

    /// The exit status.
    pub(crate) fn code(&self) -> u8 {
        summary::code(self.endings.iter().flatten())
    }
}
