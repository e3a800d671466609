//! An interactive shell, through a real pseudo-terminal.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use support::terminal::Terminal;
use support::{Sandbox, run};

fn shell(sandbox: &Sandbox) -> Terminal {
    let mut terminal = Terminal::start_ours(sandbox, &[], &["db-1"]);
    terminal.type_keys("PS1='ready> '\r");
    terminal.expect("\nready>");
    terminal
}

#[test]
fn typing_resizing_and_leaving() {
    let sandbox = Sandbox::start();
    let mut terminal = shell(&sandbox);
    terminal.type_keys("echo $((6*7)) $TERM; stty size\r");
    terminal.expect("42 xterm-256color\n24 80\n");
    terminal.resize(40, 300);
    terminal
        .type_keys("until [ \"$(stty size)\" = '40 300' ]; do sleep 0.1; done; echo re''sized\r");
    terminal.expect("resized");
    terminal.type_keys("exit 42\r");
    assert_eq!(terminal.exit_code(), 42);
}

#[test]
fn keys_without_a_character_arrive() {
    let sandbox = Sandbox::start();
    let mut terminal = shell(&sandbox);
    terminal.type_keys("stty -echo; echo go; cat -v\r");
    terminal.expect("\ngo");
    // Up, left with Ctrl, Home, Delete, page down, F1, F5, F12.
    terminal.type_keys("\x1b[A\x1b[1;5D\x1b[H\x1b[3~\x1b[6~\x1bOP\x1b[15~\x1b[24~\r");
    terminal.expect("^[[A^[[1;5D^[[H^[[3~^[[6~^[OP^[[15~^[[24~");
    terminal.type_keys("\u{4}exit\r");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn control_c_reaches_the_remote_job_not_us() {
    let sandbox = Sandbox::start();
    let mut terminal = shell(&sandbox);
    terminal.type_keys("sh -c 'echo star''ted; exec sleep 1000'\r");
    terminal.expect("started");
    terminal.press_control_c();
    terminal.expect("^C");
    terminal.type_keys("echo \"ended $?\"\r");
    terminal.expect("ended 130");
    terminal.type_keys("exit\r");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn the_escape_key_disconnects_a_deaf_session() {
    let sandbox = Sandbox::start();
    let mut terminal = shell(&sandbox);
    terminal.type_keys("stty -echo -isig; echo de''af; cat > /dev/null\r");
    terminal.expect("deaf");
    terminal.type_keys("\r~.");
    terminal.expect("disconnected");
    assert_eq!(terminal.exit_code(), 255);
}

#[test]
fn the_terminal_is_as_it_was_before() {
    let sandbox = Sandbox::start();
    for (typed, end) in [("exit\r", 0), ("\r~.", 255)] {
        let mut terminal = watched_shell(&sandbox);
        terminal.type_keys(typed);
        terminal.expect(&format!("code {end}"));
        terminal.expect("same");
    }
}

/// A shell, after which its exit code is shown and whether the terminal's modes are the same.
fn watched_shell(sandbox: &Sandbox) -> Terminal {
    if support::under_wine() {
        return shell(sandbox);
    }
    let binary = support::binary();
    let script = format!(
        "before=$(stty -a); {binary} db-1; echo \"code $?\"; [ \"$(stty -a)\" = \"$before\" ] && echo same"
    );
    let mut terminal = Terminal::start(sandbox, "sh", &["-c", &script]);
    terminal.type_keys("PS1='ready> '\r");
    terminal.expect("\nready>");
    terminal
}

#[test]
fn without_a_terminal_there_is_no_pty_and_the_script_is_drained() {
    let sandbox = Sandbox::start();
    let mut command = sandbox.eic_term(["db-1"]);
    let outcome = support::run_with_input(&mut command, b"tty; echo done; exit 3\n");
    assert_eq!(
        (outcome.text().as_str(), outcome.code),
        ("not a tty\ndone\n", Some(3)),
        "{}",
        outcome.stderr
    );
}

#[test]
fn exec_has_a_terminal_where_asked_for() {
    let sandbox = Sandbox::start();
    let mut terminal = Terminal::start(
        &sandbox,
        &support::binary(),
        &["exec", "-t", "db-1", "--", "tty; exit 9"],
    );
    terminal.expect("/dev/pts/");
    assert_eq!(terminal.exit_code(), 9);
    let outcome = run(&mut sandbox.eic_term(["exec", "db-1", "--", "tty"]));
    assert_eq!(outcome.text(), "not a tty\n");
}

/// Ctrl-Break and the closing of a window are a console's; `terminal.rs` has a Unix terminal's signals.
#[test]
fn console_events_end_it_and_leave_the_modes_as_they_were() {
    if !support::under_wine() {
        return;
    }
    let sandbox = Sandbox::start();
    for (event, code) in [("event 1", 130), ("event 2", 129)] {
        let mut terminal = shell(&sandbox);
        terminal.ask(event);
        terminal.expect(&format!("code {code}"));
        terminal.expect("same");
    }
}

/// mintty shows a program pipes for a terminal unless it is told otherwise.
#[test]
fn in_mintty_it_says_what_to_do() {
    let Some((helper, program)) = support::in_mintty() else {
        return;
    };
    let sandbox = Sandbox::start();
    let outcome = run(sandbox.command(helper).args([&program, "db-1"]));
    assert_eq!(outcome.code, Some(255), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("MSYS=enable_pcon"),
        "{}",
        outcome.stderr
    );
}
