//! X11 forwarding (`-X`, `-Y`): real X servers here, real X programs on the host.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::support::{Outcome, left_out_under_wine, run};
use super::{Config, Ended, Place};

const PROGRAMS: [&str; 6] = ["sshd", "ssh-keygen", "Xvfb", "xauth", "xdpyinfo", "xprop"];
/// The cookie of the X servers.
const COOKIE: &str = "00112233445566778899aabbccddeeff";

/// A host that forwards X11, and what is known of X servers here.
struct Desk {
    place: Place,
}

/// An X server.
struct Screen<'a> {
    desk: &'a Desk,
    number: u32,
    _server: Ended,
}

impl Desk {
    fn new() -> Option<Self> {
        if left_out_under_wine("X servers are on Unix sockets, and xauth is no program of Windows")
        {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there").display().to_string();
        // Where there is none yet, xauth says so in the middle of what is compared.
        std::fs::write(&there, "").unwrap();
        let config = Config::default()
            .sshd_option("X11Forwarding yes")
            // Otherwise it is the file of whoever runs this.
            .sshd_option(format!("SetEnv XAUTHORITY={there}"));
        let place = Place::with(config, folder, &PROGRAMS)?;
        Some(Self { place })
    }

    fn authority(&self) -> PathBuf {
        self.place.folder.path().join("here")
    }

    fn xauth(&self, file: &str, words: &[&str]) -> Outcome {
        let mut xauth = Command::new("xauth");
        let done = run(xauth
            .current_dir(&self.place.folder)
            .args(["-f", file])
            .args(words));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done
    }

    /// Starts an X server, which chooses its number.
    fn start(&self, listens: &[&str]) -> Screen<'_> {
        self.xauth("server", &["add", ":0", ".", COOKIE]);
        let mut server = Command::new("Xvfb");
        server
            .current_dir(&self.place.folder)
            .args(["-displayfd", "1", "-noreset"]);
        server.args(["-auth", "server"]).args(listens);
        let pipes = server.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = Ended(pipes.spawn().unwrap());
        let mut number = String::new();
        let stdout = server.0.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut number).unwrap();
        let number = number.trim().parse().expect("a display's number");
        let names = [format!(":{number}"), format!("127.0.0.1:{number}")];
        for name in names {
            self.xauth("here", &["add", &name, ".", COOKIE]);
        }
        Screen {
            desk: self,
            number,
            _server: server,
        }
    }
}

impl Screen<'_> {
    fn command(&self, display: &str, options: &[&str], remote: &str) -> Command {
        let mut command = self.desk.place.command(options, remote);
        command.env("DISPLAY", format!("{display}:{}", self.number));
        command.env("XAUTHORITY", self.desk.authority());
        command
    }

    fn ssh(&self, display: &str, options: &[&str], remote: &str) -> Outcome {
        run(&mut self.command(display, options, remote))
    }

    /// What a program here sees.
    fn property(&self, name: &str) -> String {
        let mut xprop = Command::new("xprop");
        xprop.args(["-display", &format!(":{}", self.number), "-root", name]);
        run(xprop.env("XAUTHORITY", self.desk.authority())).text()
    }
}

#[test]
fn programs_on_the_host_come_to_the_x_server_here() {
    let Some(desk) = Desk::new() else { return };
    let abstract_name = desk.start(&["-nolisten", "unix", "-listen", "tcp"]);
    let file = desk.start(&["-nolisten", "local"]);
    for (screen, display) in [
        (&abstract_name, ""),
        (&abstract_name, "127.0.0.1"),
        (&file, "unix"),
    ] {
        let set =
            format!("xprop -root -f FROM 8s -set FROM '{display} there' && xauth list $DISPLAY");
        let done = screen.ssh(display, &["-Y"], &set);
        assert_eq!(done.code, Some(0), "{display}: {}", done.stderr);
        assert_eq!(done.stderr, "");
        // The host has a cookie, and not the one of the X server.
        assert!(
            done.text().contains("MIT-MAGIC-COOKIE-1"),
            "{}",
            done.text()
        );
        assert!(!done.text().contains(COOKIE));
        let property = screen.property("FROM");
        assert!(
            property.contains(&format!("\"{display} there\"")),
            "{property}"
        );
    }
}

#[test]
fn programs_are_let_in_as_far_as_they_are_trusted() {
    let Some(desk) = Desk::new() else { return };
    let screen = desk.start(&[]);
    let untrusted = ["-X", "-oForwardX11Trusted=no"];
    let set = "xdpyinfo >/dev/null && xprop -root -f FROM 8s -set FROM there";
    let done = screen.ssh("", &untrusted, set);
    assert!(done.stderr.contains("BadAccess"), "{}", done.stderr);
    assert!(screen.property("FROM").contains("not found"));
    // After its time nobody is let in any more.
    let wait = "while xdpyinfo >/dev/null 2>&1; do :; done";
    let done = screen.ssh(
        "",
        &[&untrusted[..], &["-oForwardX11Timeout=1"]].concat(),
        wait,
    );
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("is over"), "{}", done.stderr);
    // Without the cookie that was made for the host nobody is, either.
    for remote in [
        "XAUTHORITY=/dev/null xdpyinfo",
        "xauth add $DISPLAY . 00; xdpyinfo",
    ] {
        let done = screen.ssh("", &["-Y"], remote);
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        assert!(
            done.stderr.contains("does not have the cookie"),
            "{}",
            done.stderr
        );
    }
}

#[test]
fn what_is_said_where_x11_is_not_forwarded() {
    let Some(desk) = Desk::new() else { return };
    let show = "echo \"<$DISPLAY>\"";
    let ssh = |display: Option<&str>, options: &[&str]| {
        let mut command = desk.place.command(options, show);
        command
            .env_remove("DISPLAY")
            .envs(display.map(|display| ("DISPLAY", display)));
        let done = run(command.env("XAUTHORITY", desk.authority()));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        (done.text(), done.stderr)
    };
    let nothing = (String::from("<>\n"), String::new());
    assert_eq!(ssh(Some(":0"), &[]), nothing);
    assert_eq!(ssh(Some(":0"), &["-X", "-x"]), nothing);
    assert_eq!(ssh(None, &["-X"]), nothing);
    let (_, said) = ssh(None, &["-v", "-X"]);
    assert!(said.contains("DISPLAY not set"), "{said}");
    let (there, said) = ssh(Some("`id`"), &["-X"]);
    assert!(there == "<>\n" && said.contains("invalid"), "{there}{said}");
    // An X server that nobody knows a cookie of is shown, and one that can make none is not.
    let (there, said) = ssh(Some("127.0.0.1:1"), &["-Y"]);
    assert!(
        there.contains(":1") && said.contains("No xauth data"),
        "{there}{said}"
    );
    let (there, said) = ssh(Some("127.0.0.1:1"), &["-X", "-oForwardX11Trusted=no"]);
    assert!(
        there == "<>\n" && said.contains("not generated"),
        "{there}{said}"
    );
    let mut refused = desk.place.command(&["-Y"], "xdpyinfo");
    let refused = run(refused.env("DISPLAY", "127.0.0.1:1"));
    assert!(
        refused.stderr.contains("cannot connect to 127.0.0.1:6001"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_shared_connection_shows_its_own_x_server() {
    let Some(desk) = Desk::new() else { return };
    let screen = desk.start(&[]);
    let path = format!("-oControlPath={}", desk.place.text("socket"));
    let master = ["-Y", &path, "-oControlMaster=auto", "-oControlPersist=60"];
    let first = screen.ssh("", &master, "xdpyinfo");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let second = screen.ssh("", &["-Y", &path], "xdpyinfo");
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    let third = screen.ssh("", &[&path], "echo \"<$DISPLAY>\"");
    assert_eq!(third.text(), "<>\n");
    let ended = screen.ssh("", &[&path, "-Oexit"], "");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // A host that forwards nothing says so, and the command runs.
    let Some(place) = Place::new(&PROGRAMS) else {
        return;
    };
    let mut command = place.command(&["-Y"], "echo \"<$DISPLAY>\"");
    let done = run(command
        .env("DISPLAY", format!(":{}", screen.number))
        .env("XAUTHORITY", desk.authority()));
    assert_eq!(done.text(), "<>\n");
    assert_eq!(done.stderr, "X11 forwarding request failed\n");
}
