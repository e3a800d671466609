//! Forwards: `-L`, `-R` and `-D` against a real OpenSSH server, directly and through the endpoint.

#![cfg(unix)]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

#[path = "forward/kinds.rs"]
mod kinds;
#[path = "forward/load.rs"]
mod load;
#[path = "forward/persistence.rs"]
mod persistence;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use support::Sandbox;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// `eic-term forward`, and what it says.
struct Forwarder {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Forwarder {
    fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        Self::spawn(sandbox.eic_term([&["forward"], args].concat()))
    }

    fn spawn(mut command: Command) -> Self {
        let pipes = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// Waits for a line that has this in it.
    fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no `{text}` in {:#?}", self.said);
            };
            self.said.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits until the next forward is there, and returns the port that it has.
    fn port(&mut self) -> u16 {
        let line = self.expect("forwarding ");
        let on = line.split(' ').nth(1).unwrap();
        on.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.unwrap().success());
    }

    fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A server on a port of its own: each connection is served by a thread.
fn serve(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Says back what it hears, until its end.
fn echo_server() -> u16 {
    serve(echo)
}

fn echo(mut stream: TcpStream) {
    let mut from = stream.try_clone().unwrap();
    std::io::copy(&mut from, &mut stream).ok();
    stream.shutdown(Shutdown::Write).ok();
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// One exchange with an echo server on an open connection; returns how long it took.
fn exchange(stream: &mut (impl Read + Write), bytes: &[u8]) -> Duration {
    let start = Instant::now();
    stream.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert!(back == bytes, "something else came back");
    start.elapsed()
}

/// Sends, ends its way, and hears all that comes back.
fn converse(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut writer = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            writer.write_all(bytes).ok();
            writer.shutdown(Shutdown::Write).ok();
        });
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        heard
    })
}

/// Waits until something holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}
