//! A session (RFC 4254): channels, data, requests and ends that nobody asked for.

use std::io;

use eic_term::{Error, ExitStatus, Output};
use tokio::io::AsyncWriteExt;

use super::packet::{CHANNEL, Packet, channel_request, data, disconnect, number};
use super::server::{Hostile, SHORT, Step, run, words};
use super::transport::Peer;
use super::versions::HOSTILE_WORDS;

/// Runs a command on a server that does this meanwhile, and then ends it as it should.
async fn output_beside(script: Step) -> Result<Output, Error> {
    let server = Hostile::start(move |peer| {
        peer.command()?;
        script(peer)?;
        peer.send(&data(CHANNEL, b"done"))?;
        peer.exit(7)
    });
    run(&server).await
}

/// What nobody asked for changes nothing.
async fn is_ignored(name: &str, script: Step) {
    let output = output_beside(script).await;
    let output = output.unwrap_or_else(|error| panic!("{name}: {}", words(&error)));
    assert_eq!(output.status, ExitStatus::Exited(7), "{name}");
    assert_eq!(output.stdout, b"done", "{name}");
}

fn open(kind: &str, fields: Packet) -> Packet {
    let open = Packet::new(number::CHANNEL_OPEN).string(kind);
    open.u32(9)
        .u32(1 << 20)
        .u32(1 << 15)
        .bytes(&fields.into_bytes())
}

fn forwarded() -> Packet {
    open(
        "forwarded-tcpip",
        Packet::field()
            .string("0.0.0.0")
            .u32(22)
            .string("evil")
            .u32(1),
    )
}

#[tokio::test]
async fn channels_nobody_asked_for_are_refused() {
    is_ignored("channels", |peer| {
        let address = || Packet::field().string("10.0.0.1").u32(6010);
        for channel in [
            forwarded(),
            open("x11", address()),
            open("auth-agent@openssh.com", Packet::field()),
            open("session", Packet::field()),
            open(
                "direct-tcpip",
                Packet::field()
                    .string("localhost")
                    .u32(22)
                    .string("evil")
                    .u32(1),
            ),
            open(
                "forwarded-streamlocal@openssh.com",
                Packet::field().string("/tmp/s").string(""),
            ),
            open(
                "direct-streamlocal@openssh.com",
                Packet::field().string("/tmp/s").string("").u32(0),
            ),
            open("tun@openssh.com", Packet::field().u32(1).u32(0)),
            open("\x1b[2J", Packet::field()),
        ] {
            peer.send(&channel)?;
            // One refusal each, of the channel that was asked for.
            let refusal = peer.expect(number::CHANNEL_OPEN_FAILURE)?;
            assert_eq!(refusal[1..5], 9_u32.to_be_bytes());
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_channels_ends_the_session() {
    for kind in [forwarded as fn() -> Packet, || open("x", Packet::field())] {
        let server = Hostile::start(move |peer| {
            peer.command()?;
            peer.send_times(&kind(), 10_000)?;
            peer.exit(0)
        });
        let said = words(&run(&server).await.unwrap_err());
        assert!(
            said.contains("more than 1000 channels that nobody asked for"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn what_the_rfc_says_to_ignore_is_ignored() {
    let table: &[(&str, Step)] = &[
        ("data on unknown channels", |peer| {
            for channel in [0, 1, 3, u32::MAX] {
                peer.send(&data(channel, b"evil"))?;
                peer.send(
                    &Packet::new(number::EXTENDED_DATA)
                        .u32(channel)
                        .u32(1)
                        .string("evil"),
                )?;
                peer.send(&Packet::new(number::WINDOW_ADJUST).u32(channel).u32(9))?;
                peer.send(&Packet::new(number::CHANNEL_EOF).u32(channel))?;
                peer.send(&Packet::new(number::CHANNEL_CLOSE).u32(channel))?;
                peer.send(&Packet::new(number::CHANNEL_SUCCESS).u32(channel))?;
                peer.send(
                    &Packet::new(number::CHANNEL_OPEN_FAILURE)
                        .u32(channel)
                        .u32(1)
                        .string("evil")
                        .string(""),
                )?;
            }
            Ok(())
        }),
        ("a window that overflows", |peer| {
            for _ in 0..5 {
                peer.send(
                    &Packet::new(number::WINDOW_ADJUST)
                        .u32(CHANNEL)
                        .u32(u32::MAX),
                )?;
            }
            Ok(())
        }),
        ("extended data of unknown types", |peer| {
            let unknown = Packet::new(number::EXTENDED_DATA)
                .u32(CHANNEL)
                .u32(77)
                .string("evil");
            peer.send_times(&unknown, 10_000)
        }),
        ("IGNORE, DEBUG and UNIMPLEMENTED", |peer| {
            peer.send_times(&Packet::new(number::IGNORE).string([0; 1000]), 10_000)?;
            peer.send_times(
                &Packet::new(number::DEBUG)
                    .flag(true)
                    .string("\x1b[2J")
                    .string(""),
                10_000,
            )?;
            peer.send_times(&Packet::new(number::UNIMPLEMENTED).u32(0), 10_000)
        }),
        ("channel requests", |peer| {
            peer.send_times(&channel_request("evil@example.com", true), 10_000)?;
            peer.send_times(&channel_request("auth-agent-req@openssh.com", true), 10)?;
            peer.send_times(&channel_request("keepalive@openssh.com", true), 10_000)
        }),
        ("global requests", |peer| {
            let request = |kind: &str| Packet::new(number::GLOBAL_REQUEST).string(kind).flag(true);
            peer.send_times(&request("keepalive@openssh.com"), 10_000)?;
            peer.send_times(&request("evil@example.com"), 10_000)?;
            peer.send_times(&request("tcpip-forward").string("0.0.0.0").u32(22), 10)?;
            peer.send_times(&request("hostkeys-00@openssh.com").string("junk"), 10_000)?;
            peer.send_times(&request("hostkeys-prove-00@openssh.com").string("junk"), 10)
        }),
        ("answers to nothing", |peer| {
            peer.send_times(&Packet::new(number::CHANNEL_SUCCESS).u32(CHANNEL), 10_000)?;
            peer.send_times(&Packet::new(81), 1000)?;
            peer.send_times(&Packet::new(82), 1000)
        }),
        (
            "new keys without an exchange, which change nothing",
            |peer| peer.send(&Packet::new(number::NEWKEYS)),
        ),
        ("messages that do not exist", |peer| {
            peer.send_times(&Packet::new(250).bytes(&[0xff; 50]), 1000)
        }),
        ("a second answer to the channel", |peer| {
            let again = Packet::new(number::CHANNEL_OPEN_CONFIRMATION);
            peer.send(&again.u32(CHANNEL).u32(0).u32(1 << 20).u32(1 << 15))
        }),
    ];
    for (name, script) in table {
        is_ignored(name, *script).await;
    }
}

#[tokio::test]
async fn the_first_end_counts() {
    let server = Hostile::start(|peer| {
        peer.command()?;
        peer.send(&channel_request("exit-status", false).u32(3))?;
        peer.send(&channel_request("exit-status", false).u32(0))?;
        peer.send(&exit_signal("KILL"))?;
        peer.exit(0)
    });
    assert_eq!(run(&server).await.unwrap().status, ExitStatus::Exited(3));
}

pub(super) fn exit_signal(name: &str) -> Packet {
    let signal = channel_request("exit-signal", false).string(name);
    signal.flag(false).string("\x1b[2J").string("")
}

#[tokio::test]
async fn data_beyond_the_window_is_bounded_by_what_reads_it() {
    // RFC 4254 §5.2 lets it be ignored; it is read no faster than it is taken.
    let server = Hostile::start(|peer| {
        peer.command()?;
        peer.send_times(&data(CHANNEL, &[b'x'; 30_000]), 1000)?;
        peer.exit(0)
    });
    let output = run(&server).await.unwrap();
    assert!(output.stdout.len() <= 30_000 * 1000);
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_session() {
    let table: &[Step] = &[
        |peer| peer.send(&Packet::new(number::CHANNEL_DATA).u32(CHANNEL).u32(u32::MAX)),
        |peer| {
            peer.send(
                &Packet::new(number::CHANNEL_OPEN_CONFIRMATION)
                    .u32(77)
                    .u32(0)
                    .u32(1)
                    .u32(1),
            )
        },
        |peer| peer.send(&open("session", Packet::field().string("trailing"))),
        |peer| {
            peer.send(
                &Packet::new(number::CHANNEL_REQUEST)
                    .u32(CHANNEL)
                    .string([0xff; 9])
                    .flag(false),
            )
        },
        |peer| peer.raw(&[0xff; 10_000]),
        |peer| peer.raw(&[0; 10_000]),
        |peer| peer.hang_up(),
        |peer| peer.send(&data(CHANNEL, &vec![0; 300_000])),
    ];
    for script in table {
        let error = output_beside(*script).await.unwrap_err();
        assert!(
            matches!(error, Error::Disconnected { .. }),
            "{}",
            words(&error)
        );
    }
}

/// A channel that takes packets of this size, in a window of so many bytes.
fn opened(peer: &mut Peer, window: u32, packet: u32) -> io::Result<()> {
    peer.login()?;
    peer.expect(number::CHANNEL_OPEN)?;
    let confirmation = Packet::new(number::CHANNEL_OPEN_CONFIRMATION);
    peer.send(&confirmation.u32(CHANNEL).u32(0).u32(window).u32(packet))?;
    peer.expect(number::CHANNEL_REQUEST)?;
    peer.send(&Packet::new(number::CHANNEL_SUCCESS).u32(CHANNEL))
}

#[tokio::test]
async fn a_channel_that_takes_nothing_ends_or_is_waited_for() {
    let server = Hostile::start(|peer| opened(peer, 1 << 20, 0));
    let said = words(&run(&server).await.unwrap_err());
    assert!(said.contains("Inconsistent"), "{said}");
    for (window, packet) in [(0, 1 << 15), (0, 1), (u32::MAX, u32::MAX)] {
        let server = Hostile::start(move |peer| {
            opened(peer, window, packet)?;
            peer.exit(7)
        });
        let session = server.session().await.unwrap();
        let mut child = session.command("cat").spawn().await.unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = tokio::spawn(async move { stdin.write_all(&[0; 100_000]).await });
        assert_eq!(
            child.wait().await.unwrap().code(),
            Some(7),
            "{window} {packet}"
        );
        input.abort();
    }
}

#[tokio::test]
async fn hostile_words_at_a_late_end() {
    for step in [Peer::login as Step, Peer::channel, Peer::command] {
        let server = Hostile::start(move |peer| {
            step(peer)?;
            peer.send(&disconnect(HOSTILE_WORDS))
        });
        let said = words(&run(&server).await.unwrap_err());
        assert!(said.contains("bye\\u{d}\\n  try:   curl"), "{said}");
    }
}

#[tokio::test]
async fn steps_that_stall_after_the_login_end_in_time() {
    for step in [Peer::login as Step, Peer::channel] {
        let server = Hostile::start(step).limit(2 * SHORT);
        let error = run(&server).await.unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{}", words(&error));
    }
    let server = Hostile::start(Peer::command).keepalive(SHORT / 2);
    let said = words(&run(&server).await.unwrap_err());
    assert!(said.contains("no sign of life"), "{said}");
}

#[tokio::test]
async fn a_server_that_asks_and_never_listens_is_given_up() {
    let server = Hostile::start(|peer| {
        peer.command()?;
        // The answers fill every buffer on the way.
        peer.send_forever(&channel_request("evil@example.com", true))
    });
    let said = words(&run(&server.keepalive(SHORT / 2)).await.unwrap_err());
    assert!(said.contains("took no data for 2 s"), "{said}");
}
