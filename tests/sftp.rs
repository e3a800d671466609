//! `sftp`: the same batches as OpenSSH's, the prompt, and servers that lie.

#![cfg(unix)]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

#[path = "sftp/batches.rs"]
mod batches;
#[path = "sftp/place.rs"]
mod place;
#[path = "sftp/prompt.rs"]
mod prompt;

use std::path::Path;
use std::process::Command;

use place::{Place, tree};
use support::{Sandbox, peer, run, run_with_input, started_by_ours, under_wine};

/// A server whose one folder has names in it that none can have.
const MADE_UP: &str = include_str!("sftp/made_up.py");

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
    let Some(place) = Place::new() else {
        return;
    };
    if !peer("python3") {
        return;
    }
    place.prepare();
    let server = place.path("server.py");
    std::fs::write(&server, MADE_UP).unwrap();
    let server = started_by_ours(&["python3", &server.display().to_string()]);
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
                outcome.stderr.contains("../evil"),
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
    let expected = match under_wine() {
        // Windows holds no name with an escape in it.
        true => &["got", "got/ok", "ok"][..],
        false => &["\u{1b}[2Jred", "got", "got/\u{1b}[2Jred", "got/ok", "ok"],
    };
    assert_eq!(made, expected);
    assert!(!Path::new("/tmp/evil-sftp").exists());
}

#[test]
fn a_host_without_sftp_is_said_to_be_one() {
    let sandbox = Sandbox::start();
    let outcome = run(&mut sandbox.eic_term(["sftp", "web-1"]));
    assert_eq!(outcome.code, Some(255), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("no SFTP subsystem") && outcome.stderr.contains("`eic-term cp`"),
        "{}",
        outcome.stderr
    );
}
