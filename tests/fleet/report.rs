//! What is said of many: the same once, what differs as a difference, all of it as JSON.

use super::*;

#[test]
fn the_same_is_said_once_and_what_differs_as_a_difference() {
    let sandbox = Sandbox::with(healthy(8));
    let command = by_instance(
        &[
            (3, "printf 'a\\nX\\nc\\n'"),
            (5, "true"),
            (6, "echo bad >&2; seq 3; exit 1"),
        ],
        "printf 'a\\nb\\nc\\n'",
    );
    let outcome = exec(&sandbox, &["--output", "fold"], "web-*", &command);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(
        outcome.text(),
        "---- web-00, web-01, web-02, web-04, web-07 (5) ----\na\nb\nc\n\
         ---- web-03: differs from the 5 ----\n@@ -1,3 +1,3 @@\n a\n-b\n+X\n c\n\
         ---- web-05: said nothing ----\n\
         ---- web-06 ----\n1\n2\n3\n"
    );
    assert!(
        outcome
            .stderr
            .starts_with("web-06 | bad\n7 ok, 1 failed in "),
        "{}",
        outcome.stderr
    );
}

fn keys(event: &serde_json::Value) -> Vec<&str> {
    let mut keys: Vec<_> = event
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

/// What the README says that such an event has.
fn documented(event: &serde_json::Value) -> Vec<&'static str> {
    let optional = |key: &'static str| event.get(key).map(|_| key);
    let own = match event["event"].as_str().unwrap() {
        "start" => vec![Some("address")],
        "stdout" | "stderr" => vec![optional("base64").or(Some("text"))],
        "exit" => vec![optional("signal").or(Some("status")), Some("seconds")],
        "error" => vec![Some("message"), optional("seconds")],
        other => panic!("{other}"),
    };
    let mut keys = vec!["event", "id", "name", "time"];
    keys.extend(own.into_iter().flatten());
    keys.sort_unstable();
    keys
}

#[test]
fn json_says_all_of_it() {
    let sandbox = Sandbox::with(mixed());
    let command = by_instance(&[(1, "printf '\\377'; echo e >&2; exit 3")], "echo ok");
    let outcome =
        run(&mut sandbox.eic_term(["exec", "--json", "web-0?", "web-50", "--", &command]));
    let mut events: BTreeMap<String, Vec<serde_json::Value>> = BTreeMap::new();
    for line in outcome.text().lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect(line);
        assert_eq!(keys(&event), documented(&event), "{line}");
        let name = event["name"].as_str().unwrap().to_owned();
        events.entry(name).or_default().push(event);
    }
    assert_eq!(events.len(), 11);
    let kinds = |name: &str| {
        let kinds = events[name]
            .iter()
            .map(|event| event["event"].as_str().unwrap());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(kinds("web-00"), ["start", "stdout", "exit"]);
    assert_eq!(kinds("web-50"), ["error"]);
    let well = &events["web-00"];
    assert_eq!(well[0]["id"], id(0));
    assert!(
        well[0]["address"]
            .as_str()
            .unwrap()
            .starts_with("10.9.0.1 through eice-")
    );
    assert!(well[0]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(
        (&well[1]["text"], &well[2]["status"]),
        (&"ok\n".into(), &0.into())
    );
    assert!(well[2]["seconds"].as_f64().unwrap() > 0.0);
    let odd = |kind: &str| {
        events["web-01"]
            .iter()
            .find(|event| event["event"] == kind)
            .unwrap()
    };
    assert_eq!(odd("stdout")["base64"], "/w==");
    assert_eq!(odd("stderr")["text"], "e\n");
    assert_eq!(odd("exit")["status"], 3);
    assert!(
        events["web-50"][0]["message"]
            .as_str()
            .unwrap()
            .contains("is stopped")
    );
    assert_eq!(outcome.code, Some(255));
}
