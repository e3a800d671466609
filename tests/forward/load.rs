//! Many connections, large ones, and one that nobody reads.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{Sandbox, noise};
use crate::{Forwarder, connect, converse, echo_server, exchange, serve, until};

const MIB: usize = 1 << 20;
/// More than any window and any socket's buffer.
const FLOOD: usize = 96 * MIB;
/// How soon an echo comes while another connection is stuck, on a busy machine too; one that is held up never comes.
const SOON: Duration = Duration::from_secs(3);

#[test]
fn a_hundred_connections_at_once() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let spec = format!("0:localhost:{}", echo_server());
    let mut forwarder = Forwarder::start(&sandbox, &["web-1", "-L", &spec]);
    let port = forwarder.port();
    let bytes = noise(100_000);
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| assert!(converse(connect(port), &bytes) == bytes));
        }
    });
}

#[test]
fn a_thousand_short_connections_leave_nothing_behind() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let spec = format!("0:localhost:{}", echo_server());
    let mut forwarder = Forwarder::start(&sandbox, &["web-1", "-L", &spec]);
    let port = forwarder.port();
    let some = |count| {
        for _ in 0..count {
            assert_eq!(converse(connect(port), b"short"), b"short");
        }
    };
    some(100);
    let id = forwarder.child.id();
    let (files, memory) = (open_files(id), memory(id));
    some(1000);
    until("the connections' files are closed", || {
        open_files(id) <= files
    });
    let grown = self::memory(id).saturating_sub(memory);
    assert!(grown < 4 * MIB, "{grown} bytes more than before");
}

#[test]
fn a_peer_that_stops_reading_stalls_nobody_and_loses_nothing() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let bytes = Arc::new(noise(FLOOD));
    let sent = Arc::new(AtomicBool::new(false));
    let (flood, all_sent) = (bytes.clone(), sent.clone());
    let flooder = serve(move |mut stream| {
        stream.write_all(&flood).unwrap();
        all_sent.store(true, Ordering::SeqCst);
    });
    let specs = [flooder, echo_server()].map(|port| format!("0:localhost:{port}"));
    let args = [
        "exec", "-L", &specs[0], "-L", &specs[1], "web-1", "--", "cat",
    ];
    let mut forwarder = Forwarder::spawn(sandbox.eic_term(args));
    let [stuck, lively] = [(); 2].map(|()| forwarder.port());
    let mut shell = Shell::of(&mut forwarder);
    let mut lively = connect(lively);
    exchange(&mut lively, b"warm");
    shell.exchange();
    let before = memory(forwarder.child.id());

    let mut stuck = connect(stuck);
    let mut first = [0; 1];
    stuck.read_exact(&mut first).unwrap();
    let mut slowest = Duration::ZERO;
    until("the host is rid of all", || {
        sent.load(Ordering::SeqCst) || {
            let took = exchange(&mut lively.try_clone().unwrap(), b"beside it");
            assert!(took < SOON, "{took:?}");
            false
        }
    });
    for _ in 0..20 {
        slowest = slowest.max(exchange(&mut lively, &noise(10_000)).max(shell.exchange()));
    }
    assert!(slowest < SOON, "{slowest:?}");
    let grown = memory(forwarder.child.id()).saturating_sub(before);
    assert!(grown < 64 * MIB, "{grown} bytes more than before");

    let mut rest = Vec::new();
    stuck.read_to_end(&mut rest).unwrap();
    assert!(
        first == bytes[..1] && rest == bytes[1..],
        "{} bytes came",
        rest.len()
    );
    assert!(exchange(&mut lively, b"afterwards") < SOON);
}

#[test]
fn a_peer_alone_is_waited_for_until_somebody_else_comes() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let bytes = Arc::new(noise(32 * MIB));
    let flood = bytes.clone();
    let flooder = serve(move |mut stream| stream.write_all(&flood).unwrap());
    let specs = [flooder, echo_server()].map(|port| format!("0:localhost:{port}"));
    let mut forwarder = Forwarder::start(&sandbox, &["web-1", "-L", &specs[0], "-L", &specs[1]]);
    let [stuck, lively] = [(); 2].map(|()| forwarder.port());
    let mut stuck = connect(stuck);
    let mut first = [0; 1];
    stuck.read_exact(&mut first).unwrap();
    // It holds the connection up by now, or soon will.
    for _ in 0..3 {
        exchange(&mut connect(lively), b"somebody else");
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut rest = Vec::new();
    stuck.read_to_end(&mut rest).unwrap();
    assert!(
        first == bytes[..1] && rest == bytes[1..],
        "{} bytes came",
        rest.len()
    );
}

#[test]
fn a_command_whose_output_nobody_reads_stalls_no_forward() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let spec = format!("0:localhost:{}", echo_server());
    let flood = format!("head -c {} /dev/zero", 32 * MIB);
    let args = ["exec", "-L", &spec, "web-1", "--", &flood];
    let mut forwarder = Forwarder::spawn(sandbox.eic_term(args));
    let mut lively = connect(forwarder.port());
    for _ in 0..10 {
        assert!(exchange(&mut lively, &noise(10_000)) < SOON);
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut output = Vec::new();
    let mut stdout = forwarder.child.stdout.take().unwrap();
    stdout.read_to_end(&mut output).unwrap();
    assert_eq!(output.len(), 32 * MIB);
    assert_eq!(forwarder.exit_code(), Some(0));
}

#[test]
fn a_stuck_service_here_does_not_hold_up_the_host() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    // It reads only when it is told to.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(wait));
    let stuck = serve(move |mut stream| {
        wait.lock().unwrap().recv().unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        write!(stream, "{}", heard.len()).unwrap();
    });
    let specs = [stuck, echo_server()].map(|port| format!("0:localhost:{port}"));
    let mut forwarder = Forwarder::start(&sandbox, &["web-1", "-R", &specs[0], "-R", &specs[1]]);
    let [stuck, lively] = [(); 2].map(|()| forwarder.port());
    let mut lively = connect(lively);
    let mut flood = connect(stuck);
    flood.write_all(&noise(32 * MIB)).unwrap();
    flood.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(exchange(&mut lively, &noise(10_000)) < SOON);
    go.send(()).unwrap();
    let mut heard = String::new();
    flood.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, (32 * MIB).to_string());
}

/// The command `cat`, spoken with line by line.
struct Shell {
    stdin: std::process::ChildStdin,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Shell {
    fn of(forwarder: &mut Forwarder) -> Self {
        Self {
            stdin: forwarder.child.stdin.take().unwrap(),
            stdout: BufReader::new(forwarder.child.stdout.take().unwrap()),
        }
    }

    fn exchange(&mut self) -> Duration {
        let start = std::time::Instant::now();
        self.stdin.write_all(b"a line\n").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "a line\n");
        start.elapsed()
    }
}

fn open_files(id: u32) -> usize {
    std::fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count)
}

/// A process's resident memory, in bytes; `ps` knows it on every Unix.
fn memory(id: u32) -> usize {
    let output = Command::new("ps")
        .args(["-o", "rss=", "-p", &id.to_string()])
        .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    text.trim().parse::<usize>().unwrap() * 1024
}
