//! OpenSSH's client logs in to the instances: to the built-in host and to a real sshd, straight
//! and through the endpoint.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod peer;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};
use std::thread;

use eic_sandbox::{Config, Fault, Region};
use peer::{Key, current_user, instance, present};

/// What one way to an instance is tried with.
struct Way {
    region: Region,
    key: Key,
    user: String,
    tunnelled: bool,
}

impl Way {
    fn ssh(&self) -> Command {
        match self.tunnelled {
            true => self
                .key
                .tunnelled(&self.region, instance(&self.region, "db-1"), &self.user),
            false => self
                .key
                .direct(&self.region, instance(&self.region, "web-1"), &self.user),
        }
    }

    fn run(&self, line: &str) -> Output {
        self.ssh().arg(line).output().unwrap()
    }

    fn code(&self, line: &str) -> Option<i32> {
        self.run(line).status.code()
    }
}

/// One way to log in; `None` where a program for it is missing.
fn way(sshd: bool, tunnelled: bool) -> Option<Way> {
    let mut programs = vec!["ssh", "ssh-keygen"];
    programs.extend(sshd.then_some("sshd"));
    programs.extend(tunnelled.then_some("botocore"));
    if !present(&programs) {
        return None;
    }
    let key = Key::generate();
    let config = Config::default().sshd(sshd).authorized_key(key.public());
    let region = Region::start(config).unwrap();
    let user = if sshd {
        current_user()
    } else {
        "ec2-user".to_owned()
    };
    Some(Way {
        region,
        key,
        user,
        tunnelled,
    })
}

fn commands_end_as_they_should(way: &Way) {
    for code in [0, 1, 42, 255] {
        assert_eq!(way.code(&format!("exit {code}")), Some(code));
    }
    // ssh gives 255 for a remote death by signal, and says which on stderr.
    assert_eq!(way.code("kill -TERM $$"), Some(255));
    let output = way.run("echo out; echo err >&2");
    assert_eq!(
        (&output.stdout[..], &output.stderr[..]),
        (&b"out\n"[..], &b"err\n"[..])
    );
}

fn bytes_pass_both_ways(way: &Way, megabytes: usize) {
    let bytes: Vec<u8> = (0..megabytes << 20).map(|i| ((i * i) >> 8) as u8).collect();
    let mut ssh = way.ssh();
    ssh.arg("cat").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut ssh = ssh.spawn().unwrap();
    let mut stdin = ssh.stdin.take().unwrap();
    let sent = bytes.clone();
    let sender = thread::spawn(move || stdin.write_all(&sent));
    let output = ssh.wait_with_output().unwrap();
    sender.join().unwrap().unwrap();
    assert!(output.status.success());
    assert!(
        output.stdout == bytes,
        "{} of {} bytes",
        output.stdout.len(),
        bytes.len()
    );
}

fn many_at_once(way: &Way, number: i32) {
    thread::scope(|scope| {
        for number in 0..number {
            scope.spawn(move || assert_eq!(way.code(&format!("exit {number}")), Some(number)));
        }
    });
}

fn terminals_are_real(way: &Way) {
    let mut ssh = way.ssh();
    ssh.args(["-tt", "test -t 0 && echo $TERM; exit 3"]);
    let output = ssh.env("TERM", "vt100").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "vt100\r\n");
    assert_eq!(output.status.code(), Some(3));
}

fn everything(way: &Way, megabytes: usize, at_once: i32) {
    commands_end_as_they_should(way);
    bytes_pass_both_ways(way, megabytes);
    many_at_once(way, at_once);
    terminals_are_real(way);
}

#[test]
fn built_in_host_direct() {
    if let Some(way) = way(false, false) {
        everything(&way, 16, 20);
    }
}

#[test]
fn built_in_host_through_the_endpoint() {
    if let Some(way) = way(false, true) {
        everything(&way, 4, 5);
        assert!(way.region.tunnels() > 5);
    }
}

#[test]
fn sshd_direct() {
    if let Some(way) = way(true, false) {
        everything(&way, 16, 20);
    }
}

#[test]
fn sshd_through_the_endpoint() {
    if let Some(way) = way(true, true) {
        everything(&way, 4, 5);
    }
}

#[test]
fn nothing_outlives_the_region() {
    for sshd in [false, true] {
        let Some(way) = way(sshd, false) else { return };
        let mut ssh = way.ssh();
        ssh.arg("echo $$; exec sleep 1000").stdout(Stdio::piped());
        let mut ssh = ssh.spawn().unwrap();
        let mut id = String::new();
        let mut output = BufReader::new(ssh.stdout.take().unwrap());
        output.read_line(&mut id).unwrap();
        let folder = way.region.folder().to_owned();
        drop(way);
        assert!(!folder.exists());
        assert_eq!(ssh.wait().unwrap().code(), Some(255));
        // The signal has been sent; the process goes when the kernel gets to it.
        let alive = || {
            Command::new("kill")
                .args(["-0", id.trim()])
                .stderr(Stdio::null())
                .status()
        };
        while alive().unwrap().success() {}
    }
}

#[test]
fn fragmented_frames_carry_the_same_bytes() {
    if !present(&["aws", "ssh", "ssh-keygen", "botocore"]) {
        return;
    }
    let region = Region::start(Config::default().fault(Fault::Fragment(10))).unwrap();
    let key = Key::generate();
    let db = instance(&region, "db-1");
    assert!(key.push(&region, db, "ec2-user").status.success());
    let output = key
        .tunnelled(&region, db, "ec2-user")
        .arg("echo whole")
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"whole\n");
}

#[test]
fn a_key_serves_one_user_of_one_instance_and_not_for_ever() {
    if !present(&["aws", "ssh", "ssh-keygen", "sshd"]) {
        return;
    }
    for sshd in [false, true] {
        let brief = std::time::Duration::from_secs(10);
        let region = Region::start(Config::default().sshd(sshd).key_life(brief)).unwrap();
        let (key, user, web) = (Key::generate(), current_user(), instance(&region, "web-1"));
        let login = |user: &str| {
            let output = key.direct(&region, web, user).arg("true").output().unwrap();
            output.status.success()
        };
        assert!(
            key.push(&region, instance(&region, "db-1"), &user)
                .status
                .success()
        );
        assert!(!login(&user), "another instance's key");
        assert!(key.push(&region, web, &user).status.success());
        assert!(!login("nobody"), "another user's key");
        assert!(login(&user));
        while login(&user) {}
    }
}

#[test]
fn late_keys_and_ignored_keys() {
    if !present(&["aws", "ssh", "ssh-keygen", "sshd"]) {
        return;
    }
    let late = Fault::DelayedKey(std::time::Duration::from_secs(8));
    let cases = [
        (late.clone(), false, true),
        (late, true, true),
        (Fault::IgnoredKey, false, false),
    ];
    for (fault, sshd, arrives) in cases {
        let region = Region::start(Config::default().sshd(sshd).fault(fault)).unwrap();
        let (key, user, web) = (Key::generate(), current_user(), instance(&region, "web-1"));
        assert!(key.push(&region, web, &user).status.success());
        let login = || {
            key.direct(&region, web, &user)
                .arg("true")
                .status()
                .unwrap()
                .success()
        };
        assert!(!login());
        if arrives {
            while !login() {}
        }
    }
}

#[test]
fn connections_are_cut_where_they_should_be() {
    if !present(&["ssh", "ssh-keygen"]) {
        return;
    }
    // In the middle of the key exchange, and in the middle of the output.
    for (limit, expected) in [(500, 0), (100_000, 50_000)] {
        let key = Key::generate();
        let config = Config::default().authorized_key(key.public());
        let region = Region::start(config.fault(Fault::DropAfter(limit))).unwrap();
        let web = instance(&region, "web-1");
        let mut ssh = key.direct(&region, web, "ec2-user");
        let output = ssh.arg("cat /dev/zero").output().unwrap();
        assert_eq!(output.status.code(), Some(255));
        assert!(output.stdout.len() >= expected && output.stdout.len() < limit as usize);
    }
}

#[test]
fn what_does_not_answer() {
    if !present(&["ssh", "ssh-keygen", "botocore"]) {
        return;
    }
    let region = Region::start(Config::default()).unwrap();
    let key = Key::generate();
    let broken = instance(&region, "broken-1");
    let complaint = |ssh: &mut Command| {
        let output = ssh.arg("true").output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let refused = complaint(&mut key.direct(&region, broken, "ec2-user"));
    assert!(refused.contains("Connection refused"), "{refused}");
    let closed = complaint(&mut key.tunnelled(&region, broken, "ec2-user"));
    assert!(
        closed.contains("closed 1011 Unable to connect to target"),
        "{closed}"
    );
    let mut mute = key.direct(&region, instance(&region, "mute-1"), "ec2-user");
    let silent = complaint(mute.args(["-o", "ConnectTimeout=1"]));
    assert!(silent.contains("timed out"), "{silent}");
}
