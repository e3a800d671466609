//! Commands typed at a prompt, with a history and completion.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use eic_term::files::{FileKind, Sftp, SftpError};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use tokio::runtime::Handle;

use super::client::{self, Client, Done};
use super::completion::{self, Name, Side, Typed};
use super::{line, local, paths, platform};
use crate::cli::report::{FAILED, Failure};

const PROMPT: &str = "sftp> ";
/// How long a completion may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most names that are put up for choice.
const MOST: usize = 1000;

/// The most symbolic links that the host is asked about.
const MOST_LINKS: usize = 32;

/// A name, and what it is.
type Entry = (Vec<u8>, Option<FileKind>);
type Keyboard = Editor<Names, DefaultHistory>;

/// Asks for commands until a person leaves.
pub(super) async fn run(client: &mut Client) -> Result<ExitCode, Failure> {
    let mut keyboard = keyboard()?;
    // Ctrl-C between two commands, or twice on one, does not end us.
    let _heard = platform::interrupts();
    loop {
        keyboard.set_helper(Some(Names::of(client)));
        let (returned, typed) = ask(keyboard).await?;
        keyboard = returned;
        let typed = match typed {
            Ok(typed) => typed,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(ExitCode::SUCCESS),
            Err(source) => return Err(Failure::new("cannot read the keyboard", source)),
        };
        // A line that cannot be remembered is run all the same.
        keyboard.add_history_entry(typed.as_str()).ok();
        match line::run(client, typed.as_bytes()).await.done {
            Done::Quit => return Ok(ExitCode::SUCCESS),
            Done::Lost => return Ok(ExitCode::from(FAILED)),
            Done::Good | Done::Failed | Done::Interrupted => {}
        }
    }
}

fn keyboard() -> Result<Keyboard, Failure> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .build();
    let keyboard = Editor::with_config(config);
    keyboard.map_err(|source| Failure::new("cannot use the terminal", source))
}

/// Reads a line on a thread that may wait for it.
async fn ask(mut keyboard: Keyboard) -> Result<(Keyboard, rustyline::Result<String>), Failure> {
    let asked = tokio::task::spawn_blocking(move || {
        let typed = keyboard.readline(PROMPT);
        (keyboard, typed)
    });
    let asked = asked.await;
    asked.map_err(|source| Failure::new("cannot read the keyboard", source))
}

/// The names that Tab completes to.
struct Names {
    sftp: Sftp,
    folder: Arc<[u8]>,
    start: Arc<[u8]>,
    runtime: Handle,
}

impl Names {
    fn of(client: &Client) -> Self {
        Self {
            sftp: client.sftp.clone(),
            folder: client.folder.as_slice().into(),
            start: client.start.as_slice().into(),
            runtime: Handle::current(),
        }
    }

    /// The names that one being typed can become, and whether each is a folder.
    fn around(&self, name: &Name) -> Vec<(String, bool)> {
        let (folder, entries) = match name.side {
            Side::Here => (Vec::new(), here(&name.folder)),
            Side::Host => self.there(&name.folder),
        };
        let text = |(name, kind)| Some((String::from_utf8(name).ok()?, kind));
        let mut entries: Vec<_> = entries.into_iter().filter_map(text).collect();
        entries.retain(|(file, _)| name.begins(file));
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        entries.truncate(MOST);
        let few = entries.len() <= MOST_LINKS;
        let is_folder = |file: &str, kind| match kind {
            Some(FileKind::Symlink) if few => {
                self.leads_to_folder(&paths::join(&folder, file.as_bytes()))
            }
            kind => kind == Some(FileKind::Folder),
        };
        let found = entries.into_iter().map(|(file, kind)| {
            let is_folder = is_folder(&file, kind);
            (file, is_folder)
        });
        found.collect()
    }

    /// What is in a folder on the host, after the folder's path.
    fn there(&self, folder: &str) -> (Vec<u8>, Vec<Entry>) {
        let folder = client::absolute(folder.as_bytes(), &self.folder, &self.start);
        let entries = self
            .wait(self.sftp.read_folder(&folder))
            .unwrap_or_default();
        let entries = entries
            .into_iter()
            .map(|entry| (entry.name, entry.attributes.kind()));
        (folder, entries.collect())
    }

    fn leads_to_folder(&self, path: &[u8]) -> bool {
        let found = self.wait(self.sftp.stat(path));
        found.and_then(|found| found.kind()) == Some(FileKind::Folder)
    }

    /// What the host answers; `None` where it does not, or not in time.
    fn wait<T>(&self, answer: impl Future<Output = Result<T, SftpError>>) -> Option<T> {
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, answer).await });
        answer.ok()?.ok()
    }
}

/// What is in a folder here; links count as what they lead to.
fn here(folder: &str) -> Vec<Entry> {
    let folder = match folder {
        "" => ".",
        folder => folder,
    };
    let folder = local::expand(folder.as_bytes());
    let read = folder
        .ok()
        .and_then(|folder| std::fs::read_dir(folder).ok());
    let entries = read.into_iter().flatten().flatten().map(|entry| {
        let name = platform::bytes(entry.file_name().as_ref());
        let kind = if entry.path().is_dir() {
            FileKind::Folder
        } else {
            FileKind::File
        };
        (name, Some(kind))
    });
    entries.collect()
}

impl Completer for Names {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = line.get(..at).unwrap_or_default();
        let pair = |display: &str, replacement: String| Pair {
            display: display.to_owned(),
            replacement,
        };
        match completion::typed(line) {
            Typed::Other => Ok((at, Vec::new())),
            Typed::Command(begin) => {
                let names = completion::commands(&begin);
                let pairs = names
                    .into_iter()
                    .map(|name| pair(name.trim_end(), name.clone()));
                Ok((at - begin.len(), pairs.collect()))
            }
            Typed::Name(name) => {
                let found = self.around(&name);
                let pairs = found.iter().map(|(file, is_folder)| {
                    let mark = if *is_folder { "/" } else { "" };
                    pair(&format!("{file}{mark}"), name.replacement(file, *is_folder))
                });
                Ok((name.at, pairs.collect()))
            }
        }
    }
}

impl Helper for Names {}
impl Highlighter for Names {}
impl Validator for Names {}
impl Hinter for Names {
    type Hint = String;
}
