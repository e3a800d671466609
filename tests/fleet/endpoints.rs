//! A VPC with two endpoints: the work is spread, and one of them is enough.

use super::*;

/// How many went through each of the endpoints, by their events.
fn through(outcome: &Outcome) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for line in outcome.text().lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect(line);
        if let Some((_, endpoint)) = event["address"]
            .as_str()
            .and_then(|one| one.split_once("through "))
        {
            *count.entry(endpoint.to_owned()).or_default() += 1;
        }
    }
    count
}

#[test]
fn both_are_used_and_neither_has_more_than_it_takes() {
    const ALL: usize = 45;
    let sandbox = Sandbox::with(healthy(ALL));
    // All want to work at once, and the first ones do not end before the endpoints are full.
    let all = ALL.to_string();
    let outcome = exec(
        &sandbox,
        &["--json", "--parallel", &all],
        "web-*",
        "sleep 2",
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let count = through(&outcome);
    assert!(
        count.len() == 2 && count.values().all(|count| *count >= 20),
        "{count:?}"
    );
    // The sandbox's endpoints refuse the 21st connection, which would be asked for again.
    assert_eq!(sandbox.region.calls("openTunnel"), ALL as u64);
    assert_eq!(sandbox.region.tunnels(), ALL as u64);
}

#[test]
fn where_one_is_dead_the_other_takes_over() {
    let instances = |text: &mut String| (0..8).for_each(|number| self::instance(text, number, UP));
    for (doors, code) in [
        (["down", "up"], 0),
        (["up", "mute"], 0),
        (["down", "down"], 255),
    ] {
        let mut text = String::new();
        for (number, door) in doors.iter().enumerate() {
            text.push_str(&endpoint(number).replace("]]\n", &format!("]]\ndoor = \"{door}\"\n")));
        }
        instances(&mut text);
        let sandbox = Sandbox::with(Config::default().fleet(text.parse::<Fleet>().unwrap()));
        let outcome = exec(&sandbox, &["--connect-timeout", "4"], "web-*", "echo up");
        assert_eq!(outcome.code, Some(code), "{doors:?}: {}", outcome.stderr);
        let up = outcome.text().lines().count();
        assert_eq!(
            up,
            if code == 0 { 8 } else { 0 },
            "{doors:?}: {}",
            outcome.stderr
        );
        assert!(
            outcome.took < Duration::from_secs(30),
            "{doors:?}: {:?}",
            outcome.took
        );
    }
}
