//! AWS's `mssh` and ours under its name: the same command lines do the same.

use std::path::PathBuf;

use crate::key::{Key, host_key_options};
use crate::support::{self, Outcome, Sandbox, find, run};
use crate::{current_user, peers};

const ID: &str = "i-0123456789abcdef0";

/// Command lines that make no sense.
const MISUSES: &[&[&str]] = &[
    &[],
    &["-r"],
    &["-r", "-v", ID],
    &["--reg"],
    &["-u"],
    &["-z"],
    &["--debug=x", ID],
    &["-r", "nowhere", ID],
    &["-z", "x", ID],
    &["-z", "us-east-1", ID],
    &["a@b@i-0123456789abcdef0"],
    &["1x@i-0123456789abcdef0"],
    &["-t", "x", "web"],
    &["-t", ID, "bad_host"],
];

/// A folder with our program under AWS's names.
struct Names(tempfile::TempDir);

impl Names {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["mssh", "msftp"] {
            #[cfg(unix)]
            std::os::unix::fs::symlink(support::binary(), folder.path().join(name)).unwrap();
            #[cfg(not(unix))]
            std::fs::copy(support::binary(), folder.path().join(format!("{name}.exe"))).unwrap();
        }
        Some(Self(folder))
    }

    fn path(&self, name: &str) -> PathBuf {
        let suffix = std::env::consts::EXE_SUFFIX;
        self.0.path().join(format!("{name}{suffix}"))
    }
}

/// What is wrong, without the usage: the first line of the output, or the last that is an error.
fn complaint(outcome: &Outcome) -> (Option<i32>, String) {
    let text = outcome.text();
    let error = outcome.stderr.lines().last().unwrap_or_default();
    let line = text.lines().next().unwrap_or(error);
    (outcome.code, line.to_owned())
}

#[test]
fn misuse_of_mssh_ends_alike() {
    let Some(names) = Names::new() else { return };
    if !peers(&["mssh"]) {
        return;
    }
    let sandbox = Sandbox::start();
    // It takes theirs a second to start.
    for (program, misuses) in [("mssh", MISUSES), ("msftp", &MISUSES[..2])] {
        for args in misuses {
            let theirs = run(sandbox.command(find(program).unwrap()).args(*args));
            let ours = run(sandbox.command(names.path(program)).args(*args));
            assert_eq!(complaint(&ours), complaint(&theirs), "{program} {args:?}");
            assert_eq!(ours.stderr.is_empty(), theirs.stderr.is_empty(), "{args:?}");
        }
        let help = run(sandbox.command(names.path(program)).arg("-h"));
        assert_eq!(help.code, Some(0));
        assert!(help.text().starts_with("usage: "), "{}", help.text());
    }
}

#[test]
fn mssh_sessions_are_the_same() {
    let Some(names) = Names::new() else { return };
    if !peers(&["mssh", "ssh"]) {
        return;
    }
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let web = sandbox.region.instance("web-1").unwrap();
    let (folder, user, region) = (
        tempfile::tempdir().unwrap(),
        current_user(),
        sandbox.region.name(),
    );
    let (port, id) = (web.port.unwrap().to_string(), web.id.as_str());
    let known = host_key_options(&folder, web);
    let address = web.public_ip.unwrap().to_string();
    let target = format!("{user}@{id}");
    let host = format!("{user}@{address}");
    let session = |program: &PathBuf, args: &[&str]| {
        let mut mssh = sandbox.command(program);
        run(mssh.args(["-p", &port]).args(&known).args(args))
    };
    let theirs = find("mssh").unwrap();
    for (args, code, text) in [
        (&["-r", region, &target, "echo in; exit 7"][..], 7, "in\n"),
        (&["-l", &user, id, "echo", "a", "b"], 0, "a b\n"),
        (&["--region", region, "-t", id, &host, "echo in"], 0, "in\n"),
        (
            &["-o", "SetEnv=LANG=xx", &target, "printenv LANG"],
            0,
            "xx\n",
        ),
        (
            &["-z", "eu-west-1a", "-T", "-p", &port, &target, "tty"],
            1,
            "not a tty\n",
        ),
    ] {
        let pushes = sandbox.region.calls("SendSSHPublicKey");
        let [theirs, ours] = [&theirs, &names.path("mssh")].map(|one| session(one, args));
        assert_eq!(ours.code, Some(code), "{args:?}: {}", ours.stderr);
        assert_eq!(theirs.code, Some(code), "{args:?}: {}", theirs.stderr);
        assert!(ours.text().ends_with(text), "{args:?}: {}", ours.text());
        assert_eq!(ours.text(), theirs.text(), "{args:?}");
        assert_eq!(
            sandbox.region.calls("SendSSHPublicKey"),
            pushes + 2,
            "{args:?}"
        );
    }
    for args in [&["-u", "nobody", &target, "true"][..], &[ID, "true"]] {
        for program in [&theirs, &names.path("mssh")] {
            let outcome = session(program, args);
            assert!(
                !matches!(outcome.code, None | Some(0)),
                "{args:?}: {outcome:?}"
            );
        }
    }

    let batch = folder.path().join("batch").display().to_string();
    std::fs::write(&batch, "ls /etc/passwd\n").unwrap();
    for program in [find("msftp").unwrap(), names.path("msftp")] {
        let mut msftp = sandbox.command(&program);
        let args = ["-r", region, "-P", &port, "-b", &batch];
        let outcome = run(msftp.args(args).args(&known).arg(&target));
        assert_eq!(outcome.code, Some(0), "{program:?}: {}", outcome.stderr);
        assert!(outcome.text().contains("/etc/passwd"), "{}", outcome.text());
    }

    // What theirs cannot do; it gives the command to a shell here, too.
    let key = Key::generate();
    let public = sandbox.eic_term(["send-key", id, "--public-key"]);
    let mut public = public;
    assert_eq!(run(public.arg(key.public_file())).code, Some(0));
    let (key, named) = (key.file().display().to_string(), format!("{user}@web-1"));
    for (args, text) in [
        (&["-i", &key, &target, "echo in"][..], "in\n"),
        (&["-v", &target, "-T", "echo in"], "in\n"),
        (&["-r", region, &named, "echo -d -t -r in"], "-d -t -r in\n"),
        (&["-tt", &target, "tty"], "/dev/pts/"),
        (&[&target, "echo", "'a  b'", "$((6 * 7))"], "a  b 42\n"),
    ] {
        let mut mssh = sandbox.command(names.path("mssh"));
        let outcome = run(mssh.args(["-F", "none"]).args(args));
        assert_eq!(outcome.code, Some(0), "{args:?}: {}", outcome.stderr);
        assert!(
            outcome.text().contains(text),
            "{args:?}: {}",
            outcome.text()
        );
    }
}
