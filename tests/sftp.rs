//! `sftp`: the same batches as OpenSSH's, and the prompt as a person uses it.

#![cfg(unix)]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use support::terminal::Terminal;
use support::{Outcome, Sandbox, find_sftp_server, noise, peer, run, run_with_input};

/// Every command, so that what it shows does not depend on the time.
const EVERY_COMMAND: &str = "\
# a comment

pwd
  version
ls
ls -1
ls -l a.txt old
ls -la old/deep
ls -lh
ls -lS
ls -ltr
ls -f1
ls old
ls -a1 old
ls *.txt
ls {a,b}*
ls 'with space'
ls \"g*b\" g\\*b
@ls -1 old
-ls none
- ls [
cd old
ls -1
ls -1 ..
cd ..
cd old/..
mkdir new
-mkdir new
lmkdir ../local/made
lcd ../local
lpwd
!echo out of the shell
get ../remote/a.txt
get ../remote/a.txt b.txt
get ../remote/*.txt made
get -p ../remote/old/deep/c
get -r ../remote/old
get -R ../remote/old again
get -f 'with space'
get \"g*b\"
put b.txt
put b.txt new
put *.txt new
put -p sent 'new/sent here'
put -fr tree
put -r tree new/tree2
reget ../remote/big
reput part big2
lcd
cd new
rename b.txt c.txt
rename -l c.txt d.txt
-rename -l d.txt a.txt
ln d.txt hard
ln -s d.txt soft
symlink none dangling
cp d.txt copied
chmod 640 d.txt
chmod 0700 *.txt
-chmod 640 none
chown 0 d.txt
chgrp 0 hard
rm hard
rm *.txt
-rm none
-rmdir none
mkdir empty
rmdir empty
progress
progress
lumask 027
df -i none
";

/// Small batches, and how OpenSSH's ends is how ours does.
const ENDS: &[&str] = &[
    "",
    "pwd\n",
    "pwd",
    "nonsense\npwd\n",
    "-nonsense\npwd\n",
    "cd /none\npwd\n",
    "-cd /none\npwd\n",
    "@-cd /none\n@pwd\n",
    "lcd /none\npwd\n",
    "get /none\n",
    "put /none\n",
    "ls /none\n",
    "rm /none\n",
    "chmod 9 /\n",
    "get 'unclosed\n",
    "get\n",
    "ls -x\n",
    "quit\nnonsense\n",
    "!exit 3\npwd\n",
    "lls /none\npwd\n",
];

/// Starts of lines that are another matter on Windows: names, modes and times that it does not keep, its own paths and shell.
const NOT_ON_WINDOWS: &[&str] = &[
    "get \"g", "get -p", "get -r", "get -R", "put -p", "lpwd", "lumask", "!",
];

/// A server whose one folder has names in it that none can have.
const MADE_UP: &str = r#"
import struct, sys

NAMES = [b"../evil", b"/tmp/evil-sftp", b"a/b", b"..", b".", b"", b"nul\0", b"ok", b"\x1b[2Jred"]

def text(value):
    return struct.pack(">I", len(value)) + value

def send(kind, number, rest):
    packet = bytes([kind]) + struct.pack(">I", number) + rest
    sys.stdout.buffer.write(struct.pack(">I", len(packet)) + packet)
    sys.stdout.buffer.flush()

def attributes(folder):
    return struct.pack(">IQI", 5, 3, 0o040755 if folder else 0o100644)

def status(code):
    return struct.pack(">I", code) + text(b"") + text(b"")

listed = False
while True:
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        break
    packet = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
    kind, number = packet[0], struct.unpack(">I", packet[1:5])[0]
    path = packet[9:9 + struct.unpack(">I", packet[5:9])[0]] if len(packet) > 8 else b""
    if kind == 1:
        send(2, 3, b"")
    elif kind == 16:
        send(104, number, struct.pack(">I", 1) + text(b"/" if path == b"." else path) * 2 + attributes(True))
    elif kind in (7, 17):
        send(105, number, attributes(path in (b"/", b"/x")))
    elif kind in (3, 11):
        listed = False
        send(102, number, text(b"handle"))
    elif kind == 12 and not listed:
        listed = True
        names = b"".join(text(name) + text(name) + attributes(False) for name in NAMES)
        send(104, number, struct.pack(">I", len(NAMES)) + names)
    elif kind == 5 and packet[-12:-4] == bytes(8):
        send(103, number, text(b"abc"))
    else:
        send(101, number, status(0 if kind == 4 else 1))
"#;

/// Two folders that are made anew for each run, at the same path.
struct Place {
    folder: tempfile::TempDir,
    server: String,
    /// Our binary under the name `sftp`.
    ours: String,
}

impl Place {
    /// `None`, said, where a program is missing.
    fn new() -> Option<Self> {
        let server = find_sftp_server()?.display().to_string();
        if !peer("sftp") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("sftp");
        symlink(support::binary(), &ours).unwrap();
        let ours = ours.display().to_string();
        Some(Self {
            folder,
            server,
            ours,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Makes both sides as they are at first.
    fn prepare(&self) {
        for side in ["remote", "local"] {
            std::fs::remove_dir_all(self.path(side)).ok();
            std::fs::create_dir(self.path(side)).unwrap();
        }
        let remote = self.path("remote");
        std::fs::create_dir_all(remote.join("old/deep")).unwrap();
        let files = [
            "a.txt",
            "b.txt",
            "with space",
            "g*b",
            "gxb",
            "old/.hidden",
            "old/deep/c",
            "big",
        ];
        for (name, number) in files.iter().zip(1..) {
            std::fs::write(remote.join(name), noise(number * 1500)).unwrap();
        }
        std::fs::write(remote.join("big2"), &noise(100_000)[..70_000]).unwrap();
        symlink("deep", remote.join("old/link")).unwrap();
        let local = self.path("local");
        std::fs::write(local.join("part"), noise(100_000)).unwrap();
        std::fs::write(local.join("big"), &noise(8 * 1500)[..5000]).unwrap();
        std::fs::create_dir_all(local.join("tree/inner")).unwrap();
        for name in ["sent", "tree/one", "tree/inner/two"] {
            std::fs::write(local.join(name), name).unwrap();
        }
        let mode = std::fs::Permissions::from_mode(0o604);
        std::fs::set_permissions(local.join("sent"), mode).unwrap();
        self.age(&remote);
        self.age(&local);
    }

    /// Gives every file a time of its own, long ago.
    fn age(&self, folder: &Path) {
        for (path, number) in tree(folder).into_iter().zip(1..) {
            if !path.is_symlink() {
                let time =
                    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + number * 90_000);
                let file = std::fs::File::open(&path).unwrap();
                file.set_times(
                    std::fs::FileTimes::new()
                        .set_modified(time)
                        .set_accessed(time),
                )
                .unwrap();
            }
        }
    }

    /// What is there afterwards: names, kinds, modes, links and contents.
    fn state(&self) -> Vec<String> {
        let describe = |path: PathBuf| {
            let found = std::fs::symlink_metadata(&path).unwrap();
            let mode = found.permissions().mode();
            let content = match std::fs::read_link(&path) {
                Ok(to) => to.display().to_string(),
                Err(_) if found.is_dir() => String::new(),
                Err(_) => {
                    let bytes = std::fs::read(&path).unwrap();
                    format!(
                        "{} {}",
                        bytes.len(),
                        bytes.iter().fold(0_u64, |sum, byte| sum
                            .wrapping_mul(31)
                            .wrapping_add((*byte).into()))
                    )
                }
            };
            let name = path.strip_prefix(self.folder.path()).unwrap();
            if support::under_wine() {
                return format!("{} {content}", name.display());
            }
            // Only the files that keep their time have one that can be compared.
            let kept = ["remote/new/sent here", "local/c"]
                .iter()
                .any(|kept| name == Path::new(kept));
            let time = kept.then(|| found.modified().unwrap());
            format!("{} {mode:o} {content} {time:?}", name.display())
        };
        let mut paths = tree(&self.path("remote"));
        paths.extend(tree(&self.path("local")));
        paths.into_iter().map(describe).collect()
    }

    /// Runs a batch, in the folder of the other side.
    fn batch(&self, command: &mut Command, batch: &str) -> Outcome {
        self.prepare();
        let batch = format!("@cd {}\n{batch}", self.text("remote"));
        let command = command
            .current_dir(self.path("remote"))
            .env("SHELL", "/bin/sh");
        run_with_input(command, batch.as_bytes())
    }

    /// A program that takes sftp(1)'s command line, with a server on this machine.
    fn local(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-b", "-", "-D", &self.server]);
        command
    }
}

/// The lines of a batch that mean the same on every system.
fn on_windows(batch: &str) -> String {
    let other = |line: &&str| !NOT_ON_WINDOWS.iter().any(|start| line.starts_with(start));
    batch.split_inclusive('\n').filter(other).collect()
}

/// Whether `-D` would have to start a server of this system, which is no program for Windows.
fn cannot_serve() -> bool {
    support::left_out_under_wine("it gives no pipes to this system's sftp-server (-D)")
}

/// All that is in a folder, in order.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    for path in entries {
        paths.push(path.clone());
        if path.is_dir() && !path.is_symlink() {
            paths.extend(tree(&path));
        }
    }
    paths
}

#[test]
fn a_batch_of_every_command_does_what_openssh_does() {
    let Some(place) = Place::new() else {
        return;
    };
    let every = match support::under_wine() {
        true => on_windows(EVERY_COMMAND),
        false => EVERY_COMMAND.to_owned(),
    };
    let theirs = place.batch(&mut place.local("sftp"), &every);
    let expected = place.state();
    // The last line fails in any case.
    assert_eq!(theirs.code, Some(1), "{}", theirs.stderr);
    assert!(
        theirs.text().ends_with("sftp> df -i none\n"),
        "{}\n{}",
        theirs.text(),
        theirs.stderr
    );
    let check = |ours: Outcome, how: &str| {
        assert_eq!(ours.text(), theirs.text(), "{how}: {}", ours.stderr);
        assert_eq!(ours.code, theirs.code, "{how}");
        assert_eq!(place.state(), expected, "{how}");
    };
    if !cannot_serve() {
        check(place.batch(&mut place.local(&place.ours), &every), "-D");
    }
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    for route in sandbox.routes() {
        // A port has another letter here.
        let route: Vec<_> = route.iter().map(|word| word.replace("-p", "-P")).collect();
        let mut command = sandbox.eic_term(["sftp", "-b", "-"]);
        command.args(&route);
        check(place.batch(&mut command, &every), &route.join(" "));
    }
    let mut command = sandbox.command(&place.ours);
    command.args(["-b", "-", "web-1"]);
    check(place.batch(&mut command, &every), "under the name sftp");
}

#[test]
fn batches_end_as_those_of_openssh_do() {
    if cannot_serve() {
        return;
    }
    let Some(place) = Place::new() else {
        return;
    };
    for batch in ENDS {
        let theirs = place.batch(&mut place.local("sftp"), batch);
        let ours = place.batch(&mut place.local(&place.ours), batch);
        let about = format!("{batch:?}: {}\n{}", theirs.stderr, ours.stderr);
        assert_eq!(
            (ours.code, ours.text()),
            (theirs.code, theirs.text()),
            "{about}"
        );
    }
    for arguments in [
        &[][..],
        &["-Z"],
        &["-b", "/none", "-D", &place.server],
        &["-P", "x", "web"],
    ] {
        let theirs = run(Command::new("sftp").args(arguments.iter()));
        let ours = run(Command::new(&place.ours).args(arguments.iter()));
        assert_eq!(ours.code, theirs.code, "{arguments:?}: {}", ours.stderr);
    }
    // Without -b, what fails ends nothing.
    let mut command = Command::new(&place.ours);
    let outcome = run_with_input(
        command.args(["-D", &place.server]),
        b"cd /none\nnonsense\npwd\n",
    );
    assert_eq!(outcome.code, Some(0));
    assert!(
        outcome.text().contains("Remote working directory: "),
        "{}",
        outcome.text()
    );
}

#[test]
fn what_follows_the_host_is_fetched_or_entered() {
    let Some(place) = Place::new() else {
        return;
    };
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    place.prepare();
    let (remote, local) = (place.text("remote"), place.path("local"));
    let sftp = |arguments: &[&str]| {
        let mut command = sandbox.eic_term([&["sftp"], arguments].concat());
        run(command.current_dir(&local))
    };
    let fetched = |name: &str, of: &str| {
        std::fs::read(local.join(name)).unwrap()
            == std::fs::read(place.path("remote").join(of)).unwrap()
    };
    let outcome = sftp(&[&format!("web-1:{remote}/a.txt")]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(fetched("a.txt", "a.txt"));
    let outcome = sftp(&[&format!("web-1:{remote}/with space"), "other name"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(fetched("other name", "with space"));
    let outcome = sftp(&["-r", &format!("web-1:{remote}/old"), "old here"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(fetched("old here/deep/c", "old/deep/c"));
    let outcome = sftp(&[&format!("web-1:{remote}/none")]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("none\n  cause: there is no such file"),
        "{}",
        outcome.stderr
    );
    // A folder is entered, and standard input has the commands.
    let outcome = sftp(&["-b", "/dev/null", &format!("web-1:{remote}/old")]);
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(0), ""));
    let mut command = sandbox.eic_term(["sftp", &format!("web-1:{remote}/old")]);
    let outcome = run_with_input(&mut command, b"ls\n");
    let expected = format!("Changing to: {remote}/old\nsftp> ls\ndeep  link  \n");
    assert_eq!(
        (outcome.code, outcome.text()),
        (Some(0), expected),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("Connected to web-1."),
        "{}",
        outcome.stderr
    );
}

#[test]
fn names_that_a_server_makes_up_lead_nowhere() {
    if cannot_serve() {
        return;
    }
    let Some(place) = Place::new() else {
        return;
    };
    if !peer("python3") {
        return;
    }
    place.prepare();
    let server = place.path("server.py");
    std::fs::write(&server, MADE_UP).unwrap();
    let server = format!("python3 {}", server.display());
    let here = place.path("local/here");
    std::fs::create_dir(&here).unwrap();
    let before = tree(place.folder.path());
    for (line, code) in [
        ("get -r /x got", Some(1)),
        ("get /x/*", Some(1)),
        ("ls /x", Some(0)),
    ] {
        let mut command = Command::new(&place.ours);
        command.args(["-b", "-", "-D", &server]).current_dir(&here);
        let outcome = run_with_input(&mut command, line.as_bytes());
        assert_eq!(outcome.code, code, "{line}: {}", outcome.stderr);
        assert!(
            !outcome.stderr.contains('\u{1b}') && !outcome.text().contains('\u{1b}'),
            "{line}"
        );
        if line.starts_with("get") {
            assert!(
                outcome.stderr.contains("`../evil`"),
                "{line}: {}",
                outcome.stderr
            );
        }
    }
    let mut made = tree(place.folder.path());
    made.retain(|path| !before.contains(path));
    let made: Vec<_> = made
        .iter()
        .map(|path| path.strip_prefix(&here).unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        made,
        ["\u{1b}[2Jred", "got", "got/\u{1b}[2Jred", "got/ok", "ok"]
    );
    assert!(!Path::new("/tmp/evil-sftp").exists());
}

#[test]
fn a_host_without_sftp_is_said_to_be_one() {
    let sandbox = Sandbox::start();
    let outcome = run(&mut sandbox.eic_term(["sftp", "web-1"]));
    assert_eq!(outcome.code, Some(255), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("no SFTP subsystem"),
        "{}",
        outcome.stderr
    );
}

/// Waits until this is shown, and the next command asked for.
fn at_prompt(terminal: &mut Terminal, shown: &str) {
    terminal.wait_for(&format!("`{shown}` and a prompt"), |terminal| {
        let text = terminal.text();
        text.contains(shown) && text.trim_end().ends_with("sftp>")
    });
}

#[test]
fn a_prompt_edits_completes_and_remembers() {
    if cannot_serve() {
        return;
    }
    let Some(place) = Place::new() else {
        return;
    };
    place.prepare();
    let name = "clear\x1b[2Jed";
    std::fs::write(place.path("remote").join(name), "").unwrap();
    let sandbox = Sandbox::start();
    let script = format!(
        "before=$(stty -a); cd {}; {} -D {}; echo \"code $?\"; [ \"$(stty -a)\" = \"$before\" ] && echo same",
        place.text("local"),
        place.ours,
        place.server,
    );
    let mut terminal = Terminal::start(&sandbox, "sh", &["-c", &script]);
    terminal.expect("sftp> ");
    // Names of the host, a quoted one too, and of commands.
    terminal.type_keys("cd ../rem\t");
    terminal.expect("cd ../remote/");
    terminal.type_keys("\r");
    at_prompt(&mut terminal, "remote/");
    terminal.type_keys("l\t\t");
    terminal.expect("lumask");
    terminal.type_keys("s -1 old/de\t\r");
    at_prompt(&mut terminal, "old/deep/c");
    terminal.type_keys("get wi\t\r");
    at_prompt(&mut terminal, "with space to with space");
    terminal.type_keys("get \"g\t\t");
    terminal.expect("gxb");
    terminal.type_keys("*\t\r");
    at_prompt(&mut terminal, "g*b to g*b");
    // Names that are here.
    terminal.type_keys("put se\t\r");
    at_prompt(&mut terminal, "Uploading sent to");
    // A name from the host does not drive the screen.
    terminal.type_keys("ls -1 cl*\r");
    at_prompt(&mut terminal, "clear\\u{1b}[2Jed");
    terminal.expect("Uploading sent to");
    // Up, and an edit at its start.
    terminal.type_keys("pdw\u{1b}[D\u{8}\u{1b}[Cd\r");
    at_prompt(&mut terminal, "Remote working directory");
    terminal.type_keys("\u{1b}[A\u{1}l\r");
    at_prompt(&mut terminal, "Local working directory");
    // A line that is given up.
    terminal.type_keys("nonsense\u{3}");
    at_prompt(&mut terminal, "nonsense\n");
    terminal.type_keys("!echo shell-$((40 + 2))\r");
    at_prompt(&mut terminal, "shell-42");
    terminal.type_keys("\u{4}");
    terminal.expect("same");
    terminal.expect("code 0");
    assert_eq!(terminal.exit_code(), 0);
    assert!(place.path("local/g*b").exists());
}

#[test]
fn control_c_stops_a_transfer_and_leaves_the_prompt() {
    if cannot_serve() {
        return;
    }
    let Some(place) = Place::new() else {
        return;
    };
    place.prepare();
    std::fs::write(place.path("remote/huge"), noise(4 << 20)).unwrap();
    let sandbox = Sandbox::start();
    // At this rate it takes a minute.
    let script = format!(
        "cd {} && exec {} -l 512 -D {}",
        place.text("local"),
        place.ours,
        place.server,
    );
    let mut terminal = Terminal::start(&sandbox, "sh", &["-c", &script]);
    terminal.expect("sftp> ");
    terminal.type_keys(&format!("cd {}\r", place.text("remote")));
    for command in ["get huge", "put ../remote/huge copy"] {
        terminal.type_keys(&format!("{command}\r"));
        terminal.expect("ETA");
        terminal.press_control_c();
        at_prompt(&mut terminal, "interrupted");
        terminal.type_keys("pwd\r");
        at_prompt(&mut terminal, "Remote working directory: ");
        terminal.type_keys("!clear\r");
        terminal.wait_for("an empty screen", |terminal| {
            !terminal.text().contains("interrupted")
        });
    }
    // A program of this machine is stopped, and nothing else.
    terminal.type_keys("!echo begun; sleep 600\r");
    terminal.expect("\nbegun");
    terminal.press_control_c();
    at_prompt(&mut terminal, "the shell ended with");
    terminal.type_keys("reget huge\r");
    terminal.expect("Resuming");
    terminal.expect("ETA");
    terminal.press_control_c();
    at_prompt(&mut terminal, "interrupted");
    terminal.type_keys("bye\r");
    assert_eq!(terminal.exit_code(), 0);
    let got = std::fs::read(place.path("local/huge")).unwrap();
    assert!(
        !got.is_empty() && noise(4 << 20).starts_with(&got),
        "{}",
        got.len()
    );
}
