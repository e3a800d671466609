//! OpenSSH's known_hosts files, read only (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

use aws_lc_rs::hmac;
use data_encoding::BASE64;

use super::policy::HostKey;
use crate::pattern;

/// What a line says of the key in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// The host has it.
    Known,
    /// `@cert-authority`: who holds it may certify the host's keys.
    Authority,
    /// `@revoked`: it must not be believed, whatever else speaks for it.
    Revoked,
}

/// Finds what is said about a host, by any of its names, each with the number of its line. Comments and broken lines
/// are passed over.
pub(crate) fn about<'a>(
    text: &'a [u8],
    names: &'a [String],
) -> impl Iterator<Item = (usize, Says, HostKey)> + 'a {
    let lines = text.split(|byte| *byte == b'\n').zip(1..);
    lines.filter_map(|(line, number)| {
        let line = Line::parse(std::str::from_utf8(line).ok()?)?;
        line.is_for(names).then_some((number, line.says, line.key))
    })
}

/// All lines that say something, each with whether it is about a host.
pub(super) fn lines<'a>(
    text: &'a [u8],
    names: &'a [String],
) -> impl Iterator<Item = (Line<'a>, bool)> + 'a {
    let lines = text.split(|byte| *byte == b'\n');
    lines.filter_map(|line| {
        let line = Line::parse(std::str::from_utf8(line).ok()?)?;
        let is_ours = line.is_for(names);
        Some((line, is_ours))
    })
}

/// A host's name out of `[NAME]:PORT`.
pub(super) fn without_port(name: &str) -> &str {
    let inner = name
        .strip_prefix('[')
        .and_then(|name| name.rsplit_once("]:"));
    inner.map_or(name, |(name, _)| name)
}

/// Hides a name: `|1|SALT|HASH`.
pub(super) fn hashed(name: &str) -> String {
    let mut salt = [0; 20];
    // Without random numbers there would be no connection either.
    aws_lc_rs::rand::fill(&mut salt).ok();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    let tag = hmac::sign(&key, name.as_bytes());
    let (salt, hash) = (BASE64.encode(&salt), BASE64.encode(tag.as_ref()));
    format!("|1|{salt}|{hash}")
}

/// A line that says something.
pub(super) struct Line<'a> {
    pub(super) says: Says,
    hosts: &'a str,
    pub(super) key: HostKey,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let line = line.trim();
        let (first, rest) = line.split_once([' ', '\t'])?;
        if first.starts_with('#') {
            return None;
        }
        let says = match first {
            "@cert-authority" => Says::Authority,
            "@revoked" => Says::Revoked,
            _ if first.starts_with('@') => return None,
            _ => Says::Known,
        };
        let (hosts, key) = match says {
            Says::Known => (first, rest),
            _ => rest.trim_start().split_once([' ', '\t'])?,
        };
        Some(Self {
            says,
            hosts,
            key: HostKey::parse(key)?,
        })
    }

    /// Whether it is about hosts that it does not name one by one.
    pub(super) fn is_pattern(&self) -> bool {
        self.hosts.contains(['*', '?', '!'])
    }

    /// Whether a name matches; one that is excluded by `!` ends the matter.
    fn is_for(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.matches(name))
    }

    fn matches(&self, name: &str) -> bool {
        if self.hosts.starts_with("|1|") {
            return is_hash_of(self.hosts, name);
        }
        pattern::matches_hosts(self.hosts, name)
    }
}

/// `|1|SALT|HASH`: HMAC-SHA-1 of the name under the salt.
fn is_hash_of(field: &str, name: &str) -> bool {
    let Some((salt, hash)) = field
        .strip_prefix("|1|")
        .and_then(|rest| rest.split_once('|'))
    else {
        return false;
    };
    let decode = |text: &str| BASE64.decode(text.as_bytes());
    let (Ok(salt), Ok(hash)) = (decode(salt), decode(hash)) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    hmac::verify(&key, name.as_bytes(), &hash).is_ok()
}

/// `*` is any text, `?` any character; letters of either case are the same.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    pattern::matches(&pattern.to_ascii_lowercase(), &name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn found(text: &str, name: &str) -> Vec<Says> {
        let text = text.replace("KEY", KEY).replace("OTHER", OTHER);
        said(text.as_bytes(), name)
    }

    /// What is said of `KEY`.
    fn said(text: &[u8], name: &str) -> Vec<Says> {
        let (key, names) = (HostKey::parse(KEY).unwrap(), [name.to_owned()]);
        let about = about(text, &names).filter(|(.., one)| *one == key);
        about.map(|(_, says, _)| says).collect()
    }

    #[test]
    fn lines_and_their_meaning() {
        use Says::{Authority, Known, Revoked};
        for (text, name, expected) in [
            ("web KEY", "web", &[Known][..]),
            ("web KEY comment here\r\n", "web", &[Known]),
            ("web,db KEY", "DB", &[Known]),
            ("10.0.*.1? KEY", "10.0.77.12", &[Known]),
            ("10.0.*.1? KEY", "10.0.77.1", &[]),
            ("*,!db KEY", "db", &[]),
            ("!db,* KEY", "web", &[Known]),
            ("[web]:2222 KEY", "[web]:2222", &[Known]),
            ("[web]:2222 KEY", "web", &[]),
            ("web OTHER", "web", &[]),
            ("# web KEY", "web", &[]),
            ("web\tKEY", "web", &[Known]),
            ("web KEY\n@revoked * KEY", "web", &[Known, Revoked]),
            ("@revoked web KEY\nweb KEY", "web", &[Revoked, Known]),
            ("@revoked db KEY\nweb KEY", "web", &[Known]),
            ("@cert-authority * KEY", "web", &[Authority]),
            ("@other * KEY", "web", &[]),
            ("broken\n\nweb ssh-ed25519 !!!\nweb KEY", "web", &[Known]),
            ("|1|broken|x KEY", "web", &[]),
        ] {
            assert_eq!(found(text, name), expected, "{text} {name}");
        }
    }

    #[test]
    fn hashed_names() {
        let line = format!("{} KEY", hashed("web"));
        assert_eq!(found(&line, "web"), [Says::Known]);
        assert_eq!(found(&line, "db"), []);
    }

    #[test]
    fn patterns_take_no_time_to_fail() {
        let pattern = "*a".repeat(40);
        assert!(!matches(&pattern, &"a".repeat(39)));
        assert!(matches(&pattern, &"ba".repeat(40)));
    }

    /// A host's name, or part of one: nothing that means something in a list of patterns.
    const NAME: &str = "[a-z0-9.:\\[\\]_-]{1,20}";

    /// Lines that say nothing of the host, broken ones among them.
    fn noise() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            vec(any::<u8>(), 0..40),
            "(#|@[a-z-]{0,9} )?[!-~]{0,9} [ -~]{0,30}".prop_map(String::into_bytes),
            Just(format!("other.host {OTHER}\r").into_bytes()),
        ]
    }

    /// A file with a line in the midst of noise.
    fn file(noise: &[Vec<u8>], line: &str) -> Vec<u8> {
        let lines: Vec<_> = noise.iter().map(Vec::as_slice).collect();
        let (before, after) = lines.split_at(lines.len() / 2);
        [before, &[line.as_bytes()], after].concat().join(&b'\n')
    }

    proptest! {
        #[test]
        fn any_file_can_be_read(text in vec(any::<u8>(), 0..300), names in vec(".{0,20}", 0..3)) {
            about(&text, &names).count();
        }

        #[test]
        fn what_was_written_is_found(
            names in vec(NAME, 1..4),
            noise in vec(noise(), 0..6),
            comment in "( [ -~]{0,20}\r?)?",
            other in NAME,
        ) {
            let text = file(&noise, &format!("{} {KEY}{comment}", names.join(",")));
            for name in &names {
                let upper = name.to_ascii_uppercase();
                prop_assert!(said(&text, &upper).contains(&Says::Known));
            }
            let found = said(&text, &other).contains(&Says::Known);
            prop_assert_eq!(found, names.contains(&other));
        }

        #[test]
        fn a_hashed_line_says_what_the_plain_one_does(name in NAME, other in NAME, noise in vec(noise(), 0..4)) {
            let plain = file(&noise, &format!("{name} {KEY}"));
            let hashed = file(&noise, &format!("{} {KEY}", hashed(&name)));
            for name in [name, other] {
                prop_assert_eq!(said(&plain, &name), said(&hashed, &name));
            }
        }

        #[test]
        fn a_name_matches_what_was_made_of_it(parts in vec((NAME, any::<bool>(), 0..3_u8), 0..5)) {
            let mut name = String::new();
            let mut pattern = String::new();
            for (part, is_star, marks) in parts {
                name += &part;
                match is_star {
                    true => pattern += "*",
                    false => pattern += &part,
                }
                for _ in 0..marks {
                    name += "x";
                    pattern += "?";
                }
            }
            prop_assert!(matches(&pattern, &name), "{} {}", pattern, name);
            let longer = pattern.clone() + "?";
            prop_assert!(pattern.contains('*') || !matches(&longer, &name));
        }
    }
}
