//! Each kind of forward, and how connections begin and end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use crate::support::{Sandbox, left_out_under_wine, noise, peer, run};
use crate::{Forwarder, connect, converse, echo_server, exchange, serve};

#[test]
fn bytes_come_through_every_kind_on_every_route() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let bytes = noise(300_000);
    let echo = echo_server();
    for route in sandbox.routes() {
        let spec = format!("0:localhost:{echo}");
        let args = [&route[..], &["-L", &spec, "-R", &spec, "-D", "0"]].concat();
        let mut forwarder = Forwarder::start(&sandbox, &args);
        let [_dynamic, local, remote] = [(); 3].map(|()| forwarder.port());
        for port in [local, remote] {
            assert!(converse(connect(port), &bytes) == bytes, "{route:?} {port}");
        }
        assert!(forwarder.said[2].contains("on the host to localhost:"));
    }
}

#[test]
fn a_browser_goes_through_the_socks_proxy_and_the_host_resolves_names() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    if !peer("curl") {
        return;
    }
    let page = serve(|mut stream| {
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        let host = String::from_utf8_lossy(&request[..length]).contains("Host: localhost");
        let body = if host { "seen there" } else { "no host" };
        write!(
            stream,
            "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    });
    let mut forwarder = Forwarder::start(&sandbox, &["web-1", "-D", "0"]);
    let proxy = format!("127.0.0.1:{}", forwarder.port());
    let url = format!("http://localhost:{page}/");
    for option in ["--socks5-hostname", "--socks4a", "--socks5", "--socks4"] {
        let mut curl = Command::new("curl");
        let got = run(curl.args(["-sS", "-4", "--max-time", "20", option, &proxy, &url]));
        assert_eq!(got.text(), "seen there", "{option}: {}", got.stderr);
    }
    let mut curl = Command::new("curl");
    let nobody = free_port();
    let url = format!("http://localhost:{nobody}/");
    let refused = run(curl.args(["-sS", "--max-time", "20", "--socks5-hostname", &proxy, &url]));
    assert_eq!(refused.code, Some(97), "{}", refused.stderr);
    forwarder.expect("cannot connect to localhost:");
}

#[test]
fn unix_sockets_on_both_sides_of_both_ways() {
    if left_out_under_wine("it has no Unix sockets") {
        return;
    }
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [server, local, remote] = ["server", "local", "remote"].map(path);
    let listener = UnixListener::bind(&server).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut from = stream.try_clone().unwrap();
            std::thread::spawn(move || std::io::copy(&mut from, &mut stream));
        }
    });
    let args = [
        "web-1",
        "-L",
        &format!("{local}:{server}"),
        "-R",
        &format!("{remote}:{server}"),
    ];
    let mut forwarder = Forwarder::start(&sandbox, &args);
    for socket in [&local, &remote] {
        forwarder.expect("forwarding ");
        let mut stream = UnixStream::connect(socket).unwrap();
        exchange(&mut stream, b"through a socket");
        let mode = std::fs::symlink_metadata(socket)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{socket}");
    }
    let again = run(&mut sandbox.eic_term(["forward", "web-1", args[1], args[2]]));
    assert_eq!(again.code, Some(255));
    assert!(
        again.stderr.contains("--replace-sockets"),
        "{}",
        again.stderr
    );
    forwarder.signal("-INT");
    assert_eq!(forwarder.exit_code(), Some(130));
    assert!(!std::fs::exists(&local).unwrap());
}

#[test]
fn a_refused_connection_is_closed_and_said_and_others_go_on() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let (nobody, echo) = (free_port(), echo_server());
    let lost = format!("0:localhost:{nobody}");
    let args = [
        "web-1",
        "-L",
        &lost,
        "-R",
        &lost,
        "-L",
        &format!("0:localhost:{echo}"),
    ];
    let mut forwarder = Forwarder::start(&sandbox, &args);
    let [local, good, remote] = [(); 3].map(|()| forwarder.port());
    for port in [local, remote] {
        assert_eq!(converse(connect(port), b""), b"");
        forwarder.expect(&format!("cannot connect to localhost:{nobody}"));
    }
    exchange(&mut connect(good), b"still here");
}

#[test]
fn a_port_that_is_taken_is_an_error_at_the_start() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    // sshd is content with one of the two addresses of `localhost`.
    let spec = format!(
        "127.0.0.1:{}:localhost:22",
        taken.local_addr().unwrap().port()
    );
    for (option, message) in [("-L", "cannot listen on"), ("-R", "refused to listen on")] {
        let outcome = run(&mut sandbox.eic_term(["forward", "web-1", option, &spec]));
        assert_eq!(outcome.code, Some(255), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
        // A command goes on without it, as with ssh(1), unless told otherwise.
        let outcome =
            run(&mut sandbox.eic_term(["exec", "web-1", option, &spec, "--", "echo ran"]));
        assert_eq!((outcome.code, outcome.text().as_str()), (Some(0), "ran\n"));
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
        let args = [
            "exec",
            "web-1",
            option,
            &spec,
            "--exit-on-forward-failure",
            "--",
            "echo ran",
        ];
        let outcome = run(&mut sandbox.eic_term(args));
        assert_eq!((outcome.code, outcome.text().as_str()), (Some(255), ""));
    }
}

#[test]
fn each_way_ends_on_its_own() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    // It answers only after the end of the question.
    let answerer = serve(|mut stream| {
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        write!(stream, "{} bytes", heard.len()).unwrap();
    });
    // It ends its own way first, and then says on a second connection what it still heard.
    let second = TcpListener::bind("127.0.0.1:0").unwrap();
    let report = second.local_addr().unwrap();
    let closer = serve(move |mut stream| {
        stream.write_all(b"bye").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        TcpStream::connect(report)
            .unwrap()
            .write_all(&heard)
            .unwrap();
    });
    let [first, last] = [answerer, closer].map(|port| format!("0:localhost:{port}"));
    let args = [
        "web-1", "-L", &first, "-L", &last, "-R", &first, "-R", &last,
    ];
    let mut forwarder = Forwarder::start(&sandbox, &args);
    let [local, local_closer, remote, remote_closer] = [(); 4].map(|()| forwarder.port());
    for port in [local, remote] {
        assert_eq!(converse(connect(port), &noise(200_000)), b"200000 bytes");
    }
    for port in [local_closer, remote_closer] {
        let mut stream = connect(port);
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"bye");
        stream.write_all(b"and a last word").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut reported = Vec::new();
        second
            .accept()
            .unwrap()
            .0
            .read_to_end(&mut reported)
            .unwrap();
        assert_eq!(reported, b"and a last word");
    }
}

#[test]
fn a_command_takes_forwards_too() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let spec = format!("0:localhost:{}", echo_server());
    let mut forwarder =
        Forwarder::spawn(sandbox.eic_term(["exec", "-L", &spec, "web-1", "--", "cat"]));
    let port = forwarder.port();
    exchange(&mut connect(port), b"beside a command");
    drop(forwarder.child.stdin.take());
    assert_eq!(forwarder.exit_code(), Some(0));
}

#[test]
fn wrong_usage() {
    let sandbox = Sandbox::start();
    for (args, message) in [
        (&["forward", "web-1"][..], "nothing to forward"),
        (
            &["forward", "web-1", "-L", "80"],
            "is not [ADDR:]PORT:HOST:PORT",
        ),
        (&["-D", "1080", "list"], "a command that forwards nothing"),
    ] {
        let outcome = run(&mut sandbox.eic_term(args));
        assert_eq!(outcome.code, Some(2), "{args:?}");
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    }
    let outcome = run(&mut sandbox.eic_term(["forward", "nobody", "-D", "0"]));
    assert_eq!(outcome.code, Some(255), "{}", outcome.stderr);
}

/// A port on which nothing listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
