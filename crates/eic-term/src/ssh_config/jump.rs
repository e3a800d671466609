//! What `ProxyJump` and `-J` say.

use std::fmt;

use super::address::{destination, is_safe_host, is_safe_user};
use super::system::System;

/// A host on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The user there, where one is named.
    pub user: Option<String>,
    /// The host's name, an alias or an address.
    pub host: String,
    /// The port, where one is named.
    pub port: Option<u16>,
    text: String,
}

/// `none`, which is no hop, or hops between commas; the text ends at `#` and, in OpenSSH 9.2, at a blank.
pub(super) fn parse(text: &str, system: &dyn System) -> Option<Vec<Hop>> {
    let ends = |one: char| one == '#' || one.is_ascii_whitespace();
    let text = text.split(ends).next().unwrap_or_default();
    if text.eq_ignore_ascii_case("none") {
        return Some(Vec::new());
    }
    text.split(',').map(|hop| Hop::parse(hop, system)).collect()
}

/// What is wrong with hops that were typed, which must not hold what a shell would take for more.
pub(super) fn unsafe_name(hops: &[Hop]) -> Option<String> {
    hops.iter().rev().find_map(|hop| match &hop.user {
        _ if !is_safe_host(&hop.host) => {
            Some(format!("parse_jump: invalid hostname \"{}\"", hop.host))
        }
        Some(user) if !is_safe_user(user) => {
            Some(format!("parse_jump: invalid username \"{user}\""))
        }
        _ => None,
    })
}

/// The hops as `ssh -G` prints them: the last one taken apart, those before it as they were.
pub(super) fn print(hops: &[Hop]) -> String {
    let Some((last, before)) = hops.split_last() else {
        return "none".to_owned();
    };
    let before = before.iter().map(|hop| format!("{},", hop.text));
    format!("{}{last}", before.collect::<String>())
}

impl Hop {
    fn parse(text: &str, system: &dyn System) -> Option<Self> {
        let found = destination(text, system)?;
        Some(Self {
            user: found.user,
            host: found.host,
            port: found.port,
            text: text.to_owned(),
        })
    }
}

/// Such names stand in brackets.
fn looks_like_address(host: &str) -> bool {
    let numeric = host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    numeric || host.contains(':')
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match looks_like_address(&self.host) {
            true => write!(f, "[{}]", self.host)?,
            false => write!(f, "{}", self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn hops() {
        for (text, expected) in [
            ("web", Some("web")),
            ("me@web:2222 # x", Some("me@web:2222")),
            ("web x", Some("web")),
            ("a@b:1,ssh://c@d:2", Some("a@b:1,c@d:2")),
            ("10.0.0.1", Some("[10.0.0.1]")),
            ("[::1]:22", Some("[::1]:22")),
            ("NONE", Some("none")),
            ("a,,b", None),
            ("a:x", None),
            ("", None),
        ] {
            let found = parse(text, &Fake::default()).map(|hops| print(&hops));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
