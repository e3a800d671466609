//! Names of hosts: `user@host:port`, `ssh://` and addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::number;
use super::system::System;

/// Where to, as one word says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// `[user@]host[:port]` or `ssh://[user@]host[:port]`.
pub(super) fn destination(text: &str, system: &dyn System) -> Option<Destination> {
    match uri(text, system) {
        Uri::Good(destination) => Some(destination),
        Uri::Bad => None,
        Uri::Other => user_host_port(text, system),
    }
}

/// What a word is as an `ssh://` address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Uri {
    Good(Destination),
    Bad,
    /// It is no such address.
    Other,
}

/// `ssh://[user[;parameters]@]host[:port][/]` (draft-ietf-secsh-scp-sftp-ssh-uri); a path is wrong.
pub(super) fn uri(text: &str, system: &dyn System) -> Uri {
    match text.strip_prefix("ssh://") {
        None => Uri::Other,
        Some(rest) => parse_uri(rest, system).map_or(Uri::Bad, Uri::Good),
    }
}

fn parse_uri(text: &str, system: &dyn System) -> Option<Destination> {
    let (user, rest) = match text.split_once('@') {
        None => (None, text),
        Some((user, rest)) => (Some(decode_user(user.split(';').next()?)?), rest),
    };
    let (host, delimiter, rest) = split_host(rest)?;
    let (port, path) = match delimiter {
        Some(':') => rest.split_once('/').unwrap_or((rest, "")),
        _ => ("", rest),
    };
    let host = domain(unbracketed(host)).ok()?;
    let port = some_port(port, system)?;
    path.is_empty().then_some(Destination { user, host, port })
}

/// A user's name, URL-decoded; there has to be one.
fn decode_user(text: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    let name = String::from_utf8(decoded).ok()?;
    (!name.is_empty()).then_some(name)
}

fn user_host_port(text: &str, system: &dyn System) -> Option<Destination> {
    let (user, rest) = match text.rsplit_once('@') {
        None => (None, text),
        Some(("", _)) => return None,
        Some((user, rest)) => (Some(user.to_owned()), rest),
    };
    let (host, delimiter, port) = split_host(rest)?;
    let port = some_port(port, system)?;
    let host = unbracketed(host).to_owned();
    (delimiter != Some('/')).then_some(Destination { user, host, port })
}

/// No port where none is named, `None` where what is named is none.
fn some_port(text: &str, system: &dyn System) -> Option<Option<u16>> {
    match text {
        "" => Some(None),
        text => number::port(text, system)
            .filter(|port| *port > 0)
            .map(Some),
    }
}

/// A host up to `:` or `/`, which of them, and the rest. One in brackets keeps them.
pub(super) fn split_host(text: &str) -> Option<(&str, Option<char>, &str)> {
    let end = match text.strip_prefix('[') {
        Some(inner) => inner.find(']')? + 2,
        None => text.find([':', '/']).unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    let delimiter = rest.chars().next();
    let known = matches!(delimiter, None | Some(':' | '/'));
    let rest = rest.get(1..).unwrap_or_default();
    (known && !host.is_empty()).then_some((host, delimiter, rest))
}

/// A host without the brackets around it.
pub(super) fn unbracketed(host: &str) -> &str {
    let inner = host.strip_prefix('[');
    let inner = inner.and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

/// A domain name without the dot at its end; else what is wrong with it.
pub(super) fn domain(name: &str) -> Result<String, String> {
    let wrong = |what: &str| Err(format!("domain name \"{name}\" {what}"));
    let Some(first) = name.chars().next() else {
        return Err("empty domain name".to_owned());
    };
    if !first.is_ascii_alphanumeric() {
        return wrong("starts with invalid character");
    }
    if name.contains("..") {
        return wrong("contains consecutive separators");
    }
    let allowed = |one: char| one.is_ascii_alphanumeric() || ".-_".contains(one);
    if !name.chars().all(allowed) {
        return wrong("contains invalid characters");
    }
    Ok(name.strip_suffix('.').unwrap_or(name).to_owned())
}

/// Whether a typed host name holds nothing that a shell, which tokens may lead it to, would take for more.
pub fn is_safe_host(name: &str) -> bool {
    let means_more = |one: char| "'`\"$\\;&<>|(){},".contains(one);
    let blank = |one: char| one.is_ascii_whitespace() || one.is_ascii_control();
    !name.starts_with('-') && !name.contains(|one| means_more(one) || blank(one))
}

/// The same of a user's name, in which blanks, `$` and `\` may stand.
pub(super) fn is_safe_user(name: &str) -> bool {
    let means_more = |one: char| "'`\";&<>|(){}".contains(one) || one.is_ascii_control();
    let option = name.starts_with('-') || name.contains(" -");
    !option && !name.contains(means_more) && !name.ends_with('\\')
}

/// Whether a name can be nothing but an address, be it a valid one or not.
pub(super) fn looks_numeric(name: &str) -> bool {
    let numeric = name
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    numeric || name.contains(['%', ':'])
}

/// An address in its one usual form; `None` for a name.
pub(super) fn canonical(name: &str) -> Option<String> {
    if let Some(address) = ipv4(name) {
        return Some(address.to_string());
    }
    let (address, zone) = match name.split_once('%') {
        Some((address, zone)) => (address, format!("%{zone}")),
        None => (name, String::new()),
    };
    let address: Ipv6Addr = address.parse().ok()?;
    Some(format!("{address}{zone}"))
}

/// As inet_aton(3): fewer than four numbers, octal and hexadecimal ones too.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let parts: Option<Vec<u32>> = text.split('.').map(c_number).collect();
    let parts = parts.filter(|parts| parts.len() <= 4)?;
    let (last, leading) = parts.split_last()?;
    let mut address: u32 = 0;
    for part in leading {
        address = (address << 8) | u32::from(u8::try_from(*part).ok()?);
    }
    let bits = 8 * (4 - u32::try_from(leading.len()).ok()?);
    let most = u32::MAX.checked_shr(32 - bits)?;
    let shifted = address.checked_shl(bits).unwrap_or_default();
    (*last <= most).then(|| Ipv4Addr::from(shifted | *last))
}

/// A number as C writes it: `10`, `012` or `0xa`.
pub(super) fn c_number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.get(..2) {
        Some("0x" | "0X") => (text.get(2..)?, 16),
        _ if text.len() > 1 && text.starts_with('0') => (text.get(1..)?, 8),
        _ => (text, 10),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    fn parts(text: &str) -> Option<(String, String, u16)> {
        let found = destination(text, &Fake::default())?;
        let user = found.user.unwrap_or_default();
        Some((user, found.host, found.port.unwrap_or_default()))
    }

    #[test]
    fn destinations() {
        for (text, expected) in [
            ("web", Some(("", "web", 0))),
            ("me@web", Some(("me", "web", 0))),
            ("me@corp@web:2222", Some(("me@corp", "web", 2222))),
            ("[::1]:22", Some(("", "::1", 22))),
            ("web:", Some(("", "web", 0))),
            ("web:http", Some(("", "web", 80))),
            ("web:0", None),
            ("web/x", None),
            ("@web", None),
            ("", None),
            ("[::1]x", None),
            ("ssh://me@web:22/", Some(("me", "web", 22))),
            ("ssh://a%40b;x=y@web", Some(("a@b", "web", 0))),
            ("ssh://a+b@web", Some(("a b", "web", 0))),
            ("ssh://web/path", None),
            ("ssh://%zz@web", None),
            ("ssh://@web", None),
            ("ssh://[::1]", None),
        ] {
            let expected =
                expected.map(|(user, host, port)| (user.to_owned(), host.to_owned(), port));
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("127.1", Some("127.0.0.1")),
            ("0x7f.0.0.01", Some("127.0.0.1")),
            ("1", Some("0.0.0.1")),
            ("256.1.1.1", None),
            ("1.2.3.4.5", None),
            ("4294967295", Some("255.255.255.255")),
            ("::0001", Some("::1")),
            ("fe80::01%eth0", Some("fe80::1%eth0")),
            ("web", None),
            ("", None),
            ("09", None),
            ("+1", None),
        ] {
            assert_eq!(canonical(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_shell_would_take_for_more() {
        for (name, host, user) in [
            ("web-1.example.com", true, true),
            ("fe80::1%eth0", true, true),
            ("é", true, true),
            ("-web", false, false),
            ("a;b", false, false),
            ("a b", false, true),
            ("a -b", false, false),
            ("a$b", false, true),
            ("a\\b", false, true),
            ("ab\\", false, false),
            ("a\u{7}b", false, false),
            ("${A}", false, false),
        ] {
            assert_eq!(
                (is_safe_host(name), is_safe_user(name)),
                (host, user),
                "{name}"
            );
        }
    }

    #[test]
    fn domains() {
        assert_eq!(domain("Example.com.").unwrap(), "Example.com");
        for name in ["", "-a", "a..b", "a b"] {
            assert!(domain(name).is_err(), "{name}");
        }
    }
}
