//! What is asked of the process that holds a connection, and how it ends.

use super::*;

#[test]
fn a_holder_is_asked_for_forwards_to_stop_and_to_end() {
    let Some(place) = Place::new() else {
        return;
    };
    let port = echo();
    let nobody = place.ask("check", &[], "web-1");
    assert_eq!(nobody.code, Some(255));
    assert!(
        nobody
            .stderr
            .contains("cannot use the shared connection at"),
        "{}",
        nobody.stderr
    );
    let nowhere = place.ssh(&["-O", "check", "web-1"]);
    assert!(
        nowhere.stderr.contains("No ControlPath specified"),
        "{}",
        nowhere.stderr
    );
    for target in &place.targets() {
        let mut holder = place.hold(target, &[]);
        let to = format!("127.0.0.1:{port}");
        for letter in ["-L", "-R"] {
            // Only the host chooses a port.
            let wanted = if letter == "-L" { free() } else { 0 };
            let forward = format!("{wanted}:{to}");
            let said = succeeds(&place.ask("forward", &[letter, &forward], target));
            let chosen = said.trim().parse().unwrap_or(wanted);
            assert!(echoes(chosen), "{letter}");
            let known = succeeds(&place.ask("conninfo", &[], target));
            for part in [
                target.as_str(),
                "agreed on",
                "0 sessions",
                &format!("{letter} 127.0.0.1:{chosen}"),
            ] {
                let known = known.replace("localhost", "127.0.0.1");
                assert!(known.contains(part), "no `{part}` in {known}");
            }
            let named = format!("{chosen}:{to}");
            let other = format!("{chosen}:127.0.0.1:1");
            let taken = place.ask("forward", &["-L", &other], target);
            assert_eq!(taken.code, Some(255), "{}", taken.stderr);
            assert!(taken.stderr.contains("listen"), "{}", taken.stderr);
            succeeds(&place.ask("cancel", &[letter, &named], target));
            assert!(!echoes(chosen), "{letter}");
            let gone = place.ask("cancel", &[letter, &named], target);
            assert_eq!(gone.code, Some(255));
            assert!(
                gone.stderr.contains(&format!("no {letter} listens on")),
                "{}",
                gone.stderr
            );
        }
        // A forward of another command line stays with the connection; twice is once.
        let free = free();
        let forward = format!("{free}:{to}");
        for _ in 0..2 {
            let path = place.control_path();
            let args = [
                path.as_str(),
                "-oExitOnForwardFailure=yes",
                "-L",
                &forward,
                target,
                "true",
            ];
            succeeds(&place.ssh(&args));
        }
        assert!(echoes(free));
        // One that is asked to stop ends with its last guest.
        let path = place.control_path();
        let mut guest = place.command(&[&path, target, "echo in; cat"]);
        let pipes = guest
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        let mut guest = pipes.spawn().unwrap();
        let mut first = [0; 3];
        guest
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut first)
            .unwrap();
        let stop = place.ask("stop", &[], target);
        assert_eq!(
            (stop.code, stop.stderr.trim()),
            (Some(0), "Stop listening request sent.")
        );
        assert_eq!(place.holder(target), None);
        assert!(holder.try_wait().unwrap().is_none());
        drop(guest.stdin.take());
        assert!(guest.wait().unwrap().success());
        assert!(holder.wait().unwrap().success());
        // One that is asked to exit does, with its guests.
        let mut holder = place.hold(target, &[]);
        let guest = place.command(&[&path, target, "echo in; sleep 100"]);
        let exit = while_it_runs(guest, || place.ask("exit", &[], target));
        assert_eq!(exit, Some(255));
        assert!(holder.wait().unwrap().success());
    }
}

/// Starts a command that says `in`, does something then, and returns its exit code.
fn while_it_runs<T>(mut command: Command, work: impl FnOnce() -> T) -> Option<i32> {
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 3];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut said)
        .unwrap();
    work();
    child.wait().unwrap().code()
}

#[test]
fn a_holder_that_is_killed_is_replaced() {
    let Some(place) = Place::new() else {
        return;
    };
    let target = &place.target("web-1");
    succeeds(&place.shared(&[target, "true"]));
    let holder = place.holder(target).unwrap();
    let path = place.control_path();
    let guest = place.command(&[&path, target, "echo in; sleep 100"]);
    let code = while_it_runs(guest, || {
        let process = place.process_in_background().unwrap_or(holder).to_string();
        succeeds(&run(Command::new("kill").args(["-KILL", &process])))
    });
    assert_eq!(code, Some(255));
    eventually("end of it", || place.holder(target).is_none());
    assert_eq!(succeeds(&place.shared(&[target, "echo again"])), "again\n");
    assert_eq!(place.logins(), 2);
    let next = place.holder(target).unwrap();
    assert_ne!(next, holder);
    // A lost connection ends it, and says so to its guests.
    let mut guest = place.command(&[&path, target, "echo in; kill -9 $PPID; sleep 100"]);
    let lost = run(&mut guest);
    assert_eq!(lost.code, Some(255));
    assert!(lost.stderr.contains("was lost after"), "{}", lost.stderr);
    eventually("end of it", || place.holder(target).is_none());
}

#[test]
fn a_connection_nobody_uses_ends_in_time() {
    let Some(place) = Place::new() else {
        return;
    };
    let target = &place.target("web-1");
    let path = place.control_path();
    let options = ["-oControlMaster=auto", "-oControlPersist=2", &path];
    let start = Instant::now();
    // While it is used it stays, and its time begins anew.
    succeeds(&place.ssh(&[&options[..], &[target, "sleep 3"]].concat()));
    assert!(place.holder(target).is_some());
    eventually("end of it", || place.holder(target).is_none());
    assert!(start.elapsed() > Duration::from_secs(5));
    assert_eq!(place.logins(), 1);
    #[cfg(unix)]
    assert!(
        !place
            .path(&target.replace(&format!("{}@", place.user), ""))
            .exists()
    );
}

#[test]
fn where_a_path_cannot_be_used_a_command_has_its_own_connection() {
    let Some(place) = Place::new() else {
        return;
    };
    let target = &place.target("web-1");
    if !support::left_out_under_wine("a pipe has no folder that could be missing") {
        let path = format!("-oControlPath={}/none/%n", place.folder.path().display());
        let options = ["-oControlMaster=auto", "-oControlPersist=60", &path];
        let outcome = place.ssh(&[&options[..], &[target, "echo in; exit 3"]].concat());
        assert_eq!((outcome.code, outcome.text().as_str()), (Some(3), "in\n"));
        assert!(
            outcome.stderr.contains("cannot share the connection at"),
            "{}",
            outcome.stderr
        );
    }
    // A second holder shares with nobody.
    let mut holder = place.hold(target, &[]);
    let path = place.control_path();
    let second = place.ssh(&["-M", &path, target, "echo in"]);
    assert_eq!(succeeds(&second), "in\n");
    assert!(
        second
            .stderr
            .contains("already exists, disabling multiplexing"),
        "{}",
        second.stderr
    );
    // Nor is a host asked for more sessions than it opens on a connection.
    let guests: Vec<_> = (0..12)
        .map(|_| place.command(&[&path, target, "sleep 5"]).spawn().unwrap())
        .collect();
    for mut guest in guests {
        assert!(guest.wait().unwrap().success());
    }
    let before = if support::under_wine() { 2 } else { 3 };
    assert!(place.logins() > before);
    succeeds(&place.ask("exit", &[], target));
    assert!(holder.wait().unwrap().success());
}

#[test]
fn the_way_by_another_host_is_on_its_shared_connection() {
    let Some((place, key)) = Place::with_key() else {
        return;
    };
    let way = &place.target("web-1");
    let mut holder = place.hold(way, &[]);
    let path = place.path("%n");
    let config = place.path("config");
    std::fs::write(
        &config,
        format!("Host web-1\n  ControlPath {}\n", path.display()),
    )
    .unwrap();
    let web = place.sandbox.region.instance("web-1").unwrap();
    let (address, port) = (
        web.public_ip.unwrap().to_string(),
        web.port.unwrap().to_string(),
    );
    let config = config.display().to_string();
    let target = place.target(&address);
    let args = ["-F", &config, "-J", way, "-i", &key, "-p", &port];
    let known = format!("-oUserKnownHostsFile={}", place.path("known").display());
    let more = [
        &known,
        "-oStrictHostKeyChecking=accept-new",
        &target,
        "echo in",
    ];
    assert_eq!(succeeds(&place.ssh(&[&args[..], &more].concat())), "in\n");
    assert_eq!(place.logins(), 1);
    succeeds(&place.ask("exit", &[], way));
    assert!(holder.wait().unwrap().success());
}
