//! AWS's own clients with the sandbox: the AWS CLI, and `mssh` of ec2instanceconnectcli.

use std::process::Command;

use serde_json::Value;

use crate::key::{Key, host_key_options};
use crate::support::{Sandbox, find, run};
use crate::{current_user, peers};

const UNKNOWN: &str = "i-0123456789abcdef0";

fn aws(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command(find("aws").unwrap());
    command.args(args).args(["--output", "json"]);
    command
}

fn answer(sandbox: &Sandbox, args: &[&str]) -> Value {
    let outcome = run(&mut aws(sandbox, args));
    assert_eq!(outcome.code, Some(0), "{args:?}: {}", outcome.stderr);
    serde_json::from_slice(&outcome.stdout).unwrap()
}

fn complaint(sandbox: &Sandbox, args: &[&str]) -> String {
    let outcome = run(&mut aws(sandbox, args));
    assert_ne!(outcome.code, Some(0), "{args:?}: {}", outcome.text());
    outcome.stderr
}

#[test]
fn the_aws_cli_asks_ec2() {
    if !peers(&["aws"]) {
        return;
    }
    let sandbox = Sandbox::start();
    let db = sandbox.region.instance("db-1").unwrap();
    let filter = ["--filters", "Name=tag:Name,Values=db-*"];
    let found = answer(
        &sandbox,
        &[&["ec2", "describe-instances"], &filter[..]].concat(),
    );
    let found = &found["Reservations"][0]["Instances"][0];
    assert_eq!(found["InstanceId"], *db.id);
    assert_eq!(found["PrivateIpAddress"], "10.0.1.20");
    let error = complaint(
        &sandbox,
        &["ec2", "describe-instances", "--instance-ids", UNKNOWN],
    );
    assert!(error.contains("(InvalidInstanceID.NotFound)"), "{error}");

    let endpoints = answer(&sandbox, &["ec2", "describe-instance-connect-endpoints"]);
    let endpoint = &endpoints["InstanceConnectEndpoints"][0];
    assert_eq!(endpoint["DnsName"], *sandbox.region.endpoints()[0].dns_name);

    let console = ["ec2", "get-console-output", "--instance-id"];
    let output = answer(&sandbox, &[&console[..], &[&db.id]].concat());
    let output = output["Output"].as_str().unwrap();
    assert!(output.contains(&db.host_keys[0]), "{output}");
    let error = complaint(&sandbox, &[&console[..], &[UNKNOWN]].concat());
    assert!(error.contains("(InvalidInstanceID.NotFound)"), "{error}");
}

#[test]
fn the_aws_cli_pushes_keys() {
    if !peers(&["aws", "ssh-keygen"]) {
        return;
    }
    let (sandbox, key) = (Sandbox::start(), Key::generate());
    let db = sandbox.region.instance("db-1").unwrap();
    let public_key = format!("file://{}", key.public_file().display());
    let push = ["ec2-instance-connect", "send-ssh-public-key"];
    let push = [&push[..], &["--instance-os-user", "ec2-user"]].concat();
    let push = [
        &push[..],
        &["--ssh-public-key", &public_key, "--instance-id"],
    ]
    .concat();
    let pushed = answer(&sandbox, &[&push[..], &[&db.id]].concat());
    assert_eq!(pushed["Success"], true);
    let error = complaint(&sandbox, &[&push[..], &[UNKNOWN]].concat());
    assert!(error.contains("(EC2InstanceNotFoundException)"), "{error}");
    // Our client logs in with the key that theirs has pushed.
    let mut exec = sandbox.eic_term(["exec", "db-1", "-i"]);
    let outcome = run(exec.arg(key.file()).args(["--", "echo in"]));
    assert_eq!(outcome.text(), "in\n", "{}", outcome.stderr);
    assert_eq!(sandbox.region.calls("SendSSHPublicKey"), 2);
}

#[test]
fn mssh_logs_in() {
    if !peers(&["mssh", "ssh"]) {
        return;
    }
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let web = sandbox.region.instance("web-1").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mssh = |id: &str, words: &[&str]| {
        let mut mssh = sandbox.command(find("mssh").unwrap());
        mssh.args(["-r", sandbox.region.name()]);
        mssh.args(["-p", &web.port.unwrap().to_string()]);
        mssh.args(host_key_options(&folder, web));
        run(mssh.arg(format!("{}@{id}", current_user())).args(words))
    };
    let outcome = mssh(&web.id, &["hostname"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.text(), run(&mut Command::new("hostname")).text());
    assert_eq!(mssh(&web.id, &["exit", "42"]).code, Some(42));
    let unknown = mssh(UNKNOWN, &["hostname"]);
    assert_eq!(unknown.code, Some(1));
    assert!(
        unknown.text().contains("InvalidInstanceID.NotFound"),
        "{unknown:?}"
    );
}
