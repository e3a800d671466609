//! The keys that are for us.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use super::*;

#[test]
fn escape_keys() {
    let Some((_sandbox, mut terminal)) = shell(&[]) else {
        return;
    };
    terminal.type_keys("\r~?");
    terminal.expect("exchange new keys");
    terminal.type_keys("echo a~.b\r");
    terminal.expect("\na~.b");
    terminal.type_keys("~~tilde\r");
    terminal.expect("~tilde: not found");
    terminal.type_keys("~Recho still he''re\r");
    terminal.expect("still here");
    terminal.type_keys("~.");
    assert_eq!(terminal.exit_code(), 255);
}

#[test]
fn another_escape_character_or_none() {
    let Some((_sandbox, mut terminal)) = shell(&["-e", "none"]) else {
        return;
    };
    terminal.type_keys("cat\r~.\r");
    terminal.expect("\n~.\n~.");
    terminal.type_keys("\u{4}");
    leave(terminal);
    let Some((_sandbox, mut terminal)) = shell(&["--escape-char", "^]"]) else {
        return;
    };
    terminal.type_keys("\r\u{1d}.");
    assert_eq!(terminal.exit_code(), 255);
}

#[test]
fn suspended_and_resumed() {
    if has_no_shell() {
        return;
    }
    let sandbox = Sandbox::with_sshd();
    let (Some(sandbox), true) = (sandbox, peer("bash")) else {
        return;
    };
    let mut terminal =
        Terminal::start_with(&sandbox, &[("PS1", "local> ")], "bash", &["--norc", "-i"]);
    terminal.type_keys(&format!(
        "{} exec -t web-1 -- \"{SHELL}\"\r",
        support::binary()
    ));
    terminal.expect("\nready>");
    terminal.type_keys("\r~\u{1a}");
    terminal.expect("Stopped");
    terminal.type_keys("stty -a | grep -o ' icanon'; echo locally\r");
    terminal.expect("\n icanon\nlocally");
    terminal.resize(30, 100);
    terminal.type_keys("fg\r");
    terminal
        .type_keys("until [ \"$(stty size)\" = '30 100' ]; do sleep 0.1; done; echo se''ttled\r");
    terminal.expect("settled");
    terminal.type_keys("clear; exit 3\r");
    terminal.wait_for("a clear screen", |terminal| {
        terminal.text().trim() == "local>"
    });
    terminal.type_keys("echo \"code $?\"; exit\r");
    terminal.expect("code 3");
}

#[test]
fn a_port_is_forwarded_on_the_fly() {
    let Some((_sandbox, mut terminal)) = shell(&[]) else {
        return;
    };
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = far.local_addr().unwrap().port();
    terminal.type_keys("\r~#");
    terminal.expect("no port is forwarded");
    terminal.type_keys("\r~C-X 1:2:3\r");
    terminal.expect("cause: `-X 1:2:3`");
    terminal.type_keys(&format!("~C-L 0:127.0.0.1:{port}\r"));
    terminal.expect("forwarding 127.0.0.1:");
    let text = terminal.text();
    let (_, after) = text.split_once("forwarding 127.0.0.1:").unwrap();
    let (local, _) = after.split_once(' ').unwrap();
    let mut near = TcpStream::connect(("127.0.0.1", local.parse().unwrap())).unwrap();
    let (mut far, _) = far.accept().unwrap();
    let sent = support::noise(8 << 20);
    let received = std::thread::scope(|scope| {
        scope.spawn(|| {
            far.write_all(&sent).unwrap();
            far.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        near.read_to_end(&mut received).unwrap();
        received
    });
    assert!(received == sent);
    terminal.type_keys("\r~#");
    terminal.expect(", 1 connection");
    near.write_all(b"and back").unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    let mut back = String::new();
    far.read_to_string(&mut back).unwrap();
    assert_eq!(back, "and back");
    terminal.type_keys(&format!("~C-R 0:127.0.0.1:{port}\r"));
    terminal.expect("on the host to 127.0.0.1:");
    terminal.type_keys("~C-D 0\r");
    terminal.expect("as a SOCKS proxy");
    terminal.type_keys(&format!("~C-KL {local}\r"));
    terminal.expect("no longer forwarding 127.0.0.1:");
    assert!(TcpStream::connect(("127.0.0.1", local.parse().unwrap())).is_err());
    terminal.type_keys("~C-KL 1\r");
    terminal.expect("no -L listens on localhost:1");
    leave(terminal);
}
