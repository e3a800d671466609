//! The library's session: over any stream, many commands at once, and what its errors say.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use eic_auth::{EphemeralKey, OsUser};
use eic_sandbox::Config;
use eic_term::{
    Error, ExitStatus, HostKey, HostKeyError, HostKeyPolicy, Identity, PinFile, Session,
    SessionBuilder, Signal,
};
use support::Sandbox;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A region whose hosts accept `key` without a push.
fn sandbox(key: &EphemeralKey) -> Sandbox {
    Sandbox::with(Config::default().authorized_key(key.public_key()))
}

async fn stream(sandbox: &Sandbox) -> TcpStream {
    let web = sandbox.region.instance("web-1").unwrap();
    let address = (web.public_ip.unwrap(), web.port.unwrap());
    TcpStream::connect(address).await.unwrap()
}

fn policy(sandbox: &Sandbox) -> HostKeyPolicy {
    let keys = &sandbox.region.instance("web-1").unwrap().host_keys;
    HostKeyPolicy::Known(keys.iter().filter_map(|key| HostKey::parse(key)).collect())
}

async fn session(sandbox: &Sandbox, key: &EphemeralKey) -> Session {
    let builder = SessionBuilder::new("web-1", policy(sandbox));
    let connection = builder.handshake(stream(sandbox).await).await.unwrap();
    let user = OsUser::default();
    connection.login(&user, &Identity::from(key)).await.unwrap()
}

#[tokio::test]
async fn a_session_needs_no_aws() {
    let key = EphemeralKey::generate().unwrap();
    let sandbox = sandbox(&key);
    let session = session(&sandbox, &key).await;
    let output = session
        .command("echo out; echo err >&2; exit 4")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status, ExitStatus::Exited(4));
    assert_eq!(
        (output.stdout, output.stderr),
        (b"out\n".to_vec(), b"err\n".to_vec())
    );
    session.close().await.unwrap();
    assert_eq!(sandbox.region.calls("SendSSHPublicKey"), 0);
}

#[tokio::test]
async fn twenty_commands_share_one_session() {
    let key = EphemeralKey::generate().unwrap();
    let sandbox = sandbox(&key);
    let session = session(&sandbox, &key).await;
    let mut commands = tokio::task::JoinSet::new();
    for number in 0..20 {
        let command = session.command(format!("seq {number} 20000 | tail -1; echo {number}"));
        commands.spawn(async move { (number, command.output().await.unwrap()) });
    }
    while let Some(done) = commands.join_next().await {
        let (number, output) = done.unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("20000\n{number}\n")
        );
    }
}

#[tokio::test]
async fn a_channel_that_nobody_reads_does_not_stall_the_others() {
    let key = EphemeralKey::generate().unwrap();
    let sandbox = sandbox(&key);
    let session = session(&sandbox, &key).await;
    let mut unread = session
        .command("head -c 3000000 /dev/zero; echo >&2")
        .spawn()
        .await
        .unwrap();
    unread.stderr.take().unwrap().read_u8().await.unwrap();
    let output = session.command("echo through").output().await.unwrap();
    assert_eq!(output.stdout, b"through\n");
    let mut late = Vec::new();
    unread
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut late)
        .await
        .unwrap();
    assert_eq!(late.len(), 3_000_000);
}

/// Runs a command whose output goes into a pipe, and returns what came out of it.
async fn written(session: &Session, command: &str) -> Vec<u8> {
    let (to, mut from) = tokio::io::duplex(1000);
    let mut child = session
        .command(command)
        .stdout_to(to)
        .spawn()
        .await
        .unwrap();
    assert!(child.stdout.is_none());
    let mut all = Vec::new();
    let read = from.read_to_end(&mut all);
    let (read, status) = tokio::join!(read, child.wait());
    assert_eq!(
        (read.unwrap(), status.unwrap().code()),
        (all.len(), Some(7))
    );
    all
}

async fn output_goes_where_it_is_told() {
    let key = EphemeralKey::generate().unwrap();
    let sandbox = sandbox(&key);
    let session = session(&sandbox, &key).await;
    let numbers: String = (1..=200_000).map(|one| format!("{one}\n")).collect();
    let flood = written(&session, "seq 1 200000; exit 7").await;
    assert!(flood == numbers.as_bytes(), "{} bytes", flood.len());
    let drops = "for i in 1 2 3 4 5; do echo $i; sleep 0.05; done; exit 7";
    assert_eq!(written(&session, drops).await, b"1\n2\n3\n4\n5\n");
    // One whose writer is gone still ends.
    let (to, from) = tokio::io::duplex(10);
    drop(from);
    let command = session.command("seq 1 100000; exit 7").stdout_to(to);
    let mut child = command.spawn().await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(7));
}

#[tokio::test]
async fn output_goes_where_it_is_told_on_one_thread() {
    output_goes_where_it_is_told().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_goes_where_it_is_told_on_two_threads() {
    output_goes_where_it_is_told().await;
}

#[tokio::test]
async fn input_ends_with_shutdown_or_drop() {
    let key = EphemeralKey::generate().unwrap();
    let sandbox = sandbox(&key);
    let session = session(&sandbox, &key).await;
    for shut in [true, false] {
        let mut child = session.command("wc -c").spawn().await.unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"12345").await.unwrap();
        if shut {
            stdin.shutdown().await.unwrap();
        }
        drop(stdin);
        let mut counted = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut counted)
            .await
            .unwrap();
        assert_eq!(
            (counted.trim(), child.wait().await.unwrap().code()),
            ("5", Some(0))
        );
    }
}

#[tokio::test]
async fn a_write_that_is_given_up_loses_nothing() {
    let key = EphemeralKey::generate().unwrap();
    let sandbox = sandbox(&key);
    let session = session(&sandbox, &key).await;
    let mut child = session.command("cat").spawn().await.unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let sent: Vec<u8> = (0..6_000_000_u32).map(|at| (at % 251) as u8).collect();
    let writing = async {
        let (mut rest, mut given_up) = (sent.as_slice(), 0);
        while !rest.is_empty() {
            let write = stdin.write(rest);
            match tokio::time::timeout(Duration::from_micros(100), write).await {
                Ok(written) => rest = &rest[written.unwrap()..],
                Err(_) => given_up += 1,
            }
        }
        drop(stdin);
        given_up
    };
    let mut received = Vec::new();
    let reading = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stdout.read_to_end(&mut received).await.unwrap();
    };
    let (given_up, ()) = tokio::join!(writing, reading);
    assert!(
        given_up > 0 && received == sent,
        "{given_up} {}",
        received.len()
    );
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn signals_end_commands_and_are_told() {
    let key = EphemeralKey::generate().unwrap();
    let sandbox = sandbox(&key);
    let session = session(&sandbox, &key).await;
    let output = session.command("kill -KILL $$").output().await.unwrap();
    let signal = Signal::new("KILL");
    assert_eq!(
        output.status,
        ExitStatus::Signaled {
            signal,
            core_dumped: false
        }
    );
    assert_eq!(output.status.code(), None);
}

#[tokio::test]
async fn a_key_that_the_host_does_not_know_is_refused() {
    let known = EphemeralKey::generate().unwrap();
    let sandbox = sandbox(&known);
    let builder = SessionBuilder::new("web-1", policy(&sandbox));
    let connection = builder.handshake(stream(&sandbox).await).await.unwrap();
    let other = Identity::from(&EphemeralKey::generate().unwrap());
    let refused = connection
        .login(&OsUser::default(), &other)
        .await
        .unwrap_err();
    let Error::Login {
        pushed, methods, ..
    } = refused
    else {
        panic!("{refused}");
    };
    assert!(!pushed && methods == ["publickey"], "{methods:?}");
}

#[tokio::test]
async fn a_host_key_that_is_not_believed_ends_the_handshake() {
    let key = EphemeralKey::generate().unwrap();
    let sandbox = sandbox(&key);
    let builder = SessionBuilder::new("web-1", HostKeyPolicy::Known(vec![]));
    let refused = builder.handshake(stream(&sandbox).await).await.unwrap_err();
    assert!(
        matches!(refused, Error::HostKey(HostKeyError::Unknown { .. })),
        "{refused}"
    );
}

#[tokio::test]
async fn a_pin_chooses_among_the_keys_of_a_host() {
    let key = EphemeralKey::generate().unwrap();
    let sandbox = sandbox(&key);
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::new(folder.path().join("known_hosts"));
    // Any of the host's keys may have been pinned; the handshake asks for that one.
    for host_key in &sandbox.region.instance("web-1").unwrap().host_keys {
        let line: Vec<_> = host_key.split_whitespace().take(2).collect();
        std::fs::write(pins.path(), format!("web-1 {}\n", line.join(" "))).unwrap();
        let builder = SessionBuilder::new("web-1", pins.clone());
        builder.handshake(stream(&sandbox).await).await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_that_is_silent_or_talks_nonsense_ends_in_time() {
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let limit = Duration::from_millis(200);
    let builder = SessionBuilder::new("mute", HostKeyPolicy::Known(vec![])).limit(limit);
    let silent = builder.handshake(ours).await.unwrap_err();
    assert!(matches!(silent, Error::Timeout { .. }), "{silent}");
    drop(theirs.shutdown().await);
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    theirs
        .write_all("HTTP/1.1 400 Bad Request\r\n".repeat(2000).as_bytes())
        .await
        .unwrap();
    let builder = SessionBuilder::new("web", HostKeyPolicy::Known(vec![]));
    let nonsense = builder.handshake(ours).await.unwrap_err();
    assert!(matches!(nonsense, Error::Handshake { .. }), "{nonsense}");
}
