//! `tunnel`: an endpoint's tunnel on stdio and on a local port.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};

use support::{Sandbox, run, run_with_input};

/// A listening tunnel, killed when dropped.
struct Listening {
    child: Child,
    address: SocketAddr,
}

impl Listening {
    fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let mut command = sandbox.eic_term(["tunnel", "--listen", "127.0.0.1:0"]);
        let mut child = command.args(args).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("{line}"));
        let address = address.parse().unwrap();
        Self { child, address }
    }

    /// Connects and returns what the instance says first.
    fn greeting(&self) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let mut greeting = [0; 8];
        let read = stream.read(&mut greeting).unwrap_or(0);
        (
            stream,
            String::from_utf8_lossy(&greeting[..read]).into_owned(),
        )
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn stdio_is_a_byte_stream_to_the_instance() {
    let sandbox = Sandbox::start();
    let outcome = run_with_input(
        &mut sandbox.eic_term(["tunnel", "db-1"]),
        b"SSH-2.0-probe\r\n",
    );
    assert!(outcome.text().starts_with("SSH-2.0-"), "{outcome:?}");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(sandbox.region.tunnels(), 1);
}

#[test]
fn each_connection_is_a_tunnel_of_its_own() {
    let sandbox = Sandbox::start();
    let listening = Listening::start(&sandbox, &["db-1"]);
    let connections: Vec<_> = (0..3).map(|_| listening.greeting()).collect();
    for (_, greeting) in &connections {
        assert_eq!(greeting, "SSH-2.0-");
    }
    assert_eq!(sandbox.region.tunnels(), 3);
    assert_eq!(
        sandbox.region.calls("DescribeInstances"),
        1,
        "one look-up serves all"
    );
}

#[test]
fn one_too_many_waits_until_another_ends() {
    let sandbox = Sandbox::start();
    let listening = Listening::start(&sandbox, &["--max-connections", "1", "db-1"]);
    let (first, _) = listening.greeting();
    let mut second = TcpStream::connect(listening.address).unwrap();
    second.write_all(b"SSH-2.0-probe\r\n").unwrap();
    assert_eq!(sandbox.region.tunnels(), 1);
    drop(first);
    let mut greeting = [0; 8];
    second.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"SSH-2.0-");
    assert_eq!(sandbox.region.tunnels(), 2);
}

#[test]
fn a_tunnel_that_fails_closes_its_connection_only() {
    let sandbox = Sandbox::start();
    let listening = Listening::start(&sandbox, &["broken-1"]);
    for _ in 0..2 {
        assert_eq!(listening.greeting().1, "");
    }
}

#[test]
fn a_port_in_use_is_said() {
    let sandbox = Sandbox::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let outcome = run(&mut sandbox.eic_term(["tunnel", "db-1", "--listen", &address]));
    assert_eq!(outcome.code, Some(255));
    assert!(
        outcome
            .stderr
            .contains(&format!("cannot listen on {address}")),
        "{}",
        outcome.stderr
    );
}
