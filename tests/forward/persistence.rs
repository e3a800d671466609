//! Forwards that outlive their connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, noise, peer, run};
use crate::{Forwarder, connect, echo_server, exchange, serve};
use eic_sandbox::Config;

#[test]
fn a_lost_connection_is_made_again_and_ports_stay() {
    if !peer("sshd") {
        return;
    }
    let config = Config::default().sshd(true);
    let sandbox = Sandbox::with(config.fault("drop-after=400000".parse().unwrap()));
    let flooder = serve(|mut stream| {
        std::io::Write::write_all(&mut stream, &noise(1_000_000)).ok();
    });
    for route in sandbox.routes() {
        let service = echo_server();
        let [flood, echo] = [flooder, service].map(|port| format!("0:localhost:{port}"));
        let args = [
            &route[..],
            &["-L", &flood, "-L", &echo, "-R", &echo, "-R", "0"],
        ]
        .concat();
        let mut forwarder = Forwarder::start(&sandbox, &args);
        let [flood, local, remote, proxy] = [(); 4].map(|()| forwarder.port());
        let pushes = sandbox.region.calls("SendSSHPublicKey");
        for _ in 0..2 {
            let mut cut = Vec::new();
            connect(flood).read_to_end(&mut cut).ok();
            assert!(cut.len() < 1_000_000, "it was not cut");
            // It waits for the next connection where it has to.
            exchange(&mut connect(local), b"after the loss");
            forwarder.expect("connecting again");
            forwarder.expect("connected again");
            exchange(&mut connect_soon(remote), b"on the same port");
            exchange(
                &mut socks(connect_soon(proxy), service),
                b"by the same proxy",
            );
        }
        assert_eq!(
            sandbox.region.calls("SendSSHPublicKey"),
            pushes + 2,
            "a new key each"
        );
    }
}

/// The host listens again a moment after the connection is there.
fn connect_soon(port: u16) -> TcpStream {
    let deadline = Instant::now() + crate::PATIENCE;
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Goes on to a port here, by SOCKS 5 (RFC 1928).
fn socks(mut proxy: TcpStream, port: u16) -> TcpStream {
    let [high, low] = port.to_be_bytes();
    proxy.write_all(&[5, 1, 0]).unwrap();
    proxy
        .write_all(&[5, 1, 0, 1, 127, 0, 0, 1, high, low])
        .unwrap();
    let mut answer = [0; 12];
    proxy.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..4], [5, 0, 5, 0]);
    proxy
}

#[test]
fn the_next_tunnel_is_there_before_the_old_one_ends() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let echo = format!("0:localhost:{}", echo_server());
    let args = [
        "--max-tunnel-duration",
        "6",
        "db-1",
        "-L",
        &echo,
        "-R",
        &echo,
    ];
    let mut forwarder = Forwarder::start(&sandbox, &args);
    let [local, remote] = [(); 2].map(|()| forwarder.port());
    let mut old = connect(local);
    exchange(&mut old, b"on the old one");
    for _ in 0..2 {
        forwarder.expect("connected anew");
        // An old connection is not hurt by that.
        exchange(&mut old, b"still on the old one");
        old = connect(local);
        exchange(&mut old, b"on the new one");
        exchange(&mut connect_soon(remote), b"on the same port");
    }
    let lost = forwarder.said.iter().any(|line| line.contains("lost"));
    assert!(!lost, "{:#?}", forwarder.said);
}

#[test]
fn while_there_is_no_way_it_tries_again_and_again_and_can_be_stopped() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let mut forwarder = Forwarder::start(&sandbox, &["web-1", "-D", "0"]);
    let port = forwarder.port();
    drop(sandbox);
    forwarder.expect("connecting again");
    for wait in ["in 1 s", "in 2 s"] {
        forwarder.expect(&format!("the next attempt follows {wait}"));
    }
    // Who comes meanwhile is not sent away.
    connect(port);
    forwarder.signal("-INT");
    assert_eq!(forwarder.exit_code(), Some(130));
}

#[test]
fn what_fails_at_the_start_is_an_error_at_once() {
    let sandbox = Sandbox::with_fault("ignored-key");
    let outcome = run(&mut sandbox.eic_term(["forward", "web-1", "-D", "0"]));
    assert_eq!(outcome.code, Some(255));
    assert!(outcome.stderr.contains("was refused"), "{}", outcome.stderr);
}
