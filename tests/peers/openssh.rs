//! OpenSSH's client with our tunnel, and with the sandbox's built-in server.

use std::process::Command;

use eic_sandbox::Instance;

use crate::key::Key;
use crate::support::{Sandbox, binary, find, noise, run, run_with_input};
use crate::{current_user, peers};

fn instance<'a>(sandbox: &'a Sandbox, name: &str) -> &'a Instance {
    sandbox.region.instance(name).unwrap()
}

/// `ssh` with `eic-term tunnel` as its ProxyCommand.
fn ssh_through_the_tunnel(sandbox: &Sandbox, key: &Key, instance: &Instance) -> Command {
    let mut ssh = sandbox.command("ssh");
    ssh.args(key.ssh_options(instance));
    ssh.arg("-o")
        .arg(format!("ProxyCommand='{}' tunnel %h", binary()));
    ssh.arg(format!("{}@{}", current_user(), instance.id));
    ssh
}

#[test]
fn ssh_logs_in_through_our_tunnel() {
    if !peers(&["ssh", "ssh-keygen"]) {
        return;
    }
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let (key, db) = (Key::generate(), instance(&sandbox, "db-1"));
    let ssh = || ssh_through_the_tunnel(&sandbox, &key, db);

    let refused = run(ssh().arg("true"));
    assert_eq!(refused.code, Some(255), "{refused:?}");
    assert!(
        refused.stderr.contains("Permission denied (publickey)"),
        "{refused:?}"
    );

    let mut push = sandbox.eic_term(["send-key", &db.id, "--public-key"]);
    let pushed = run(push.arg(key.public_file()));
    assert_eq!(pushed.code, Some(0), "{}", pushed.stderr);
    let outcome = run(ssh().arg("echo out; echo err >&2; exit 42"));
    assert_eq!(outcome.code, Some(42), "{}", outcome.stderr);
    assert_eq!(
        (outcome.text().as_str(), outcome.stderr.as_str()),
        ("out\n", "err\n")
    );

    let input = noise(10 << 20);
    let outcome = run_with_input(ssh().arg("cat"), &input);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stdout == input,
        "{} bytes came back",
        outcome.stdout.len()
    );
    assert_eq!(sandbox.region.tunnels(), 3);
}

#[test]
fn ssh_says_why_our_tunnel_fails() {
    if !peers(&["ssh", "ssh-keygen"]) {
        return;
    }
    let sandbox = Sandbox::start();
    let (key, lonely) = (Key::generate(), instance(&sandbox, "lonely-1"));
    let outcome = run(ssh_through_the_tunnel(&sandbox, &key, lonely).arg("true"));
    assert_eq!(outcome.code, Some(255));
    assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("endpoint"), "{}", outcome.stderr);
}

#[test]
fn ssh_logs_in_to_the_built_in_server() {
    if !peers(&["ssh", "ssh-keygen", "aws"]) {
        return;
    }
    let sandbox = Sandbox::start();
    let (key, web) = (Key::generate(), instance(&sandbox, "web-1"));
    let mut aws = sandbox.command(find("aws").unwrap());
    aws.args(["ec2-instance-connect", "send-ssh-public-key"]);
    aws.args(["--instance-os-user", "ec2-user", "--instance-id", &web.id]);
    aws.arg("--ssh-public-key");
    let pushed = run(aws.arg(format!("file://{}", key.public_file().display())));
    assert_eq!(pushed.code, Some(0), "{}", pushed.stderr);

    let ssh = || {
        let mut ssh = sandbox.command("ssh");
        ssh.args(key.ssh_options(web));
        ssh.args(["-p", &web.port.unwrap().to_string()]);
        ssh.arg(format!("ec2-user@{}", web.public_ip.unwrap()));
        ssh
    };
    let outcome = run(ssh().arg("echo out; echo err >&2; exit 42"));
    assert_eq!(outcome.code, Some(42), "{}", outcome.stderr);
    assert_eq!(
        (outcome.text().as_str(), outcome.stderr.as_str()),
        ("out\n", "err\n")
    );
    let outcome = run(ssh().args(["-tt", "tty && stty size"]).env("TERM", "xterm"));
    assert!(
        outcome.text().starts_with("/dev/"),
        "a real terminal: {outcome:?}"
    );
    let input = noise(10 << 20);
    let outcome = run_with_input(ssh().arg("cat"), &input);
    assert!(
        outcome.stdout == input,
        "{} bytes came back",
        outcome.stdout.len()
    );
}
