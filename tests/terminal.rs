//! A terminal that people forget is remote: programs, keys and every way out, against a real OpenSSH server.

#![cfg(unix)]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

#[path = "terminal/escapes.rs"]
mod escapes;
#[path = "terminal/programs.rs"]
mod programs;
#[path = "terminal/recordings.rs"]
mod recordings;
#[path = "terminal/ways_out.rs"]
mod ways_out;
#[path = "terminal/words.rs"]
mod words;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use support::terminal::Terminal;
use support::{Sandbox, peer, run};

/// A remote shell that starts quickly and says when it is ready.
const SHELL: &str = "exec env PS1='ready> ' sh -i";

/// An interactive shell of a real server; `None` where there is no server.
fn shell(args: &[&str]) -> Option<(Sandbox, Terminal)> {
    shell_with(&[], args)
}

fn shell_with(variables: &[(&str, &str)], args: &[&str]) -> Option<(Sandbox, Terminal)> {
    let sandbox = Sandbox::with_sshd()?;
    let words = [&["exec", "-t"], args, &["web-1", "--", SHELL]].concat();
    let mut terminal = Terminal::start_ours(&sandbox, variables, &words);
    terminal.expect("ready>");
    Some((sandbox, terminal))
}

/// The same below a local shell, whose word on the terminal's modes comes at the end.
fn watched(args: &[&str]) -> Option<(Sandbox, Terminal)> {
    if has_no_shell() {
        return None;
    }
    let sandbox = Sandbox::with_sshd()?;
    let binary = support::binary();
    let script = format!(
        "before=$(stty -a); {binary} exec -t {} web-1 -- \"{SHELL}\"; echo \"code $?\"; \
         [ \"$(stty -a)\" = \"$before\" ] && echo same",
        args.join(" "),
    );
    let mut terminal = Terminal::start(&sandbox, "sh", &["-c", &script]);
    terminal.expect("ready>");
    Some((sandbox, terminal))
}

/// Whether it is Wine's console, where no local shell can be above a program.
fn has_no_shell() -> bool {
    support::left_out_under_wine("a shell of this system has no part in its consoles")
}

fn leave(mut terminal: Terminal) {
    terminal.type_keys("exit 0\r");
    assert_eq!(terminal.exit_code(), 0);
}

/// The process that a local shell has started.
fn child_of(terminal: &Terminal) -> String {
    let found = Command::new("pgrep")
        .args(["-P", &terminal.id().to_string()])
        .output()
        .unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

fn signal(name: &str, process: &str) {
    let outcome = run(Command::new("kill").args([&format!("-{name}"), process]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}
