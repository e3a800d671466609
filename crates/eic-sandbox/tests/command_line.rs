//! The binary: what it passes on, what it prints, and what it says when it fails.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod peer;

use std::process::{Command, Output, Stdio};

use peer::{stderr, stdout};

fn sandbox(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eic-sandbox"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("EIC_TERM_BIN")
        .env_remove("CARGO");
    command
}

fn output(args: &[&str]) -> Output {
    sandbox(args).output().unwrap()
}

#[test]
#[cfg(unix)]
fn run_passes_the_status_on() {
    let cases = [("exit 0", 0), ("exit 42", 42), ("kill -TERM $$", 143)];
    for (line, expected) in cases {
        assert_eq!(
            output(&["run", "--", "sh", "-c", line]).status.code(),
            Some(expected),
            "{line}"
        );
    }
    assert_eq!(
        output(&["run", "--", "/no/such/program"]).status.code(),
        Some(127)
    );
}

#[test]
#[cfg(unix)]
fn run_sets_the_environment_and_leaves_nothing() {
    let mut command = sandbox(&["run", "--", "sh", "-c"]);
    command.arg("echo ${AWS_PROFILE-none} $AWS_REGION; ls $AWS_CA_BUNDLE $EIC_TERM_CONFIG");
    let text = stdout(command.env("AWS_PROFILE", "production").output().unwrap());
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "none us-east-1");
    for file in &lines[1..] {
        assert!(!std::path::Path::new(file).exists(), "{file}");
    }
}

#[test]
fn the_fleet_that_is_printed_is_one_that_is_read() {
    let fleet = stdout(output(&["fleet"]));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), fleet.replace("db-1", "db-2")).unwrap();
    let path = file.path().to_str().unwrap();
    let success = if cfg!(windows) { "cmd" } else { "true" };
    assert!(
        output(&["run", "--fleet", path, "--", success])
            .status
            .success()
    );

    std::fs::write(file.path(), "[[instance]]\nid = 'i-1'").unwrap();
    let complaint = stderr(output(&["run", "--fleet", path, "--", success]));
    assert_eq!(
        complaint,
        "error: the region could not be started\n  \
           cause: fleet entry `i-1`: an id is `i-` and 8 to 17 of the digits 0-9a-f\n  \
           try:   `eic-sandbox fleet` prints a fleet to start from\n"
    );
}

#[test]
fn a_wrong_fault_is_wrong_usage() {
    let output = output(&["run", "--fault", "throttle=often", "--", "true"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(output).contains("needs a value, e.g. `throttle=2`"));
}

#[test]
#[cfg(unix)]
fn demo_runs_eic_term_inside_a_region() {
    let demo = [
        "demo",
        "--eic-term",
        "/bin/echo",
        "exec",
        "db-1",
        "--",
        "uname",
        "-a",
    ];
    assert_eq!(stdout(output(&demo)), "exec db-1 -- uname -a\n");
    let shell = output(&["demo", "--eic-term", "/bin/echo"]);
    assert!(String::from_utf8_lossy(&shell.stderr).contains("db-1"));
    assert_eq!(stdout(shell), "connect db-1\n");
}

#[test]
#[cfg(unix)]
fn serve_prints_what_a_shell_can_use_until_it_is_interrupted() {
    use std::io::{BufRead, BufReader};
    if !peer::present(&["kill"]) {
        return;
    }
    let mut serve = sandbox(&["serve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let errors = BufReader::new(serve.stderr.take().unwrap());
    assert!(errors.lines().next().unwrap().unwrap().contains("Ctrl-C"));
    interrupt(&serve);
    let text = stdout(serve.wait_with_output().unwrap());
    assert!(
        text.contains("export AWS_ENDPOINT_URL='https://localhost:"),
        "{text}"
    );
}

#[test]
#[cfg(unix)]
fn an_interrupt_at_any_moment_leaves_nothing() {
    use std::time::Duration;
    if !peer::present(&["kill"]) {
        return;
    }
    for delay in (0..100).step_by(4).map(Duration::from_millis) {
        let folder = tempfile::TempDir::new().unwrap();
        let serve = sandbox(&["serve"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(delay);
        interrupt(&serve);
        serve.wait_with_output().unwrap();
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 0, "after {delay:?}");
    }
}

#[cfg(unix)]
fn interrupt(child: &std::process::Child) {
    let arguments = ["-INT", &child.id().to_string()];
    let killed = Command::new("kill").args(arguments).status();
    assert!(killed.unwrap().success());
}
