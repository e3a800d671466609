//! Which host keys are believed, and what is said of those that are not.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::path::PathBuf;

use eic_sandbox::{Config, Fleet};
use support::terminal::Terminal;
use support::{Outcome, Sandbox, run};

/// A key of nobody here.
const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";
const WEB: &str = "i-0e1c0000000000001";

fn exec(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    run(&mut sandbox.eic_term([&["exec"], args, &["--", "true"]].concat()))
}

fn pins(sandbox: &Sandbox) -> PathBuf {
    let mut env = sandbox.region.env().iter();
    let (_, folder) = env.find(|(name, _)| name == "EIC_TERM_DATA_DIR").unwrap();
    PathBuf::from(folder).join("known_hosts")
}

/// The built-in fleet, on whose consoles there is nothing.
fn silent() -> Sandbox {
    let fleet = Fleet::BUILT_IN.replace("[[instance]]", "[[instance]]\nconsole = \"empty\"");
    Sandbox::with(Config::default().fleet(fleet.parse::<Fleet>().unwrap()))
}

#[test]
fn the_console_is_asked_once_and_nobody_else() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    for _ in 0..2 {
        let outcome = exec(&sandbox, &["web-1"]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        assert_eq!(sandbox.region.calls("GetConsoleOutput"), 1);
    }
    let pinned = std::fs::read_to_string(pins(&sandbox)).unwrap();
    assert!(
        pinned.starts_with(WEB) && pinned.ends_with(" console\n"),
        "{pinned}"
    );
    let listed = run(&mut sandbox.eic_term(["trust", "list"])).text();
    assert!(
        listed.starts_with(WEB) && listed.contains("SHA256:"),
        "{listed}"
    );
    assert_eq!(exec(&sandbox, &["--host-key=strict", "db-1"]).code, Some(0));
}

#[test]
fn a_changed_key_is_refused_until_it_is_forgotten() {
    let sandbox = Sandbox::start();
    std::fs::create_dir_all(pins(&sandbox).parent().unwrap()).unwrap();
    std::fs::write(
        pins(&sandbox),
        format!("{WEB} {OTHER} 2026-01-02T03:04:05Z console\n"),
    )
    .unwrap();
    let outcome = exec(&sandbox, &["web-1"]);
    assert_eq!(outcome.code, Some(255));
    for text in [
        "has changed: pinned ssh-ed25519 SHA256:",
        "(2026-01-02T03:04:05Z console), presented ssh-ed25519 SHA256:",
        "`eic-term trust forget i-0e1c0000000000001`",
    ] {
        assert!(outcome.stderr.contains(text), "{text}: {}", outcome.stderr);
    }
    let forgotten = run(&mut sandbox.eic_term(["trust", "forget", "web-1"]));
    assert_eq!(forgotten.code, Some(0), "{}", forgotten.stderr);
    assert_eq!(exec(&sandbox, &["web-1"]).code, Some(0));
    let nothing = run(&mut sandbox.eic_term(["trust", "forget", "i-0e1c00000000000ff"]));
    assert_eq!(nothing.code, Some(255));
    assert!(
        nothing.stderr.contains("none is pinned"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn without_the_console_the_levels_differ() {
    for (args, code, said) in [
        (&["web-1"][..], 255, "its console shows no host keys"),
        (&["--host-key=strict", "db-1"], 255, "could not be verified"),
        (&["db-1"], 0, "an AWS endpoint speaks for it"),
        (
            &["--host-key=accept-new", "web-1"],
            0,
            "nothing but that it was the first speaks",
        ),
        (&["-q", "--host-key=off", "web-1"], 0, ""),
    ] {
        let sandbox = silent();
        let outcome = exec(&sandbox, args);
        assert_eq!(outcome.code, Some(code), "{args:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(said),
            "{args:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_denied_console_is_no_failure_by_itself() {
    let sandbox = Sandbox::with_fault("deny=ec2:GetConsoleOutput");
    let outcome = exec(&sandbox, &["db-1"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let outcome = exec(&sandbox, &["web-1"]);
    assert!(
        outcome.stderr.contains("ec2:GetConsoleOutput"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_person_is_asked_on_a_terminal() {
    if support::left_out_under_wine("its console takes an Enter typed ahead for a line feed") {
        return;
    }
    for (answer, code) in [("no\r", 255), ("yes\r", 0)] {
        let sandbox = silent();
        let mut terminal = Terminal::start(
            &sandbox,
            &support::binary(),
            &["exec", "web-1", "--", "true"],
        );
        terminal.expect("remember the key? (yes/no)");
        terminal.type_keys(answer);
        assert_eq!(terminal.exit_code(), code);
        let pinned = std::fs::read_to_string(pins(&sandbox)).unwrap_or_default();
        assert_eq!(pinned.ends_with(" confirmed\n"), code == 0, "{pinned}");
    }
}

#[test]
fn known_hosts_speaks_for_a_key_and_against_it() {
    if support::left_out_under_wine("Wine sets USERPROFILE itself") {
        return;
    }
    let sandbox = silent();
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    let instance = sandbox.region.instance("web-1").unwrap();
    let key = instance
        .host_keys
        .iter()
        .find(|key| key.starts_with("ssh-ed25519"))
        .unwrap();
    let port = instance.port.unwrap();
    for (line, code, said) in [
        (format!("other,[127.*]:{port} {key}"), 0, ""),
        (format!("@revoked {WEB} {key}"), 255, "is revoked in "),
    ] {
        std::fs::write(home.path().join(".ssh/known_hosts"), line + "\n").unwrap();
        std::fs::remove_file(pins(&sandbox)).ok();
        let mut command = sandbox.eic_term(["exec", "web-1", "--", "true"]);
        let outcome = run(command
            .env("HOME", home.path())
            .env("USERPROFILE", home.path()));
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
}
