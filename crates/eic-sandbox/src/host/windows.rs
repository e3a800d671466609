//! Processes on Windows.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitStatus;

use portable_pty::CommandBuilder;
use russh::Sig;
use tokio::process::Command;

use super::process::{Exit, Program};

/// The program in `cmd`.
pub(super) fn command(program: &Program) -> Command {
    let mut command = Command::new(shell());
    if let Some(line) = &program.command {
        // cmd has rules of its own: it wants the line as it is, in one pair of quotes.
        command.raw_arg(format!("/D /S /C \"{line}\""));
    }
    command.envs(program.environment.iter().cloned());
    command
}

/// The same for a terminal.
pub(super) fn terminal_command(program: &Program, term: &str) -> CommandBuilder {
    let mut command = CommandBuilder::new(shell());
    if let Some(line) = &program.command {
        command.args(["/D", "/C", line]);
    }
    for (name, value) in &program.environment {
        command.env(name, value);
    }
    command.env("TERM", term);
    command
}

/// How a process ended, in RFC 4254's terms.
pub(super) fn exit(status: ExitStatus) -> Exit {
    code(status.code().unwrap_or(255).cast_unsigned())
}

/// How a program in a terminal ended.
pub(super) fn wait(mut child: Box<dyn portable_pty::Child>) -> io::Result<Exit> {
    Ok(code(child.wait()?.exit_code()))
}

/// The one code that stands for a signal is STATUS_CONTROL_C_EXIT.
fn code(code: u32) -> Exit {
    match code {
        0xC000_013A => Exit::Signal(Sig::INT),
        code => Exit::Status(code),
    }
}

/// Windows has no process groups of Unix's kind, and no signals.
#[derive(Debug)]
pub(super) struct Group;

impl Group {
    /// Nothing: the process itself is killed when its handle is dropped.
    pub(super) fn of(_leader: Option<u32>) -> Self {
        Self
    }

    /// Nothing.
    pub(super) fn signal(&self, _signal: &Sig) {}

    /// Nothing.
    pub(super) fn release(&mut self) {}
}

/// There is no sshd of which processes could descend.
#[derive(Debug)]
pub(super) struct Family;

impl Family {
    /// Nothing.
    pub(super) fn of(_ancestor: Option<u32>) -> Self {
        Self
    }

    /// Nothing.
    pub(super) fn release(&mut self) {}
}

fn shell() -> String {
    std::env::var("ComSpec").unwrap_or_else(|_| "cmd.exe".to_owned())
}

/// A region's `sshd` is for Unix: Windows' own cannot be handed a connection.
pub(super) fn loopback_pair() -> io::Result<(tokio::net::TcpStream, TcpStream)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// As [`loopback_pair`].
pub(super) fn attach(_command: &mut Command, _stream: TcpStream) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Nothing: a temporary folder is its user's, and so is what runs here.
pub(crate) fn share_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// As [`share_folder`].
pub(super) fn share_file(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// The name of the user that runs this process.
pub(crate) fn current_user() -> Option<String> {
    std::env::var("USERNAME").ok()
}
