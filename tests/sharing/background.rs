//! `-f`: the first process ends when the second is ready.

use super::*;

#[test]
fn a_forward_goes_on_in_the_background() {
    let Some(place) = Place::new() else {
        return;
    };
    let port = echo();
    for target in &place.targets() {
        let free = free();
        let forward = format!("{free}:127.0.0.1:{port}");
        let path = place.control_path();
        let strict = "-oExitOnForwardFailure=yes";
        let args = ["-f", "-N", "-M", &path, strict, "-L", &forward, target];
        let outcome = place.ssh(&args);
        assert_eq!(
            (succeeds(&outcome).as_str(), outcome.stderr.as_str()),
            ("", "")
        );
        assert!(echoes(free));
        let again = place.ssh(&["-f", "-N", strict, "-L", &forward, target]);
        assert_eq!(again.code, Some(255), "{}", again.stderr);
        assert!(
            again.stderr.contains("cannot listen on"),
            "{}",
            again.stderr
        );
        succeeds(&place.ask("exit", &[], target));
        eventually("end of the forward", || !echoes(free));
    }
    let refused = place.ssh(&["-f", "-N", "nobody-there.invalid"]);
    assert_eq!(refused.code, Some(255));
    assert!(
        refused.stderr.contains("cannot resolve"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_command_goes_on_in_the_background() {
    let Some(place) = Place::new() else {
        return;
    };
    for target in &place.targets() {
        let file = place.path("go");
        let script = format!(
            "while [ ! -e {0} ]; do sleep 0.1; done; rm {0}; echo late",
            file.display()
        );
        // Its connection outlives it; its output does not.
        let path = place.control_path();
        let options = ["-M", &path, "-oControlPersist=60"];
        let mut command = place.command(&[&["-f"], &options[..], &[target, &script]].concat());
        let pipes = command.stdout(std::process::Stdio::piped());
        let mut first = pipes.spawn().unwrap();
        let mut output = first.stdout.take().unwrap();
        assert!(first.wait().unwrap().success());
        std::fs::write(file, "").unwrap();
        let mut said = [0; 5];
        output.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"late\n");
        if !support::left_out_under_wine("it keeps a program's standard output open to its end") {
            assert_eq!(output.read(&mut said).unwrap(), 0);
        }
        succeeds(&place.ask("exit", &[], target));
    }
    let nothing = place.ssh(&["-f", "web-1"]);
    assert_eq!(nothing.code, Some(255));
}

#[cfg(unix)]
#[test]
fn questions_are_asked_in_the_foreground_and_shells_are_there() {
    if support::left_out_under_wine("the terminal is Unix's") {
        return;
    }
    let Some((place, key)) = Place::with_key() else {
        return;
    };
    let web = place.sandbox.region.instance("web-1").unwrap();
    let (address, port) = (web.public_ip.unwrap(), web.port.unwrap());
    // A host like any other, whose key nobody has seen.
    let known = place.path("known").display().to_string();
    let ssh = format!(
        "{} ssh -i {key} -p {port} -oUserKnownHostsFile={known} {}",
        support::binary(),
        place.control_path()
    );
    let script = format!(
        "{ssh} -oControlMaster=auto -oControlPersist=60 {address} 'exit 4'; echo \"code $?\"; \
         {ssh} {address}; echo \"code $?\"; {ssh} -O exit {address}"
    );
    let home = place.folder.path().display().to_string();
    let variables = [("HOME", home.as_str())];
    let sh = ["-c", script.as_str()];
    let mut terminal =
        support::terminal::Terminal::start_with(&place.sandbox, &variables, "sh", &sh);
    terminal.expect("Are you sure you want to continue connecting?");
    terminal.type_keys("yes\r");
    terminal.expect("code 4");
    terminal.type_keys("stty size; echo with''in\r");
    terminal.expect("within");
    terminal.expect("24 80");
    terminal.resize(30, 100);
    // The new size is on its way beside what is typed.
    terminal
        .type_keys("until [ \"$(stty size)\" = '30 100' ]; do sleep 0.1; done; echo res''ized\r");
    terminal.expect("resized");
    terminal.type_keys("exit 5\r");
    terminal.expect("code 5");
    terminal.expect("Exit request sent.");
    assert_eq!(terminal.exit_code(), 0);
    assert_eq!(place.logins(), 0);
}

#[cfg(unix)]
#[test]
fn nothing_of_the_callers_is_held_open() {
    if support::left_out_under_wine("descriptors are Unix's") {
        return;
    }
    let Some(place) = Place::new() else {
        return;
    };
    let target = &place.target("web-1");
    let first = place.command(&[
        &place.automatic()[0],
        &place.automatic()[1],
        &place.control_path(),
        target,
        "echo in",
    ]);
    // Its output ends when nobody has it any more, under whatever number.
    let mut command = place.sandbox.command("sh");
    command.args(["-c", "exec 9>&1; exec \"$@\"", "sh"]);
    command.arg(first.get_program()).args(first.get_args());
    command.env("HOME", place.folder.path());
    assert_eq!(succeeds(&run(&mut command)), "in\n");
    assert!(place.holder(target).is_some());
    succeeds(&place.ask("exit", &[], target));
}
