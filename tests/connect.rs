//! An interactive shell, through a real pseudo-terminal.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use support::{Sandbox, run};

/// How long a person would wait before calling it broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program in a terminal, and what its screen shows.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// Where the helper under Wine is asked for what its console cannot be told from here.
    asked: tempfile::TempDir,
}

impl Terminal {
    fn start(sandbox: &Sandbox, program: &str, args: &[&str]) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("TERM", "xterm-256color");
        let asked = tempfile::tempdir().unwrap();
        command.env("CONSOLE_MODES_ASK", asked.path().join("ask"));
        for (name, value) in sandbox.region.env() {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        let screen = vt100::Parser::new(24, 80, 1000);
        Self {
            child,
            master: pair.master,
            keyboard,
            output,
            screen,
            asked,
        }
    }

    fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Types Ctrl-C. From a terminal, Wine's conhost takes it for the end of its input.
    fn press_control_c(&mut self) {
        if support::under_wine() {
            self.ask("key 3");
        } else {
            self.type_keys("\u{3}");
        }
    }

    /// Resizes the window. Wine's conhost does not hear of it from a terminal.
    fn resize(&mut self, rows: u16, cols: u16) {
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.resize(size).unwrap();
        self.screen.screen_mut().set_size(rows, cols);
        if support::under_wine() {
            self.ask(&format!("size {cols} {rows}"));
        }
    }

    fn ask(&self, what: &str) {
        let written = self.asked.path().join("written");
        std::fs::write(&written, what).unwrap();
        std::fs::rename(written, self.asked.path().join("ask")).unwrap();
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until the screen shows `text`.
    fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            match self
                .output
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("no `{text}` on\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended without `{text}`:\n{}", self.text())
                }
            }
        }
    }

    fn exit_code(&mut self) -> u32 {
        self.child.wait().unwrap().exit_code()
    }
}

fn shell(sandbox: &Sandbox) -> Terminal {
    let words = support::in_console();
    let mut args: Vec<_> = words[1..].iter().map(String::as_str).collect();
    args.push("db-1");
    let mut terminal = Terminal::start(sandbox, &words[0], &args);
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
    terminal.type_keys("until [ \"$(stty size)\" = '40 300' ]; do :; done; echo re''sized\r");
    terminal.expect("resized");
    terminal.type_keys("exit 42\r");
    assert_eq!(terminal.exit_code(), 42);
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
