//! Properties of the reader of known_hosts files, for fuzzing.

use super::known_hosts::{Says, about, hashed, matches};
use super::policy::HostKey;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

/// Looks a name up in any file, alone and behind lines that have it, plainly and hashed.
pub fn known_hosts(text: &[u8], name: &str) {
    let key = HostKey::parse(KEY).expect("a key");
    let names = [name.to_owned()];
    let said = |text: &[u8]| {
        let about = about(text, &names).filter(|(.., one)| *one == key);
        about.map(|(_, says, _)| says).collect::<Vec<_>>()
    };
    let mut expected = said(text);
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return;
    }
    let hash = format!("{} {KEY}\n", hashed(name));
    expected.insert(0, Says::Known);
    assert_eq!(said(&[hash.as_bytes(), text].concat()), expected);
}

/// Matches as the plain recursive definition does.
pub fn pattern(pattern: &str, name: &str) {
    let (pattern, name) = (cut(pattern), cut(name));
    assert_eq!(
        matches(pattern, name),
        by_definition(pattern.as_bytes(), name.as_bytes())
    );
}

/// The definition takes exponential time.
fn cut(text: &str) -> &str {
    text.split_at(text.floor_char_boundary(12)).0
}

fn by_definition(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, _) => name.is_empty(),
        (Some((b'*', rest)), None) => by_definition(rest, name),
        (Some((b'*', rest)), Some((_, shorter))) => {
            by_definition(rest, name) || by_definition(pattern, shorter)
        }
        (Some((b'?', rest)), Some((_, shorter))) => by_definition(rest, shorter),
        (Some((one, rest)), Some((other, shorter))) => {
            one.eq_ignore_ascii_case(other) && by_definition(rest, shorter)
        }
        (Some(_), None) => false,
    }
}
