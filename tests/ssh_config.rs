//! `ssh`: OpenSSH's command line and configuration, resolved by OpenSSH and by us.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

#[path = "ssh_config/cases.rs"]
mod cases;
#[path = "ssh_config/command_lines.rs"]
mod command_lines;
#[path = "ssh_config/mistakes.rs"]
mod mistakes;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{Outcome, binary, left_out_under_wine, peer, run};

/// Values that may differ: lists of algorithms, of which we have others than OpenSSH. They are compared where a case
/// sets them.
const OTHERS: &[&str] = &[
    "casignaturealgorithms",
    "ciphers",
    "gssapikexalgorithms",
    "hostbasedacceptedalgorithms",
    "hostkeyalgorithms",
    "kexalgorithms",
    "macs",
    "pubkeyacceptedalgorithms",
];

/// What OpenSSH says of its standard input, which `-G` does not read.
const NO_TERMINAL: &str = "Pseudo-terminal will not be allocated because stdin is not a terminal.";

/// A folder with configuration files and with our program under the name `ssh`.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write(files);
        folder
    }

    /// `DIR` in a file stands for the folder.
    fn write(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            fs::write(self.path(name), self.filled(text)).expect("a file");
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn filled(&self, text: &str) -> String {
        text.replace("DIR", &self.0.path().display().to_string())
    }

    fn run(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Outcome {
        let arguments = arguments.iter().map(|word| self.filled(word));
        run(Command::new(program)
            .args(arguments)
            .current_dir(self.0.path())
            .env("EIC_TEST", "value")
            .env_remove("EIC_NONE")
            .stdin(Stdio::null()))
    }

    /// Our program under another name.
    fn named(&self, name: &str) -> PathBuf {
        let program = self.path(name);
        #[cfg(unix)]
        std::os::unix::fs::symlink(binary(), &program).expect("a link");
        #[cfg(not(unix))]
        fs::copy(binary(), &program).expect("a copy");
        program
    }
}

/// The values can be compared with those of the OpenSSH whose order and whose defaults they follow.
fn reference() -> bool {
    if left_out_under_wine("OpenSSH reads Unix's files") || !peer("ssh") {
        return false;
    }
    let version = run(Command::new("ssh").arg("-V")).stderr;
    let known = version.starts_with("OpenSSH_9.2p1 Debian");
    if !known {
        println!("LEFT OUT: OpenSSH is another than Debian's 9.2: {version}");
    }
    known
}

fn messages(outcome: &Outcome) -> Vec<&str> {
    let lines = outcome.stderr.lines();
    lines.filter(|line| *line != NO_TERMINAL).collect()
}

/// The lines without those that may differ, unless `set` has words of them.
fn values(outcome: &Outcome, set: &str) -> Vec<String> {
    let set = set.to_ascii_lowercase();
    let text = outcome.text();
    let compared = |line: &&str| {
        let (key, value) = line.split_once(' ').unwrap_or_default();
        // OpenSSH prints what leads to a socket a second time, as if it were SOCKS.
        let local = format!("localforward {value} ");
        let mut targets = text.lines().filter_map(|line| line.strip_prefix(&local));
        let twice = key == "dynamicforward" && targets.any(|to| !to.starts_with('['));
        !twice && (!OTHERS.contains(&key) || set.contains(key))
    };
    text.lines().filter(compared).map(str::to_owned).collect()
}

/// Runs both with these files and arguments, and compares all that they print and how they end.
fn compare(files: &[(&str, &str)], arguments: &[&str]) -> Result<(), String> {
    let folder = Folder::new(files);
    let theirs = folder.run("ssh", arguments);
    let ours = folder.run(folder.named("ssh"), arguments);
    let set = format!("{files:?} {arguments:?}");
    let sides = [&theirs, &ours].map(|outcome| {
        let text = values(outcome, &set).join("\n");
        let said = messages(outcome).join("\n");
        format!("{text}\n{said}\nexit {:?}\n", outcome.code)
    });
    let [theirs, ours] = &sides;
    let missing = theirs.lines().filter(|line| !ours.contains(*line));
    let added = ours.lines().filter(|line| !theirs.contains(*line));
    let differences: Vec<String> = missing
        .map(|line| format!("  - {line}"))
        .chain(added.map(|line| format!("  + {line}")))
        .collect();
    match theirs == ours {
        true => Ok(()),
        false => Err(format!("{set}\n{}\n", differences.join("\n"))),
    }
}

fn assert_all(cases: impl Iterator<Item = Result<(), String>>) {
    let wrong: Vec<String> = cases.filter_map(Result::err).collect();
    assert!(
        wrong.is_empty(),
        "{}\n{} differ",
        wrong.join("\n"),
        wrong.len()
    );
}

#[test]
fn configurations_that_make_sense() {
    if reference() {
        assert_all(cases::CONFIGURATIONS.iter().map(|(text, arguments)| {
            let arguments = [&["-G", "-F", "DIR/config"], *arguments].concat();
            compare(&[("config", text)], &arguments)
        }));
    }
}

#[test]
fn configurations_in_several_files() {
    if reference() {
        assert_all(
            cases::INCLUDES
                .iter()
                .map(|(files, host)| compare(files, &["-G", "-F", "DIR/config", host])),
        );
    }
}

#[test]
fn command_lines_that_make_sense() {
    if reference() {
        assert_all(command_lines::LINES.iter().map(|arguments| {
            let arguments = [&["-G", "-F", "none"], *arguments].concat();
            compare(&[], &arguments)
        }));
    }
}

#[test]
fn values_of_keywords() {
    if reference() {
        assert_all(
            command_lines::VALUES
                .iter()
                .map(|setting| compare(&[], &["-G", "-F", "none", "-o", setting, "web"])),
        );
    }
}

#[test]
fn configurations_with_mistakes() {
    if reference() {
        assert_all(mistakes::LINES.iter().map(|text| {
            let config = format!("# first\n{text}\nPort 22\n");
            compare(&[("config", &config)], &["-G", "-F", "DIR/config", "web"])
        }));
    }
}

#[test]
fn command_lines_with_mistakes() {
    if reference() {
        assert_all(
            mistakes::COMMAND_LINES
                .iter()
                .map(|arguments| compare(&[], arguments)),
        );
    }
}

#[test]
fn the_usual_files() {
    if reference() {
        assert_all([compare(&[], &["-G", "web"])].into_iter());
    }
}

#[test]
fn what_is_printed_says_the_same_when_it_is_read() {
    let folder = Folder::new(&[]);
    let ssh = folder.named("ssh");
    let settings = [
        "-oIPQoS=cs1",
        "-oRekeyLimit=1G 1h",
        "-Jone,two@three:4",
        "-L8080:web:80",
    ];
    let first = folder.run(
        &ssh,
        &[&["-G", "-F", "none"], &settings[..], &["me@web"]].concat(),
    );
    fs::write(folder.path("config"), first.text()).expect("a file");
    let second = folder.run(&ssh, &["-G", "-F", "DIR/config", "web"]);
    assert_eq!(second.stderr, "");
    assert_eq!(first.text(), second.text());
}

#[test]
fn what_is_wrong_goes_to_the_log_that_is_asked_for() {
    let folder = Folder::new(&[]);
    let arguments = [
        "-G",
        "-F",
        "none",
        "-E",
        "DIR/log",
        "-oControlPath=%z",
        "web",
    ];
    let outcome = folder.run(folder.named("ssh"), &arguments);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(255), ""));
    let log = fs::read_to_string(folder.path("log")).expect("a log");
    assert!(log.contains("unknown key %z"), "{log}");
}

#[test]
fn version_and_queries() {
    let folder = Folder::new(&[]);
    let version = folder.run(binary(), &["ssh", "-V"]);
    assert_eq!((version.code, version.text().as_str()), (Some(0), ""));
    assert!(
        version.stderr.starts_with("OpenSSH_9.2 "),
        "{}",
        version.stderr
    );
    assert_eq!(version.stderr.lines().count(), 1);
    let kinds = folder.run(binary(), &["ssh", "-Q", "help"]).text();
    for kind in kinds.lines().chain(["Ciphers", "HostKeyAlgorithms"]) {
        let names = folder.run(binary(), &["ssh", "-Q", kind]);
        assert_eq!(names.code, Some(0), "{kind}: {}", names.stderr);
        assert!(!names.text().trim().is_empty(), "{kind}");
    }
}

#[test]
fn options_of_our_own_do_not_stand_before_it() {
    let folder = Folder::new(&[]);
    let outcome = folder.run(binary(), &["-v", "ssh", "-G", "web"]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("before `ssh`"),
        "{}",
        outcome.stderr
    );
}

#[test]
#[cfg(unix)]
fn files_that_others_can_write_are_refused() {
    use std::os::unix::fs::PermissionsExt;

    if left_out_under_wine("Windows has no such modes") {
        return;
    }
    let folder = Folder::new(&[("config", "Include DIR/more"), ("more", "Port 23")]);
    let permissions = fs::Permissions::from_mode(0o666);
    fs::set_permissions(folder.path("more"), permissions).expect("a file of ours");
    for program in [Path::new("ssh").to_owned(), folder.named("ssh")] {
        if program.is_relative() && !peer("ssh") {
            continue;
        }
        let outcome = folder.run(program, &["-G", "-F", "DIR/config", "web"]);
        assert_eq!(outcome.code, Some(255));
        assert!(outcome.stderr.starts_with("Bad owner or permissions on"));
    }
}
