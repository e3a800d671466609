//! Other users.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;

use super::*;

/// Whether this can be tested: only the superuser can become another user.
fn can_be_another() -> bool {
    let is_root = run(Command::new("id").arg("-u")).text().trim() == "0";
    if !is_root {
        println!("SKIPPED: only the superuser can become another user");
    }
    is_root && support::peer("setpriv") && support::peer("python3")
}

/// Python as another user.
fn another(script: &str) -> Command {
    let mut command = Command::new("setpriv");
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    command.args(user).args(["python3", "-c", script]);
    // One in somebody's home folder is of no use to them.
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("/usr/bin:{path}"));
    command
}

#[test]
fn a_socket_is_its_users_alone() {
    let Some(place) = Place::new() else {
        return;
    };
    if support::left_out_under_wine("users are Unix's") {
        return;
    }
    let target = &place.target("web-1");
    succeeds(&place.shared(&[target, "true"]));
    let socket = place.path("web-1");
    assert_eq!(socket.metadata().unwrap().mode() & 0o777, 0o600);
    // What comes over it that nobody understands is not waited for, nor held.
    let holder = place.holder(target).unwrap();
    for bytes in [&[0xff; 4096][..], &[0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 4]] {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        stream.write_all(bytes).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        assert!(answer.is_empty());
    }
    let statm = std::fs::read_to_string(format!("/proc/{holder}/status")).unwrap();
    let peak = statm.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: u64 = peak
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    assert!(peak < 500_000, "{peak} kB");
    assert!(place.holder(target).is_some());
    if can_be_another() {
        // Even where the file's mode would let them in.
        let folder = place.folder.path();
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o666)).unwrap();
        let script = format!(
            "import socket; s = socket.socket(socket.AF_UNIX); s.connect('{}')\n\
             try: s.sendall(b'\\0\\0\\0\\2\\xe1\\0'); print(len(s.recv(9)))\nexcept ConnectionError: print(0)",
            socket.display()
        );
        let turned_away = run(&mut another(&script));
        assert_eq!(turned_away.text(), "0\n", "{}", turned_away.stderr);
    }
    succeeds(&place.ask("exit", &[], target));
}

#[test]
fn another_users_socket_is_refused() {
    if !can_be_another() {
        return;
    }
    let Some(place) = Place::new() else {
        return;
    };
    if support::left_out_under_wine("users are Unix's") {
        return;
    }
    let folder = place.path("open");
    std::fs::create_dir(&folder).unwrap();
    for folder in [place.folder.path(), &folder] {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o777)).unwrap();
    }
    let socket = folder.join("web-1");
    let script = format!(
        "import socket; s = socket.socket(socket.AF_UNIX); s.bind('{}'); s.listen()\n\
         print('ready', flush=True)\nwhile True: print(len(s.accept()[0].recv(9)), flush=True)",
        socket.display()
    );
    let mut theirs = another(&script).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 6];
    let output = theirs.stdout.as_mut().unwrap();
    output.read_exact(&mut said).unwrap();
    let target = &place.target("web-1");
    let path = format!("-oControlPath={}", socket.display());
    let check = place.ssh(&[&path, "-O", "check", target]);
    assert_eq!(check.code, Some(255));
    assert!(
        check.stderr.contains("another user listens there"),
        "{}",
        check.stderr
    );
    // It is said and done without; nothing is told to them.
    let outcome = place.ssh(&["-oControlMaster=auto", &path, target, "echo in"]);
    assert_eq!(succeeds(&outcome), "in\n");
    assert!(
        outcome.stderr.contains("another user listens there"),
        "{}",
        outcome.stderr
    );
    let mut told = [0; 2];
    output.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"0\n");
    theirs.kill().unwrap();
    theirs.wait().unwrap();
}

#[test]
fn a_person_is_asked_where_that_is_wanted() {
    if support::left_out_under_wine("the program that asks is a script") {
        return;
    }
    let Some(place) = Place::new() else {
        return;
    };
    let target = &place.target("web-1");
    let (program, answer) = (place.path("askpass"), place.path("answer"));
    let script = format!(
        "#!/bin/sh\necho \"$1\" >> {0}.asked; exec cat {0}\n",
        answer.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
    let path = place.control_path();
    let args = ["-N", "-oControlMaster=ask", &path, target];
    let mut command = place.command(&args);
    let mut holder = command.env("SSH_ASKPASS", program).spawn().unwrap();
    eventually("a holder", || place.holder(target).is_some());
    std::fs::write(&answer, "no").unwrap();
    let refused = place.ssh(&[&path, target, "echo in"]);
    assert_eq!(succeeds(&refused), "in\n");
    assert!(
        refused.stderr.contains("takes no more sessions"),
        "{}",
        refused.stderr
    );
    assert_eq!(place.logins(), 2);
    let exit = place.ask("exit", &[], target);
    assert_eq!(exit.code, Some(255));
    assert!(exit.stderr.contains("not allowed"), "{}", exit.stderr);
    std::fs::write(&answer, "yes").unwrap();
    assert_eq!(succeeds(&place.ssh(&[&path, target, "echo in"])), "in\n");
    succeeds(&place.ask("exit", &[], target));
    assert!(holder.wait().unwrap().success());
    assert_eq!(place.logins(), 2);
    let asked = std::fs::read_to_string(place.path("answer.asked")).unwrap();
    assert_eq!(asked.lines().count(), 4, "{asked}");
}
