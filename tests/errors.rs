//! Every failure ends within its limit, with its own message, hint and exit code.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use support::{Outcome, Sandbox, run};

/// The error's lines: what failed, its cause, what to try.
fn assert_failed(outcome: &Outcome, what: &str, hint: &str) {
    assert_eq!(outcome.code, Some(255), "{outcome:?}");
    assert!(outcome.stdout.is_empty(), "{outcome:?}");
    assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains(what),
        "no `{what}` in\n{}",
        outcome.stderr
    );
    let advice = outcome
        .stderr
        .lines()
        .find(|line| line.starts_with("  try:   "));
    assert!(
        advice.is_some_and(|advice| advice.contains(hint)),
        "no `{hint}` in\n{}",
        outcome.stderr
    );
    assert!(
        outcome.took < Duration::from_secs(25),
        "it took {:?}",
        outcome.took
    );
}

fn exec(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    let mut all = vec!["exec", "--connect-timeout", "3"];
    all.extend(args);
    all.extend(["--", "true"]);
    run(&mut sandbox.eic_term(all))
}

#[test]
fn targets_that_cannot_be_reached() {
    let sandbox = Sandbox::start();
    let table: [(&[&str], &str, &str); 16] = [
        (&["nosuch"], "no instance matches `nosuch`", "eic-term list"),
        (
            &["i-0deadbeef00000000"],
            "no instance matches `i-0deadbeef00000000`",
            "eic-term list",
        ),
        (
            &["10.9.9.9"],
            "no instance matches `10.9.9.9`",
            "eic-term list",
        ),
        (
            &["tag:Role=none"],
            "no instance matches `tag:Role=none`",
            "eic-term list",
        ),
        (&["twin"], "`twin` is 2 instances", "one of these ids"),
        (
            &["old-1"],
            "instance i-0e1c0000000000004 is stopped",
            "start-instances",
        ),
        (
            &["bare-1"],
            "has no address for connection type `auto`",
            "--instance-ip",
        ),
        (
            &["--connection-type=direct", "bare-1"],
            "connection type `direct`",
            "--connection-type",
        ),
        (
            &["lonely-1"],
            "no usable EC2 Instance Connect Endpoint for i-0e1c0000000000005",
            "create-instance-connect-endpoint",
        ),
        (
            &["--endpoint-id=eice-0deadbeef00000000", "db-1"],
            "no EC2 Instance Connect Endpoint has the id `eice-0deadbeef00000000`",
            "--endpoint-id",
        ),
        (
            &["-p80", "db-1"],
            "does not lead to port 80",
            "port 22 or 3389",
        ),
        (
            &["-l", "admin", "guarded-1"],
            "IAM denies ec2-instance-connect:SendSSHPublicKey",
            "a user that your policy allows",
        ),
        (&["broken-1"], "cannot connect to 127.", "security group"),
        (
            &["--connection-type=eice", "-p22", "broken-1"],
            "Unable to connect to target",
            "security group",
        ),
        (
            &["mute-1"],
            "`exchange keys` got no answer within 3 s",
            "does not speak SSH",
        ),
        (
            &["--connection-type=eice", "-p22", "mute-1"],
            "`exchange keys` got no answer within 3 s",
            "does not speak SSH",
        ),
    ];
    for (args, what, hint) in table {
        assert_failed(&exec(&sandbox, args), what, hint);
    }
}

#[test]
fn ambiguous_names_are_listed() {
    let sandbox = Sandbox::start();
    let outcome = exec(&sandbox, &["twin"]);
    for part in [
        "i-0e1c0000000000008 (twin, running, 10.0.1.80)",
        "i-0e1c0000000000009 (twin, running, 10.0.2.90)",
    ] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
}

#[test]
fn a_region_in_trouble() {
    let table = [
        (
            "expired-credentials",
            "the AWS credentials have expired",
            "aws sso login",
        ),
        (
            "throttle-forever",
            "AWS throttles DescribeInstances",
            "again in a minute",
        ),
        (
            "wrong-certificate",
            "certificate not valid for name \"localhost\"",
            "AWS_CA_BUNDLE",
        ),
        (
            "untrusted-certificate",
            "invalid peer certificate",
            "AWS_CA_BUNDLE",
        ),
        (
            "mute-endpoint",
            "`open the tunnel` got no answer within 3 s",
            "network between here and the endpoint",
        ),
        (
            "ignored-key",
            "login as `ec2-user` on i-0e1c0000000000002 was refused",
            "AuthorizedKeysCommand",
        ),
        (
            "drop-after=500",
            "the tunnel to i-0e1c0000000000002 was lost",
            "again",
        ),
        (
            "deny=ec2:DescribeInstances",
            "IAM denies ec2:DescribeInstances",
            "ec2:DescribeInstances in your IAM policy",
        ),
        (
            "deny=ec2:DescribeInstanceConnectEndpoints",
            "IAM denies ec2:DescribeInstanceConnectEndpoints",
            "in your IAM policy",
        ),
        (
            "deny=ec2-instance-connect:OpenTunnel",
            "the endpoint refuses: AccessDenied",
            "ec2-instance-connect:OpenTunnel",
        ),
        (
            "endpoint-state=create-failed",
            "no usable EC2 Instance Connect Endpoint",
            "create-instance-connect-endpoint",
        ),
    ];
    for (fault, what, hint) in table {
        assert_failed(&exec(&Sandbox::with_fault(fault), &["db-1"]), what, hint);
    }
}

#[test]
fn a_denied_endpoint_look_up_does_not_matter_on_a_direct_route() {
    let sandbox = Sandbox::with_fault("deny=ec2:DescribeInstanceConnectEndpoints");
    let outcome = exec(&sandbox, &["web-1"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn an_endpoint_that_is_not_ready_is_named() {
    let sandbox = Sandbox::with_fault("endpoint-state=delete-in-progress");
    let outcome = exec(&sandbox, &["--endpoint-id=eice-0e1c0000000000001", "db-1"]);
    assert_failed(
        &outcome,
        "endpoint eice-0e1c0000000000001 is delete-in-progress",
        "--endpoint-id",
    );
}

#[test]
fn a_connection_cut_in_the_middle_of_output() {
    let sandbox = Sandbox::with_fault("drop-after=200000");
    for (route, what) in [
        (
            &["--connection-type=eice", "-p22", "web-1"][..],
            "the tunnel to i-0e1c0000000000001 was lost",
        ),
        (&["web-1"], "the connection to i-0e1c0000000000001 was lost"),
    ] {
        let mut command =
            sandbox.eic_term([&["exec"], route, &["--", "head -c 1000000 /dev/zero"]].concat());
        let outcome = run(&mut command);
        assert_eq!(outcome.code, Some(255), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(what), "{}", outcome.stderr);
        let received = outcome.stdout.len();
        // Windows, and Wine, forget what they received when the connection is reset.
        let least = if support::under_wine() { 0 } else { 100_000 };
        assert!(
            (least..200_000).contains(&received),
            "what arrived is passed on: {received}"
        );
    }
}

#[test]
fn an_environment_that_says_too_little() {
    let sandbox = Sandbox::start();
    let empty = tempfile::tempdir().unwrap();
    type Change = fn(&mut Command);
    let table: [(Change, &str, &str); 6] = [
        (
            |it| _ = it.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION"),
            "no AWS region is configured",
            "--region",
        ),
        (
            |it| _ = it.env_remove("AWS_ACCESS_KEY_ID"),
            "no AWS credentials found",
            "aws sso login",
        ),
        (
            |it| _ = it.env("AWS_SECRET_ACCESS_KEY", "wrong"),
            "AWS does not accept the credentials (SignatureDoesNotMatch)",
            "--profile",
        ),
        (
            |it| _ = it.env("AWS_CA_BUNDLE", "/nonexistent.pem"),
            "cannot use the CA bundle /nonexistent.pem",
            "AWS_CA_BUNDLE",
        ),
        (
            |it| _ = it.env_remove("AWS_CA_BUNDLE"),
            "invalid peer certificate: UnknownIssuer",
            "AWS_CA_BUNDLE",
        ),
        (|it| _ = it.arg("--profile=nope"), "nope", "--profile"),
    ];
    for (change, what, hint) in table {
        let mut command = sandbox.eic_term(["exec", "--connect-timeout=3"]);
        change(command.env("HOME", empty.path()));
        assert_failed(&run(command.args(["db-1", "--", "true"])), what, hint);
    }
}

#[test]
fn an_api_that_is_not_there() {
    let sandbox = Sandbox::start();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = sandbox.eic_term(["list"]);
    let outcome = run(command.env("AWS_ENDPOINT_URL", format!("https://{closed}")));
    // The cause is in the system's words, which differ.
    assert_failed(
        &outcome,
        "cannot reach AWS for DescribeInstances\n  cause: ",
        "whether --region is right",
    );
}

#[test]
fn files_that_cannot_be_used() {
    let sandbox = Sandbox::start();
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    std::fs::write(&broken, "[[target]]\nmatch = [\"*\"]\nusr = \"x\"\n").unwrap();
    let broken = broken.to_str().unwrap();
    let table: [(&[&str], &str); 4] = [
        (
            &["exec", "-i", "/nonexistent", "db-1", "--", "true"],
            "cannot use the private key /nonexistent",
        ),
        (
            &["exec", "-i", broken, "db-1", "--", "true"],
            "cannot use the private key",
        ),
        (
            &["exec", "--config", broken, "db-1", "--", "true"],
            "unknown field `usr`",
        ),
        (
            &["send-key", "db-1", "--public-key", broken],
            "cannot use the public key",
        ),
    ];
    for (args, what) in table {
        let outcome = run(&mut sandbox.eic_term(args));
        assert_eq!(outcome.code, Some(255), "{outcome:?}");
        assert!(
            outcome.stderr.starts_with("error: ") && outcome.stderr.contains(what),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn a_proxy_command_that_fails_is_the_cause() {
    let mut command = Command::new(support::binary());
    let words = ["-F", "none", "-o", "ProxyCommand=exit 3", "u@host.test"];
    let outcome = run(command.arg("ssh").args(words).arg("true"));
    assert_eq!(outcome.code, Some(255), "{outcome:?}");
    for part in ["host.test", "the ProxyCommand failed (exit ", "by hand"] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
}

#[test]
fn a_changed_host_key_is_refused() {
    let sandbox = Sandbox::start();
    assert_eq!(exec(&sandbox, &["db-1"]).code, Some(0));
    let env = sandbox.region.env();
    let (_, folder) = env
        .iter()
        .find(|(name, _)| name == "EIC_TERM_DATA_DIR")
        .unwrap();
    let pins = std::path::Path::new(folder).join("known_hosts");
    let pinned = std::fs::read_to_string(&pins).unwrap();
    assert!(
        pinned.starts_with("i-0e1c0000000000002 ssh-ed25519 "),
        "{pinned}"
    );
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    std::fs::write(&pins, format!("# kept\ni-0e1c0000000000002 {other}\n")).unwrap();
    let outcome = exec(&sandbox, &["db-1"]);
    assert_failed(
        &outcome,
        "the host key of i-0e1c0000000000002 has changed",
        "`eic-term trust forget i-0e1c0000000000002`",
    );
    assert!(
        std::fs::read_to_string(&pins)
            .unwrap()
            .starts_with("# kept\n")
    );
}

#[test]
fn wrong_usage_is_2() {
    let table: [(&[&str], &str); 9] = [
        (&["exec", "db-1"], "<CMD>"),
        (
            &["exec", "db-1", "--connection-type=both", "--", "true"],
            "auto, direct, eice",
        ),
        (&["exec", "bad user@db-1", "--", "true"], "is no user name"),
        (
            &["exec", "i-0123456789abcdeg", "--", "true"],
            "is no instance id",
        ),
        (&["tunnel", "db-1", "--port", "80"], "22 or 3389"),
        (
            &["tunnel", "db-1", "--listen", "example.com:1"],
            "ADDR:PORT",
        ),
        (&["db-1", "--max-tunnel-duration", "3601"], "1..=3600"),
        (&["db-1", "--endpoint-dns-name", "x"], "--endpoint-id"),
        (&["--region", "us-east-1"], "no instance named"),
    ];
    for (args, what) in table {
        let outcome = run(Command::new(support::binary()).args(args));
        assert_eq!(outcome.code, Some(2), "{args:?} {outcome:?}");
        assert!(
            outcome.stderr.contains(what),
            "{args:?}: {}",
            outcome.stderr
        );
    }
}
