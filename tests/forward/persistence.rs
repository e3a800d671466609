//! Forwards that outlive their connection.

use std::io::Read;
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
        let [flood, echo] = [flooder, echo_server()].map(|port| format!("0:localhost:{port}"));
        let args = [&route[..], &["-L", &flood, "-L", &echo, "-R", &echo]].concat();
        let mut forwarder = Forwarder::start(&sandbox, &args);
        let [flood, local, remote] = [(); 3].map(|()| forwarder.port());
        let pushes = sandbox.region.calls("SendSSHPublicKey");
        for _ in 0..2 {
            let mut cut = Vec::new();
            connect(flood).read_to_end(&mut cut).ok();
            assert!(cut.len() < 1_000_000, "it was not cut");
            // It waits for the next connection where it has to.
            exchange(&mut connect(local), b"after the loss");
            forwarder.expect("connecting again");
            forwarder.expect("connected again");
            exchange_soon(remote);
        }
        assert_eq!(
            sandbox.region.calls("SendSSHPublicKey"),
            pushes + 2,
            "a new key each"
        );
    }
}

/// The host listens again a moment after the connection is there.
fn exchange_soon(port: u16) {
    let deadline = Instant::now() + crate::PATIENCE;
    let mut stream = loop {
        match std::net::TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    exchange(&mut stream, b"on the same port");
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
        exchange_soon(remote);
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
