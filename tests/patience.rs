//! What looks like failure but is not.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use support::{Sandbox, run};

#[test]
fn it_works_all_the_same() {
    // A key that the instance sees late; throttled calls; short pages; frames of ten bytes, pings between.
    for fault in [
        "delayed-key=1s",
        "delayed-key=2s",
        "throttle=2",
        "page-size=1",
        "fragment=10",
    ] {
        let sandbox = Sandbox::with_fault(fault);
        let outcome = run(&mut sandbox.eic_term(["exec", "db-1", "--", "seq 2000 | tail -1"]));
        assert_eq!(
            (outcome.text().as_str(), outcome.code),
            ("2000\n", Some(0)),
            "{fault}: {}",
            outcome.stderr
        );
    }
}
