//! Ctrl-C, once and twice.

use super::*;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use support::Interrupts;

fn start(sandbox: &Sandbox, command: &str) -> (Child, Interrupts) {
    let mut exec = sandbox.eic_term(["exec", "web-*", "--", command]);
    let interrupts = Interrupts::of(&mut exec);
    let pipes = exec.stdout(Stdio::piped()).stderr(Stdio::piped());
    (pipes.spawn().unwrap(), interrupts)
}

/// Reads lines until all endless ones have said that they run.
fn wait_for(child: &mut Child, count: usize) -> BufReader<std::process::ChildStdout> {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..count {
        let read = stdout.read_line(&mut String::new()).unwrap();
        assert_ne!(read, 0, "it ended: {}", how_it_ended(child));
    }
    stdout
}

fn how_it_ended(child: &mut Child) -> String {
    let mut stderr = String::new();
    let pipe = child.stderr.as_mut().unwrap();
    pipe.read_to_string(&mut stderr).unwrap();
    format!("{}: {stderr}", child.wait().unwrap())
}

#[test]
fn the_first_asks_and_tells_and_the_second_ends() {
    let sandbox = Sandbox::with(healthy(5));
    let command = by_instance(&[(0, "echo done")], "echo up; exec sleep 1000");
    let (mut child, interrupts) = start(&sandbox, &command);
    let _open = wait_for(&mut child, 5);
    interrupts.press(&child);
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("asking what still runs to stop"),
        "{stderr}"
    );
    assert!(stderr.contains("1 ok, 4 not finished"), "{stderr}");
    // Those that do not stop when asked are left.
    let (mut child, interrupts) = start(
        &sandbox,
        "trap '' INT TERM; echo up; while :; do sleep 1; done",
    );
    let _open = wait_for(&mut child, 5);
    interrupts.press(&child);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("Ctrl-C once more"), "{line}");
    interrupts.press(&child);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("0 ok, 5 not finished in "), "{rest}");
}
