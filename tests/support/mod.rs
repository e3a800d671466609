//! What every end-to-end test needs: a region, the real binary, and peers that may be missing.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use eic_sandbox::{Config, Region};

pub(crate) mod terminal;
#[cfg(unix)]
mod wine;

/// The binary under test; `EIC_TERM_BIN` names another. One for Windows is run by Wine.
pub(crate) fn binary() -> String {
    #[cfg(unix)]
    if let Some(program) = wine::program() {
        return wine::launcher(&program).display().to_string();
    }
    std::env::var("EIC_TERM_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_eic-term").to_owned())
}

/// The words that run the binary in a console: under Wine by a helper, see `windows/console-modes.c`.
pub(crate) fn in_console() -> Vec<String> {
    #[cfg(unix)]
    if let Some(program) = wine::program() {
        let helper = beside_the_program("console-modes.exe");
        return [helper, program]
            .map(|path| path.display().to_string())
            .to_vec();
    }
    vec![binary()]
}

/// What runs a program in mintty's kind of terminal, and the program; `None` where it is none for Windows.
pub(crate) fn in_mintty() -> Option<(std::path::PathBuf, String)> {
    #[cfg(unix)]
    if let Some(program) = wine::program() {
        let helper = beside_the_program("mintty-pipes.exe");
        return Some((helper, program.display().to_string()));
    }
    None
}

/// The path of the program for Windows, as Windows has it; `None` where it is none.
pub(crate) fn program_for_windows() -> Option<String> {
    #[cfg(unix)]
    if let Some(program) = wine::program() {
        return Some(format!("Z:{}", program.display()).replace('/', "\\"));
    }
    None
}

/// The launcher of another Windows program, which lies beside the one under test.
#[cfg(unix)]
pub(crate) fn beside_the_program(name: &str) -> std::path::PathBuf {
    let program = wine::program().expect("a Windows program");
    wine::launcher(&program.with_file_name(name))
}

/// The words that start a program of this system from the one under test: Wine gives those no pipes, and another leads to it.
pub(crate) fn started_by_ours(words: &[&str]) -> String {
    #[cfg(unix)]
    if under_wine() {
        let program = wine::program().expect("a Windows program");
        let relay = program.with_file_name("to-port.exe");
        return format!("{} {}", relay.display(), wine::port_of(words));
    }
    words.join(" ")
}

/// Whether the binary under test is run by Wine.
pub(crate) fn under_wine() -> bool {
    #[cfg(unix)]
    return wine::program().is_some();
    #[cfg(not(unix))]
    false
}

/// Whether to leave a test out because of what Wine itself cannot do, which is said.
pub(crate) fn left_out_under_wine(reason: &str) -> bool {
    if under_wine() {
        println!("LEFT OUT under Wine: {reason}");
    }
    under_wine()
}

/// The way to press Ctrl-C on a program in no terminal.
pub(crate) struct Interrupts(tempfile::TempDir);

impl Interrupts {
    /// Of a program that is to be started: Wine makes no event of a signal, a helper around the program does.
    pub(crate) fn of(command: &mut Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        if under_wine() {
            command.env("EVENTS_ASK", folder.path().join("ask"));
        }
        Self(folder)
    }

    pub(crate) fn press(&self, child: &Child) {
        if under_wine() {
            let written = self.0.path().join("written");
            std::fs::write(&written, "0").expect("it is written");
            std::fs::rename(written, self.0.path().join("ask")).expect("it is there");
            return;
        }
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("kill runs").success());
    }
}

/// Gives a program a home folder.
pub(crate) fn at_home(command: &mut Command, folder: &Path) {
    command.env("HOME", folder);
    if under_wine() {
        command.env("AT_HOME", folder);
    }
}

/// A region, gone when dropped.
pub(crate) struct Sandbox {
    pub(crate) region: Region,
}

impl Sandbox {
    /// A region with built-in SSH hosts.
    pub(crate) fn start() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let region = Region::start(config).expect("the region starts");
        Self { region }
    }

    pub(crate) fn with_fault(fault: &str) -> Self {
        Self::with(Config::default().fault(fault.parse().expect("a fault")))
    }

    /// A region whose hosts are real OpenSSH servers; `None`, said on a line of its own, without sshd.
    pub(crate) fn with_sshd() -> Option<Self> {
        peer("sshd").then(|| Self::with(Config::default().sshd(true)))
    }

    /// `eic-term` with the region's environment.
    pub(crate) fn eic_term<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Command {
        let mut command = self.command(binary());
        command.args(args);
        command
    }

    /// Any program with the region's environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_remove("AWS_PROFILE");
        command.envs(self.region.env().iter().cloned());
        // Whoever runs the tests may have one.
        command.env("EIC_TERM_SSH_CONFIG", "none");
        command.stdin(Stdio::null());
        command
    }

    /// Options that lead to the same host directly and through the endpoint.
    pub(crate) fn routes(&self) -> [Vec<&'static str>; 2] {
        [
            vec!["web-1"],
            vec!["--connection-type=eice", "-p22", "web-1"],
        ]
    }
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Outcome {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// How long a program may run; it is killed then, and has no exit code.
const LIMIT: Duration = Duration::from_secs(240);

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let start = Instant::now();
    let errors = errors(command);
    let pipes = command.stdout(Stdio::piped());
    finish(pipes.spawn().expect("the program starts"), errors, start)
}

/// Runs a program to its end with this input.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Outcome {
    let start = Instant::now();
    let errors = errors(command);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // A program that reads only a part of its input closes the pipe early.
        scope.spawn(move || stdin.write_all(input).ok());
        finish(child, errors, start)
    })
}

/// Gives a program a pipe for standard error; under Wine a file, which is returned: every program that it starts has the
/// same there, for Wine's own messages, as long as it runs.
pub(crate) fn errors(command: &mut Command) -> Option<File> {
    if !under_wine() {
        command.stderr(Stdio::piped());
        return None;
    }
    let file = tempfile::tempfile().expect("a file");
    command.stderr(file.try_clone().expect("a handle"));
    Some(file)
}

/// Waits for its end, or puts one to it.
fn finish(child: Child, errors: Option<File>, start: Instant) -> Outcome {
    let (ended, watched) = channel::<()>();
    let id = child.id().to_string();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if watched.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                let (program, args) = KILL;
                Command::new(program).args(args).arg(id).status().ok();
            }
        });
        let mut output = child.wait_with_output().expect("the program ends");
        drop(ended);
        if let Some(mut file) = errors {
            file.rewind().expect("its start");
            file.read_to_end(&mut output.stderr).expect("it is read");
        }
        outcome(output, start)
    })
}

const KILL: (&str, &[&str]) = if cfg!(windows) {
    ("taskkill", &["/F", "/PID"])
} else {
    ("kill", &["-KILL"])
};

fn outcome(output: Output, start: Instant) -> Outcome {
    Outcome {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: start.elapsed(),
    }
}

/// Whether a peer program is there. A missing one is said, and fails the test where `EIC_TERM_PEERS`
/// is `required`.
pub(crate) fn peer(program: &str) -> bool {
    let found = find(program).is_some();
    if !found {
        println!("SKIPPED: {program} is not installed");
        let required = std::env::var("EIC_TERM_PEERS").is_ok_and(|value| value == "required");
        assert!(
            !required,
            "{program} is not installed, and EIC_TERM_PEERS=required"
        );
    }
    found
}

/// The path of a peer: in the folder that `scripts/test` installs Python's into, on the search path, or
/// where servers are.
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let candidates = [peers].into_iter().chain(folders);
    candidates
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// OpenSSH's SFTP server; missing, it is said like any peer.
pub(crate) fn find_sftp_server() -> Option<std::path::PathBuf> {
    let folders = [
        "/usr/lib/openssh",
        "/usr/libexec/openssh",
        "/usr/libexec",
        "/usr/lib/ssh",
    ];
    let mut paths = folders
        .iter()
        .map(|folder| Path::new(folder).join("sftp-server"));
    let found = paths.find(|path| path.is_file());
    if found.is_none() {
        peer("sftp-server");
    }
    found
}

/// Bytes that do not repeat soon, the same in every run.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
