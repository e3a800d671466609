//! The network's part in the time to a prompt: sequential round trips, counted, not timed.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use eic_sandbox::Config;
use support::{Sandbox, left_out_under_wine, peer, run, under_wine};

/// From the first byte to the API to the exit status: 3 for DescribeInstances over TLS with the key
/// push beside it, 8 for SSH (TCP, versions, key exchange, service, probe, signature, channel, command).
///
/// What was found the first time is not waited for the second time: only SSH's own 8 are left, while the instance is
/// looked up beside them.
#[test]
fn a_direct_login_takes_at_most_eleven_and_a_warm_one_eight() {
    if !peer("sshd") {
        return;
    }
    // The count is exact where a round trip is long beside the program's own work, which Wine and busy machines slow down.
    let rtt = Duration::from_millis(if under_wine() { 900 } else { 600 });
    let sandbox = Sandbox::with(Config::default().sshd(true).rtt(rtt));
    let id = sandbox.region.instance("web-1").unwrap().id.clone();
    for (target, most) in [(id.as_str(), 11), (&id, 8), ("web-1", 8)] {
        sandbox.region.reset_round_trips();
        let outcome = run(&mut sandbox.eic_term(["exec", "-v", target, "--", "true"]));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let trips = sandbox.region.round_trips();
        let said = format!("{trips} round trips to {target}\n{}", outcome.stderr);
        assert!(trips <= most, "{said}");
        assert!(trips >= 8, "SSH alone takes 8: {said}");
    }
    // By OpenSSH's command line it is no more.
    sandbox.region.reset_round_trips();
    let outcome = run(&mut sandbox.eic_term(["ssh", "-Fnone", "web-1", "true"]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let trips = sandbox.region.round_trips();
    assert!(trips <= 8, "{trips} round trips\n{}", outcome.stderr);
    assert_eq!(sandbox.region.calls("SendSSHPublicKey"), 4);
}

/// What a pattern stands for is looked at together: forty files take hardly more round trips than two.
#[test]
fn a_file_of_many_costs_no_round_trip_of_its_own() {
    if left_out_under_wine("the count is exact only where the program is quick") || !peer("sshd") {
        return;
    }
    let sandbox = Sandbox::with(Config::default().sshd(true).rtt(Duration::from_millis(300)));
    let folder = tempfile::tempdir().unwrap();
    let mut counted = Vec::new();
    for count in [2, 40] {
        let [far, near] = ["far", "near"].map(|name| folder.path().join(format!("{name}{count}")));
        std::fs::create_dir(&far).unwrap();
        std::fs::create_dir(&near).unwrap();
        for number in 0..count {
            std::fs::write(far.join(format!("file{number}")), "text").unwrap();
        }
        sandbox.region.reset_round_trips();
        let from = format!("web-1:{}/file*", far.display());
        let outcome = run(sandbox.eic_term(["cp", &from]).arg(&near));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert_eq!(std::fs::read_dir(near).unwrap().count(), count);
        counted.push(sandbox.region.round_trips());
    }
    assert!(counted[1] <= counted[0] + 8, "{counted:?}");
}
