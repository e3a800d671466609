//! Servers that lie: `evil_sftp.py` is the subsystem, and each case one of its lies.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use eic_sandbox::Config;

use super::support::{Outcome, Sandbox, left_out_under_wine, peer, run};
use super::there;
use super::tree::names;

const SERVER: &str = include_str!("evil_sftp.py");

/// Fetches the folder `evil` from a server with this lie; what is in the folder around the target comes back, too.
fn fetch(lie: &str) -> Option<(Outcome, tempfile::TempDir)> {
    if !peer("sshd") || !peer("python3") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("server");
    fs::write(&program, SERVER).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let option = format!("Subsystem sftp {} {lie}", program.display());
    let sandbox = Sandbox::with(Config::default().sshd(true).sshd_option(option));
    fs::create_dir_all(folder.path().join("around/target")).unwrap();
    if lie == "folder-over-link" {
        fs::create_dir(folder.path().join("around/target/evil")).unwrap();
        symlink("../..", folder.path().join("around/target/evil/way")).unwrap();
    }
    let mut command = sandbox.eic_term(["cp", "-rp"]);
    let target = folder.path().join("around/target");
    let outcome = run(command.arg(there("evil")).arg(target));
    Some((outcome, folder))
}

#[test]
fn no_lie_leads_out_of_the_folder_hangs_or_fills_the_memory() {
    // The lie, the exit code, what is said, and what is in target/evil afterwards.
    let table: &[(&str, i32, &str, &[&str])] = &[
        ("names", 1, "the name has a slash in it", &["good"]),
        ("folder-over-link", 1, "way", &["good", "way"]),
        ("wrong-kind", 1, "", &["file", "good"]),
        ("short-reads", 0, "", &["good"]),
        ("ends-early", 1, "ended after 4 bytes", &["good"]),
        ("too-much-data", 1, "more than was asked for", &[]),
        ("endless-data", 0, "", &["good"]),
        ("deep", 1, "too deep", &["good", "x"]),
        ("endless-names", 1, "more than a million names", &["good"]),
        ("wrong-id", 1, "an answer to no request", &[]),
        ("huge-packet", 1, "a packet is too long", &[]),
    ];
    let mut problems = Vec::new();
    for (lie, code, said, expected) in table {
        let unfit = match *lie {
            "folder-over-link" => "its programs do not see the links of a Unix folder",
            "deep" => "it looks every part of a path up anew, which takes minutes",
            _ => "",
        };
        if !unfit.is_empty() && left_out_under_wine(unfit) {
            continue;
        }
        let Some((outcome, folder)) = fetch(lie) else {
            return;
        };
        let around = folder.path().join("around");
        let evil = around.join("target/evil");
        let found = if evil.exists() {
            names(&evil)
        } else {
            Vec::new()
        };
        let mut wrong = |what: &str, is_wrong: bool| {
            if is_wrong {
                problems.push(format!("{lie}: {what}; {found:?} {outcome:?}"));
            }
        };
        wrong("the exit code", outcome.code != Some(*code));
        wrong("the words", !outcome.stderr.contains(said));
        wrong("the time", outcome.took > Duration::from_secs(100));
        wrong("a raw escape", outcome.stderr.contains('\x1b'));
        wrong("outside", names(&around) != ["target"]);
        wrong("outside", folder.path().join("escaped").exists());
        let whole = expected.is_empty() || found == *expected;
        wrong("what is there", !whole);
        wrong(
            "what is left",
            found.iter().any(|name| name.contains(".eic-")),
        );
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
