//! `exec` on several instances at once.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

#[path = "fleet/endpoints.rs"]
mod endpoints;
#[cfg(unix)]
#[path = "fleet/hops.rs"]
mod hops;
#[cfg(unix)]
#[path = "fleet/interrupts.rs"]
mod interrupts;
#[path = "fleet/mistakes.rs"]
mod mistakes;
#[path = "fleet/report.rs"]
mod report;
#[cfg(unix)]
#[path = "fleet/terminal.rs"]
mod terminal;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use eic_sandbox::{Config, Fleet};
use support::{Outcome, Sandbox, run, run_with_input};

const VPC: &str = "vpc-0f1ee70000000000";

/// An instance of the fleet, web-NN, with lines of its own.
fn instance(text: &mut String, number: usize, lines: &str) {
    let id = id(number);
    writeln!(
        text,
        "[[instance]]\nid = \"{id}\"\nname = \"web-{number:02}\"\nvpc = \"{VPC}\"\n\
         subnet = \"subnet-0f1ee70000000000\"\nprivate_ip = \"10.9.{}.{}\"\n{lines}",
        number / 200,
        number % 200 + 1
    )
    .unwrap();
}

fn id(number: usize) -> String {
    format!("i-0f1ee7{number:011x}")
}

/// One of the VPC's endpoints.
fn endpoint(number: usize) -> String {
    format!(
        "[[endpoint]]\nid = \"eice-0f1ee7000000000{number}\"\nvpc = \"{VPC}\"\n\
         subnet = \"subnet-0f1ee7000000000{number}\"\n"
    )
}

fn endpoints() -> String {
    endpoint(0) + &endpoint(1)
}

const HEALTHY: usize = 50;
const UP: &str = "tags = { Role = \"up\", \"aws:autoscaling:groupName\" = \"up\" }";

/// 50 healthy instances, 5 stopped ones, 3 without sshd, 2 that deny the user and one that never speaks.
fn mixed() -> Config {
    let mut text = endpoints();
    for number in 0..HEALTHY {
        instance(&mut text, number, UP);
    }
    for (numbers, lines) in [
        (50..55, "state = \"stopped\""),
        (55..58, "ssh = \"down\""),
        (58..60, "os_users = [\"admin\"]"),
        (60..61, "ssh = \"mute\""),
    ] {
        for number in numbers {
            instance(&mut text, number, lines);
        }
    }
    Config::default().fleet(text.parse::<Fleet>().unwrap())
}

fn healthy(count: usize) -> Config {
    let mut text = endpoints();
    for number in 0..count {
        instance(&mut text, number, UP);
    }
    Config::default().fleet(text.parse::<Fleet>().unwrap())
}

/// Runs a command on all that a target means, with options.
fn exec(sandbox: &Sandbox, options: &[&str], target: &str, command: &str) -> Outcome {
    let args = [&["exec"], options, &[target, "--", command]].concat();
    run(&mut sandbox.eic_term(args))
}

/// Ends differently on some instances.
fn by_instance(cases: &[(usize, &str)], others: &str) -> String {
    let case = |(number, command): &(usize, &str)| format!("{}) {command};; ", id(*number));
    let cases: String = cases.iter().map(case).collect();
    format!("case $EIC_SANDBOX_INSTANCE in {cases}*) {others};; esac")
}

#[test]
fn who_is_well_and_who_is_not_in_two_calls() {
    let sandbox = Sandbox::with(mixed());
    let command = by_instance(
        &[
            (1, "echo odd; echo worse >&2; exit 3"),
            (2, "sleep 2; echo late"),
        ],
        "printf 'a\\nb'",
    );
    let options = ["--connect-timeout", "10", "--parallel", "16"];
    let outcome = exec(&sandbox, &options, "web-*", &command);
    assert_eq!(outcome.code, Some(255), "{}", outcome.stderr);
    let text = outcome.text();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 98, "{text}\n{}", outcome.stderr);
    for line in ["web-00 | a", "web-49 | b", "web-01 | odd", "web-02 | late"] {
        assert!(lines.contains(&line), "no {line} in\n{text}");
    }
    let stderr = &outcome.stderr;
    assert!(stderr.contains("web-01 | worse\n"), "{stderr}");
    assert!(
        stderr.contains("\n49 ok, 1 failed, 11 unreachable in "),
        "{stderr}"
    );
    for line in [
        "  failed: web-01: exit status 3\n",
        "  unreachable: web-50, web-51, web-52, web-53, web-54 (5): instance i-… is stopped\n",
        "  unreachable: web-58, web-59 (2): IAM denies ec2-instance-connect:SendSSHPublicKey: ",
        "  unreachable: web-60: `exchange keys` got no answer within 10 s\n",
    ] {
        assert!(stderr.contains(line), "no {line} in\n{stderr}");
    }
    let calls = |action| sandbox.region.calls(action);
    assert_eq!(calls("DescribeInstances"), 1);
    assert_eq!(calls("DescribeInstanceConnectEndpoints"), 1);
    assert_eq!(calls("SendSSHPublicKey"), 56, "one for each that runs");
    assert!(outcome.took < Duration::from_secs(60), "{:?}", outcome.took);
}

#[test]
fn several_targets_are_found_together() {
    let sandbox = Sandbox::with(healthy(12));
    let list = sandbox.region.folder().join("targets");
    std::fs::write(&list, format!("# two\nweb-07\n{} # web-08\n", id(8))).unwrap();
    let list = list.to_str().unwrap();
    let names = [
        "web-03",
        "web-0[",
        "web-1?",
        "web-03",
        &id(4),
        "--targets-file",
        list,
    ];
    let args = [&["exec"], &names[..], &["--", "echo up"]].concat();
    let outcome = run(&mut sandbox.eic_term(args));
    let stderr = &outcome.stderr;
    assert_eq!(outcome.code, Some(255), "{stderr}");
    let text = outcome.text();
    let mut found: Vec<_> = text.lines().map(|line| line.replace(" | up", "")).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        ["web-03", "web-04", "web-07", "web-08", "web-10", "web-11"]
    );
    assert!(
        stderr.contains("unreachable: web-0[: no instance matches `web-0[`\n"),
        "{stderr}"
    );
    assert_eq!(
        sandbox.region.calls("DescribeInstances"),
        2,
        "one for names, one for ids"
    );
    let group = run(&mut sandbox.eic_term(["exec", "--all-in", "asg:up", "--", "echo up"]));
    assert_eq!(
        (group.text().lines().count(), group.code),
        (12, Some(0)),
        "{}",
        group.stderr
    );
}

#[test]
fn a_pattern_of_one_is_as_a_name() {
    let sandbox = Sandbox::start();
    for target in ["db-*", "tag:Role=db"] {
        let outcome = exec(&sandbox, &[], target, "echo out; echo err >&2; exit 7");
        assert_eq!(outcome.code, Some(7));
        assert_eq!(
            (outcome.text().as_str(), outcome.stderr.as_str()),
            ("out\n", "err\n")
        );
        let input = run_with_input(&mut sandbox.eic_term(["exec", target, "--", "cat"]), b"in");
        assert_eq!(input.text(), "in");
    }
    let nothing = exec(&sandbox, &[], "nothing-*", "true");
    assert_eq!(nothing.code, Some(255));
    assert!(
        nothing
            .stderr
            .starts_with("error: no instance matches `nothing-*`"),
        "{}",
        nothing.stderr
    );
    let terminal = exec(&sandbox, &["-t"], "tw*", "true");
    assert_eq!(terminal.code, Some(2), "{}", terminal.stderr);
}

fn lines(path: &Path) -> Vec<String> {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn logs_and_another_try_for_those_that_failed() {
    let sandbox = Sandbox::with(healthy(6));
    let folder = sandbox.region.folder().join("logs");
    let logs = folder.to_str().unwrap();
    let flag = sandbox.region.folder().join("flag");
    let command = by_instance(
        &[(4, &format!("cat {}", flag.display()))],
        "echo fine; echo err >&2",
    );
    let outcome = exec(&sandbox, &["--log-dir", logs], "ec2-user@web-*", &command);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .ends_with(&format!("  again for those: --retry-failed {logs}\n"))
    );
    let mut log = lines(&folder.join(format!("web-00.{}.log", id(0))));
    log.sort_unstable();
    assert_eq!(log, ["err", "fine"]);
    assert_eq!(lines(&folder.join("succeeded")).len(), 5);
    let failed = format!("ec2-user@{} # web-04: exit status 1", id(4));
    assert_eq!(lines(&folder.join("failed")), [failed]);
    #[cfg(unix)]
    if !support::left_out_under_wine("Windows has no such modes") {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&folder), mode(&folder.join("failed"))),
            (0o700, 0o600)
        );
    }
    std::fs::write(&flag, "now\n").unwrap();
    let again = run(&mut sandbox.eic_term(["exec", "--retry-failed", logs, "--", &command]));
    assert_eq!(
        (again.text().as_str(), again.code),
        ("web-04 | now\n", Some(0)),
        "{}",
        again.stderr
    );
    assert_eq!(lines(&folder.join("succeeded")).len(), 6);
    assert!(lines(&folder.join("failed")).is_empty());
    let nothing = run(&mut sandbox.eic_term(["exec", "--retry-failed", logs, "--", "true"]));
    assert_eq!(nothing.code, Some(255));
    assert!(
        nothing.stderr.contains("nothing to retry"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn canaries_the_first_failure_and_the_limit() {
    let sandbox = Sandbox::with(healthy(10));
    let command = by_instance(&[(1, "exit 9")], "echo up");
    let canary = exec(&sandbox, &["--canary", "2"], "web-*", &command);
    assert_eq!(
        (canary.text().as_str(), canary.code),
        ("web-00 | up\n", Some(9))
    );
    assert!(
        canary.stderr.contains("1 ok, 1 failed, 8 not finished"),
        "{}",
        canary.stderr
    );
    assert!(
        canary
            .stderr
            .contains("not finished: web-02, web-03, web-04, web-05, web-06, web-07, web-08, web-09 (8): not run"),
        "{}",
        canary.stderr
    );
    let fine = exec(&sandbox, &["--canary", "1"], "web-*", "true");
    assert!(
        fine.code == Some(0) && fine.stderr.starts_with("10 ok in "),
        "{}",
        fine.stderr
    );
    let first = exec(
        &sandbox,
        &["--fail-fast", "--parallel", "1"],
        "web-*",
        &command,
    );
    assert_eq!(first.code, Some(9));
    assert!(first.stderr.contains("8 not finished"), "{}", first.stderr);
    let endless = by_instance(&[(2, "sleep 1000")], "echo up");
    let limited = exec(&sandbox, &["--timeout", "3"], "web-*", &endless);
    assert_eq!(
        (limited.text().lines().count(), limited.code),
        (9, Some(124))
    );
    assert!(
        limited
            .stderr
            .contains("failed: web-02: took longer than 3 s"),
        "{}",
        limited.stderr
    );
}

#[test]
fn a_script_goes_to_all_and_so_does_input() {
    let sandbox = Sandbox::with(healthy(5));
    let script = sandbox.region.folder().join("it's a script");
    std::fs::write(
        &script,
        "#!/usr/bin/env -S sh -e\nread line\necho \"$line: $# $1 $2\"\ncat\nfalse\nexit 4\n",
    )
    .unwrap();
    let script = script.to_str().unwrap();
    let args = [
        "exec",
        "--script",
        script,
        "--broadcast-stdin",
        "web-*",
        "--",
        "a  b",
        "it's",
    ];
    let outcome = run_with_input(&mut sandbox.eic_term(args), b"first\nrest\n");
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let mut text: Vec<_> = outcome.text().lines().map(str::to_owned).collect();
    text.sort_unstable();
    assert_eq!(text.len(), 10);
    assert_eq!(text[..2], ["web-00 | first: 2 a  b it's", "web-00 | rest"]);
    // From standard input, to one and to many.
    for (target, expected) in [("web-00", "x1\n"), ("web-0*", "web-00 | x1\n")] {
        let args = ["exec", "--script", "-", target, "--", "1"];
        let outcome = run_with_input(&mut sandbox.eic_term(args), b"cat; echo x$1");
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(outcome.text().contains(expected), "{}", outcome.text());
    }
    let twice = ["exec", "--script", "-", "--broadcast-stdin", "web-*"];
    assert_eq!(run(&mut sandbox.eic_term(twice)).code, Some(2));
    // Without being asked for, several get none.
    let none = run_with_input(
        &mut sandbox.eic_term(["exec", "web-*", "--", "wc -c"]),
        b"abc",
    );
    assert!(none.text().contains("web-00 | 0\n"), "{}", none.text());
}

#[test]
fn keys_are_pushed_no_faster_than_aws_takes_them() {
    let config = healthy(30).fault("throttle-rate=8".parse().unwrap());
    let sandbox = Sandbox::with(config);
    let outcome = exec(&sandbox, &["--parallel", "16"], "web-*", "true");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("30 ok in "), "{}", outcome.stderr);
    // Some calls were made again, but not each of them many times.
    let pushes = sandbox.region.calls("SendSSHPublicKey");
    assert!((31..100).contains(&pushes), "{pushes} calls");
}

/// Bytes of all instances arrive whole, although nobody reads as fast as they come.
#[test]
fn much_output_is_neither_lost_nor_kept_in_memory() {
    let sandbox = Sandbox::with(healthy(12));
    let command = "head -c 1000000 /dev/zero | tr '\\0' x | fold -w 99";
    let lines = 12 * 1_000_000_usize.div_ceil(99);
    let prefixed = exec(&sandbox, &[], "web-*", command);
    assert_eq!(prefixed.code, Some(0), "{}", prefixed.stderr);
    assert_eq!(
        prefixed.text().lines().count(),
        lines,
        "{}",
        prefixed.stderr
    );
    assert!(
        prefixed
            .text()
            .lines()
            .all(|line| line.starts_with("web-") && line.len() <= 108)
    );
    let folded = exec(&sandbox, &["--output", "fold"], "web-*", command);
    assert_eq!(
        folded.text().lines().count(),
        1 + lines / 12,
        "{}",
        folded.stderr
    );
}
