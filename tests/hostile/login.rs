//! The login (RFC 4252): banners, floods, and answers to what was not asked.

use std::sync::{Arc, Mutex};

use eic_auth::{EphemeralKey, OsUser};
use eic_term::{Error, HostKeyPolicy, Identity, SessionBuilder};

use super::packet::{Packet, disconnect, number};
use super::server::{Hostile, SHORT, Step, words};
use super::transport::{Offer, Peer};
use super::versions::HOSTILE_WORDS;

fn banner(text: &str) -> Packet {
    Packet::new(number::USERAUTH_BANNER).string(text).string("")
}

async fn refused(script: Step) -> String {
    words(&Hostile::start(script).session().await.unwrap_err())
}

#[tokio::test]
async fn banners_without_end_are_cut() {
    for (script, expected) in [
        (
            (|peer| {
                peer.login_request()?;
                peer.send_forever(&banner("x"))
            }) as Step,
            "more than 64 banners",
        ),
        (
            |peer| {
                peer.login_request()?;
                peer.send(&banner(&"\x1b]0;owned\x07".repeat(20_000)))?;
                peer.send(&banner(&"\x1b]0;owned\x07".repeat(20_000)))
            },
            "more than 256 KiB of text",
        ),
        (
            |peer| {
                peer.login_request()?;
                peer.send(&banner(&"x".repeat(1 << 20)))
            },
            "packet size",
        ),
    ] {
        let said = refused(script).await;
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn a_banner_comes_as_it_is_and_before_the_login() {
    let server = Hostile::start(|peer| {
        peer.login_request()?;
        peer.send(&banner("hello\x1b[2J"))?;
        peer.send(&Packet::new(number::USERAUTH_SUCCESS))
    });
    let heard = Arc::new(Mutex::new(String::new()));
    let ear = heard.clone();
    let builder = SessionBuilder::new("evil", HostKeyPolicy::DangerAcceptAny)
        .on_banner(move |text| ear.lock().unwrap().push_str(text));
    let stream = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let connection = builder.handshake(stream).await.unwrap();
    let key = Identity::from(&EphemeralKey::generate().unwrap());
    connection.login(&OsUser::default(), &key).await.unwrap();
    assert_eq!(*heard.lock().unwrap(), "hello\x1b[2J");
}

#[tokio::test]
async fn floods_before_the_login_are_cut() {
    for script in [
        (|peer| {
            peer.login_request()?;
            peer.send_forever(&Packet::new(number::IGNORE).string([0; 1000]))
        }) as Step,
        |peer| {
            peer.hello()?;
            peer.send_forever(&Packet::new(number::DEBUG).flag(true).string("x").string(""))
        },
    ] {
        let said = refused(script).await;
        assert!(
            said.contains("more than 1024 KiB before the login"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn answers_without_questions_end_in_time() {
    for (name, script) in [
        (
            "refusals",
            (|peer| {
                peer.login_request()?;
                let failure = Packet::new(number::USERAUTH_FAILURE)
                    .string("publickey")
                    .flag(false);
                peer.send_forever(&failure)
            }) as Step,
        ),
        ("a partial success", |peer| {
            peer.login_request()?;
            peer.send(
                &Packet::new(number::USERAUTH_FAILURE)
                    .string("\x1b[2J\r\n,password")
                    .flag(true),
            )
        }),
        ("keys", |peer| {
            peer.login_request()?;
            loop {
                peer.keys(Offer::default())?;
            }
        }),
        ("prompts", |peer| {
            peer.login_request()?;
            let prompts = Packet::new(60)
                .string("a")
                .string("b")
                .string("")
                .u32(u32::MAX);
            peer.send(&prompts)
        }),
        ("another service", |peer| {
            peer.hello()?;
            peer.expect(number::SERVICE_REQUEST)?;
            peer.send(&Packet::new(number::SERVICE_ACCEPT).string("evil"))
        }),
        ("extensions", |peer| {
            peer.hello()?;
            for _ in 0..10 {
                peer.send(&Packet::new(7).u32(u32::MAX))?;
            }
            Ok(())
        }),
        ("channels", |peer| {
            peer.hello()?;
            let open = Packet::new(number::CHANNEL_OPEN).string("session");
            peer.send_forever(&open.u32(0).u32(1 << 20).u32(1 << 15))
        }),
        ("a success before the service", |peer| {
            peer.hello()?;
            peer.send(&Packet::new(number::USERAUTH_SUCCESS))
        }),
        ("a banner that is no UTF-8", |peer| {
            peer.login_request()?;
            peer.send(
                &Packet::new(number::USERAUTH_BANNER)
                    .string([0xff; 9])
                    .string(""),
            )
        }),
        ("nonsense", |peer| {
            peer.login_request()?;
            peer.send(&Packet::new(200).bytes(&[0xff; 100]))
        }),
    ] {
        let start = std::time::Instant::now();
        let server = Hostile::start(script).limit(2 * SHORT);
        let said = words(&server.session().await.unwrap_err());
        assert!(start.elapsed() < 20 * SHORT, "{name}: {said}");
        println!("{name}: {said}");
    }
}

#[tokio::test]
async fn hostile_words_instead_of_a_login() {
    for step in [Peer::hello as Step, Peer::login_request] {
        let server = Hostile::start(move |peer| {
            step(peer)?;
            peer.send(&disconnect(HOSTILE_WORDS))
        });
        let error = server.session().await.unwrap_err();
        assert!(matches!(error, Error::Disconnected { .. }), "{error}");
        let said = words(&error);
        assert!(said.contains("bye\\u{d}\\n  try:   curl"), "{said}");
    }
}
