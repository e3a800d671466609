//! What is remembered of instances: of use where it is right, and of no harm where it is not.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use eic_sandbox::Config;
use serde_json::{Value, json};
use support::{Outcome, Sandbox, run};

/// The one file that the cache has by now.
fn file(sandbox: &Sandbox) -> Option<PathBuf> {
    let data = sandbox.region.env().iter();
    let (_, data) = data.clone().find(|(name, _)| name == "EIC_TERM_DATA_DIR")?;
    let entries = fs::read_dir(PathBuf::from(data).join("cache")).ok()?;
    let mut paths = entries.flatten().map(|entry| entry.path());
    paths.find(|path| path.extension().is_some_and(|end| end == "jsonl"))
}

fn lines(sandbox: &Sandbox) -> Vec<Value> {
    let text = fs::read_to_string(file(sandbox).expect("a file")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// The line of an instance or endpoint.
fn line(sandbox: &Sandbox, id: &str) -> Value {
    let mut lines = lines(sandbox).into_iter();
    lines.find(|line| line["id"] == id).expect(id)
}

/// Makes the cache wrong: some fields of a line are others.
fn falsify(sandbox: &Sandbox, id: &str, fields: &Value) {
    let mut lines = lines(sandbox);
    let line = lines.iter_mut().find(|line| line["id"] == id).expect(id);
    for (name, value) in fields.as_object().unwrap() {
        assert!(line.get(name).is_some(), "no {name} in {line}");
        line[name] = value.clone();
    }
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    fs::write(file(sandbox).unwrap(), lines.join("\n") + "\n").unwrap();
}

fn exec(sandbox: &Sandbox, target: &str) -> Outcome {
    let args = ["exec", target, "--", "echo $EIC_SANDBOX_INSTANCE"];
    run(&mut sandbox.eic_term(args))
}

/// The same by OpenSSH's command line.
fn ssh(sandbox: &Sandbox, options: &[&str], target: &str) -> Outcome {
    let command = [target, "echo $EIC_SANDBOX_INSTANCE"];
    run(&mut sandbox.eic_term([&["ssh", "-Fnone"], options, &command].concat()))
}

fn is_on(outcome: &Outcome, id: &str) {
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.text().trim(), id, "{}", outcome.stderr);
    assert!(outcome.took < Duration::from_secs(12), "{:?}", outcome.took);
}

const WEB: &str = "i-0e1c0000000000001";
const DB: &str = "i-0e1c0000000000002";
/// Another one, which has a name in common with a third.
const TWIN: &str = "i-0e1c0000000000008";
const ENDPOINT: &str = "eice-0e1c0000000000001";

#[test]
fn what_has_changed_since_is_found_out() {
    let sandbox = Sandbox::start();
    // Something that takes connections and never speaks, at an address that the instance had.
    let port = sandbox.region.instance("web-1").unwrap().port.unwrap();
    let silent = TcpListener::bind((Ipv4Addr::new(127, 0, 8, 8), port));
    for id in [WEB, DB, TWIN] {
        is_on(&exec(&sandbox, id), id);
    }
    is_on(&exec(&sandbox, "web-1"), WEB);
    let right = [WEB, DB, ENDPOINT].map(|id| line(&sandbox, id));
    let others = line(&sandbox, TWIN)["private"].clone();
    let mut cases = vec![
        // Stopped and started, or moved: nobody is at the old address, or another one.
        ("db-1", DB, json!({ "private": "10.0.1.99" })),
        ("db-1", DB, json!({ "private": others })),
        (DB, DB, json!({ "private": others })),
        (DB, DB, json!({ "state": "stopped" })),
        ("web-1", WEB, json!({ "public": "127.0.8.9" })),
        (WEB, WEB, json!({ "public": "127.0.8.9" })),
        ("web-1", WEB, json!({ "public": null })),
        // The endpoint is gone, or another one has its name.
        ("db-1", ENDPOINT, json!({ "host": "localhost:1" })),
        ("db-1", ENDPOINT, json!({ "id": "eice-0e1c00000000000ff" })),
        (DB, ENDPOINT, json!({ "host": "nobody.invalid" })),
        ("db-1", ENDPOINT, json!({ "vpc": "vpc-0e1c00000000000ff" })),
    ];
    if silent.is_ok() {
        cases.push(("web-1", WEB, json!({ "public": "127.0.8.8" })));
    }
    for (target, of, fields) in cases {
        let expected = if target.contains("web") || target == WEB {
            WEB
        } else {
            DB
        };
        for by_ssh in [false, true] {
            println!("{target} {fields} {by_ssh}");
            falsify(&sandbox, of, &fields);
            let outcome = match by_ssh {
                false => exec(&sandbox, target),
                true => ssh(&sandbox, &[], target),
            };
            is_on(&outcome, expected);
            // The next time it is right.
            for right in &right {
                let now = line(&sandbox, right["id"].as_str().unwrap());
                for name in ["private", "public", "state", "host"] {
                    let is_of_it = of == right["id"];
                    assert!(!is_of_it || now[name] == right[name], "{fields}: {now}");
                }
            }
        }
    }
}

#[test]
fn a_name_that_means_another_one_by_now() {
    let sandbox = Sandbox::start();
    for id in [DB, TWIN] {
        is_on(&exec(&sandbox, id), id);
    }
    // The old one runs on without the name, and its host key is pinned.
    let place = |id: &str| {
        let line = line(&sandbox, id);
        (line["private"].clone(), line["name"].clone())
    };
    let ((_, db), (_, twin)) = (place(DB), place(TWIN));
    for login in [exec, |sandbox: &Sandbox, target: &str| {
        ssh(sandbox, &[], target)
    }] {
        falsify(&sandbox, DB, &json!({ "name": "old" }));
        falsify(&sandbox, TWIN, &json!({ "name": db }));
        is_on(&login(&sandbox, "db-1"), DB);
        // One that is gone, and was never logged in to since.
        falsify(&sandbox, TWIN, &json!({ "name": twin }));
        let gone = json!({ "id": "i-0deadbeef00000000" });
        falsify(&sandbox, DB, &gone);
        is_on(&login(&sandbox, "db-1"), DB);
    }
    // A name that none has any more is a host's, for ssh.
    falsify(&sandbox, TWIN, &json!({ "name": "ghost-1" }));
    let ghost = exec(&sandbox, "ghost-1");
    assert!(
        ghost.code == Some(255) && ghost.stderr.contains("no instance matches `ghost-1`"),
        "{}",
        ghost.stderr
    );
    let ghost = ssh(&sandbox, &["-v"], "ghost-1");
    assert_eq!(
        (ghost.code, ghost.text().as_str()),
        (Some(255), ""),
        "{}",
        ghost.stderr
    );
    assert!(ghost.stderr.contains("no instance: "), "{}", ghost.stderr);
}

/// As many calls, and what is called for is not waited for (`round_trips.rs`).
#[test]
fn ssh_remembers_as_connect_does() {
    let calls = |sandbox: &Sandbox| {
        [
            "DescribeInstances",
            "DescribeInstanceConnectEndpoints",
            "SendSSHPublicKey",
            "GetConsoleOutput",
        ]
        .map(|action| sandbox.region.calls(action))
    };
    let mut made = Vec::new();
    for by_ssh in [false, true] {
        let sandbox = Sandbox::start();
        for target in ["db-1", "db-1", DB] {
            let outcome = match by_ssh {
                false => exec(&sandbox, target),
                true => ssh(&sandbox, &["-v"], target),
            };
            is_on(&outcome, DB);
            let was = outcome.stderr.contains("was the instance");
            assert_eq!(was, by_ssh && calls(&sandbox)[2] > 1, "{}", outcome.stderr);
        }
        assert_eq!(line(&sandbox, DB)["name"], "db-1");
        assert!(line(&sandbox, DB)["used"].is_u64());
        made.push(calls(&sandbox));
    }
    assert_eq!(made[0][..1], made[1][..1], "look-ups");
    assert_eq!(made[0][2..], made[1][2..], "{made:?}");
}

#[test]
fn no_cache_neither_reads_nor_writes() {
    // What is remembered is dialled before AWS answers, however busy this machine is.
    let rtt = Duration::from_millis(100);
    let sandbox = Sandbox::with(Config::default().rtt(rtt));
    let port = sandbox.region.instance("web-1").unwrap().port.unwrap();
    for args in [
        &["exec", "--no-cache", "web-1", "--", "true"][..],
        &["list", "--no-cache"],
        &["exec", "--no-cache", "web-1", "db-1", "--", "true"],
    ] {
        let outcome = run(&mut sandbox.eic_term(args));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    }
    let mut by_ssh = sandbox.eic_term(["ssh", "-Fnone", "db-1", "true"]);
    let outcome = run(by_ssh.env("EIC_TERM_NO_CACHE", "1"));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(file(&sandbox), None);
    // One that is read leads to an address where we listen.
    let Ok(watch) = TcpListener::bind((Ipv4Addr::new(127, 0, 8, 10), port)) else {
        return;
    };
    watch.set_nonblocking(true).unwrap();
    is_on(&exec(&sandbox, "web-1"), WEB);
    falsify(&sandbox, WEB, &json!({ "public": "127.0.8.10" }));
    let before = fs::read(file(&sandbox).unwrap()).unwrap();
    let args = [
        "exec",
        "--no-cache",
        "web-1",
        "--",
        "echo $EIC_SANDBOX_INSTANCE",
    ];
    is_on(&run(&mut sandbox.eic_term(args)), WEB);
    assert!(watch.accept().is_err(), "it was read");
    assert_eq!(
        fs::read(file(&sandbox).unwrap()).unwrap(),
        before,
        "it was written"
    );
    is_on(&exec(&sandbox, "web-1"), WEB);
    assert!(watch.accept().is_ok(), "the cache is of no use");
}

#[test]
fn several_at_once_and_nobody_elses_to_read() {
    let sandbox = Sandbox::start();
    let names = ["web-1", "db-1", "v6-1", "old-1", "lonely-1", "bare-1"];
    let listed = names.map(|name| {
        let mut command = sandbox.eic_term(["list", name]);
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    });
    for mut child in listed {
        assert!(child.wait().unwrap().success());
    }
    let all = lines(&sandbox);
    for name in names {
        assert!(
            all.iter().any(|line| line["name"] == name),
            "no {name} in {all:?}"
        );
    }
    let path = file(&sandbox).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    for (name, secret) in sandbox.region.env() {
        let is_secret =
            name.starts_with("AWS_") && (name.contains("KEY") || name.contains("TOKEN"));
        assert!(
            !is_secret || !text.contains(secret.as_str()),
            "{name} is in it"
        );
    }
    assert!(
        !text.contains("PRIVATE") && !text.contains("ssh-"),
        "{text}"
    );
    #[cfg(unix)]
    if !support::left_out_under_wine("Windows has no such modes") {
        use std::os::unix::fs::PermissionsExt;
        let folder = path.parent().unwrap();
        let mode =
            |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder), 0o700);
        for entry in fs::read_dir(folder).unwrap().flatten() {
            assert_eq!(mode(&entry.path()), 0o600, "{entry:?}");
        }
    }
}

#[test]
fn a_file_that_is_damaged_or_from_the_future_is_done_without() {
    let sandbox = Sandbox::start();
    is_on(&exec(&sandbox, "db-1"), DB);
    let path = file(&sandbox).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let noise = support::noise(5000);
    let (start, _) = good.as_bytes().split_at(good.len() - 40);
    let future = good.replace("\"version\":1", "\"version\":99");
    let unknown = good.replace("\"state\"", "\"condition\"");
    assert!(future != good && unknown != good);
    for damaged in [
        &b""[..],
        b"\n",
        b"{}",
        b"[1, 2]\nnull\n",
        &noise,
        start,
        future.as_bytes(),
        unknown.as_bytes(),
    ] {
        fs::write(&path, damaged).unwrap();
        let outcome = exec(&sandbox, "db-1");
        is_on(&outcome, DB);
        assert_eq!(outcome.stderr, "");
        assert_eq!(line(&sandbox, DB)["name"], "db-1");
    }
    // Nothing can be read or written there.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let outcome = exec(&sandbox, "db-1");
    is_on(&outcome, DB);
    assert_eq!(outcome.stderr, "");
}
