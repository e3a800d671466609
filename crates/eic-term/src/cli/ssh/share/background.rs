//! A process of ours that goes on in the background.
//!
//! A program with threads cannot fork. So it starts itself once more, early and with the same arguments: that process
//! logs in, asks on the same terminal, and leaves the terminal when all is ready, which it says where the first one
//! listens. If the first one ends before, so does it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use eic_auth::InstanceId;
use eic_term::share::{Listener, LocalStream};
use eic_term::terminal;
use tempfile::TempDir;
use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, ReadHalf, WriteHalf, split,
};
use tokio::process::{ChildStderr, Command};
use tokio::sync::oneshot;

use super::super::{NAME, Run, platform};
use crate::cli::args::Common;
use crate::cli::report::{FAILED, Failure};
use crate::cli::ui::Ui;

/// What stands before the other arguments of the process in the background; no option of ssh(1) looks like it.
const MARK: &str = "--background=";
/// What stands after it, where a host's name means a certain instance.
const INSTANCE: &str = "--instance=";
/// The names in the folder that both know: where the first process listens, and where the other may.
const FOREGROUND: &str = "f";
const BACKGROUND: &str = "b";

/// Which of the processes of one command line this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::ssh) enum Process {
    Foreground,
    /// The other, which knows where the first one listens, and which instance is meant whatever the host's name.
    Background(PathBuf, Option<InstanceId>),
}

impl Process {
    /// Tells by the first argument, and returns the others.
    pub(in crate::cli::ssh) fn of(arguments: &[OsString]) -> (Self, &[OsString]) {
        if let [first, rest @ ..] = arguments
            && let Some(place) = first.to_str().and_then(|text| text.strip_prefix(MARK))
        {
            let (instance, rest) = meant(rest);
            return (Self::Background(place.into(), instance), rest);
        }
        (Self::Foreground, arguments)
    }

    /// The account whose instances this process looks at.
    pub(in crate::cli::ssh) fn account(&self, account: Common) -> Common {
        match self {
            Self::Background(_, instance @ Some(_)) => Common {
                instance: instance.clone(),
                ..account
            },
            _ => account,
        }
    }
}

fn meant(arguments: &[OsString]) -> (Option<InstanceId>, &[OsString]) {
    let instance = |word: &OsString| word.to_str()?.strip_prefix(INSTANCE)?.parse().ok();
    match arguments {
        [first, rest @ ..] if let Some(id) = instance(first) => (Some(id), rest),
        _ => (None, arguments),
    }
}

/// How the start of a process in the background ends.
pub(super) enum Outcome {
    Ready(Ready),
    /// It has ended, and has said why.
    Ended(ExitCode),
}

/// A process that is in the background.
pub(super) struct Ready {
    path: PathBuf,
    _folder: TempDir,
}

impl Ready {
    /// Where it shares its connection.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Starts a process that goes to the background when it is ready, and waits until it does.
pub(super) async fn start(run: &Run<'_>, keeps_output: bool) -> Result<Outcome, Failure> {
    let failed = |source| Failure::new("cannot start a process in the background", source);
    let folder = tempfile::tempdir().map_err(failed)?;
    let place = folder.path().join(FOREGROUND);
    let mut listener = Listener::bind(&place).await.map_err(failed)?;
    let mut command = command(run, &place).map_err(failed)?;
    if !keeps_output {
        platform::without_output(&mut command);
        terminal::withhold_streams().map_err(failed)?;
    }
    let mut child = command.spawn().map_err(failed)?;
    let said = tokio::spawn(show(child.stderr.take()));
    let ended = tokio::select! {
        biased;
        path = ready(&mut listener) => match path {
            Some(path) => return Ok(Outcome::Ready(Ready { path, _folder: folder })),
            None => child.wait().await,
        },
        ended = child.wait() => ended,
    };
    said.await.ok();
    let code = ended.map_err(failed)?.code();
    let code = code.and_then(|code| u8::try_from(code).ok());
    Ok(Outcome::Ended(ExitCode::from(code.unwrap_or(FAILED))))
}

fn command(run: &Run<'_>, place: &Path) -> std::io::Result<Command> {
    let program = std::env::current_exe()?;
    let mut mark = OsString::from(MARK);
    mark.push(place);
    let mut command = Command::new(&program);
    if program.file_stem().is_none_or(|name| name != NAME) {
        command.arg(NAME);
    }
    command.arg(mark);
    let account = run.account;
    command.args(account.instance.iter().map(|id| format!("{INSTANCE}{id}")));
    command.args(run.arguments).stdin(Stdio::null());
    // Others than the environment's, where they were arguments.
    let chosen = [
        ("AWS_REGION", &account.region),
        ("AWS_PROFILE", &account.profile),
    ];
    command.envs(
        chosen
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?))),
    );
    Ok(command)
}

/// Waits for the other's word that it is ready, and where it shares its connection.
async fn ready(listener: &mut Listener) -> Option<PathBuf> {
    let stream = listener.accept().await.ok()?;
    let mut path = String::new();
    let read = BufReader::new(stream).read_line(&mut path).await.ok()?;
    (read > 0).then(|| path.trim_end_matches('\n').into())
}

/// Shows what it says, where it does not say it itself.
async fn show(from: Option<ChildStderr>) {
    if let Some(mut from) = from {
        tokio::io::copy(&mut from, &mut tokio::io::stderr())
            .await
            .ok();
    }
}

/// The process that started this one, as this one sees it.
pub(in crate::cli::ssh) struct Parent {
    to: WriteHalf<LocalStream>,
    waits: Option<oneshot::Sender<()>>,
    folder: PathBuf,
    keeps_output: bool,
}

/// Sees whether it is still there.
pub(super) struct Watch {
    from: ReadHalf<LocalStream>,
    ready: oneshot::Receiver<()>,
}

impl Parent {
    pub(super) async fn join(place: &Path, keeps_output: bool) -> Result<(Self, Watch), Failure> {
        let stream = LocalStream::connect(place).await;
        let stream = stream
            .map_err(|source| Failure::new("cannot reach the process in the foreground", source))?;
        let (from, to) = split(stream);
        let (waits, ready) = oneshot::channel();
        let parent = Self {
            to,
            waits: Some(waits),
            folder: place.parent().unwrap_or(Path::new("")).to_owned(),
            keeps_output,
        };
        Ok((parent, Watch { from, ready }))
    }

    /// Where to share the connection with it alone.
    pub(super) fn private_path(&self) -> PathBuf {
        self.folder.join(BACKGROUND)
    }

    /// Tells it that all is ready, and where the connection is shared, and leaves the terminal to it.
    pub(in crate::cli::ssh) async fn ready(
        &mut self,
        path: Option<&Path>,
        ui: &Ui,
    ) -> Result<(), Failure> {
        let Some(waits) = self.waits.take() else {
            return Ok(());
        };
        let failed = |source| Failure::new("cannot go to the background", source);
        let keeps_stderr = self.keeps_output || ui.tells_details();
        let mut word = path
            .unwrap_or(Path::new(""))
            .as_os_str()
            .as_encoded_bytes()
            .to_vec();
        word.push(b'\n');
        waits.send(()).ok();
        terminal::detach(self.keeps_output, keeps_stderr).map_err(failed)?;
        self.to.write_all(&word).await.map_err(failed)?;
        self.to.flush().await.map_err(failed)
    }
}

impl Watch {
    /// Waits for its end, as long as it waits for us.
    pub(super) async fn gone(mut self) {
        let mut nothing = [0];
        tokio::select! {
            biased;
            _ = &mut self.ready => {}
            _ = self.from.read(&mut nothing) => return,
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_process_this_is() {
        let place = Process::Background("/tmp/x/f".into(), None);
        for (line, expected, rest) in [
            ("--background=/tmp/x/f -N web", place, 2),
            ("-N web", Process::Foreground, 2),
            ("web --background=/tmp/x/f", Process::Foreground, 2),
            ("", Process::Foreground, 0),
        ] {
            let arguments: Vec<_> = line.split_whitespace().map(OsString::from).collect();
            let (process, others) = Process::of(&arguments);
            assert_eq!((process, others.len()), (expected, rest), "{line}");
        }
    }
}
