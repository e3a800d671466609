//! Hosts without SFTP, whose tar(1) and cat(1) copy.

use std::ffi::OsString;
use std::fs;

use eic_sandbox::Config;

use super::support::{Sandbox, noise, peer, run, run_with_input, under_wine};
use super::tree::{self, Tree};
use super::{cp, leftovers, succeeds, there, user};

fn without_sftp() -> Config {
    let option = "Subsystem sftp /nowhere/sftp-server";
    Config::default().sshd(true).sshd_option(option)
}

#[test]
fn without_sftp_tar_copies() {
    if !peer("sshd") || !peer("tar") {
        return;
    }
    let sandbox = Sandbox::with(without_sftp());
    let folder = tempfile::tempdir().unwrap();
    let [source, far, near] = ["source", "far", "near"].map(|name| folder.path().join(name));
    let tree = Tree::make(&source);
    for (from, to, at) in [
        (OsString::from(&source), there(&far), &far),
        (there(&far), near.clone().into(), &near),
    ] {
        let outcome = cp(&sandbox, ["-rp".into(), from, to]);
        assert!(
            outcome.stderr.contains("its tar copies"),
            "{}",
            outcome.stderr
        );
        let differences = tree.differences(at);
        // Holes are filled, and a link has the time at which it was made.
        let weighs = |line: &&String| !line.contains("link to") && !line.contains("\"sparse\"");
        assert_eq!(differences.iter().find(weighs), None, "{}", outcome.stderr);
        assert!(at.join("dangling").is_symlink() || under_wine());
        assert_eq!(leftovers(at), [""; 0]);
        assert_eq!(fs::metadata(at.join("sparse")).unwrap().len(), 64 << 20);
    }
    let gone = cp(&sandbox, [there(far.join("gone")), near.clone().into()]);
    assert_eq!(gone.code, Some(1), "{}", gone.stderr);
    assert!(
        gone.stderr.contains("tar on the host failed"),
        "{}",
        gone.stderr
    );
}

#[test]
fn without_sftp_patterns_and_streams_work_and_the_rest_is_refused() {
    if !peer("sshd") || !peer("tar") {
        return;
    }
    let sandbox = Sandbox::with(without_sftp());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["far", "near"] {
        fs::create_dir(path(name)).unwrap();
    }
    for name in ["a.log", "b.log", "[x].log", "it's $HOME", "other"] {
        fs::write(path("far").join(name), name).unwrap();
    }
    // Patterns, and a name that looks like one.
    for (pattern, expected) in [
        ("far/[ab].log", &["a.log", "b.log"][..]),
        ("far/[x].log", &["[x].log"]),
        ("far/it's $*", &["it's $HOME"]),
    ] {
        succeeds(&cp(&sandbox, [there(path(pattern)), path("near").into()]));
        assert_eq!(tree::names(&path("near")), expected);
        for name in expected {
            assert_eq!(fs::read_to_string(path("near").join(name)).unwrap(), *name);
            fs::remove_file(path("near").join(name)).unwrap();
        }
    }
    let none = cp(&sandbox, [there(path("far/none*")), path("near").into()]);
    assert_eq!(none.code, Some(1), "{}", none.stderr);
    assert!(
        none.stderr.contains("nothing there matches"),
        "{}",
        none.stderr
    );
    // Streams.
    let content = noise(3 << 20);
    let mut command = sandbox.eic_term(["cp", "-"]);
    succeeds(&run_with_input(
        command.arg(there(path("far/it's a stream"))),
        &content,
    ));
    assert!(fs::read(path("far/it's a stream")).unwrap() == content);
    let out = cp(&sandbox, [there(path("far/it's a str*")), "-".into()]);
    succeeds(&out);
    assert!(out.stdout == content, "{} bytes", out.stdout.len());
    let mut command = sandbox.eic_term(["cp", "-"]);
    let refused = run_with_input(command.arg(there(path("far"))), b"x");
    assert!(
        refused.code == Some(1) && refused.stderr.contains("a folder"),
        "{}",
        refused.stderr
    );
    // What nothing but SFTP does.
    let (large, other) = (
        path("far/other"),
        format!("{}@i-0e1c0000000000001:", user()),
    );
    for (args, said) in [
        (
            vec!["--resume".into(), there(&large), path("near").into()],
            "to go on with a copy",
        ),
        (
            vec!["--inplace".into(), there(&large), path("near").into()],
            "where it is",
        ),
        (vec![there(&large), other.into()], "from host to host"),
    ] {
        let args: Vec<OsString> = args;
        let outcome = cp(&sandbox, args);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        for word in ["has no SFTP", said, "Subsystem sftp"] {
            assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
        }
    }
    assert_eq!(leftovers(&path("far")), [""; 0]);
    assert_eq!(tree::names(&path("near")), [""; 0]);
}

#[test]
fn without_sftp_a_lost_connection_is_said_and_leaves_no_half_file_here() {
    if !peer("sshd") || !peer("tar") {
        return;
    }
    let fault = "drop-after=2000000".parse().unwrap();
    let sandbox = Sandbox::with(without_sftp().fault(fault));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("large"), noise(8 << 20)).unwrap();
    let near = folder.path().join("near");
    fs::create_dir(&near).unwrap();
    let mut command = sandbox.eic_term(["cp"]);
    let outcome = run(command.arg(there(folder.path().join("large"))).arg(&near));
    assert_eq!(outcome.code, Some(255), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("a copy begins anew"),
        "{}",
        outcome.stderr
    );
    assert_eq!(tree::names(&near), [""; 0]);
}
