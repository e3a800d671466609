//! The key exchange (RFC 4253 §7): stalled, downgraded, out of order, forged, and again and again.

use std::io;

use eic_term::Error;

use super::packet::{Packet, number};
use super::server::{Hostile, SHORT, Step, run, words};
use super::transport::{Offer, Peer};

const STRICT: &str = "curve25519-sha256,kex-strict-s-v00@openssh.com";

#[tokio::test]
async fn a_key_exchange_that_stalls_ends_in_time() {
    let steps: [Step; 5] = [
        |_| Ok(()),
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
        Peer::hello,
    ];
    for step in steps {
        let start = std::time::Instant::now();
        let error = Hostile::start(step)
            .limit(SHORT)
            .session()
            .await
            .unwrap_err();
        let in_time = start.elapsed() < SHORT * 10;
        assert!(
            in_time && matches!(error, Error::Timeout { .. }),
            "{}",
            words(&error)
        );
    }
}

/// Nothing of a connection is left when its limit is over, in a program that goes on.
#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_hangs_up() {
    for step in [Peer::versions as Step, Peer::hello] {
        let (hung_up, end) = std::sync::mpsc::channel();
        let server = Hostile::start(move |peer| {
            step(peer)?;
            peer.wait()?;
            hung_up.send(()).map_err(io::Error::other)
        });
        let error = server.limit(SHORT).session().await.unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{}", words(&error));
        end.recv_timeout(30 * SHORT).unwrap();
    }
}

#[tokio::test]
async fn weak_algorithms_are_refused() {
    let good = Offer::default();
    for (offer, expected) in [
        (
            Offer {
                kex: "diffie-hellman-group1-sha1,diffie-hellman-group14-sha1",
                ..good
            },
            "key exchange that is safe enough, only diffie-hellman-group1-sha1, diff",
        ),
        (
            Offer {
                kex: "diffie-hellman-group-exchange-sha1",
                ..good
            },
            "key exchange",
        ),
        (
            Offer {
                kex: "none",
                ..good
            },
            "key exchange",
        ),
        (
            Offer {
                host_key: "ssh-dss",
                ..good
            },
            "host key that is safe enough, only ssh-dss",
        ),
        (
            Offer {
                host_key: "ssh-rsa",
                ..good
            },
            "host key",
        ),
        (
            Offer {
                cipher: "aes256-cbc,3des-cbc,aes128-cbc",
                ..good
            },
            "cipher that is safe enough, only aes256-cbc",
        ),
        (
            Offer {
                cipher: "none",
                ..good
            },
            "cipher",
        ),
        (
            Offer {
                cipher: "arcfour,clear",
                ..good
            },
            "cipher",
        ),
        (
            Offer {
                cipher: "aes256-ctr",
                mac: "hmac-sha1,hmac-sha1-etm@openssh.com,hmac-md5",
                ..good
            },
            "message authentication code",
        ),
        (
            Offer {
                cipher: "aes256-ctr",
                mac: "none",
                ..good
            },
            "message authentication code",
        ),
        (
            Offer {
                kex: "\x1b[2J\r\n,x",
                ..good
            },
            "only \\u{1b}[2J\\u{d}\\n",
        ),
        (
            Offer {
                kex: "",
                host_key: "",
                cipher: "",
                mac: "",
                compression: "",
            },
            "key exchange",
        ),
    ] {
        let server = Hostile::start(move |peer| {
            peer.versions()?;
            peer.keys(offer)
        });
        let error = server.session().await.unwrap_err();
        assert!(matches!(error, Error::Algorithms { .. }), "{error}");
        let said = words(&error);
        assert!(
            said.contains("that is safe enough") && said.contains(expected),
            "{expected}: {said}"
        );
    }
}

#[tokio::test]
async fn a_list_of_algorithms_without_end_is_cut() {
    let server = Hostile::start(|peer| {
        peer.versions()?;
        let long: &'static str = "evil,".repeat(200).leak();
        peer.keys(Offer {
            kex: long,
            ..Offer::default()
        })
    });
    let said = words(&server.session().await.unwrap_err());
    assert_eq!(said.matches("evil,").count(), 16, "{said}");
    assert!(said.ends_with('…'), "{said}");
}

/// Terrapin (CVE-2023-48795): with strict key exchange nothing may come between its messages, which could shift
/// the sequence numbers; without it RFC 4253 §11.2 allows IGNORE at any time.
#[tokio::test]
async fn packets_between_those_of_a_strict_key_exchange_end_it() {
    type Place = fn(&mut Peer, Offer, &Packet) -> io::Result<()>;
    let places: [Place; 3] = [
        |peer, offer, extra| {
            peer.send(extra)?;
            peer.keys(offer)
        },
        |peer, offer, extra| {
            peer.offers(offer)?;
            peer.send(extra)?;
            let exchange = peer.key_reply()?;
            peer.send(&exchange.reply)?;
            peer.send(&Packet::new(number::NEWKEYS))?;
            peer.take_keys_into_use(&exchange)
        },
        |peer, offer, extra| {
            peer.offers(offer)?;
            let exchange = peer.key_reply()?;
            peer.send(&exchange.reply)?;
            peer.send(extra)?;
            peer.send(&Packet::new(number::NEWKEYS))?;
            peer.take_keys_into_use(&exchange)
        },
    ];
    for place in places {
        for extra in [
            Packet::new(number::IGNORE).string("shift"),
            Packet::new(number::DEBUG)
                .flag(false)
                .string("shift")
                .string(""),
            Packet::new(number::UNIMPLEMENTED).u32(0),
        ] {
            for (kex, is_strict) in [(STRICT, true), (Offer::default().kex, false)] {
                let extra = extra.clone();
                let server = Hostile::start(move |peer| {
                    peer.versions()?;
                    place(
                        peer,
                        Offer {
                            kex,
                            ..Offer::default()
                        },
                        &extra,
                    )?;
                    peer.service()?;
                    peer.send(&Packet::new(number::USERAUTH_SUCCESS))
                });
                let ended = server.session().await.map_err(|error| words(&error));
                match ended {
                    Ok(_) => assert!(!is_strict),
                    Err(said) => {
                        assert!(is_strict && said.contains("strict key exchange"), "{said}")
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_forged_exchange_is_refused() {
    let forgeries: [fn(Vec<u8>) -> Vec<u8>; 4] = [
        // The last byte is the signature's.
        |mut reply| {
            *reply.last_mut().unwrap() ^= 1;
            reply
        },
        // A byte of the host key, behind the number, two lengths and the algorithm's name.
        |mut reply| {
            reply[1 + 4 + 4 + 11 + 4] ^= 1;
            reply
        },
        |reply| reply[..40].to_vec(),
        |reply| [&reply[..], b"more"].concat(),
    ];
    for forge in forgeries {
        let server = Hostile::start(move |peer| {
            peer.versions()?;
            peer.offers(Offer::default())?;
            let reply = peer.key_reply()?.reply.into_bytes();
            peer.send(&Packet::field().bytes(&forge(reply)))?;
            peer.send(&Packet::new(number::NEWKEYS))
        });
        let error = server.session().await.unwrap_err();
        assert!(
            matches!(error, Error::Handshake { .. }),
            "{}",
            words(&error)
        );
    }
}

#[tokio::test]
async fn a_point_of_small_order_is_refused() {
    let server = Hostile::start(|peer| {
        peer.versions()?;
        peer.offers(Offer::default())?;
        let host_key = Packet::field().string("ssh-ed25519").string([1; 32]);
        let signature = Packet::field().string("ssh-ed25519").string([0; 64]);
        let reply = Packet::new(number::KEX_REPLY).string(host_key.into_bytes());
        peer.send(&reply.string([0; 32]).string(signature.into_bytes()))
    });
    let error = server.session().await.unwrap_err();
    assert!(
        matches!(error, Error::Handshake { .. }),
        "{}",
        words(&error)
    );
}

#[tokio::test]
async fn keys_exchanged_now_and_then_are_fine_and_without_end_are_not() {
    let server = Hostile::start(|peer| {
        peer.command()?;
        for _ in 0..3 {
            peer.keys(Offer::default())?;
        }
        peer.exit(7)
    });
    assert_eq!(run(&server).await.unwrap().status.code(), Some(7));
    let server = Hostile::start(|peer| {
        peer.command()?;
        loop {
            peer.keys(Offer::default())?;
        }
    });
    let said = words(&run(&server).await.unwrap_err());
    assert!(said.contains("exchanges keys again and again"), "{said}");
}

#[tokio::test]
async fn a_rekeying_that_stalls_ends_by_the_keepalive() {
    let server = Hostile::start(|peer| {
        peer.command()?;
        peer.offers(Offer::default())
    });
    let server = server.keepalive(SHORT / 2);
    let said = words(&run(&server).await.unwrap_err());
    assert!(said.contains("no sign of life"), "{said}");
}

/// Our half of a rekeying is out, the server's never comes: its packets on the way are taken, but not without end.
#[tokio::test]
async fn a_flood_into_a_rekeying_ends_the_session() {
    let server = Hostile::start(|peer| {
        peer.login()?;
        peer.expect(number::KEXINIT)?;
        let open = Packet::new(number::CHANNEL_OPEN).string("session");
        peer.send_forever(&open.u32(0).u32(1 << 20).u32(1 << 15))
    });
    let session = server.session().await.unwrap();
    session.rekey().await.unwrap();
    let said = words(&session.command("true").output().await.unwrap_err());
    assert!(said.contains("nobody asked for"), "{said}");
}

#[tokio::test]
async fn a_forged_rekeying_is_refused() {
    let server = Hostile::start(|peer| {
        peer.command()?;
        peer.offers(Offer::default())?;
        let mut reply = peer.key_reply()?.reply.into_bytes();
        *reply.last_mut().unwrap() ^= 1;
        peer.send(&Packet::field().bytes(&reply))
    });
    let said = words(&run(&server).await.unwrap_err());
    assert!(said.contains("signature"), "{said}");
}
