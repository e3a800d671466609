//! Processes, signals and `sshd` on Unix.

use std::fs::{self, Permissions};
use std::mem::discriminant;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::{env, io};

use portable_pty::CommandBuilder;
use russh::Sig;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Command;

use super::process::{Exit, Program};

/// Variables of this process that a login on a real host would have too.
const INHERITED: [&str; 8] = [
    "HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER",
];

/// The program in the user's shell, in a process group of its own.
pub(super) fn command(program: &Program) -> Command {
    let shell = shell();
    let mut command = Command::new(&shell);
    match &program.command {
        Some(line) => command.arg("-c").arg(line),
        None => command.arg0(login_name(&shell)),
    };
    command
        .env_clear()
        .envs(inherited())
        .envs(program.environment.iter().cloned());
    if let Some(home) = env::home_dir() {
        command.current_dir(home);
    }
    command.process_group(0);
    command
}

/// The same for a terminal, which makes a session and thus a group of its own.
pub(super) fn terminal_command(program: &Program, term: &str) -> CommandBuilder {
    let mut command = match &program.command {
        Some(line) => {
            let mut command = CommandBuilder::new(shell());
            command.args(["-c", line]);
            command
        }
        // The default program is the user's shell as a login shell.
        None => CommandBuilder::new_default_prog(),
    };
    command.env_clear();
    let variables = inherited().chain(program.environment.iter().cloned());
    for (name, value) in variables.chain([("TERM".to_owned(), term.to_owned())]) {
        command.env(name, value);
    }
    if let Some(home) = env::home_dir() {
        command.cwd(home);
    }
    command
}

/// How a process ended, in RFC 4254's terms.
pub(super) fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Status(code.unsigned_abs()),
        (None, Some(number)) => Exit::Signal(signal_name(number)),
        (None, None) => Exit::Status(255),
    }
}

/// How a program in a terminal ended.
pub(super) fn wait(child: Box<dyn portable_pty::Child>) -> io::Result<Exit> {
    match child.downcast::<std::process::Child>() {
        Ok(mut child) => Ok(exit(child.wait()?)),
        Err(mut child) => Ok(Exit::Status(child.wait()?.exit_code())),
    }
}

/// A process group. Dropping it before its release ends its processes.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    /// The group that a process leads.
    pub(super) fn of(leader: Option<u32>) -> Self {
        Self(leader.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    /// Sends a signal to all of its processes.
    pub(super) fn signal(&self, signal: &Sig) {
        let signal = SIGNALS
            .iter()
            .find(|(_, name)| discriminant(name) == discriminant(signal));
        if let (Some(leader), Some((signal, _))) = (self.0, signal) {
            let _ = kill_process_group(leader, *signal);
        }
    }

    /// Lets the processes live on: their leader is gone, and its id may be another's soon.
    pub(super) fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(&Sig::HUP);
        self.signal(&Sig::KILL);
    }
}

/// A process and all that descend from it. Dropping it before its release ends them.
///
/// An sshd that is killed leaves a command without terminal alone, in a session of its own.
#[derive(Debug)]
pub(super) struct Family(Option<Pid>);

impl Family {
    /// The family that a process has begun.
    pub(super) fn of(ancestor: Option<u32>) -> Self {
        Self(ancestor.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    /// Lets it live on.
    pub(super) fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        let Some(ancestor) = self.0 else { return };
        let parents = parents();
        let mut family = vec![ancestor];
        while let Some(member) = family.pop() {
            let children = parents.iter().filter(|(_, parent)| *parent == member);
            family.extend(children.map(|(child, _)| *child));
            let _ = kill_process(member, Signal::KILL);
        }
    }
}

/// All processes and their parents, where the system tells as Linux does (proc(5)).
fn parents() -> Vec<(Pid, Pid)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let read = |entry: fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // A name in parentheses, which may contain anything, then the state and the parent.
        let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?;
        Some((Pid::from_raw(id)?, Pid::from_raw(parent.parse().ok()?)?))
    };
    entries.filter_map(read).collect()
}

/// The signals that RFC 4254 section 6.10 names.
const SIGNALS: [(Signal, Sig); 12] = [
    (Signal::ABORT, Sig::ABRT),
    (Signal::ALARM, Sig::ALRM),
    (Signal::FPE, Sig::FPE),
    (Signal::HUP, Sig::HUP),
    (Signal::ILL, Sig::ILL),
    (Signal::INT, Sig::INT),
    (Signal::KILL, Sig::KILL),
    (Signal::PIPE, Sig::PIPE),
    (Signal::QUIT, Sig::QUIT),
    (Signal::SEGV, Sig::SEGV),
    (Signal::TERM, Sig::TERM),
    (Signal::USR1, Sig::USR1),
];

fn signal_name(number: i32) -> Sig {
    let mut named = SIGNALS
        .iter()
        .filter(|(signal, _)| signal.as_raw() == number);
    match named.next() {
        Some((_, name)) => name.clone(),
        None => Sig::Custom(format!("SIG{number}@eic-sandbox")),
    }
}

fn shell() -> String {
    let shell = env::var("SHELL").ok().filter(|shell| !shell.is_empty());
    shell.unwrap_or_else(|| "/bin/sh".to_owned())
}

/// A shell is a login shell when its name begins with a dash.
fn login_name(shell: &str) -> String {
    format!("-{}", shell.rsplit('/').next().unwrap_or(shell))
}

fn inherited() -> impl Iterator<Item = (String, String)> {
    INHERITED
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?)))
}

/// Two ends of a TCP connection on loopback: one for this process, one to give away.
pub(super) fn loopback_pair() -> io::Result<(tokio::net::TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let ours = TcpStream::connect(listener.local_addr()?)?;
    let (theirs, peer) = listener.accept()?;
    // Anyone on this machine may connect to a listener, however short its life.
    if peer != ours.local_addr()? {
        return Err(io::Error::other(
            "another process connected to the sshd of a region",
        ));
    }
    ours.set_nonblocking(true)?;
    ours.set_nodelay(true)?;
    Ok((tokio::net::TcpStream::from_std(ours)?, theirs))
}

/// Makes a connection the standard input and output of a command.
pub(super) fn attach(command: &mut Command, stream: TcpStream) -> io::Result<()> {
    command
        .stdin(OwnedFd::from(stream.try_clone()?))
        .stdout(OwnedFd::from(stream));
    Ok(())
}

/// Lets every user into a folder: sshd reads a user's keys as that user.
pub(crate) fn share_folder(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

/// Lets every user read a file.
pub(super) fn share_file(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// The name of the user that runs this process; `$USER` is often missing where no one logged in.
pub(crate) fn current_user() -> Option<String> {
    let id = rustix::process::getuid().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mine = users
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&id));
    let name = mine
        .and_then(|line| line.split(':').next())
        .map(str::to_owned);
    name.or_else(|| env::var("USER").ok())
}
