//! `[USER@]HOST[:PATH]` and `sftp://[USER@]HOST[:PORT][/PATH]`: pure.

use std::net::IpAddr;
use std::str::FromStr;

use eic_auth::{Target, TargetError};

use crate::cli::place;

const SCHEME: &str = "sftp://";

/// Files somewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whose host, with the user; an `ssh://` address where the port is in it.
    pub(crate) host: String,
    pub(crate) path: Option<String>,
}

/// Files on an instance.
#[derive(Debug, Clone)]
pub(crate) struct InstancePlace {
    pub(crate) target: Target,
    pub(crate) path: Option<String>,
}

impl FromStr for InstancePlace {
    type Err = TargetError;

    /// Parses `[USER@]TARGET[:PATH]`.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let place = split(text);
        Ok(Self {
            target: place.host.parse()?,
            path: place.path,
        })
    }
}

/// Splits what is typed; `None` where an address's path is not encoded as one is.
pub(crate) fn parse(text: &str) -> Option<Place> {
    if let Some(rest) = text.strip_prefix(SCHEME) {
        let (host, path) = match rest.split_once('/') {
            Some((host, path)) => (host, Some(decode(path)?)),
            None => (rest, None),
        };
        return Some(Place {
            host: format!("ssh://{host}"),
            path: path.filter(|path| !path.is_empty()),
        });
    }
    Some(split(text))
}

fn split(text: &str) -> Place {
    let (_, host) = text.split_at(start_of_host(text));
    let is_address = host.parse::<IpAddr>().is_ok();
    let colon = place::colon(text.as_bytes(), |byte| byte == b'/');
    let (host, path) = match colon.filter(|_| !is_address) {
        Some(colon) => text.split_at(colon),
        None => (text, ""),
    };
    let path = path.strip_prefix(':').map(|path| match path {
        "" => ".",
        path => path,
    });
    Place {
        host: host.to_owned(),
        path: path.map(str::to_owned),
    }
}

fn start_of_host(text: &str) -> usize {
    place::start_of_host(text.as_bytes())
}

/// The user and the host apart, for programs that want them so; brackets mean nothing to them.
pub(super) fn user_and_host(host: &str) -> (Option<String>, String) {
    let bare = |host: &str| {
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        inner.unwrap_or(host).to_owned()
    };
    if host.starts_with("ssh://") {
        return (None, host.to_owned());
    }
    match host.split_at(start_of_host(host)) {
        ("", host) => (None, bare(host)),
        (user, host) => (Some(user.trim_end_matches('@').to_owned()), bare(host)),
    }
}

/// Undoes `%20` and the like.
fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (text, host, path) in [
            ("web", "web", None),
            ("me@web", "me@web", None),
            ("web:", "web", Some(".")),
            ("web:/a b", "web", Some("/a b")),
            ("me@web:a:b@c", "me@web", Some("a:b@c")),
            ("me@example.com@web:a", "me@example.com@web", Some("a")),
            (
                "i-0123456789abcdef0:~/a",
                "i-0123456789abcdef0",
                Some("~/a"),
            ),
            ("10.0.0.7:a", "10.0.0.7", Some("a")),
            ("2001:db8::7", "2001:db8::7", None),
            ("[2001:db8::7]:a", "[2001:db8::7]", Some("a")),
            ("me@[::1]:a", "me@[::1]", Some("a")),
            ("[::1]", "[::1]", None),
            ("tag:Role=web", "tag:Role=web", None),
            ("tag:Role=web:a", "tag:Role=web", Some("a")),
            ("me@tag:Role=a@b:c", "me@tag:Role=a@b", Some("c")),
            ("Name:10.0.0.7:a", "Name:10.0.0.7", Some("a")),
            ("sftp://web", "ssh://web", None),
            ("sftp://web/", "ssh://web", None),
            ("sftp://me@web:22/a%20b", "ssh://me@web:22", Some("a b")),
            ("sftp://web//a", "ssh://web", Some("/a")),
        ] {
            let expected = Place {
                host: host.to_owned(),
                path: path.map(str::to_owned),
            };
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!(parse("sftp://web/%zz"), None);
    }

    #[test]
    fn users_and_hosts() {
        for (host, user, rest) in [
            ("web", None, "web"),
            ("me@web", Some("me"), "web"),
            ("me@[::1]", Some("me"), "::1"),
            ("me@tag:Role=a@b", Some("me"), "tag:Role=a@b"),
            ("ssh://me@web:22", None, "ssh://me@web:22"),
        ] {
            let expected = (user.map(str::to_owned), rest.to_owned());
            assert_eq!(user_and_host(host), expected, "{host}");
        }
    }
}
