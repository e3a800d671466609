//! `list`: what is there and how it would be reached.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use support::{Sandbox, run};

#[test]
fn every_instance_and_its_way() {
    let sandbox = Sandbox::start();
    let outcome = run(&mut sandbox.eic_term(["list"]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let text = outcome.text();
    let row = |name: &str| {
        let mut rows = text
            .lines()
            .filter(|line| line.split_whitespace().nth(1) == Some(name));
        rows.next()
            .unwrap_or_else(|| panic!("no {name} in\n{text}"))
            .to_owned()
    };
    for (name, end) in [
        ("db-1", "through an endpoint"),
        ("lonely-1", "no endpoint in its VPC"),
        ("old-1", "not while stopped"),
        ("bare-1", "no address"),
        ("v6-1", "directly"),
    ] {
        assert!(row(name).ends_with(end), "{}", row(name));
    }
    assert!(!text.contains("terminated"));
}

#[test]
fn filters_and_json() {
    let sandbox = Sandbox::start();
    let outcome = run(&mut sandbox.eic_term(["list", "tw*", "--json"]));
    let rows: serde_json::Value = serde_json::from_slice(&outcome.stdout).expect(&outcome.stderr);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["id"], "i-0e1c0000000000008");
    assert_eq!(rows[0]["connection_type"], "eice");
    assert_eq!(rows[0]["endpoint_id"], "eice-0e1c0000000000001");
    let outcome = run(&mut sandbox.eic_term(["list", "tag:Role=db"]));
    assert!(
        outcome.text().contains("db-1") && outcome.text().lines().count() == 2,
        "{}",
        outcome.text()
    );
    let none = run(&mut sandbox.eic_term(["list", "nothing-*", "--json"]));
    assert_eq!((none.text().as_str(), none.code), ("[]\n", Some(0)));
}

#[test]
fn pages_columns_states_and_orders() {
    let sandbox = Sandbox::with_fault("page-size=2");
    let list = |args: &[&str]| run(&mut sandbox.eic_term([&["list"], args].concat()));
    let all = list(&["--json"]);
    let rows: serde_json::Value = serde_json::from_slice(&all.stdout).expect(&all.stderr);
    assert_eq!(
        rows.as_array().unwrap().len(),
        11,
        "all pages are one array"
    );
    assert_eq!(sandbox.region.calls("DescribeInstances"), 6);
    let options = [
        "--state",
        "running",
        "--columns",
        "tag:Role,name,reached",
        "--sort",
        "-name",
    ];
    let sorted = list(&options);
    let text = sorted.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "Role  NAME       REACHED", "{text}");
    assert_eq!(lines[1], "web   web-1      + directly", "{text}");
    assert!(
        lines.contains(&"db    db-1       ~ through an endpoint"),
        "{text}"
    );
    assert!(lines.len() == 11 && !text.contains("old-1"), "{text}");
    let two = list(&["db-1", "tag:Role=web", "db-*", "--columns", "id"]);
    assert_eq!(two.text().lines().count(), 3, "{}", two.text());
    let wrong = list(&["--columns", "colour"]);
    assert!(
        wrong.code == Some(2) && wrong.stderr.contains("tag:KEY"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn who_may_not_see_endpoints_still_gets_the_list() {
    let sandbox = Sandbox::with_fault("deny=ec2:DescribeInstanceConnectEndpoints");
    let outcome = run(&mut sandbox.eic_term(["list", "db-1"]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.text().contains("endpoint unknown: IAM denies"),
        "{}",
        outcome.text()
    );
}
