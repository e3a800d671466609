//! `eic-term cp` against real OpenSSH servers, and against hostile ones.
#![cfg(unix)]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

#[path = "cp/cuts.rs"]
mod cuts;
#[path = "cp/hostile.rs"]
mod hostile;
#[path = "cp/interrupted.rs"]
mod interrupted;
#[path = "cp/large.rs"]
mod large;
#[path = "cp/tar.rs"]
mod tar;
#[path = "cp/tree.rs"]
mod tree;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use eic_sandbox::Config;
use support::{Outcome, Sandbox, left_out_under_wine, peer, run, under_wine};
use tree::Tree;

/// The user that sshd lets in: the one that runs the tests.
pub(crate) fn user() -> String {
    let output = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A path on the instance.
pub(crate) fn there(path: impl AsRef<OsStr>) -> OsString {
    let mut word = OsString::from(format!("{}@web-1:", user()));
    word.push(path);
    word
}

pub(crate) fn cp<A: AsRef<OsStr>>(sandbox: &Sandbox, args: impl IntoIterator<Item = A>) -> Outcome {
    let mut command = sandbox.eic_term(["cp"]);
    run(command.args(args))
}

fn succeeds(outcome: &Outcome) {
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn a_tree_of_every_odd_name_and_kind_goes_there_and_back_on_both_ways() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let [source, far, near] = ["source", "far", "near"].map(|name| folder.path().join(name));
    let tree = Tree::make(&source);
    for way in [
        vec!["--connection-type=direct"],
        vec!["--connection-type=eice", "--ssh-port=22"],
    ] {
        let way: Vec<_> = way
            .into_iter()
            .filter(|word| !word.starts_with("--ssh-port"))
            .collect();
        let mut there_args: Vec<OsString> = way.iter().map(OsString::from).collect();
        if way[0].ends_with("eice") {
            there_args.extend(["-P".into(), "22".into()]);
        }
        let mut back_args = there_args.clone();
        there_args.extend(["-rp".into(), source.clone().into(), there(&far)]);
        back_args.extend(["-rp".into(), there(&far), near.clone().into()]);
        let outcome = cp(&sandbox, there_args);
        if under_wine() {
            succeeds(&outcome);
        } else {
            // The pipe in it is no file to be copied, which is said.
            assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
            assert!(outcome.stderr.contains("a pipe"), "{}", outcome.stderr);
            assert!(outcome.stderr.contains("1 failed"), "{}", outcome.stderr);
        }
        assert_eq!(tree.differences(&far), [""; 0]);
        succeeds(&cp(&sandbox, back_args));
        assert_eq!(tree.differences(&near), [""; 0]);
        std::fs::remove_dir_all(&far).unwrap();
        std::fs::remove_dir_all(&near).unwrap();
    }
}

#[test]
fn names_that_windows_cannot_hold_are_said_and_the_rest_comes() {
    use std::os::unix::ffi::OsStrExt;

    if !under_wine() {
        return;
    }
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let far = folder.path().join("far");
    std::fs::create_dir_all(far.join("deep")).unwrap();
    let fit = ["deep/x", "plain", "with space", "\u{fc}ml\u{e4}ut \u{2713}"];
    let unfit: [(&[u8], &str); 8] = [
        (b"colon:name", "Windows allows no such character in a name"),
        (b"back\\slash", "Windows allows no such character in a name"),
        (b"new\nline", "Windows allows no such character in a name"),
        (b"con", "the name is a device's on Windows"),
        (b"nul.txt", "the name is a device's on Windows"),
        (
            b"ends.",
            "Windows allows no name that ends with a space or a dot",
        ),
        (
            b"ends ",
            "Windows allows no name that ends with a space or a dot",
        ),
        (b"\xff", "the name is no UTF-8"),
    ];
    let bad = unfit.iter().map(|(name, _)| OsStr::from_bytes(name));
    for name in fit.iter().map(OsStr::new).chain(bad) {
        std::fs::write(far.join(name), name.as_bytes()).unwrap();
    }
    // A drive's letter is no host's name, with either slash.
    let root = folder.path().display();
    let near = format!("Z:{root}/near").replace('/', "\\");
    let outcome = cp(&sandbox, ["-r".into(), there(&far), near.into()]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    for (name, why) in unfit {
        let times = unfit.iter().filter(|(_, other)| *other == why).count();
        assert_eq!(
            outcome.stderr.matches(why).count(),
            times,
            "{name:?}: {}",
            outcome.stderr
        );
    }
    let back = folder.path().join("back");
    succeeds(&cp(
        &sandbox,
        ["-r".into(), format!("Z:{root}/near").into(), there(&back)],
    ));
    for folder in [folder.path().join("near"), back] {
        let expected = ["deep", "plain", "with space", fit[3]];
        assert_eq!(tree::names(&folder), expected);
        for name in fit {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            assert_eq!(text, name);
        }
    }
}

#[test]
fn words_mean_what_they_do_for_scp() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("far/sub")).unwrap();
    std::fs::create_dir(path("near")).unwrap();
    for (name, text) in [
        ("far/a.log", "a"),
        ("far/b.log", "bb"),
        ("far/[x].log", "x"),
        ("far/sub/c", "c"),
    ] {
        std::fs::write(path(name), text).unwrap();
    }
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    // A pattern, and a name that looks like one.
    succeeds(&cp(
        &sandbox,
        [there(path("far/[ab].log")), path("near").into()],
    ));
    succeeds(&cp(
        &sandbox,
        [there(path("far/[x].log")), path("near").into()],
    ));
    assert_eq!(
        (read("near/a.log"), read("near/b.log"), read("near/[x].log")),
        ("a".into(), "bb".into(), "x".into())
    );
    // To another name, over what is there, into a folder.
    succeeds(&cp(
        &sandbox,
        [path("near/a.log").into(), there(path("far/new"))],
    ));
    succeeds(&cp(
        &sandbox,
        [path("near/b.log").into(), there(path("far/new"))],
    ));
    assert_eq!(read("far/new"), "bb");
    succeeds(&cp(
        &sandbox,
        ["-r".into(), there(path("far/sub")), path("near").into()],
    ));
    succeeds(&cp(
        &sandbox,
        [
            "-r".into(),
            there(path("far/sub")),
            path("near/renamed").into(),
        ],
    ));
    assert_eq!(
        (read("near/sub/c"), read("near/renamed/c")),
        ("c".into(), "c".into())
    );
    // The contents of a folder, but for what is left out; and a look ahead.
    let contents = || there(path("far/."));
    let dry = cp(&sandbox, ["-rn".into(), contents(), path("dry").into()]);
    succeeds(&dry);
    assert!(
        dry.text().contains("sub/c") && !path("dry").exists(),
        "{}",
        dry.text()
    );
    std::fs::create_dir(path("all")).unwrap();
    let exclude = ["-r", "--exclude", "*.log", "--exclude", "/new"].map(OsString::from);
    let args = exclude.into_iter().chain([contents(), path("all").into()]);
    succeeds(&cp(&sandbox, args));
    let names: Vec<_> = std::fs::read_dir(path("all"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["sub"]);
    // Streams, and from one instance to another.
    let mut command = sandbox.eic_term(["cp", "-"]);
    let outcome = support::run_with_input(command.arg(there(path("far/stream"))), b"piped");
    assert_eq!(
        (outcome.code, read("far/stream")),
        (Some(0), "piped".into()),
        "{}",
        outcome.stderr
    );
    let outcome = cp(&sandbox, [there(path("far/stream")), "-".into()]);
    assert_eq!(
        (outcome.code, outcome.text()),
        (Some(0), "piped".into()),
        "{}",
        outcome.stderr
    );
    let other = format!(
        "{}@i-0e1c0000000000001:{}",
        user(),
        path("far/other").display()
    );
    succeeds(&cp(&sandbox, [there(path("far/stream")), other.into()]));
    assert_eq!(read("far/other"), "piped");
    // A link is a link, but on Windows, and -L what it leads to.
    std::os::unix::fs::symlink("a.log", path("far/sub/link")).unwrap();
    std::fs::write(path("far/sub/a.log"), "linked").unwrap();
    let ways = [("-r", true), ("-rL", false)];
    for (option, is_link) in ways
        .into_iter()
        .skip(left_out_under_wine("no links are made here").into())
    {
        let target = path(&format!("links{option}"));
        succeeds(&cp(
            &sandbox,
            [option.into(), there(path("far/sub")), target.clone().into()],
        ));
        assert_eq!(target.join("link").is_symlink(), is_link);
        assert_eq!(
            std::fs::read_to_string(target.join("link")).unwrap(),
            "linked"
        );
    }
    // JSON, a file for a line.
    let outcome = cp(
        &sandbox,
        ["--json".into(), there(path("far/new")), path("near").into()],
    );
    let lines: Vec<serde_json::Value> = outcome
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (lines.len(), &lines[0]["event"], &lines[1]["bytes"]),
        (2, &"copied".into(), &2.into())
    );
}

#[test]
fn what_cannot_be_copied_is_said_and_the_rest_goes_on() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("far")).unwrap();
    std::fs::create_dir_all(path("near/taken")).unwrap();
    std::fs::write(path("far/good"), "good").unwrap();
    std::fs::write(path("far/taken"), "file").unwrap();
    let args = [
        there(path("far/gone")),
        there(path("far/taken")),
        there(path("far/good")),
        path("near").into(),
    ];
    let outcome = cp(&sandbox, args);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    for word in [
        "far/gone",
        "No such file",
        "far/taken",
        "a folder bears the name",
        "2 failed",
    ] {
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
    }
    assert_eq!(std::fs::read_to_string(path("near/good")).unwrap(), "good");
    for (args, code, word) in [
        (
            vec![OsString::from("a"), "b".into()],
            2,
            "no instance named",
        ),
        (vec![there(path("far")), path("near").into()], 1, "-r"),
        (
            vec![there(path("far/*.none")), path("near").into()],
            1,
            "nothing there matches",
        ),
        (
            vec![there(path("far/good")), path("no/such").into()],
            1,
            if under_wine() {
                "not found"
            } else {
                "No such file"
            },
        ),
        (
            vec![
                path("near").into(),
                there(path("far/good")),
                path("far/good").into(),
            ],
            1,
            "no folder",
        ),
        (
            vec![there(path("far/good")), "/proc/self".into()],
            1,
            "cannot copy",
        ),
        (
            vec![path("far/good").into(), there("/proc/new")],
            1,
            "at the target: No such file",
        ),
        (vec!["me@:x".into(), ".".into()], 255, "cannot read"),
    ] {
        let outcome = cp(&sandbox, &args);
        assert_eq!(outcome.code, Some(code), "{args:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(word),
            "{args:?}: {}",
            outcome.stderr
        );
    }
    assert_eq!(
        tree::names(&path("near")),
        ["good", "taken"],
        "nothing is left behind"
    );
}

#[test]
fn a_full_disk_is_said_and_nothing_is_left_on_it() {
    if user() != "root" {
        println!("SKIPPED: only root mounts a small disk");
        return;
    }
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let Some(_mount) = tree::Mount::small(&disk) else {
        return;
    };
    let large = folder.path().join("large");
    std::fs::write(&large, support::noise(6 << 20)).unwrap();
    for (from, to) in [
        (OsString::from(&large), there(&disk)),
        (there(&large), disk.clone().into()),
    ] {
        let outcome = cp(&sandbox, [from, to]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("large"), "{}", outcome.stderr);
        assert_eq!(tree::names(&disk), [""; 0]);
    }
}

#[test]
fn a_long_way_makes_no_round_trip_that_could_be_overlapped() {
    if !peer("sshd") {
        return;
    }
    let rtt = std::time::Duration::from_millis(40);
    let sandbox = Sandbox::with(Config::default().sshd(true).rtt(rtt));
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    std::fs::create_dir(&source).unwrap();
    for number in 0..400 {
        std::fs::write(source.join(format!("{number}")), "text").unwrap();
    }
    std::fs::write(source.join("large"), support::noise(24 << 20)).unwrap();
    let (far, near) = (folder.path().join("far"), folder.path().join("near"));
    for (from, to) in [
        (OsString::from(&source), there(&far)),
        (there(&far), near.clone().into()),
    ] {
        let outcome = cp(&sandbox, ["-r".into(), from, to]);
        succeeds(&outcome);
        // One after the other they would take more than 60 s.
        assert!(outcome.took.as_secs() < 20, "{:?}", outcome.took);
    }
    assert_eq!(tree::names(&near).len(), 401);
    assert_eq!(
        std::fs::read(near.join("large")).unwrap(),
        support::noise(24 << 20)
    );
}

/// Whether anything lies beside the real names.
pub(crate) fn leftovers(folder: &Path) -> Vec<String> {
    tree::names(folder)
        .into_iter()
        .filter(|name| name.contains(".eic-"))
        .collect()
}
