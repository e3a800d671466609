//! OpenSSH's known_hosts files, read only (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

use aws_lc_rs::hmac;
use data_encoding::BASE64;

use super::policy::HostKey;

/// What a file says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// `@revoked`, for this host.
    Revoked,
    /// The host has this key.
    Known,
    /// Nothing about this key.
    Nothing,
}

/// Looks a host's key up by any of its names; a revocation counts more than anything else. Comments, broken lines
/// and certificate authorities are passed over.
pub(crate) fn look_up(text: &[u8], names: &[String], key: &HostKey) -> Found {
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| Line::parse(std::str::from_utf8(line).ok()?));
    let about = lines.filter(|line| line.key == *key && line.is_for(names));
    about.fold(Found::Nothing, |found, line| match (found, line.marker) {
        (Found::Revoked, _) | (_, Some("@revoked")) => Found::Revoked,
        (_, None) => Found::Known,
        (found, Some(_)) => found,
    })
}

struct Line<'a> {
    marker: Option<&'a str>,
    hosts: &'a str,
    key: HostKey,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let line = line.trim();
        let (first, rest) = line.split_once([' ', '\t'])?;
        if first.starts_with('#') {
            return None;
        }
        let (marker, hosts, key) = if first.starts_with('@') {
            let (hosts, key) = rest.trim_start().split_once([' ', '\t'])?;
            (Some(first), hosts, key)
        } else {
            (None, first, rest)
        };
        Some(Self {
            marker,
            hosts,
            key: HostKey::parse(key)?,
        })
    }

    /// Whether a name matches; one that is excluded by `!` ends the matter.
    fn is_for(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.matches(name))
    }

    fn matches(&self, name: &str) -> bool {
        if self.hosts.starts_with("|1|") {
            return is_hash_of(self.hosts, name);
        }
        let mut found = false;
        for pattern in self.hosts.split(',') {
            match pattern.strip_prefix('!') {
                Some(excluded) if matches(excluded, name) => return false,
                Some(_) => {}
                None => found |= matches(pattern, name),
            }
        }
        found
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

/// The field that hides a name, as `ssh-keygen -H` writes it.
#[cfg(any(test, fuzzing))]
pub(super) fn hashed(name: &str, salt: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    let tag = hmac::sign(&key, name.as_bytes());
    let (salt, tag) = (BASE64.encode(salt), BASE64.encode(tag.as_ref()));
    format!("|1|{salt}|{tag}")
}

/// `*` is any text, `?` any character; letters of either case are the same.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    matches_bytes(pattern.as_bytes(), name.as_bytes())
}

fn matches_bytes(pattern: &[u8], name: &[u8]) -> bool {
    // Where the last star was, and how much of the name it has taken: no need to look further back.
    let (mut at, mut star) = (0, None);
    let mut seen = 0;
    while let Some(byte) = name.get(seen) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(one) if *one == b'?' || one == byte => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                None => return false,
                Some((from, taken)) => {
                    star = Some((from, taken + 1));
                    (at, seen) = (from + 1, taken + 1);
                }
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == b'*')
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

    fn found(text: &str, name: &str) -> Found {
        let key = HostKey::parse(KEY).unwrap();
        let text = text.replace("KEY", KEY).replace("OTHER", OTHER);
        look_up(text.as_bytes(), &[name.to_owned()], &key)
    }

    #[test]
    fn lines_and_their_meaning() {
        use Found::{Known, Nothing, Revoked};
        for (text, name, expected) in [
            ("web KEY", "web", Known),
            ("web KEY comment here\r\n", "web", Known),
            ("web,db KEY", "DB", Known),
            ("10.0.*.1? KEY", "10.0.77.12", Known),
            ("10.0.*.1? KEY", "10.0.77.1", Nothing),
            ("*,!db KEY", "db", Nothing),
            ("!db,* KEY", "web", Known),
            ("[web]:2222 KEY", "[web]:2222", Known),
            ("[web]:2222 KEY", "web", Nothing),
            ("web OTHER", "web", Nothing),
            ("# web KEY", "web", Nothing),
            ("web\tKEY", "web", Known),
            ("web KEY\n@revoked * KEY", "web", Revoked),
            ("@revoked web KEY\nweb KEY", "web", Revoked),
            ("@revoked db KEY\nweb KEY", "web", Known),
            ("@cert-authority * KEY", "web", Nothing),
            ("broken\n\nweb ssh-ed25519 !!!\nweb KEY", "web", Known),
            ("|1|broken|x KEY", "web", Nothing),
        ] {
            assert_eq!(found(text, name), expected, "{text} {name}");
        }
    }

    #[test]
    fn hashed_names() {
        // ssh-keygen -H of `web KEY`.
        let line = hashed("web", b"0123456789abcdefghij") + " KEY";
        assert_eq!(found(&line, "web"), Found::Known);
        assert_eq!(found(&line, "db"), Found::Nothing);
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
            look_up(&text, &names, &HostKey::parse(KEY).unwrap());
        }

        #[test]
        fn what_was_written_is_found(
            names in vec(NAME, 1..4),
            noise in vec(noise(), 0..6),
            comment in "( [ -~]{0,20}\r?)?",
            other in NAME,
        ) {
            let key = HostKey::parse(KEY).unwrap();
            let text = file(&noise, &format!("{} {KEY}{comment}", names.join(",")));
            for name in &names {
                let upper = name.to_ascii_uppercase();
                prop_assert_eq!(look_up(&text, &[upper], &key), Found::Known);
            }
            let found = look_up(&text, std::slice::from_ref(&other), &key);
            prop_assert_eq!(found == Found::Known, names.contains(&other));
        }

        #[test]
        fn a_hashed_line_says_what_the_plain_one_does(name in NAME, other in NAME, noise in vec(noise(), 0..4)) {
            let key = HostKey::parse(KEY).unwrap();
            let plain = file(&noise, &format!("{name} {KEY}"));
            let hashed = file(&noise, &format!("{} {KEY}", hashed(&name, b"0123456789abcdefghij")));
            for name in [name, other] {
                let names = [name];
                prop_assert_eq!(look_up(&plain, &names, &key), look_up(&hashed, &names, &key));
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
