//! The region makes clients wait as a far one does, and counts what they wait for.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod peer;

use std::time::{Duration, Instant};

use eic_sandbox::{Config, Region};
use peer::{Key, current_user, instance, present};

#[test]
fn a_login_with_openssh_takes_what_it_is_known_to_take() {
    if !present(&["ssh", "ssh-keygen", "sshd"]) {
        return;
    }
    let key = Key::generate();
    let rtt = Duration::from_millis(60);
    let config = Config::default().rtt(rtt).sshd(true);
    let region = Region::start(config.authorized_key(key.public())).unwrap();
    let mut ssh = key.direct(&region, instance(&region, "web-1"), &current_user());
    let start = Instant::now();
    assert!(ssh.arg("true").status().unwrap().success());
    let elapsed = start.elapsed();
    // TCP, versions, key exchange, service, none, key offer, signature, channel, command:
    // what can be sent ahead differs a little from release to release.
    let round_trips = region.round_trips();
    assert!((8..=11).contains(&round_trips), "{round_trips}");
    assert!(
        elapsed >= rtt * u32::try_from(round_trips).unwrap(),
        "{elapsed:?}"
    );

    region.reset_round_trips();
    assert_eq!(region.round_trips(), 0);
}
