//! A client of endpoints that shares no code with this project opens tunnels.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod peer;

use std::io::Read;
use std::process::{Command, Stdio};

use eic_sandbox::{Config, Fault, Region};
use peer::{present, script, stderr};

fn tunnel(region: &Region, args: &[&str]) -> Command {
    let mut command = peer::command(region, "python3", &[]);
    command.arg(script()).args(args);
    command
}

#[test]
fn what_the_endpoint_refuses() {
    if !present(&["python3", "botocore"]) {
        return;
    }
    let region = Region::start(Config::default()).unwrap();
    let port = "400 Bad Request [True] {\"ErrorCode\":\"InvalidParameter\",\"Message\":\"The \
        specified RemotePort is not valid. Specify either 22 or 3389 as the RemotePort and retry \
        your request.\"}";
    let unreachable = "closed 1011 Unable to connect to target";
    let cases = [
        (vec!["10.0.1.20", "2222"], port),
        (vec!["10.0.1.20", "22", "3601"], "MaxTunnelDuration"),
        // Nothing listens; in another VPC; nobody's; stopped; not a port with a server.
        (vec!["10.0.1.60"], unreachable),
        (vec!["10.1.1.50"], unreachable),
        (vec!["10.0.1.99"], unreachable),
        (vec!["10.0.1.40"], unreachable),
        (vec!["10.0.1.20", "3389"], unreachable),
    ];
    for (args, expected) in cases {
        let complaint = stderr(tunnel(&region, &args).output().unwrap());
        assert!(complaint.contains(expected), "{complaint}");
    }
    assert_eq!(region.tunnels(), 0);
}

#[test]
fn a_tunnel_ends_when_its_time_is_up() {
    if !present(&["python3", "botocore"]) {
        return;
    }
    let region = Region::start(Config::default()).unwrap();
    let mut command = tunnel(&region, &["10.0.1.20", "22", "1"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut client = command.spawn().unwrap();
    let mut banner = [0; 8];
    client
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut banner)
        .unwrap();
    assert_eq!(&banner, b"SSH-2.0-");
    let mut complaint = String::new();
    client
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut complaint)
        .unwrap();
    assert!(
        complaint.contains("closed 1008 Maximum tunnel duration reached"),
        "{complaint}"
    );
    client.wait().unwrap();
}

#[test]
fn ipv6_is_reached_through_the_endpoint_too() {
    if !present(&["python3", "botocore"]) {
        return;
    }
    let region = Region::start(Config::default()).unwrap();
    let output = tunnel(&region, &["::1"]).output().unwrap();
    assert!(output.stdout.starts_with(b"SSH-2.0-"), "{output:?}");
    assert!(output.status.success());
}

#[test]
fn faults_of_the_endpoint() {
    if !present(&["python3", "botocore"]) {
        return;
    }
    let deny = Fault::Deny("ec2-instance-connect:OpenTunnel".to_owned());
    let cases = [
        (Fault::WrongCertificate, "Hostname mismatch"),
        (Fault::UntrustedCertificate, "certificate verify failed"),
        (
            deny,
            "403 Forbidden [True] {\"ErrorCode\":\"AccessDeniedException\"",
        ),
    ];
    for (fault, expected) in cases {
        let region = Region::start(Config::default().fault(fault)).unwrap();
        let complaint = stderr(tunnel(&region, &["10.0.1.20"]).output().unwrap());
        assert!(complaint.contains(expected), "{complaint}");
    }
}
