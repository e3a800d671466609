//! Where we are on both sides, and what a line does there.

use std::collections::HashMap;
use std::sync::Arc;

use eic_term::files::{Attributes, Sftp, SftpError};
use eic_term::visible_line;
use tokio::sync::Semaphore;

use super::arguments::Settings;
use super::command::Command;
use super::glob::{self, Found, Tree};
use super::meter::Meter;
use super::words::Word;
use super::{help, listing, local, remote, transfer};
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How many reads or writes are under way at once where nothing is said.
const WIDTH: usize = 64;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Good,
    /// Something failed, and was said.
    Failed,
    /// The connection is gone, which was said.
    Lost,
    Quit,
}

/// A session, and where it is.
pub(super) struct Client {
    pub(super) sftp: Sftp,
    /// The folder on the host.
    pub(super) folder: Vec<u8>,
    /// The folder on the host where it began.
    pub(super) start: Vec<u8>,
    pub(super) settings: Settings,
    /// One for each read or write that may be under way.
    pub(super) requests: Arc<Semaphore>,
    /// Whether to show how far transfers are.
    pub(super) progress: bool,
    /// Names of users and of groups, as far as the host was asked.
    pub(super) users: HashMap<u32, Vec<u8>>,
    pub(super) groups: HashMap<u32, Vec<u8>>,
    pub(super) ui: Ui,
}

impl Client {
    /// Starts in the folder where the server does.
    pub(super) async fn start(
        sftp: Sftp,
        settings: Settings,
        progress: bool,
        ui: Ui,
    ) -> Result<Self, Failure> {
        let start = sftp.real_path(".").await;
        let start =
            start.map_err(|error| failure("cannot find out the folder on the host", error))?;
        let requests = settings
            .requests
            .unwrap_or(WIDTH)
            .min(Semaphore::MAX_PERMITS);
        Ok(Self {
            sftp,
            requests: Arc::new(Semaphore::new(requests)),
            folder: start.clone(),
            start,
            settings,
            progress,
            users: HashMap::new(),
            groups: HashMap::new(),
            ui,
        })
    }

    /// Does what a line asks for; what fails is said.
    pub(super) async fn run(&mut self, command: Command) -> Done {
        match self.dispatch(command).await {
            Ok(done) => done,
            Err(failure) => {
                self.ui.failure(&failure);
                Done::Failed
            }
        }
    }

    async fn dispatch(&mut self, command: Command) -> Result<Done, Failure> {
        match command {
            Command::Cd(path) => remote::cd(self, path).await?,
            Command::Change { what, link, paths } => {
                return remote::change(self, what, link, &paths).await;
            }
            Command::Copy(from, to) => remote::copy(self, &from, &to).await?,
            Command::Df {
                human,
                inodes,
                path,
            } => listing::df(self, human, inodes, path).await?,
            Command::Get(files) => return transfer::get(self, &files).await,
            Command::Help => self.ui.result(help::TEXT)?,
            Command::Lcd(path) => local::cd(path.as_deref())?,
            Command::Link { symbolic, to, path } => {
                remote::link(self, symbolic, &to, &path).await?
            }
            Command::Lls(words) => local::list(&words, &self.ui).await?,
            Command::Lmkdir(path) => local::make_folder(&path)?,
            Command::Lpwd => self.say(&format!("Local working directory: {}", local::folder()?))?,
            Command::Ls(how, path) => return listing::ls(self, how, path.as_ref()).await,
            Command::Lumask(mask) => {
                local::set_umask(mask)?;
                self.say(&format!("Local umask: {mask:03o}"))?;
            }
            Command::Mkdir(path) => remote::make_folder(self, &path).await?,
            Command::Progress => {
                self.progress = !self.progress;
                let state = if self.progress { "enabled" } else { "disabled" };
                self.say(&format!("Progress meter {state}"))?;
            }
            Command::Put(files) => return transfer::put(self, &files).await,
            Command::Pwd => {
                let folder = shown(&self.folder);
                self.say(&format!("Remote working directory: {folder}"))?;
            }
            Command::Quit => return Ok(Done::Quit),
            Command::Remove(paths) => return remote::remove(self, &paths).await,
            Command::Rename { from, to, old } => remote::rename(self, &from, &to, old).await?,
            Command::Rmdir(path) => remote::remove_folder(self, &path).await?,
            Command::Shell(line) => local::shell(&line, &self.ui).await?,
            Command::Stat(paths) => return listing::stat(self, &paths).await,
            Command::Version => self.say("SFTP protocol version 3")?,
        }
        Ok(Done::Good)
    }

    /// Shows a line that was asked for.
    pub(super) fn say(&self, line: &str) -> Result<(), Failure> {
        self.ui.result(line)
    }

    /// Shows what is being done, unless only results are wanted.
    pub(super) fn tell(&self, line: &str) -> Result<(), Failure> {
        match self.settings.quiet {
            true => Ok(()),
            false => self.ui.result(line),
        }
    }

    /// The line that shows how far a file is, where it is wanted.
    pub(super) fn meter(&self, path: &[u8], size: Option<u64>, start: u64) -> Option<Meter> {
        let name = shown(glob::base_name(path));
        self.progress
            .then(|| Meter::new(name, size, start, &self.ui))
    }

    /// A path on the host from the root; `~` is where the session began.
    pub(super) fn absolute(&self, path: &[u8]) -> Vec<u8> {
        absolute(path, &self.folder, &self.start)
    }

    /// What a word means on the host, which may be nothing.
    pub(super) async fn find(&self, word: &Word) -> Vec<Found> {
        glob::glob(&self.pattern(word), self).await
    }

    /// What a word means on the host; nothing is a failure of `doing` it.
    pub(super) async fn find_some(&self, word: &Word, doing: &str) -> Result<Vec<Found>, Failure> {
        let found = self.find(word).await;
        if found.is_empty() {
            let path = shown(&self.absolute(&word.name()));
            return Err(Failure::caused(
                format!("cannot {doing} {path}"),
                "there is no such file",
            ));
        }
        Ok(found)
    }

    /// The pattern that a word is, from the root.
    pub(super) fn pattern(&self, word: &Word) -> Vec<u8> {
        let literal = |path: &[u8]| Word::literal(path).0;
        match word.0.as_slice() {
            b"~" => literal(&self.start),
            [b'~', b'/', rest @ ..] => glob::join(&literal(&self.start), rest),
            pattern => glob::join(&literal(&self.folder), pattern),
        }
    }
}

impl Tree for Client {
    async fn entries(&self, folder: &[u8]) -> Vec<(Vec<u8>, Attributes)> {
        let entries = self.sftp.read_folder(folder).await.unwrap_or_default();
        let entries = entries
            .into_iter()
            .filter(|entry| match is_name(&entry.name) {
                true => true,
                false => {
                    let (name, folder) = (shown(&entry.name), shown(folder));
                    self.ui.notice(&format!(
                        "left out `{name}` in {folder}, which is no file's name"
                    ));
                    false
                }
            });
        entries
            .map(|entry| (entry.name, entry.attributes))
            .collect()
    }

    async fn attributes(&self, path: &[u8]) -> Option<Attributes> {
        let own = self.sftp.lstat(path).await.ok()?;
        match own.kind() {
            Some(eic_term::files::FileKind::Symlink) => {
                Some(self.sftp.stat(path).await.unwrap_or(own))
            }
            _ => Some(own),
        }
    }
}

/// Whether a name that a server gives can be one in a folder.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'/') && !name.contains(&0)
}

/// A path on the host from the root, where one is in `folder`.
pub(super) fn absolute(path: &[u8], folder: &[u8], start: &[u8]) -> Vec<u8> {
    match path {
        b"~" => start.to_vec(),
        [b'~', b'/', rest @ ..] => glob::join(start, rest),
        path => glob::join(folder, path),
    }
}

/// A path as it is shown to people.
pub(super) fn shown(path: &[u8]) -> String {
    visible_line(&String::from_utf8_lossy(path))
}

/// What failed, and the host's word on it.
pub(super) fn failure(what: impl Into<String>, error: SftpError) -> Failure {
    Failure::new(what, error)
}
