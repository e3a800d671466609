//! One connection for several commands (`ControlMaster`) and the background (`-f`), against real SSH servers.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

#[path = "sharing/background.rs"]
mod background;
#[path = "sharing/control.rs"]
mod control;
#[cfg(unix)]
#[path = "sharing/programs.rs"]
mod programs;
#[cfg(unix)]
#[path = "sharing/strangers.rs"]
mod strangers;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Outcome, Sandbox, noise, run, run_with_input};

/// How long something may take that is to happen soon.
const SOON: Duration = Duration::from_secs(60);

/// A region with real SSH servers, and a folder to work in.
struct Place {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    user: String,
}

impl Place {
    /// `None`, said, without sshd.
    fn new() -> Option<Self> {
        Some(Self::with(Sandbox::with_sshd()?))
    }

    fn with(sandbox: Sandbox) -> Self {
        let user = run(Command::new("id").arg("-un"));
        Self {
            sandbox,
            folder: tempfile::tempdir().unwrap(),
            user: user.text().trim().to_owned(),
        }
    }

    /// With a key that opens the hosts without a push; `None`, said, where a program is missing.
    fn with_key() -> Option<(Self, String)> {
        let missing = ["sshd", "ssh-keygen"].map(|program| !support::peer(program));
        if missing.contains(&true) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("key").display().to_string();
        let args = ["-q", "-t", "ed25519", "-N", "", "-f", &made];
        succeeds(&run(Command::new("ssh-keygen").args(args)));
        let public = std::fs::read_to_string(format!("{made}.pub")).unwrap();
        let config = eic_sandbox::Config::default().sshd(true);
        let place = Self::with(Sandbox::with(config.authorized_key(public)));
        let key = place.path("key");
        std::fs::copy(made, &key).unwrap();
        Some((place, key.display().to_string()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `ControlPath`, one for each target.
    fn control_path(&self) -> String {
        format!("-oControlPath={}", self.path("%n").display())
    }

    /// The options that ansible gives, and many have in their configuration.
    fn automatic(&self) -> [String; 3] {
        let options = ["-oControlMaster=auto", "-oControlPersist=60"].map(str::to_owned);
        let [master, persist] = options;
        [master, persist, self.control_path()]
    }

    /// One host reached directly and one through the endpoint.
    fn targets(&self) -> [String; 2] {
        ["web-1", "db-1"].map(|host| self.target(host))
    }

    fn target(&self, host: &str) -> String {
        format!("{}@{host}", self.user)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.sandbox.eic_term(["ssh"].iter().chain(args));
        command.env("HOME", self.folder.path());
        command
    }

    fn ssh(&self, args: &[&str]) -> Outcome {
        run(&mut self.command(args))
    }

    /// With `ControlMaster auto`.
    fn shared(&self, args: &[&str]) -> Outcome {
        let options = self.automatic();
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        self.ssh(&[&options, args].concat())
    }

    /// Asks the process that holds a connection.
    fn ask(&self, what: &str, more: &[&str], target: &str) -> Outcome {
        let path = self.control_path();
        self.ssh(&[&[&path, "-O", what], more, &[target]].concat())
    }

    fn logins(&self) -> u64 {
        self.sandbox.region.calls("SendSSHPublicKey")
    }

    /// The process that holds a connection.
    fn holder(&self, target: &str) -> Option<u32> {
        let said = self.ask("check", &[], target).stderr;
        let number = said.split_once("pid=")?.1.split_once(')')?.0;
        number.parse().ok()
    }

    /// The number that this system knows a process in the background by, where that is another: under Wine.
    #[cfg(unix)]
    fn process_in_background(&self) -> Option<u32> {
        if !support::under_wine() {
            return None;
        }
        let folder = self.folder.path().display().to_string();
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let mut numbers = all.filter_map(|one| one.file_name().to_str()?.parse::<u32>().ok());
        numbers.find(|number| {
            let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            line.contains("--background=") && line.contains(&folder)
        })
    }

    #[cfg(not(unix))]
    fn process_in_background(&self) -> Option<u32> {
        None
    }

    /// Starts a process that holds a connection in the foreground, and waits until it does.
    fn hold(&self, target: &str, more: &[&str]) -> Child {
        let path = self.control_path();
        let args = [&["-M", "-N", path.as_str()], more, &[target]].concat();
        let holder = self.command(&args).spawn().unwrap();
        eventually("a holder", || self.holder(target).is_some());
        holder
    }
}

/// Waits until something is so.
fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is() {
        assert!(Instant::now() < deadline, "no {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn succeeds(outcome: &Outcome) -> String {
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome.text()
}

/// A server that sends back what it gets.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut writer = stream.try_clone().unwrap();
                std::io::copy(&mut &stream, &mut writer).ok();
            });
        }
    });
    port
}

/// A port that nobody listens on.
fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Whether what listens on a port leads to [`echo`].
fn echoes(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut answer = [0; 5];
    stream.write_all(b"hello").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"hello"
}

/// The kind of an SFTP server's first packet.
fn first_answer(command: &mut Command) -> u8 {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    // SSH_FXP_INIT, version 3.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&[0, 0, 0, 5, 1, 0, 0, 0, 3]).unwrap();
    let mut answer = [0; 5];
    let stdout = child.stdout.as_mut().unwrap();
    stdout.read_exact(&mut answer).unwrap();
    drop(stdin);
    assert!(child.wait_with_output().unwrap().status.success());
    answer[4]
}

#[test]
fn commands_share_a_login_and_are_as_if_they_did_not() {
    let Some(place) = Place::new() else {
        return;
    };
    let bytes = noise(4 << 20);
    let port = echo();
    for target in &place.targets() {
        let before = place.logins();
        let first = place.shared(&[target, "echo out; echo err >&2; exit 7"]);
        assert_eq!(first.text(), "out\n");
        assert_eq!(first.stderr, "err\n");
        assert_eq!(first.code, Some(7));
        let options = place.automatic();
        let with = |args: &[&str]| {
            let options: Vec<_> = options.iter().map(String::as_str).collect();
            place.command(&[&options, args].concat())
        };
        // Bytes there and back, the end of input, the environment, a terminal, a subsystem, one connection.
        let outcome = run_with_input(&mut with(&[target, "cat; echo end"]), &bytes);
        assert!(
            outcome.stdout == [&bytes[..], b"end\n"].concat(),
            "{}",
            outcome.stderr
        );
        let variable = ["-oSetEnv=LANG=xx", target, "echo $LANG"];
        assert_eq!(succeeds(&place.shared(&variable)), "xx\n");
        let terminal = place.shared(&["-tt", target, "tty >/dev/null && stty size"]);
        assert_eq!(succeeds(&terminal).trim(), "24 80");
        let farewell = &terminal.stderr;
        assert!(farewell.contains("Shared connection to "), "{farewell}");
        let mut subsystem = with(&["-s", target, "sftp"]);
        assert_eq!(first_answer(&mut subsystem), 2);
        let to = format!("127.0.0.1:{port}");
        let outcome = run_with_input(&mut with(&["-W", &to, target]), &bytes);
        assert!(outcome.stdout == bytes, "{}", outcome.stderr);
        // Input that nobody reads holds up no output.
        let outcome = run_with_input(&mut with(&[target, "seq 300000 | tail -1"]), &bytes);
        assert_eq!(outcome.text(), "300000\n", "{}", outcome.stderr);
        let signal = place.shared(&[target, "kill -9 $$"]);
        assert_eq!(signal.code, Some(255));
        assert_eq!(place.logins(), before + 1);
        // Without a path each has its own.
        succeeds(&place.ssh(&[target, "true"]));
        assert_eq!(place.logins(), before + 2);
        succeeds(&place.ask("exit", &[], target));
    }
}
