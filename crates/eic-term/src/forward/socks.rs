//! What a SOCKS client says first: versions 4, 4a and 5, CONNECT only, without authentication (RFC 1928, and
//! <https://www.openssh.com/txt/socks4.protocol>, <https://www.openssh.com/txt/socks4a.protocol>).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::address::Address;

/// The longest request: SOCKS 4a's has two texts without a length.
const LONGEST: usize = 1024;
const CONNECT: u8 = 1;

/// The protocol's version, which the answers depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V4,
    V5,
}

/// What can be made of the bytes so far; `used` of them are done with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// More must come first.
    Incomplete,
    /// Version 5 asks how to authenticate; without, is the answer.
    Greeting { used: usize },
    /// Where to connect to.
    Connect {
        version: Version,
        to: Address,
        used: usize,
    },
    /// Not what we take: this is the answer, if one is known.
    Wrong(&'static [u8]),
}

/// The answer to [`Said::Greeting`]: no authentication.
pub(crate) const NO_AUTHENTICATION: &[u8] = &[5, 0];
const NO_METHOD: &[u8] = &[5, 0xff];
const V4_GRANTED: &[u8] = &[0, 90, 0, 0, 0, 0, 0, 0];
const V4_REFUSED: &[u8] = &[0, 91, 0, 0, 0, 0, 0, 0];
const V5_GRANTED: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const V5_REFUSED: &[u8] = &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0];
const V5_NO_SUCH_COMMAND: &[u8] = &[5, 7, 0, 1, 0, 0, 0, 0, 0, 0];
const V5_NO_SUCH_ADDRESS: &[u8] = &[5, 8, 0, 1, 0, 0, 0, 0, 0, 0];

/// The answer to [`Said::Connect`].
pub(crate) fn answer(version: Version, connected: bool) -> &'static [u8] {
    match (version, connected) {
        (Version::V4, true) => V4_GRANTED,
        (Version::V4, false) => V4_REFUSED,
        (Version::V5, true) => V5_GRANTED,
        (Version::V5, false) => V5_REFUSED,
    }
}

/// Reads what a client has said, after its greeting was answered or before.
pub(crate) fn read(bytes: &[u8], greeted: bool) -> Said {
    let said = match (bytes.first(), greeted) {
        (None, _) => None,
        (Some(4), false) => version_4(bytes),
        (Some(5), false) => greeting(bytes),
        (Some(5), true) => version_5(bytes),
        (Some(_), _) => Some(Said::Wrong(&[])),
    };
    match said {
        Some(said) => said,
        None if bytes.len() > LONGEST => Said::Wrong(&[]),
        None => Said::Incomplete,
    }
}

/// A version identifier and method selection message (RFC 1928 §3).
fn greeting(bytes: &[u8]) -> Option<Said> {
    let count = usize::from(*bytes.get(1)?);
    let methods = bytes.get(2..2 + count)?;
    Some(match methods.contains(&0) {
        true => Said::Greeting { used: 2 + count },
        false => Said::Wrong(NO_METHOD),
    })
}

/// A request of version 5 (RFC 1928 §4).
fn version_5(bytes: &[u8]) -> Option<Said> {
    if *bytes.get(1)? != CONNECT {
        return Some(Said::Wrong(V5_NO_SUCH_COMMAND));
    }
    let (host, after) = match *bytes.get(3)? {
        1 => {
            let octets: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            (Some(Ipv4Addr::from(octets).to_string()), 8)
        }
        3 => {
            let length = usize::from(*bytes.get(4)?);
            (name(bytes.get(5..5 + length)?), 5 + length)
        }
        4 => {
            let octets: [u8; 16] = bytes.get(4..20)?.try_into().ok()?;
            (Some(Ipv6Addr::from(octets).to_string()), 20)
        }
        _ => return Some(Said::Wrong(V5_NO_SUCH_ADDRESS)),
    };
    let port: [u8; 2] = bytes.get(after..after + 2)?.try_into().ok()?;
    Some(match host {
        Some(host) => Said::Connect {
            version: Version::V5,
            to: Address::tcp(host, u16::from_be_bytes(port)),
            used: after + 2,
        },
        None => Said::Wrong(V5_REFUSED),
    })
}

/// A request of version 4, or of 4a, in which 0.0.0.x says that a name follows.
fn version_4(bytes: &[u8]) -> Option<Said> {
    if *bytes.get(1)? != CONNECT {
        return Some(Said::Wrong(V4_REFUSED));
    }
    let port: [u8; 2] = bytes.get(2..4)?.try_into().ok()?;
    let octets: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
    let after_user = 8 + text(bytes.get(8..)?)?.len() + 1;
    let (host, used) = match octets {
        [0, 0, 0, mark] if mark != 0 => {
            let host = text(bytes.get(after_user..)?)?;
            (name(host), after_user + host.len() + 1)
        }
        octets => (Some(Ipv4Addr::from(octets).to_string()), after_user),
    };
    Some(match host {
        Some(host) => Said::Connect {
            version: Version::V4,
            to: Address::tcp(host, u16::from_be_bytes(port)),
            used,
        },
        None => Said::Wrong(V4_REFUSED),
    })
}

/// A text that ends with a zero byte.
fn text(bytes: &[u8]) -> Option<&[u8]> {
    bytes
        .split(|byte| *byte == 0)
        .next()
        .filter(|text| text.len() < bytes.len())
}

/// A host's name: some visible ASCII.
fn name(bytes: &[u8]) -> Option<String> {
    let visible = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
    visible.then(|| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_clients_say() {
        let connect = |version, host: &str, port, used| Said::Connect {
            version,
            to: Address::tcp(host, port),
            used,
        };
        let table: [(&[u8], bool, Said); 16] = [
            (b"", false, Said::Incomplete),
            (b"\x05\x02\x02\x00", false, Said::Greeting { used: 4 }),
            (b"\x05\x01\x02", false, Said::Wrong(NO_METHOD)),
            (b"\x05\x03\x00\x01", false, Said::Incomplete),
            (
                b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50",
                true,
                connect(Version::V5, "127.0.0.1", 80, 10),
            ),
            (
                b"\x05\x01\x00\x03\x03web\x01\xbbrest",
                true,
                connect(Version::V5, "web", 443, 10),
            ),
            (
                b"\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x16",
                true,
                connect(Version::V5, "::1", 22, 22),
            ),
            (
                b"\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50",
                true,
                Said::Wrong(V5_NO_SUCH_COMMAND),
            ),
            (
                b"\x05\x01\x00\x02\x7f",
                true,
                Said::Wrong(V5_NO_SUCH_ADDRESS),
            ),
            (
                b"\x05\x01\x00\x03\x00\x00\x50",
                true,
                Said::Wrong(V5_REFUSED),
            ),
            (
                b"\x04\x01\x00\x50\x7f\x00\x00\x01me\x00",
                false,
                connect(Version::V4, "127.0.0.1", 80, 11),
            ),
            (
                b"\x04\x01\x00\x50\x00\x00\x00\x01\x00web\x00rest",
                false,
                connect(Version::V4, "web", 80, 13),
            ),
            (
                b"\x04\x01\x00\x50\x00\x00\x00\x01\x00web",
                false,
                Said::Incomplete,
            ),
            (
                b"\x04\x02\x00\x50\x7f\x00\x00\x01\x00",
                false,
                Said::Wrong(V4_REFUSED),
            ),
            (b"GET / HTTP/1.1\r\n", false, Said::Wrong(&[])),
            (b"\x04", true, Said::Wrong(&[])),
        ];
        for (bytes, greeted, expected) in table {
            assert_eq!(read(bytes, greeted), expected, "{bytes:?}");
        }
        let endless = [&b"\x04\x01\x00\x50\x7f\x00\x00\x01"[..], &[b'x'; LONGEST]].concat();
        assert_eq!(read(&endless, false), Said::Wrong(&[]));
    }

    proptest! {
        #[test]
        fn a_request_is_read_as_soon_as_it_is_whole_and_no_sooner(
            host in "[a-z0-9.-]{1,60}", port: u16, rest: Vec<u8>, old: bool,
        ) {
            let request = if old {
                [&b"\x04\x01"[..], &port.to_be_bytes(), &[0, 0, 0, 9], b"me\0", host.as_bytes(), b"\0"].concat()
            } else {
                let length = [u8::try_from(host.len()).unwrap()];
                [&b"\x05\x01\x00\x03"[..], &length, host.as_bytes(), &port.to_be_bytes()].concat()
            };
            for end in 0..request.len() {
                prop_assert_eq!(read(&request[..end], !old), Said::Incomplete);
            }
            let version = if old { Version::V4 } else { Version::V5 };
            let to = Address::tcp(host, port);
            let expected = Said::Connect { version, to, used: request.len() };
            prop_assert_eq!(read(&[request, rest].concat(), !old), expected);
        }

        #[test]
        fn nothing_upsets_it(bytes: Vec<u8>, greeted: bool) {
            match read(&bytes, greeted) {
                Said::Connect { used, .. } | Said::Greeting { used } => prop_assert!(used <= bytes.len()),
                Said::Incomplete | Said::Wrong(_) => {}
            }
        }
    }
}
