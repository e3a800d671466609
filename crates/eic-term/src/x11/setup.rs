//! What an X client says first (X Window System Protocol, appendix B, "Connection Setup").

use super::Authority;

/// What stands before the cookie: the byte order, the protocol's version, and two lengths.
const HEAD: usize = 12;

/// What to do with what a client has said so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setup {
    /// It has not said enough yet.
    More,
    /// It is not to be let in.
    Refused(&'static str),
    /// It is to say this instead.
    Instead(Vec<u8>),
}

/// Puts the real cookie in the place of the one that was made up, which the client must have.
pub(super) fn exchange(said: &[u8], made_up: &Authority, real: Option<&Authority>) -> Setup {
    let Some((head, rest)) = said.split_at_checked(HEAD) else {
        return Setup::More;
    };
    let &[order, _, _, _, _, _, a, b, c, d, _, _] = head else {
        return Setup::More;
    };
    let is_big = match order {
        b'B' => true,
        b'l' => false,
        _ => return Setup::Refused("what came is no X client"),
    };
    let length = |bytes| usize::from(u16_of(bytes, is_big));
    let (protocol, data) = (length([a, b]), length([c, d]));
    // The lengths are known, and so nobody is waited for who says much.
    if (protocol, data) != (made_up.protocol.len(), made_up.data.len()) {
        return Setup::Refused("it does not have the cookie that was made for the host");
    }
    let (Some(protocol), Some((data, after))) = (
        rest.get(..protocol),
        rest.get(padded(protocol)..)
            .and_then(|rest| Some((rest.get(..data)?, rest.get(padded(data)..)?))),
    ) else {
        return Setup::More;
    };
    let is_same = protocol == made_up.protocol.as_bytes()
        && aws_lc_rs::constant_time::verify_slices_are_equal(data, &made_up.data).is_ok();
    if !is_same {
        return Setup::Refused("it does not have the cookie that was made for the host");
    }
    let (protocol, data) = real.map_or((&[][..], &[][..]), |real| {
        (real.protocol.as_bytes(), &real.data)
    });
    let mut instead = head.get(..6).unwrap_or_default().to_vec();
    for part in [protocol, data] {
        let length = u16::try_from(part.len()).unwrap_or_default();
        instead.extend(bytes_of(length, is_big));
    }
    instead.extend([0, 0]);
    for part in [protocol, data] {
        instead.extend(part);
        instead.resize(instead.len() + padded(part.len()) - part.len(), 0);
    }
    instead.extend(after);
    Setup::Instead(instead)
}

fn u16_of(bytes: [u8; 2], is_big: bool) -> u16 {
    match is_big {
        true => u16::from_be_bytes(bytes),
        false => u16::from_le_bytes(bytes),
    }
}

fn bytes_of(number: u16, is_big: bool) -> [u8; 2] {
    match is_big {
        true => number.to_be_bytes(),
        false => number.to_le_bytes(),
    }
}

/// Fields end at a multiple of four bytes.
fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::*;

    fn authority(protocol: &str, data: &[u8]) -> Authority {
        Authority {
            protocol: protocol.to_owned(),
            data: Zeroizing::new(data.to_vec()),
        }
    }

    const MADE_UP: &[u8] = &[7; 16];
    const LITTLE: &[u8] = b"l\0\x0b\0\0\0\x12\0\x10\0\0\0MIT-MAGIC-COOKIE-1\0\0";
    const BIG: &[u8] = b"B\0\0\x0b\0\0\0\x12\0\x10\0\0MIT-MAGIC-COOKIE-1\0\0";

    #[test]
    fn who_has_the_cookie_gets_the_real_one() {
        let made_up = authority("MIT-MAGIC-COOKIE-1", MADE_UP);
        let real = authority("MIT-MAGIC-COOKIE-1", &[9; 16]);
        let other = authority("X", &[1, 2, 3]);
        for (head, real, expected) in [
            (LITTLE, Some(&real), [LITTLE, &[9; 16]].concat()),
            (BIG, Some(&real), [BIG, &[9; 16]].concat()),
            (
                LITTLE,
                Some(&other),
                b"l\0\x0b\0\0\0\x01\0\x03\0\0\0X\0\0\0\x01\x02\x03\0".to_vec(),
            ),
            (BIG, None, b"B\0\0\x0b\0\0\0\0\0\0\0\0".to_vec()),
        ] {
            let said = [head, MADE_UP].concat();
            let whole = said.len();
            for length in 0..whole {
                assert_eq!(exchange(&said[..length], &made_up, real), Setup::More);
            }
            let instead = exchange(&said, &made_up, real);
            assert_eq!(instead, Setup::Instead(expected.clone()));
            let instead = exchange(&[&said[..], b"more"].concat(), &made_up, real);
            assert_eq!(instead, Setup::Instead([&expected[..], b"more"].concat()));
        }
    }

    #[test]
    fn who_has_not_is_refused_as_soon_as_that_is_clear() {
        let made_up = authority("MIT-MAGIC-COOKIE-1", MADE_UP);
        for said in [
            &b"GET / HTTP/1.1"[..],
            b"l\0\x0b\0\0\0\0\0\0\0\0\0",
            b"l\0\x0b\0\0\0\xff\xff\xff\xff\0\0",
            &[LITTLE, &[8; 16]].concat(),
            &[
                b"l\0\x0b\0\0\0\x12\0\x10\0\0\0MIT-MAGIC-COOKIE-2\0\0",
                MADE_UP,
            ]
            .concat(),
        ] {
            let refused = exchange(said, &made_up, None);
            assert!(matches!(refused, Setup::Refused(_)), "{refused:?}");
        }
    }

    proptest! {
        #[test]
        fn nobody_is_waited_for_who_says_much(said in proptest::collection::vec(any::<u8>(), 64..128)) {
            let made_up = authority("MIT-MAGIC-COOKIE-1", MADE_UP);
            prop_assert_ne!(exchange(&said, &made_up, None), Setup::More);
        }
    }
}
