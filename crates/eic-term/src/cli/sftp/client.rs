//! Where we are on both sides, and what a line does there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use eic_term::files::{Attributes, Found, Host, Sftp, SftpError, Tree, glob};
use eic_term::visible_line;
use tokio_util::sync::CancellationToken;

use super::arguments::Settings;
use super::command::Command;
use super::words::Word;
use super::{help, listing, local, paths, remote, transfer};
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Good,
    /// Something failed, and was said.
    Failed,
    /// The connection is gone, which was said.
    Lost,
    /// Ctrl-C ended it.
    Interrupted,
    Quit,
}

impl Done {
    /// How two things ended, one after the other.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (_, Self::Interrupted) => other,
            (Self::Good, other) => other,
            (done, _) => done,
        }
    }
}

/// A session, and where it is.
pub(super) struct Client {
    pub(super) sftp: Sftp,
    /// The same, for transfers.
    pub(super) host: Host,
    /// The folder on the host.
    pub(super) folder: Vec<u8>,
    /// The folder on the host where it began.
    pub(super) start: Vec<u8>,
    pub(super) settings: Settings,
    /// Whether to show how far transfers are.
    pub(super) progress: bool,
    /// Names of users and of groups, as far as the host was asked.
    pub(super) users: HashMap<u32, Vec<u8>>,
    pub(super) groups: HashMap<u32, Vec<u8>>,
    /// Whether a pattern met names that none can have.
    left_out: AtomicBool,
    /// Ends the transfers that are under way.
    pub(super) interrupt: CancellationToken,
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
        let unknown = |error| failure("cannot find out the folder on the host", error);
        let host = Host::of_sftp(sftp.clone()).await.map_err(unknown)?;
        let start = sftp.real_path(".").await.map_err(unknown)?;
        Ok(Self {
            sftp,
            host,
            folder: start.clone(),
            start,
            settings,
            progress,
            users: HashMap::new(),
            groups: HashMap::new(),
            left_out: AtomicBool::new(false),
            interrupt: CancellationToken::new(),
            ui,
        })
    }

    /// Does what a line asks for; what fails is said.
    pub(super) async fn run(&mut self, command: Command) -> Done {
        self.left_out.store(false, Ordering::Relaxed);
        match self.dispatch(command).await {
            Ok(Done::Good) if self.left_out.load(Ordering::Relaxed) => Done::Failed,
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

    /// A path on the host from the root; `~` is where the session began.
    pub(super) fn absolute(&self, path: &[u8]) -> Vec<u8> {
        absolute(path, &self.folder, &self.start)
    }

    /// What a word means on the host, which may be nothing.
    pub(super) async fn find(&self, word: &Word) -> Result<Vec<Found>, Failure> {
        self.find_pattern(&self.pattern(word)).await
    }

    /// What a pattern from the root means on the host.
    pub(super) async fn find_pattern(&self, pattern: &[u8]) -> Result<Vec<Found>, Failure> {
        let found = glob(pattern, self).await;
        found.map_err(|error| failure(format!("cannot find {}", shown(pattern)), error))
    }

    /// What a word means on the host; nothing is a failure of `doing` it.
    pub(super) async fn find_some(&self, word: &Word, doing: &str) -> Result<Vec<Found>, Failure> {
        let found = self.find(word).await?;
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
            [b'~', b'/', rest @ ..] => paths::join(&literal(&self.start), rest),
            pattern => paths::join(&literal(&self.folder), pattern),
        }
    }
}

impl Tree for Client {
    async fn entries(&self, folder: &[u8]) -> Result<Vec<(Vec<u8>, Attributes)>, SftpError> {
        let mut entries = self.sftp.entries(folder).await?;
        entries.retain(|(name, _)| match is_name(name) {
            true => true,
            false => {
                self.left_out.store(true, Ordering::Relaxed);
                let (name, folder) = (shown(name), shown(folder));
                self.ui.notice(&format!(
                    "left out `{name}` in {folder}, which is no file's name"
                ));
                false
            }
        });
        Ok(entries)
    }

    async fn attributes(&self, path: &[u8]) -> Result<Option<Attributes>, SftpError> {
        self.sftp.attributes(path).await
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
        [b'~', b'/', rest @ ..] => paths::join(start, rest),
        path => paths::join(folder, path),
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
