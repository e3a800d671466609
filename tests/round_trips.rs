//! The network's part in the time to a prompt: sequential round trips, counted, not timed.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use eic_sandbox::Config;
use support::{Sandbox, peer, run};

/// From the first byte to the API to the exit status: 3 for DescribeInstances over TLS with the key
/// push beside it, 8 for SSH (TCP, versions, key exchange, service, probe, signature, channel, command).
#[test]
fn a_direct_login_takes_at_most_eleven() {
    if !peer("sshd") {
        return;
    }
    let sandbox = Sandbox::with(Config::default().sshd(true).rtt(Duration::from_millis(400)));
    let id = sandbox.region.instance("web-1").unwrap().id.clone();
    sandbox.region.reset_round_trips();
    let outcome = run(&mut sandbox.eic_term(["exec", "-v", &id, "--", "true"]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let trips = sandbox.region.round_trips();
    assert!(trips <= 11, "{trips} round trips\n{}", outcome.stderr);
    assert!(
        trips >= 8,
        "{trips} round trips cannot be: SSH alone takes 8"
    );
}
