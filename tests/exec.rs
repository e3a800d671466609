//! `exec` against a real OpenSSH server, direct and through the endpoint.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::process::Stdio;

use support::{Sandbox, noise, run, run_with_input};

/// Runs `test` on both routes to a host with a real sshd.
fn on_both_routes(test: impl Fn(&Sandbox, &[&str])) {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    for route in sandbox.routes() {
        test(&sandbox, &[&["exec"], &route[..], &["--"]].concat());
    }
    assert!(
        sandbox.region.tunnels() > 0,
        "the second route went through the endpoint"
    );
}

#[test]
fn a_hundred_mebibytes_there_and_back() {
    // Wine takes twenty times as long.
    let mebibytes = if support::under_wine() { 16 } else { 100 };
    let input = noise(mebibytes << 20);
    on_both_routes(|sandbox, exec| {
        let outcome = run_with_input(sandbox.eic_term(exec).arg("cat"), &input);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(
            outcome.stdout == input,
            "{} bytes came back",
            outcome.stdout.len()
        );
        println!(
            "{exec:?}: {:.1} MiB/s both ways",
            mebibytes as f64 / outcome.took.as_secs_f64()
        );
    });
}

#[test]
fn exit_codes_pass_through() {
    on_both_routes(|sandbox, exec| {
        for code in [0, 1, 42, 255] {
            let outcome = run(sandbox.eic_term(exec).arg(format!("exit {code}")));
            assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
            assert_eq!(
                (outcome.text(), outcome.stderr.as_str()),
                (String::new(), "")
            );
        }
    });
}

#[test]
fn death_by_signal_is_255_and_said() {
    on_both_routes(|sandbox, exec| {
        let outcome = run(sandbox.eic_term(exec).arg("kill -TERM $$"));
        assert_eq!(outcome.code, Some(255));
        assert_eq!(outcome.stderr, "the remote command was killed by SIGTERM\n");
    });
}

#[test]
fn stderr_stays_apart_from_stdout() {
    on_both_routes(|sandbox, exec| {
        let outcome = run(sandbox.eic_term(exec).arg("echo out; echo err >&2"));
        assert_eq!(
            (outcome.text().as_str(), outcome.stderr.as_str()),
            ("out\n", "err\n")
        );
    });
}

#[test]
fn end_of_input_reaches_the_command_and_output_goes_on() {
    on_both_routes(|sandbox, exec| {
        let command = "wc -c; head -c 100000 /dev/zero | wc -c";
        let outcome = run_with_input(sandbox.eic_term(exec).arg(command), &noise(70_000));
        assert_eq!(outcome.text(), "70000\n100000\n", "{}", outcome.stderr);
    });
}

#[test]
fn a_command_that_ends_early_does_not_wait_for_our_input() {
    on_both_routes(|sandbox, exec| {
        let mut command = sandbox.eic_term(exec);
        let mut child = command.arg("exit 7").stdin(Stdio::piped()).spawn().unwrap();
        // Our input stays open meanwhile.
        let open = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(7));
        drop(open);
    });
}

#[test]
fn a_closed_output_ends_the_session_as_sigpipe_would() {
    on_both_routes(|sandbox, exec| {
        let mut command = sandbox.eic_term(exec);
        let mut child = command
            .arg("yes")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(141));
    });
}

#[test]
fn words_reach_the_remote_shell_as_ssh_sends_them() {
    on_both_routes(|sandbox, exec| {
        let words = ["printf", "'%s|'", "a", "'b  c'", "$HOME", "\"\u{e9}\""];
        let outcome = run(sandbox.eic_term(exec).args(words));
        assert_eq!(
            outcome.text(),
            format!("a|b  c|{}|\u{e9}|", home()),
            "{}",
            outcome.stderr
        );
    });
}

fn home() -> String {
    std::env::var("HOME").unwrap()
}

#[test]
fn twenty_commands_at_once() {
    on_both_routes(|sandbox, exec| {
        let children: Vec<_> = (0..20)
            .map(|number| {
                let mut command = sandbox.eic_term(exec);
                command.arg(format!("cat /dev/null; echo {number}"));
                command
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for (number, child) in children.into_iter().enumerate() {
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                format!("{number}\n"),
                "{stderr}"
            );
        }
    });
}
