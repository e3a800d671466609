//! The way to a server: a session's subsystem, or a program's standard streams.

use std::ffi::{OsStr, OsString};
use std::process::Stdio;
use std::time::Duration;

use eic_term::files::{Sftp, SftpError};
use eic_term::{Child, ChildOutput, Session, visible};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_util::task::AbortOnDropHandle;

use super::client::failure;
use super::platform;
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How long a server may be silent while something is asked of it.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a program may take to end once nothing more is asked of it.
const LEAVE: Duration = Duration::from_secs(5);
/// The subsystem's usual name.
const SUBSYSTEM: &str = "sftp";
/// How much of a line on standard error is shown, in bytes.
const LONGEST_LINE: usize = 4096;

/// A server, and what keeps it there.
pub(super) struct Server {
    pub(super) sftp: Sftp,
    keeper: Keeper,
}

/// What ends with the server.
enum Keeper {
    None,
    Program(tokio::process::Child),
    Remote {
        _child: Child,
        _stderr: Option<AbortOnDropHandle<()>>,
    },
}

impl Server {
    /// Starts the usual subsystem of a session.
    pub(super) async fn of_session(session: &Session) -> Result<Self, Failure> {
        let sftp = session.sftp().await.map_err(cannot_start)?;
        let keeper = Keeper::None;
        Ok(Self { sftp, keeper })
    }

    /// Starts the subsystem of this name, or the program, where a slash is in it.
    pub(super) async fn named(session: &Session, name: &str, ui: &Ui) -> Result<Self, Failure> {
        let command = match name {
            SUBSYSTEM => return Self::of_session(session).await,
            path if path.contains('/') => session.command(path),
            name => session.subsystem(name),
        };
        let mut child = command.spawn().await?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::caused("cannot start SFTP", "it has no streams"));
        };
        let ui = ui.clone();
        let stderr = child.stderr.take();
        let stderr = stderr.map(|stderr| AbortOnDropHandle::new(tokio::spawn(tell(stderr, ui))));
        let sftp = Sftp::over(stdout, stdin, SILENCE)
            .await
            .map_err(cannot_start)?;
        let keeper = Keeper::Remote {
            _child: child,
            _stderr: stderr,
        };
        Ok(Self { sftp, keeper })
    }

    /// Starts a program on this machine.
    pub(super) async fn program(program: &OsStr, arguments: &[OsString]) -> Result<Self, Failure> {
        let name = program.to_string_lossy();
        let failed = |source| Failure::new(format!("cannot start {name}"), source);
        if !exists(program) {
            return Err(failed(std::io::ErrorKind::NotFound.into()));
        }
        let mut command = tokio::process::Command::from(platform::undisturbed(program));
        command.args(arguments).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::caused(
                format!("cannot start {name}"),
                "it has no streams",
            ));
        };
        let sftp = Sftp::over(from, to, SILENCE).await.map_err(cannot_start)?;
        let keeper = Keeper::Program(child);
        Ok(Self { sftp, keeper })
    }

    /// Lets it end.
    pub(super) async fn close(self) {
        drop(self.sftp);
        if let Keeper::Program(mut child) = self.keeper {
            tokio::time::timeout(LEAVE, child.wait()).await.ok();
        }
    }
}

/// Whether there is such a program, by its path or on the search path.
fn exists(program: &OsStr) -> bool {
    let path = std::path::Path::new(program);
    if path.components().count() > 1 {
        return path.is_file();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| {
        let path = folder.join(path);
        path.is_file() || path.with_extension("exe").is_file()
    })
}

fn cannot_start(error: SftpError) -> Failure {
    let advice = matches!(error, SftpError::NoSubsystem);
    let failure = failure("cannot start SFTP", error);
    match advice {
        true => failure.advised(
            "`eic-term cp`, which copies without it; or `Subsystem sftp internal-sftp` in the host's sshd_config",
        ),
        false => failure,
    }
}

/// Shows what a program on the host says on standard error.
async fn tell(stderr: ChildOutput, ui: Ui) {
    use tokio::io::AsyncReadExt;
    let mut stderr = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        let limit = LONGEST_LINE as u64;
        match (&mut stderr).take(limit).read_until(b'\n', &mut line).await {
            Ok(1..) => ui.notice(visible(&String::from_utf8_lossy(&line)).trim_end()),
            _ => return,
        }
    }
}
