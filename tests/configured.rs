//! OpenSSH's configuration file for targets of our own commands: what it says holds below the command line and our own
//! file, and a key is pushed to instances all the same.

#![cfg(unix)]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Outcome, Sandbox, peer, run};

/// A region with real SSH servers and a file to configure with.
struct Place {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    user: String,
}

impl Place {
    fn new() -> Option<Self> {
        if !peer("ssh-keygen") {
            return None;
        }
        Some(Self {
            sandbox: Sandbox::with_sshd()?,
            folder: tempfile::tempdir().unwrap(),
            user: run(Command::new("id").arg("-un")).text().trim().to_owned(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of ours with this configuration.
    fn command(&self, config: &str, args: &[&str]) -> Command {
        let path = self.path("config");
        std::fs::write(&path, config).unwrap();
        let mut command = self.sandbox.eic_term(args);
        command.env("EIC_TERM_SSH_CONFIG", path);
        command
    }

    fn exec(&self, config: &str, args: &[&str]) -> Outcome {
        run(&mut self.command(config, &[&["exec"], args].concat()))
    }

    /// The same without a configuration file of our own.
    fn bare(&self, config: &str, args: &[&str]) -> Outcome {
        let own = self.path("own.toml");
        std::fs::write(&own, "").unwrap();
        let mut command = self.command(config, &[&["exec"], args].concat());
        run(command.env("EIC_TERM_CONFIG", own))
    }

    /// A new key without a passphrase.
    fn key(&self) -> String {
        let key = self.path("id_ed25519").display().to_string();
        let made =
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]));
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        key
    }

    fn pushes(&self) -> u64 {
        self.sandbox.region.calls("SendSSHPublicKey")
    }
}

fn in_there(outcome: &Outcome) {
    assert_eq!(outcome.text(), "in\n", "{}", outcome.stderr);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn whose_word_counts() {
    let Some(place) = Place::new() else { return };
    let web = place.sandbox.region.instance("web-1").unwrap();
    let (user, port) = (&place.user, web.port.unwrap());
    let echo = ["web-1", "--", "echo in"];
    // Our own file names the user and the port, and wins.
    in_there(&place.exec("User nobody-here\nPort 1\n", &echo));
    // Without it OpenSSH's holds.
    let config = format!("Host web-*\n User {user}\n Port {port}\nHost *\n User nobody-here\n");
    in_there(&place.bare(&config, &echo));
    in_there(&place.bare(&config.replace('\n', "\r\n"), &echo));
    // The command line wins over both.
    let other = place.bare(&config, &["-l", "nobody-here", "web-1", "--", "true"]);
    assert_eq!(other.code, Some(255));
    assert!(other.stderr.contains("`nobody-here`"), "{}", other.stderr);
    let closed = place.exec(&config, &["-p", "1", "web-1", "--", "true"]);
    assert!(closed.stderr.contains(":1"), "{}", closed.stderr);
    // `none` is no file, and neither counts what is for others.
    let config = format!("{config}\nHost db-1\n Nonsense yes\n");
    in_there(&place.exec(&config, &["-F", "none", "web-1", "--", "echo in"]));
    let wrong = place.exec(&config, &echo);
    assert_eq!(wrong.code, Some(255));
    let place_of_it = "config: line 8: Bad configuration option: nonsense";
    assert!(wrong.stderr.contains(place_of_it), "{}", wrong.stderr);
    let missing = place.exec("", &["-F", "/none", "web-1", "--", "true"]);
    assert_eq!(missing.code, Some(255));
    assert!(missing.stderr.contains("/none"), "{}", missing.stderr);
}

#[test]
fn the_file_in_the_home_folder_is_read() {
    let Some(place) = Place::new() else { return };
    let web = place.sandbox.region.instance("web-1").unwrap();
    std::fs::create_dir(place.path(".ssh")).unwrap();
    let text = format!("Host my-web\n HostName {}\n", web.id);
    std::fs::write(place.path(".ssh/config"), text).unwrap();
    let mut command = place.sandbox.eic_term(["exec", "-p"]);
    command.arg(web.port.unwrap().to_string());
    command.args(["my-web", "--", "echo in"]);
    command.env_remove("EIC_TERM_SSH_CONFIG");
    support::at_home(&mut command, place.folder.path());
    in_there(&run(&mut command));
}

#[test]
fn a_key_for_all_hosts_does_not_keep_ours_from_being_pushed() {
    let Some(place) = Place::new() else { return };
    let key = place.key();
    let usual = format!(
        "Host *\n IdentityFile {key}\n IdentitiesOnly yes\n AddKeysToAgent yes\n ControlMaster auto\n \
         ControlPath ~/.ssh/%C\n ControlPersist 10m\n ServerAliveInterval 60\n HashKnownHosts yes\n"
    );
    let echo = ["web-1", "--", "echo in"];
    in_there(&place.exec(&usual, &echo));
    in_there(&place.exec(&format!("Host github.com\n User git\n{usual}"), &echo));
    assert_eq!(place.pushes(), 2);
    // As `ssh` it is the same.
    let config = place.path("config").display().to_string();
    let target = format!("{}@web-1", place.user);
    in_there(&run(&mut place
        .sandbox
        .eic_term(["ssh", "-F", &config, &target, "echo in"])));
    assert_eq!(place.pushes(), 3);
    // One for this host is its own key: it is taken, and none is pushed.
    let own = format!("Host web-*\n IdentityFile {key}\n{usual}");
    let refused = place.exec(&own, &echo);
    assert_eq!(refused.code, Some(255));
    assert!(refused.stderr.contains("refused"), "{}", refused.stderr);
    assert_eq!(place.pushes(), 3);
    let public = format!("{key}.pub");
    let send = ["send-key", "web-1", "--public-key", &public];
    assert_eq!(run(&mut place.command("", &send)).code, Some(0));
    in_there(&place.exec(&own, &echo));
    in_there(&place.exec(
        &format!("Match host web-1 user *\n IdentityFile {key}\n"),
        &echo,
    ));
    assert_eq!(place.pushes(), 4);
}

#[test]
fn names_ways_and_variables() {
    let Some(place) = Place::new() else { return };
    let web = place.sandbox.region.instance("web-1").unwrap();
    let (port, address) = (web.port.unwrap(), web.public_ip.unwrap());
    let port = port.to_string();
    for name in [
        web.id.clone(),
        address.to_string(),
        "tag:Name=web-1".to_owned(),
    ] {
        let config = format!("Host w\n HostName {name}\n Port {port}\n");
        in_there(&place.exec(&config, &["w", "--", "echo in"]));
    }
    // What our own file says of the instance holds for its other name.
    in_there(&place.exec("Host w\n HostName web-1\n", &["w", "--", "echo in"]));
    // By way of one instance to another, a key for each.
    let before = place.pushes();
    let config = format!("Host {}\n ProxyJump web-1\n Port {port}\n", web.id);
    in_there(&place.exec(&config, &[&web.id, "--", "echo in"]));
    assert_eq!(place.pushes(), before + 2);
    in_there(&place.exec(&config, &["-J", "none", &web.id, "--", "echo in"]));
    let typed = ["-J", "web-1", "-p", &port, &web.id, "--", "echo in"];
    in_there(&place.exec("", &typed));
    assert_eq!(place.pushes(), before + 5);
    let lost = place.exec("", &["-J", "nobody.invalid", &web.id, "--", "true"]);
    assert_eq!(lost.code, Some(255));
    assert!(lost.stderr.contains("nobody.invalid"), "{}", lost.stderr);

    let config = "Host web-1\n SetEnv LANG=xx\n SendEnv LC_EIC*\n RemoteCommand echo in\n";
    let mut command = place.command(config, &["exec", "web-1", "--", "echo $LANG $LC_EIC_TEST"]);
    assert_eq!(run(command.env("LC_EIC_TEST", "yy")).text(), "xx yy\n");
    let mut command = place.command(config, &["exec", "-t", "web-1", "--", "printenv LANG"]);
    assert_eq!(run(command.env("LANG", "yy")).text(), "xx\r\n");
    in_there(&run(&mut place.command(config, &["web-1"])));
    let config = "RequestTTY force\n";
    assert!(
        place
            .exec(config, &["web-1", "--", "tty"])
            .text()
            .starts_with("/dev/")
    );
    let none = ["-T", "web-1", "--", "tty; echo in"];
    assert!(place.exec(config, &none).text().contains("not a tty"));
}

#[test]
fn forwards_and_the_agent() {
    if support::left_out_under_wine("it has no Unix sockets") {
        return;
    }
    let Some(place) = Place::new() else { return };
    let echo = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = echo.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in echo.incoming().flatten() {
            stream.write_all(b"hello").ok();
        }
    });
    let socket = place.path("local");
    let config = format!(
        "Host web-1\n LocalForward {} localhost:{port}\n",
        socket.display()
    );
    for args in [
        &["exec", "web-1", "--", "echo ready; cat"][..],
        &["forward", "web-1"],
    ] {
        let mut command = place.command(&config, args);
        let pipes = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let mut line = String::new();
        match args[0] {
            "exec" => BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line),
            _ => BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line),
        }
        .unwrap();
        let mut heard = String::new();
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello", "{line}");
        child.kill().unwrap();
        child.wait().unwrap();
        std::fs::remove_file(&socket).ok();
    }
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());

    // What answers there does not matter: a socket is lent, or none.
    for (config, expected) in [("ForwardAgent yes\n", "yes\n"), ("ForwardAgent no\n", "\n")] {
        let ask = ["exec", "web-1", "--", "echo ${SSH_AUTH_SOCK:+yes}"];
        let mut command = place.command(config, &ask);
        let outcome = run(command.env("SSH_AUTH_SOCK", place.path("agent")));
        assert_eq!(outcome.text(), expected, "{}", outcome.stderr);
    }
}

#[test]
fn signs_of_life() {
    let Some(place) = Place::new() else { return };
    // The server is stopped for longer than it may be silent.
    let config = "ServerAliveInterval 1\nServerAliveCountMax 1\n";
    let silent = "server=$PPID; (sleep 8; kill -CONT $server) & kill -STOP $server; sleep 9";
    let outcome = place.exec(config, &["web-1", "--", silent]);
    assert_eq!(outcome.code, Some(255), "{}", outcome.stderr);
    assert!(outcome.took < Duration::from_secs(7), "{:?}", outcome.took);
}
