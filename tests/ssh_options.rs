//! What ssh_config(5) asks for, by `eic-term ssh` against real SSH servers; OpenSSH's own tests have the rest
//! (`scripts/openssh-regress`).

#![cfg(unix)]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

#[path = "ssh_options/host_keys.rs"]
mod host_keys;
#[path = "ssh_options/restricted.rs"]
mod restricted;
#[path = "ssh_options/x11.rs"]
mod x11;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use eic_sandbox::Config;
use support::{Outcome, Sandbox, peer, run};

/// A server that knows a key, reached as a host like any other, and a folder with the key and what is known of it.
struct Place {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    user: String,
}

impl Place {
    /// `None`, said, where a program is missing.
    fn new(programs: &[&str]) -> Option<Self> {
        Self::with(Config::default(), tempfile::tempdir().unwrap(), programs)
    }

    fn with(config: Config, folder: tempfile::TempDir, programs: &[&str]) -> Option<Self> {
        if programs.iter().filter(|program| !peer(program)).count() > 0 {
            return None;
        }
        let key = folder.path().join("key").display().to_string();
        let made = run(Command::new("ssh-keygen").args(["-qted25519", "-N", "", "-f", &key]));
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        let public = std::fs::read_to_string(format!("{key}.pub")).unwrap();
        let user = run(Command::new("id").arg("-un")).text().trim().to_owned();
        let sandbox = Sandbox::with(config.sshd(true).authorized_key(public));
        let place = Self {
            sandbox,
            folder,
            user,
        };
        let first = place.ssh(&["-oStrictHostKeyChecking=accept-new"], "true");
        assert_eq!(first.code, Some(0), "{}", first.stderr);
        Some(place)
    }

    fn text(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn command(&self, options: &[&str], remote: &str) -> Command {
        let web = self.sandbox.region.instance("web-1").unwrap();
        let port = web.port.unwrap().to_string();
        let known = format!("-oUserKnownHostsFile={}", self.text("known"));
        let host = format!("{}@{}", self.user, web.public_ip.unwrap());
        let mut command = self.sandbox.eic_term(["ssh", "-i", &self.text("key")]);
        command.args(["-p", &port, &known]).args(options);
        command.args([&host, remote]);
        support::at_home(&mut command, self.folder.path());
        command
    }

    fn ssh(&self, options: &[&str], remote: &str) -> Outcome {
        run(&mut self.command(options, remote))
    }
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn data_is_compressed_and_keys_are_renewed_where_that_is_wanted() {
    let Some(place) = Place::new(&["sshd", "ssh-keygen"]) else {
        return;
    };
    let plain = place.ssh(&["-v"], "true").stderr;
    assert!(plain.contains("debug1: agreed on "), "{plain}");
    assert!(!plain.contains("compressed"), "{plain}");
    let options = ["-v", "-C", "-oRekeyLimit=256k"];
    let outcome = place.ssh(&options, "head -c 1500000 /dev/zero");
    assert_eq!(outcome.stdout, vec![0; 1_500_000]);
    assert!(
        outcome.stderr.contains(", compressed"),
        "{}",
        outcome.stderr
    );
    // Compressed zeros are few: keys are renewed by what is sent.
    let keys = |outcome: &Outcome| outcome.stderr.matches("NEWKEYS sent").count();
    assert_eq!(keys(&outcome), 1, "{}", outcome.stderr);
    // So much more than the limit that the exchange is over before the command is.
    let outcome = place.ssh(&["-v", "-oRekeyLimit=1M"], "head -c 8000000 /dev/zero");
    assert!(keys(&outcome) > 1, "{}", outcome.stderr);
}

#[test]
fn a_terminal_takes_chacha20_unless_ciphers_are_named() {
    let Some(place) = Place::new(&["sshd", "ssh-keygen"]) else {
        return;
    };
    for (options, agreed) in [
        (&["-v", "-tt"][..], ", chacha20-poly1305@openssh.com"),
        (&["-v", "-tt", "-caes256-ctr,aes128-ctr"], ", aes256-ctr, "),
    ] {
        let outcome = place.ssh(options, "true");
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(agreed), "{}", outcome.stderr);
    }
}

#[test]
fn what_is_read_and_not_done_is_said_with_v() {
    let Some(place) = Place::new(&["sshd", "ssh-keygen"]) else {
        return;
    };
    let said = "debug1: visualhostkey is read, and without effect";
    for (options, expected) in [
        (&["-oVisualHostKey=yes"][..], false),
        (&["-v", "-oVisualHostKey=no"], false),
        (&["-v", "-oVisualHostKey=yes"], true),
    ] {
        let outcome = place.ssh(options, "true");
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert_eq!(
            outcome.stderr.contains(said),
            expected,
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn connections_come_from_where_they_should() {
    let sandbox = Sandbox::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let from = |option: &str| {
        let args = [
            "ssh",
            "-F",
            "none",
            "-p",
            &port,
            option,
            "127.0.0.1",
            "true",
        ];
        let mut child = Ended(
            sandbox
                .eic_term(args)
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let (_, from) = listener.accept().unwrap();
        // Nobody speaks SSH there.
        assert_eq!(child.0.wait().unwrap().code(), Some(255));
        from.ip().to_string()
    };
    assert_eq!(from("-T"), "127.0.0.1");
    assert_eq!(from("-oBindAddress=127.0.0.9"), "127.0.0.9");
    if !support::left_out_under_wine("its interfaces have other names") {
        assert_eq!(from("-oBindInterface=lo"), "127.0.0.1");
    }
    let args = [
        "ssh",
        "-F",
        "none",
        "-p",
        &port,
        "-oBindInterface=none-such",
        "127.0.0.1",
    ];
    let none = run(&mut sandbox.eic_term(args));
    assert_eq!(none.code, Some(255));
    assert!(
        none.stderr.contains("`none-such` has no address"),
        "{}",
        none.stderr
    );
}

#[test]
fn revoked_host_keys_are_refused() {
    let Some(place) = Place::new(&["sshd", "ssh-keygen"]) else {
        return;
    };
    let known = std::fs::read_to_string(place.text("known")).unwrap();
    let (_, key) = known.trim().split_once(' ').unwrap();
    std::fs::write(place.text("revoked"), format!("{key}\n")).unwrap();
    let option = format!("-oRevokedHostKeys={}", place.text("revoked"));
    let refused = place.ssh(&[&option], "true");
    assert_eq!(refused.code, Some(255));
    assert!(
        refused.stderr.contains("is revoked in"),
        "{}",
        refused.stderr
    );
    // An instance's, too.
    let target = format!("{}@web-1", place.user);
    let instance =
        |option: &str| run(&mut place.sandbox.eic_term(["ssh", option, &target, "true"]));
    assert_eq!(instance("-T").code, Some(0));
    let refused = instance(&option);
    assert!(
        refused.stderr.contains("is revoked in"),
        "{}",
        refused.stderr
    );
    let missing = place.ssh(&["-oRevokedHostKeys=/none-such"], "true");
    assert_eq!(missing.code, Some(255), "{}", missing.stderr);
}

#[test]
fn a_key_that_was_used_is_given_to_the_agent() {
    if support::left_out_under_wine("it has no Unix sockets") {
        return;
    }
    let Some(place) = Place::new(&["sshd", "ssh-keygen", "ssh-agent", "ssh-add"]) else {
        return;
    };
    let (_agent, socket) = restricted::agent(&place);
    let list = || {
        run(Command::new("ssh-add")
            .arg("-l")
            .env("SSH_AUTH_SOCK", &socket))
    };
    let log_in = |options: &[&str]| {
        let outcome = run(place.command(options, "true").env("SSH_AUTH_SOCK", &socket));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    };
    log_in(&[]);
    assert_eq!(list().code, Some(1), "{}", list().text());
    log_in(&["-oAddKeysToAgent=10m"]);
    assert!(list().text().contains("ED25519"), "{}", list().text());
    // From now on the file is not needed.
    std::fs::remove_file(place.text("key")).unwrap();
    log_in(&[]);
}

#[test]
fn a_forwarded_connection_outlasts_the_command() {
    if support::left_out_under_wine("it has no Unix sockets") {
        return;
    }
    let Some(place) = Place::new(&["sshd", "ssh-keygen"]) else {
        return;
    };
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let (socket, ended) = (place.text("socket"), place.text("ended"));
    let forward = format!("{socket}:{}", service.local_addr().unwrap());
    let mut command = place.command(&["-L", &forward], &format!("read line; touch {ended}"));
    let mut child = Ended(command.stdin(Stdio::piped()).spawn().unwrap());
    let mut client = loop {
        match UnixStream::connect(&socket) {
            Ok(client) => break client,
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut server = service.accept().unwrap().0;
    drop(child.0.stdin.take());
    while !std::path::Path::new(&ended).exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Long enough that a program that had left would be gone.
    let mut block = vec![7; 1 << 20];
    for _ in 0..50 {
        std::thread::scope(|scope| {
            scope.spawn(|| client.write_all(&[7; 1 << 20]).unwrap());
            server.read_exact(&mut block).unwrap();
        });
    }
    assert_eq!(child.0.try_wait().unwrap(), None, "it has left");
    drop((client, server));
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}

#[test]
fn the_host_has_a_socks_proxy_that_leads_here() {
    let Some(place) = Place::new(&["sshd", "ssh-keygen", "curl"]) else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let request = BufReader::new(stream.try_clone().unwrap());
            let head = request.lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let answer = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello";
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    let elsewhere = format!("-oPermitRemoteOpen={}:{}", here.ip(), here.port() ^ 1);
    let only = format!("-oPermitRemoteOpen={here}");
    for (permitted, code) in [("-T", 0), (only.as_str(), 0), (elsewhere.as_str(), 97)] {
        // Which port is free on the host is known there alone: it says so on standard error.
        let mut command = place.command(
            &[permitted, "-R", "0"],
            "read port; curl -s --socks5-hostname 127.0.0.1:$port $(cat)",
        );
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Ended(pipes.stderr(Stdio::piped()).spawn().unwrap());
        let mut said = String::new();
        let stderr = child.0.stderr.as_mut().unwrap();
        BufReader::new(stderr).read_line(&mut said).unwrap();
        let port: String = said
            .chars()
            .skip_while(|one| *one != ':')
            .skip(1)
            .take_while(char::is_ascii_digit)
            .collect();
        let mut input = child.0.stdin.take().unwrap();
        write!(input, "{port}\nhttp://{here}/").unwrap();
        drop(input);
        let mut answer = String::new();
        std::io::Read::read_to_string(child.0.stdout.as_mut().unwrap(), &mut answer).unwrap();
        assert_eq!(
            child.0.wait().unwrap().code(),
            Some(code),
            "{permitted}: {said}"
        );
        assert_eq!(answer, if code == 0 { "hello" } else { "" });
    }
}
