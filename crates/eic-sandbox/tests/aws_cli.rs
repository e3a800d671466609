//! AWS's own command line client works against the region.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod peer;

use eic_sandbox::{Config, Fault, Region};
use peer::{Key, instance, present, run, stderr, stdout};

fn ids(region: &Region, args: &[&str]) -> String {
    let query = "Reservations[].Instances[].InstanceId";
    let all = [
        &[
            "ec2",
            "describe-instances",
            "--output",
            "text",
            "--query",
            query,
        ],
        args,
    ]
    .concat();
    stdout(run(region, "aws", &all))
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn describe_instances_with_filters() {
    if !present(&["aws"]) {
        return;
    }
    let region = Region::start(Config::default()).unwrap();
    let cases = [
        (
            "Name=tag:Name,Values=*win",
            "i-0e1c0000000000008 i-0e1c0000000000009",
        ),
        (
            "Name=network-interface.ipv6-addresses.ipv6-address,Values=::1",
            "i-0e1c0000000000003",
        ),
        ("Name=tag:Name,Values=nobody", ""),
    ];
    for (filter, expected) in cases {
        assert_eq!(ids(&region, &["--filters", filter]), expected, "{filter}");
    }
    let id = "i-0e1c0000000000002";
    assert_eq!(ids(&region, &["--instance-ids", id]), id);
    assert_eq!(region.calls("DescribeInstances"), cases.len() as u64 + 1);
}

#[test]
fn pages_are_followed_even_where_one_is_empty() {
    if !present(&["aws"]) {
        return;
    }
    let region = Region::start(Config::default().fault(Fault::PageSize(1))).unwrap();
    let twins = ids(&region, &["--filters", "Name=tag:Name,Values=twin"]);
    assert_eq!(twins, "i-0e1c0000000000008 i-0e1c0000000000009");
    assert_eq!(
        region.calls("DescribeInstances"),
        region.instances().len() as u64
    );
}

#[test]
fn endpoints_and_console_output() {
    if !present(&["aws"]) {
        return;
    }
    let region = Region::start(Config::default()).unwrap();
    let query = "InstanceConnectEndpoints[].[InstanceConnectEndpointId,State,DnsName]";
    let describe = [
        "ec2",
        "describe-instance-connect-endpoints",
        "--output",
        "text",
    ];
    let of_vpc = |vpc: &str| {
        let filter = format!("Name=vpc-id,Values={vpc}");
        let args = [&describe[..], &["--query", query, "--filters", &filter]].concat();
        stdout(run(&region, "aws", &args))
    };
    let endpoint = &region.endpoints()[0];
    let expected = format!("{}\tcreate-complete\t{}\n", endpoint.id, endpoint.dns_name);
    assert_eq!(of_vpc(&endpoint.vpc), expected);
    assert_eq!(of_vpc("vpc-0e1c0000000000002").trim(), "");

    let web = instance(&region, "web-1");
    let args = [
        "ec2",
        "get-console-output",
        "--output",
        "text",
        "--instance-id",
        &web.id,
    ];
    let console = stdout(run(&region, "aws", &args));
    for key in &web.host_keys {
        assert!(console.contains(key), "{console}");
    }
}

#[test]
fn errors_are_those_of_aws() {
    if !present(&["aws"]) {
        return;
    }
    let region = Region::start(Config::default()).unwrap();
    let describe = |id| {
        run(
            &region,
            "aws",
            &["ec2", "describe-instances", "--instance-ids", id],
        )
    };
    let unknown = stderr(describe("i-00000000000000000"));
    assert!(
        unknown.contains("(InvalidInstanceID.NotFound)"),
        "{unknown}"
    );
    let malformed = stderr(describe("db-1"));
    assert!(
        malformed.contains("(InvalidInstanceID.Malformed)"),
        "{malformed}"
    );
    let filter = [
        "ec2",
        "describe-instances",
        "--filters",
        "Name=colour,Values=red",
    ];
    let filter = stderr(run(&region, "aws", &filter));
    assert!(
        filter.contains("The filter 'colour' is invalid"),
        "{filter}"
    );
    let action = stderr(run(&region, "aws", &["ec2", "describe-vpcs"]));
    assert!(action.contains("(InvalidAction)"), "{action}");
}

#[test]
fn wrong_credentials_are_refused() {
    if !present(&["aws"]) {
        return;
    }
    let region = Region::start(Config::default()).unwrap();
    let cases = [
        (
            "AWS_SECRET_ACCESS_KEY",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
        ),
        (
            "AWS_SESSION_TOKEN",
            "AuthFailure",
            "UnrecognizedClientException",
        ),
        (
            "AWS_ACCESS_KEY_ID",
            "AuthFailure",
            "UnrecognizedClientException",
        ),
    ];
    for (variable, ec2, connect) in cases {
        let complaint = |args: &[&str]| {
            stderr(
                peer::command(&region, "aws", args)
                    .env(variable, "wrong")
                    .output()
                    .unwrap(),
            )
        };
        let complaint_of_ec2 = complaint(&["ec2", "describe-instances"]);
        assert!(complaint_of_ec2.contains(ec2), "{complaint_of_ec2}");
        let complaint_of_connect = complaint(&send(&"x".repeat(80)));
        assert!(
            complaint_of_connect.contains(connect),
            "{complaint_of_connect}"
        );
    }
}

fn send(key: &str) -> [&str; 8] {
    [
        "ec2-instance-connect",
        "send-ssh-public-key",
        "--instance-id",
        "i-0e1c0000000000002",
        "--instance-os-user",
        "ec2-user",
        "--ssh-public-key",
        key,
    ]
}

#[test]
fn pushing_a_key_is_refused_as_aws_does() {
    if !present(&["aws", "ssh-keygen"]) {
        return;
    }
    let region = Region::start(Config::default()).unwrap();
    let key = Key::generate();
    let pushed = stdout(key.push(&region, instance(&region, "db-1"), "anyone"));
    assert!(pushed.contains("\"Success\": true"), "{pushed}");
    let guarded = instance(&region, "guarded-1");
    assert!(key.push(&region, guarded, "ec2-user").status.success());
    let denied = stderr(key.push(&region, guarded, "admin"));
    assert!(denied.contains("(AccessDeniedException)"), "{denied}");
    assert!(
        denied.contains("because no identity-based policy allows"),
        "{denied}"
    );
    let stopped = stderr(key.push(&region, instance(&region, "old-1"), "ec2-user"));
    assert!(
        stopped.contains("(EC2InstanceStateInvalidException)"),
        "{stopped}"
    );
    let wrong = stderr(run(&region, "aws", &send(&"x".repeat(80))));
    assert!(wrong.contains("(InvalidArgsException)"), "{wrong}");
}

#[test]
fn faults_of_the_apis() {
    if !present(&["aws"]) {
        return;
    }
    let cases = [
        (
            "throttle-forever",
            "(RequestLimitExceeded)",
            "(ThrottlingException)",
        ),
        (
            "expired-credentials",
            "(RequestExpired)",
            "(ExpiredTokenException)",
        ),
        ("deny=ec2:DescribeInstances", "(UnauthorizedOperation)", ""),
        (
            "deny=ec2-instance-connect:SendSSHPublicKey",
            "",
            "(AccessDeniedException)",
        ),
    ];
    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    for (fault, ec2, connect) in cases {
        let region = Region::start(Config::default().fault(fault.parse().unwrap())).unwrap();
        let answer = |args: &[&str]| {
            let output = peer::command(&region, "aws", args)
                .env("AWS_MAX_ATTEMPTS", "1")
                .output();
            String::from_utf8(output.unwrap().stderr).unwrap()
        };
        let (of_ec2, of_connect) = (answer(&["ec2", "describe-instances"]), answer(&send(KEY)));
        assert!(
            of_ec2.contains(ec2) && of_ec2.is_empty() == ec2.is_empty(),
            "{of_ec2}"
        );
        assert!(of_connect.contains(connect) && of_connect.is_empty() == connect.is_empty());
    }
}

#[test]
fn two_throttled_calls_are_retried() {
    if !present(&["aws"]) {
        return;
    }
    let region = Region::start(Config::default().fault(Fault::Throttle(2))).unwrap();
    assert!(!ids(&region, &[]).is_empty());
    assert_eq!(region.calls("DescribeInstances"), 3);
}
