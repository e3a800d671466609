//! One connection for several commands: whose it is, and which process does what (ssh(1), `ControlMaster`).

mod background;
mod control;
mod holder;
mod permission;
mod stay;

use std::io;
use std::process::ExitCode;

use eic_term::Error;
use eic_term::share::Shared;
use eic_term::ssh_config::{
    ControlCommand, ControlMaster, ControlPersist, ResolvedOptions, SessionType,
};

pub(super) use self::background::{Parent, Process};
pub(super) use self::control::forward;
pub(super) use self::holder::Holder;
use super::{Run, session};
use crate::cli::report::{FAILED, Failure};
use crate::cli::ui::Ui;

/// Does what the command line asks for: of the process that holds a connection, through it, or with a connection of
/// its own.
pub(super) async fn run(run: &Run<'_>, process: &Process, ui: &Ui) -> Result<ExitCode, Failure> {
    let options = run.options;
    if let Some(command) = options.control_command {
        if command != ControlCommand::Proxy {
            return control::run(command, options, ui).await;
        }
        control::path(options)?;
    }
    match process {
        Process::Background(place, _) => {
            // It ends with the one in the foreground, as long as that waits for it.
            let (parent, watch) = Parent::join(place, keeps_output(options)).await?;
            tokio::select! {
                outcome = here(run, Some(parent), ui) => outcome,
                () = watch.gone() => Ok(ExitCode::from(FAILED)),
            }
        }
        Process::Foreground if options.fork_after_authentication => {
            match background::start(run, keeps_output(options)).await? {
                background::Outcome::Ready(_) => Ok(ExitCode::SUCCESS),
                background::Outcome::Ended(code) => Ok(code),
            }
        }
        Process::Foreground if outlives_us(options) => with_background(run, ui).await,
        Process::Foreground => here(run, None, ui).await,
    }
}

/// Whether a connection of our own is to outlive what it is made for.
fn outlives_us(options: &ResolvedOptions) -> bool {
    options.control_path.is_some()
        && options.control_master != ControlMaster::No
        && options.control_persist != ControlPersist::No
        && options.control_command.is_none()
}

/// Whether a process in the background has something to say on standard output.
fn keeps_output(options: &ResolvedOptions) -> bool {
    options.fork_after_authentication && options.session_type != SessionType::None
}

/// Uses the connection that there is, or has one made that stays in the background.
async fn with_background(run: &Run<'_>, ui: &Ui) -> Result<ExitCode, Failure> {
    let options = run.options;
    let with_pty = session::wants_pty(options, ui);
    if let Some(shared) = find(options, ui).await? {
        let outcome = session::through(options, &shared, true, with_pty, None, ui).await;
        if !is_full(&outcome, ui) {
            return outcome;
        }
        return session::run(run, false, with_pty, None, ui).await;
    }
    match background::start(run, false).await? {
        background::Outcome::Ready(path) => {
            let shared = Shared::at(path);
            session::through(options, &shared, false, with_pty, None, ui).await
        }
        background::Outcome::Ended(code) => Ok(code),
    }
}

/// Does it in this process, through a connection that there is or one of its own.
async fn here(run: &Run<'_>, mut parent: Option<Parent>, ui: &Ui) -> Result<ExitCode, Failure> {
    let options = run.options;
    if parent.is_some() && !options.fork_after_authentication {
        // It is for the one in the foreground, which has looked for another.
        return session::run(run, true, false, parent, ui).await;
    }
    let with_pty = session::wants_pty(options, ui);
    let Some(shared) = find(options, ui).await? else {
        return session::run(run, true, with_pty, parent, ui).await;
    };
    let outcome = session::through(options, &shared, true, with_pty, parent.as_mut(), ui).await;
    if options.control_command.is_some() || !is_full(&outcome, ui) {
        return outcome;
    }
    session::run(run, false, with_pty, parent, ui).await
}

/// Whether a shared connection takes no more sessions, which is said: one of its own does then.
fn is_full(outcome: &Result<ExitCode, Failure>, ui: &Ui) -> bool {
    let is_full = matches!(outcome, Err(failure) if failure.is_full);
    if is_full {
        ui.notice("the shared connection takes no more sessions: making another");
    }
    is_full
}

/// Finds the connection that may be used. One that cannot be is said, and done without.
pub(super) async fn find(options: &ResolvedOptions, ui: &Ui) -> Result<Option<Shared>, Failure> {
    let must = options.control_command.is_some();
    let may = matches!(
        options.control_master,
        ControlMaster::No | ControlMaster::Auto | ControlMaster::AutoAsk
    );
    let Some(path) = options.control_path.as_ref().filter(|_| may || must) else {
        return Ok(None);
    };
    let shared = Shared::at(path);
    match shared.check().await {
        Ok(process) => {
            ui.detail(&format!(
                "process {process} shares its connection at {path}"
            ));
            return Ok(Some(shared));
        }
        Err(error) if must => return Err(error.into()),
        Err(Error::Shared { source, .. }) if is_absent(&source) => {
            ui.detail(&format!("no connection is shared at {path}: {source}"));
        }
        Err(error) => ui.failure(&error.into()),
    }
    Ok(None)
}

/// Whether nobody is there; what is left of somebody is replaced.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused)
}
