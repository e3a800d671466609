//! Copies that are cut: by Ctrl-C, by SIGKILL, and by connections that end.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use eic_sandbox::Config;

use super::support::{Interrupts, Sandbox, noise, peer, run};
use super::tree::names;
use super::{cp, leftovers, succeeds, there};

/// A slow copy.
fn slow(sandbox: &Sandbox, args: &[OsString]) -> Command {
    let mut command = sandbox.eic_term(["cp", "--limit-rate", "2M"]);
    command.args(args);
    command
}

/// Starts it, and returns when part of it is there.
fn begin(command: &mut Command, folder: &Path) -> Child {
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    let is_there =
        |name: String| fs::metadata(folder.join(name)).is_ok_and(|file| file.len() > 300_000);
    while !leftovers(folder).into_iter().any(is_there) {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "nothing comes: {:?}",
            names(folder)
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[test]
fn a_copy_that_is_cut_leaves_no_half_file_and_is_resumed() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let content = noise(6 << 20);
    for name in ["far", "near"] {
        fs::create_dir(path(name)).unwrap();
    }
    fs::write(path("large"), &content).unwrap();
    for (from, to, folder) in [
        (
            OsString::from(path("large")),
            there(path("far")),
            path("far"),
        ),
        (there(path("large")), path("near").into(), path("near")),
    ] {
        // Ctrl-C cleans up.
        let args = [from.clone(), to.clone()];
        let mut command = slow(&sandbox, &args);
        let interrupts = Interrupts::of(&mut command);
        let child = begin(&mut command, &folder);
        interrupts.press(&child);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("stopped"), "{stderr}");
        assert_eq!(names(&folder), [""; 0]);
        // Nothing can after a SIGKILL; the next one goes on.
        let args = [OsString::from("--resume"), from, to];
        let mut child = begin(&mut slow(&sandbox, &args), &folder);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!folder.join("large").exists());
        assert_eq!(leftovers(&folder), [".large.eic-part"]);
        let outcome = cp(&sandbox, [OsString::from("--json")].iter().chain(&args));
        succeeds(&outcome);
        let end: serde_json::Value =
            serde_json::from_str(outcome.text().lines().last().unwrap()).unwrap();
        assert!(
            end["bytes"].as_u64().unwrap() < 6 << 20,
            "it began anew: {end}"
        );
        assert_eq!(fs::read(folder.join("large")).unwrap(), content);
        assert_eq!(leftovers(&folder), [""; 0]);
        // What is there is left alone; a part of something else is not believed.
        let outcome = cp(&sandbox, &args);
        assert!(
            outcome.stderr.contains("1 there already"),
            "{}",
            outcome.stderr
        );
        fs::remove_file(folder.join("large")).unwrap();
        fs::write(folder.join(".large.eic-part"), &noise(3 << 20)[1..]).unwrap();
        succeeds(&cp(&sandbox, &args));
        assert_eq!(fs::read(folder.join("large")).unwrap(), content);
    }
}

#[test]
fn a_connection_that_is_cut_again_and_again_is_made_again() {
    if !peer("sshd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let content = noise(5 << 20);
    fs::write(folder.path().join("large"), &content).unwrap();
    for number in 0..50 {
        fs::create_dir_all(folder.path().join("many")).unwrap();
        fs::write(
            folder.path().join(format!("many/{number}")),
            noise(60_000 + number),
        )
        .unwrap();
    }
    // Each connection lives for 2 MiB.
    let fault = "drop-after=2000000".parse().unwrap();
    let sandbox = Sandbox::with(Config::default().sshd(true).fault(fault));
    let near = folder.path().join("near");
    fs::create_dir(&near).unwrap();
    let sources = ["large", "many"].map(|name| there(folder.path().join(name)));
    let mut args = vec![OsString::from("-r")];
    args.extend(sources);
    args.push(near.clone().into());
    let outcome = cp(&sandbox, &args);
    succeeds(&outcome);
    assert!(
        outcome.stderr.contains("connecting again"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fs::read(near.join("large")).unwrap(), content);
    for number in 0..50 {
        assert_eq!(
            fs::read(near.join(format!("many/{number}"))).unwrap(),
            noise(60_000 + number)
        );
    }
    assert_eq!(leftovers(&near), [""; 0]);
}

#[test]
fn an_endpoint_that_closes_its_tunnels_does_not_end_a_copy() {
    if !peer("sshd") {
        return;
    }
    let sandbox = Sandbox::with(Config::default().sshd(true));
    let folder = tempfile::tempdir().unwrap();
    let content = noise(6 << 20);
    fs::write(folder.path().join("large"), &content).unwrap();
    let mut command = sandbox.eic_term([
        "cp",
        "--connection-type=eice",
        "-P22",
        "--max-tunnel-duration=5",
    ]);
    let command = command
        .args(["--limit-rate", "1M"])
        .arg(folder.path().join("large"));
    let outcome = run(command.arg(there(folder.path().join("far"))));
    succeeds(&outcome);
    assert!(
        outcome.stderr.contains("connecting again"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fs::read(folder.path().join("far")).unwrap(), content);
}
