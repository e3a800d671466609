//! Logins with more than a pushed key: own keys, the ssh-agent, certificates, questions.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

#[cfg(unix)]
#[path = "login/agents.rs"]
mod agents;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use eic_sandbox::Config;
use support::terminal::Terminal;
use support::{Sandbox, peer, run};

/// Keys of `ssh-keygen` in a folder of their own.
struct Keys(tempfile::TempDir);

impl Keys {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Makes a key; its public half is returned.
    fn make(&self, name: &str, algorithm: &str, passphrase: &str) -> String {
        let path = self.text(name);
        ssh_keygen(&["-q", "-t", algorithm, "-N", passphrase, "-f", &path]);
        std::fs::read_to_string(self.path(name).with_extension("pub")).unwrap()
    }
}

fn ssh_keygen(args: &[&str]) {
    let made = Command::new("ssh-keygen").args(args).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// Keys, and a region with real SSH servers that know them; `None`, said, without OpenSSH.
fn keys_and_sandbox(made: &[(&str, &str, &str)]) -> Option<(Keys, Sandbox)> {
    if !(peer("sshd") && peer("ssh-keygen")) {
        return None;
    }
    let keys = Keys(tempfile::tempdir().unwrap());
    let mut config = Config::default().sshd(true);
    for (name, algorithm, passphrase) in made {
        config = config.authorized_key(keys.make(name, algorithm, passphrase));
    }
    Some((keys, Sandbox::with(config)))
}

#[test]
fn own_keys_of_every_kind() {
    let made = [
        ("ed25519", "ed25519", ""),
        ("rsa", "rsa", ""),
        ("ecdsa", "ecdsa", ""),
    ];
    let Some((keys, sandbox)) = keys_and_sandbox(&made) else {
        return;
    };
    for (name, ..) in made {
        let key = keys.text(name);
        let outcome = run(&mut sandbox.eic_term(["exec", "-i", &key, "web-1", "--", "true"]));
        assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.stderr);
    }
    let stranger = keys.text("stranger");
    keys.make("stranger", "ed25519", "");
    let (good, bad) = (keys.text("rsa"), stranger.as_str());
    let both = ["exec", "-i", bad, "-i", &good, "web-1", "--", "true"];
    assert_eq!(run(&mut sandbox.eic_term(both)).code, Some(0));
    let outcome = run(&mut sandbox.eic_term(["exec", "-i", bad, "web-1", "--", "true"]));
    assert_eq!(outcome.code, Some(255));
    assert!(outcome.stderr.contains("was refused"), "{}", outcome.stderr);
    assert_eq!(sandbox.region.calls("SendSSHPublicKey"), 0);
}

#[test]
fn a_question_can_wait() {
    if support::left_out_under_wine("a shell of this system has no part in its consoles") {
        return;
    }
    let Some((keys, sandbox)) = keys_and_sandbox(&[("locked", "ed25519", "open sesame")]) else {
        return;
    };
    let variables = [("PS1", "local> "), ("SSH_AUTH_SOCK", "")];
    let mut terminal = Terminal::start_with(&sandbox, &variables, "bash", &["--norc", "-i"]);
    terminal.type_keys(&format!(
        "{} exec -i {} web-1 -- echo in\r",
        support::binary(),
        keys.text("locked")
    ));
    terminal.expect("Enter passphrase for key");
    terminal.type_keys("half\u{1a}");
    terminal.expect("Stopped");
    terminal.type_keys("stty -a | grep -oE ' (icanon|echo)\\>'; fg\r");
    terminal.expect("\n icanon\n echo\n");
    terminal.wait_for("the question again", |terminal| {
        terminal.text().matches("Enter passphrase").count() == 2
    });
    terminal.type_keys("open sesame\r");
    terminal.expect("\nin\n");
    assert!(!terminal.text().contains("sesame"), "{}", terminal.text());
    terminal.type_keys("exit\r");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn a_passphrase_is_asked_for_on_the_terminal() {
    let Some((keys, sandbox)) = keys_and_sandbox(&[("locked", "ed25519", "open sesame")]) else {
        return;
    };
    let key = keys.text("locked");
    let args = ["exec", "-i", &key, "web-1", "--", "echo in"];
    let start = || {
        let none = [("SSH_AUTH_SOCK", "")];
        Terminal::start_ours(&sandbox, &none, &args)
    };
    let mut terminal = start();
    terminal.expect("Enter passphrase for key");
    terminal.type_keys("wrong\r");
    terminal.wait_for("the second question", |terminal| {
        terminal.text().matches("Enter passphrase").count() == 2
    });
    terminal.type_keys("open sesamX\x7fe\r");
    terminal.expect("in");
    assert!(!terminal.text().contains("sesam"), "{}", terminal.text());
    assert_eq!(terminal.exit_code(), 0);

    let mut terminal = start();
    terminal.expect("Enter passphrase for key");
    terminal.type_keys("half");
    terminal.press_control_c();
    // A console of Windows has no signal that would end more than the question.
    let ended = if support::under_wine() { 255 } else { 130 };
    assert_eq!(terminal.exit_code(), ended);

    let mut command = sandbox.eic_term(args);
    let outcome = run(detached(&mut command).env_remove("SSH_AUTH_SOCK"));
    assert_eq!(outcome.code, Some(255));
    for text in ["it is encrypted", "ssh-add"] {
        assert!(outcome.stderr.contains(text), "{}", outcome.stderr);
    }
}

/// Without a terminal to ask on.
fn detached(command: &mut Command) -> &mut Command {
    #[cfg(unix)]
    {
        let program = command.get_program().to_owned();
        let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let env: Vec<_> = command
            .get_envs()
            .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
            .collect();
        *command = Command::new("setsid");
        command.arg("--wait").arg(program).args(args);
        for (name, value) in env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::null());
    }
    command
}

#[test]
fn certificates_beside_a_key_are_shown_with_it() {
    if !(peer("sshd") && peer("ssh-keygen")) {
        return;
    }
    let keys = Keys(tempfile::tempdir().unwrap());
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    keys.make("ca", "ed25519", "");
    for (name, algorithm) in [("id", "ed25519"), ("id_rsa", "rsa")] {
        keys.make(name, algorithm, "");
        let public = keys.text(&format!("{name}.pub"));
        ssh_keygen(&[
            "-q",
            "-s",
            &keys.text("ca"),
            "-I",
            "me",
            "-n",
            &user,
            &public,
        ]);
    }
    let trusted = format!("TrustedUserCAKeys {}", keys.text("ca.pub"));
    let sandbox = Sandbox::with(Config::default().sshd(true).sshd_option(trusted));
    for name in ["id", "id_rsa"] {
        let key = keys.text(name);
        let args = ["exec", "-l", &user, "-i", &key, "web-1", "--", "true"];
        let outcome = run(&mut sandbox.eic_term(args));
        assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.stderr);
    }
}

#[test]
fn a_second_factor_is_asked_for() {
    let sandbox = Sandbox::with(Config::default().one_time_code("123456"));
    let args = ["exec", "web-1", "--", "echo in"];
    let mut command = sandbox.eic_term(args);
    let unasked = run(detached(&mut command));
    assert_eq!(unasked.code, Some(255));
    let said = "(keyboard-interactive)";
    assert!(unasked.stderr.contains(said), "{}", unasked.stderr);
    let mut terminal = Terminal::start_ours(&sandbox, &[], &args);
    terminal.expect("Look at your token.");
    terminal.expect("(ec2-user@i-0e1c0000000000001) Code:");
    terminal.type_keys("111111\r");
    terminal.wait_for("the second question", |terminal| {
        terminal.text().matches("Code:").count() == 2
    });
    terminal.type_keys("123456\r");
    terminal.expect("in");
    assert_eq!(terminal.exit_code(), 0);
    let mut terminal = Terminal::start_ours(&sandbox, &[], &args);
    terminal.expect("Code:");
    terminal.press_control_c();
    assert_eq!(terminal.exit_code(), 130);
}

#[test]
fn answers_are_asked_for_as_often_as_is_said() {
    let sandbox = Sandbox::with(Config::default().one_time_code("123456"));
    for (said, times) in [
        ("", 3),
        ("-oNumberOfPasswordPrompts=1", 1),
        ("-oNumberOfPasswordPrompts=0", 0),
    ] {
        let options = ["ssh", "-F", "none", said, "ec2-user@web-1", "true"];
        let words: Vec<_> = options
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let mut terminal = Terminal::start_ours(&sandbox, &[], &words);
        for asked in 1..=times {
            terminal.wait_for("a question", |terminal| {
                terminal.text().matches("Code:").count() == asked
            });
            terminal.type_keys("111111\r");
        }
        terminal.expect("(keyboard-interactive)");
        assert_eq!(terminal.text().matches("Code:").count(), times, "{said}");
        assert_eq!(terminal.exit_code(), 255);
    }
}
