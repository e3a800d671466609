//! In the place of `ssh`: programs that call it, unmodified, against real SSH servers, directly and through the endpoint.

#![cfg(unix)]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

#[path = "drop_in/programs.rs"]
mod programs;
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use eic_sandbox::Config;
use support::{Outcome, Sandbox, noise, peer, run, run_with_input};

/// How many small files travel.
const FILES: usize = 10_000;

/// A region with real SSH servers, our binary under the name `ssh`, and a folder to work in.
struct Place {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    ssh: String,
    user: String,
}

impl Place {
    /// `None`, said, where a program is missing.
    fn new(programs: &[&str]) -> Option<Self> {
        if programs.iter().filter(|program| !peer(program)).count() > 0 {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let ssh = folder.path().join("ssh");
        std::os::unix::fs::symlink(support::binary(), &ssh).unwrap();
        let user = run(Command::new("id").arg("-un")).text().trim().to_owned();
        Some(Self {
            sandbox: Sandbox::with_sshd()?,
            ssh: ssh.display().to_string(),
            folder,
            user,
        })
    }

    /// One host reached directly and one through the endpoint.
    fn targets(&self) -> [String; 2] {
        ["web-1", "db-1"].map(|host| format!("{}@{host}", self.user))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn run(&self, program: &str, args: &[&str]) -> Outcome {
        run(self
            .command(program, args)
            .env("GIT_SSH_COMMAND", &self.ssh))
    }

    /// A program with a home of its own, so that nobody's configuration plays a part.
    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.sandbox.command(program);
        command.args(args).env("HOME", self.folder.path());
        for (name, value) in [("NAME", "somebody"), ("EMAIL", "somebody@example.com")] {
            command.env(format!("GIT_AUTHOR_{name}"), value);
            command.env(format!("GIT_COMMITTER_{name}"), value);
        }
        command
    }

    fn succeeds(&self, program: &str, args: &[&str]) -> String {
        let outcome = self.run(program, args);
        assert_eq!(
            outcome.code,
            Some(0),
            "{program} {args:?}: {}",
            outcome.stderr
        );
        outcome.text()
    }

    fn ssh(&self, args: &[&str]) -> Outcome {
        self.run(&self.ssh, args)
    }
}

fn same(one: &Path, other: &Path) {
    let differ = run(Command::new("diff").args(["-r"]).args([one, other]));
    assert_eq!(differ.code, Some(0), "{}", differ.text());
}

#[test]
fn git_clones_pushes_and_fetches() {
    let Some(place) = Place::new(&["git"]) else {
        return;
    };
    for (target, number) in place.targets().iter().zip(1..) {
        let (bare, clone) = (
            place.text(&format!("bare{number}")),
            format!("clone{number}"),
        );
        let clone = place.text(&clone);
        place.succeeds("git", &["init", "-q", "--bare", "-b", "main", &bare]);
        place.succeeds("git", &["clone", "-q", &format!("{target}:{bare}"), &clone]);
        std::fs::write(Path::new(&clone).join("file"), noise(1 << 20)).unwrap();
        for args in [
            &["add", "."][..],
            &["commit", "-qm", "one"],
            &["push", "-q", "origin", "HEAD:main"],
        ] {
            place.succeeds("git", &[&["-C", &clone], args].concat());
        }
        let again = format!("{clone}-again");
        place.succeeds(
            "git",
            &["clone", "-q", &format!("ssh://{target}{bare}"), &again],
        );
        same(
            &Path::new(&clone).join("file"),
            &Path::new(&again).join("file"),
        );
        place.succeeds("git", &["-C", &again, "fetch", "-q", "--prune"]);
    }
}

#[test]
fn rsync_keeps_folders_the_same() {
    let Some(place) = Place::new(&["rsync"]) else {
        return;
    };
    let from = place.path("from");
    for number in 0..FILES {
        let folder = from.join(format!("folder{}", number % 100));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(number.to_string()), number.to_string()).unwrap();
    }
    std::fs::write(from.join("large"), noise(8 << 20)).unwrap();
    let source = format!("{}/", from.display());
    for (target, number) in place.targets().iter().zip(1..) {
        let there = place.text(&format!("there{number}"));
        let back = place.text(&format!("back{number}"));
        let remote = format!("{target}:{there}/");
        place.succeeds("rsync", &["-a", "-e", &place.ssh, &source, &remote]);
        std::fs::write(Path::new(&there).join("surplus"), "").unwrap();
        place.succeeds(
            "rsync",
            &["-a", "--delete", "-e", &place.ssh, &source, &remote],
        );
        same(&from, Path::new(&there));
        place.succeeds("rsync", &["-a", "-e", &place.ssh, &remote, &back]);
        same(&from, Path::new(&back));
    }
}

#[test]
fn scp_and_sftp_copy() {
    let Some(place) = Place::new(&["scp", "sftp"]) else {
        return;
    };
    let from = place.path("from");
    std::fs::create_dir(&from).unwrap();
    std::fs::write(from.join("large"), noise(4 << 20)).unwrap();
    std::fs::write(from.join("a name"), "text").unwrap();
    let source = from.display().to_string();
    for (target, number) in place.targets().iter().zip(1..) {
        for protocol in ["-s", "-O"] {
            let there = place.text(&format!("scp{number}{protocol}"));
            let remote = format!("{target}:{there}");
            place.succeeds(
                "scp",
                &["-q", "-r", protocol, "-S", &place.ssh, &source, &remote],
            );
            same(&from, Path::new(&there));
            let back = format!("{there}-back");
            place.succeeds(
                "scp",
                &["-q", "-r", protocol, "-S", &place.ssh, &remote, &back],
            );
            same(&from, Path::new(&back));
        }
        let fetched = place.text(&format!("sftp{number}"));
        let batch = place.text("batch");
        std::fs::write(&batch, format!("get {source}/large {fetched}\n")).unwrap();
        place.succeeds("sftp", &["-q", "-S", &place.ssh, "-b", &batch, target]);
        same(&from.join("large"), Path::new(&fetched));
    }
}

#[test]
fn streams_and_statuses_are_sshs() {
    let Some(place) = Place::new(&[]) else {
        return;
    };
    for target in place.targets() {
        let outcome = place.ssh(&[&target, "echo", "out;", "echo err >&2; exit 7"]);
        assert_eq!(outcome.code, Some(7));
        assert_eq!(
            (outcome.text().as_str(), outcome.stderr.as_str()),
            ("out\n", "err\n")
        );
        let bytes = noise(1 << 20);
        let mut command = place.command(&place.ssh, &["-T", &target, "cat"]);
        let outcome = run_with_input(&mut command, &bytes);
        assert!(outcome.stdout == bytes, "{}", outcome.stderr);
        let options = [
            "-oBatchMode=yes",
            "-o",
            "SetEnv LANG=xx",
            "-o",
            "LogLevel=ERROR",
        ];
        let args = [&options[..], &[&target, "echo $LANG"]].concat();
        assert_eq!(place.ssh(&args).text(), "xx\n");
    }
    let signal = place.ssh(&[&place.targets()[0], "kill -9 $$"]);
    assert_eq!(signal.code, Some(255));
    for (args, said) in [
        (
            &["-o", "Nonsense=1", "web-1"][..],
            "Bad configuration option: nonsense",
        ),
        (
            &["nosuch.invalid", "true"],
            "cannot resolve `nosuch.invalid`",
        ),
        (&["i-0123456789abcdef0", "true"], "i-0123456789abcdef0"),
        (&["-O", "check", "web-1"], "No ControlPath specified"),
    ] {
        let outcome = place.ssh(args);
        assert_eq!(outcome.code, Some(255), "{args:?}");
        assert!(
            outcome.stderr.contains(said),
            "{args:?}: {}",
            outcome.stderr
        );
    }
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

#[test]
fn one_connection_and_forwards() {
    let Some(place) = Place::new(&[]) else {
        return;
    };
    let (port, bytes) = (echo(), noise(100_000));
    for target in place.targets() {
        let to = format!("127.0.0.1:{port}");
        let mut command = place.command(&place.ssh, &["-W", &to, &target]);
        let outcome = run_with_input(&mut command, &bytes);
        assert!(outcome.stdout == bytes, "{}", outcome.stderr);
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let forward = format!("{}:localhost:{port}", free.port());
        let mut command = place.command(&place.ssh, &["-L", &forward, &target, "echo ready; cat"]);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut ready)
            .unwrap();
        let mut stream = TcpStream::connect(free).unwrap();
        stream.write_all(b"hello").unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"hello");
        drop(stream);
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn hosts_on_the_way_and_hosts_that_are_no_instances() {
    let Some(mut place) = Place::new(&["ssh-keygen"]) else {
        return;
    };
    let key = place.text("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", &key])
        .status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(format!("{key}.pub")).unwrap();
    place.sandbox = Sandbox::with(Config::default().sshd(true).authorized_key(public));
    let web = place.sandbox.region.instance("web-1").unwrap();
    let (address, port) = (
        web.public_ip.unwrap().to_string(),
        web.port.unwrap().to_string(),
    );
    let host = format!("{}@{address}", place.user);
    let known = format!("UserKnownHostsFile={}", place.text("known"));
    let common = ["-i", &key, "-p", &port, "-o", &known];
    let with = |more: &[&str]| place.ssh(&[&common[..], more].concat());
    // A host like any other: unknown, then known.
    let unknown = with(&["-oBatchMode=yes", &host, "true"]);
    assert_eq!(unknown.code, Some(255));
    assert!(
        unknown.stderr.contains("could not be verified"),
        "{}",
        unknown.stderr
    );
    let new = with(&["-oStrictHostKeyChecking=accept-new", &host, "true"]);
    assert_eq!(new.code, Some(0), "{}", new.stderr);
    assert!(new.stderr.contains("Permanently added"), "{}", new.stderr);
    let strict = with(&["-oStrictHostKeyChecking=yes", &host, "echo in"]);
    assert_eq!(
        (strict.text().as_str(), strict.stderr.as_str()),
        ("in\n", "")
    );
    assert_eq!(place.sandbox.region.calls("SendSSHPublicKey"), 0);
    // By way of an instance, to which a key is pushed.
    let way = format!("{}@web-1", place.user);
    let jumped = with(&["-J", &way, "-oStrictHostKeyChecking=yes", &host, "echo in"]);
    assert_eq!(jumped.text(), "in\n", "{}", jumped.stderr);
    assert_eq!(place.sandbox.region.calls("SendSSHPublicKey"), 1);
    // OpenSSH's own client, by way of ours.
    let proxy = format!("ProxyCommand={} -W %h:%p {way}", place.ssh);
    let theirs = [
        &common[..],
        &["-o", &proxy, "-oBatchMode=yes", &host, "echo in"],
    ]
    .concat();
    assert_eq!(place.run("/usr/bin/ssh", &theirs).text(), "in\n");
    // And ours by way of a program, which Windows' shell starts.
    let proxy = match support::program_for_windows() {
        Some(program) => format!("ProxyCommand={program} ssh -W %h:%p {way}"),
        None => proxy,
    };
    let ours = with(&[
        "-o",
        &proxy,
        "-oStrictHostKeyChecking=yes",
        &host,
        "echo in",
    ]);
    assert_eq!(ours.text(), "in\n", "{}", ours.stderr);
}
