//! A program in a pseudo-terminal, driven as a person would.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

use super::{Sandbox, under_wine};

/// How long a person would wait before calling it broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program in a terminal, and what its screen shows.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    pub(crate) screen: vt100::Parser,
    /// How much was shown so far, in bytes.
    pub(crate) shown: usize,
    /// Where the helper under Wine is asked for what its console cannot be told from here.
    asked: tempfile::TempDir,
}

impl Terminal {
    pub(crate) fn start(sandbox: &Sandbox, program: &str, args: &[&str]) -> Self {
        Self::start_with(sandbox, &[], program, args)
    }

    /// The program under test, in a console where it is one for Windows.
    pub(crate) fn start_ours(sandbox: &Sandbox, variables: &[(&str, &str)], args: &[&str]) -> Self {
        let console = super::in_console();
        let words = console[1..].iter().map(String::as_str);
        let words: Vec<_> = words.chain(args.iter().copied()).collect();
        Self::start_with(sandbox, variables, &console[0], &words)
    }

    /// The same under another of its names.
    pub(crate) fn start_named(sandbox: &Sandbox, name: &str, args: &[&str]) -> Self {
        let console = super::in_console();
        let program = std::path::Path::new(&console[1]).with_file_name(format!("{name}.exe"));
        let words = [&[program.to_str().unwrap()], args].concat();
        Self::start_with(sandbox, &[], &console[0], &words)
    }

    /// With these variables besides the region's.
    pub(crate) fn start_with(
        sandbox: &Sandbox,
        variables: &[(&str, &str)],
        program: &str,
        args: &[&str],
    ) -> Self {
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
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        // What is not looked at holds the program up, as a slow terminal does.
        let (sender, output) = sync_channel(16);
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
            shown: 0,
            asked,
        }
    }

    /// The process that was started.
    pub(crate) fn id(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// The process of the program under test, where [`Self::start_ours`] started it: under Wine there is a helper before it.
    pub(crate) fn program_id(&self) -> u32 {
        if !under_wine() {
            return self.id();
        }
        let asked = self.asked.path().display().to_string();
        let is_ours = |process: &std::path::Path| {
            let read = |name| std::fs::read(process.join(name)).unwrap_or_default();
            let [words, variables] = ["cmdline", "environ"]
                .map(|name| String::from_utf8_lossy(&read(name)).into_owned());
            let program = words.split('\0').next().unwrap_or_default();
            program.contains("eic-term.exe") && variables.contains(&asked)
        };
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut processes = processes.map(|entry| entry.path());
        let process = processes.find(|process| is_ours(process)).unwrap();
        process
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Types Ctrl-C. From a terminal, Wine's conhost takes it for the end of its input.
    pub(crate) fn press_control_c(&mut self) {
        if under_wine() {
            self.ask("key 3");
        } else {
            self.type_keys("\u{3}");
        }
    }

    /// Resizes the window. Wine's conhost does not hear of it from a terminal.
    pub(crate) fn resize(&mut self, rows: u16, cols: u16) {
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.resize(size).unwrap();
        self.screen.screen_mut().set_size(rows, cols);
        if under_wine() {
            self.ask(&format!("size {cols} {rows}"));
        }
    }

    pub(crate) fn ask(&self, what: &str) {
        let written = self.asked.path().join("written");
        std::fs::write(&written, what).unwrap();
        std::fs::rename(written, self.asked.path().join("ask")).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until the screen shows `text`.
    pub(crate) fn expect(&mut self, text: &str) {
        self.wait_for(&format!("`{text}`"), |terminal| {
            terminal.text().contains(text)
        });
    }

    /// Waits until the screen is as wanted.
    pub(crate) fn wait_for(&mut self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !wanted(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.show(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("no {what} on\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended without {what}:\n{}", self.text())
                }
            }
        }
    }

    fn show(&mut self, bytes: &[u8]) {
        self.shown += bytes.len();
        self.screen.process(bytes);
    }

    /// Shows what is left, to the end.
    pub(crate) fn drain(&mut self) {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.show(&bytes);
        }
    }

    /// Waits for the end of the program, and tells it as a shell does: 130 where Ctrl-C ended it.
    pub(crate) fn exit_code(&mut self) -> u32 {
        let status = self.wait();
        match status.signal() {
            Some("Interrupt") => 130,
            _ => status.exit_code(),
        }
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            match self.output.recv_timeout(Duration::from_millis(50)) {
                Ok(bytes) => self.show(&bytes),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.text()),
                // The terminal is closed a moment before the program has ended.
                Err(RecvTimeoutError::Disconnected) => {
                    return self.child.wait().unwrap();
                }
            }
        }
    }
}
