//! SSH host keys out of an instance's console output.

use russh::keys::PublicKey;

const BEGIN: &str = "-----BEGIN SSH HOST KEY KEYS-----";
const END: &str = "-----END SSH HOST KEY KEYS-----";
/// No host has more keys; a console full of them is somebody's doing.
const MOST_KEYS: usize = 32;

/// What a console says about its instance's host keys.
///
/// ```
/// use eic_auth::ConsoleKeys;
/// let console = "-----BEGIN SSH HOST KEY KEYS-----\r\n\
///     ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ root@host\r\n\
///     -----END SSH HOST KEY KEYS-----\r\n";
/// assert!(matches!(ConsoleKeys::read(console), ConsoleKeys::Keys(keys) if keys.len() == 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleKeys {
    /// No complete block of keys: the buffer is empty, late, or has rolled over.
    None,
    /// The keys of every block, which agree; each in OpenSSH's form without comment.
    Keys(Vec<String>),
    /// Blocks that disagree: the host was rebuilt, or somebody else wrote one.
    Conflict,
}

impl ConsoleKeys {
    /// Reads the blocks that cloud-init prints on an instance's first boot (its module
    /// `keys_to_console`): `KEYS` blocks only, with either line end, boot messages in between and
    /// keys wrapped at the console's width.
    #[must_use]
    pub fn read(console: &str) -> Self {
        let mut blocks = blocks(console);
        let Some(first) = blocks.next() else {
            return Self::None;
        };
        match blocks.all(|block| block == first) {
            true => Self::Keys(first),
            false => Self::Conflict,
        }
    }
}

/// The keys of each complete block, sorted; blocks without a key are left out.
fn blocks(console: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    let parts = console.split(BEGIN).skip(1);
    let complete = parts.filter_map(|part| part.split_once(END));
    let keys = complete.map(|(block, _)| keys(block));
    keys.filter(|keys| !keys.is_empty())
}

fn keys(block: &str) -> Vec<String> {
    let lines: Vec<_> = block.split(['\n', '\r']).map(str::trim).collect();
    let mut keys: Vec<_> = (0..lines.len())
        .filter_map(|start| key_at(lines.get(start..)?))
        .take(MOST_KEYS)
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

/// The key that starts on the first of these lines, whose rest may be on the next ones.
fn key_at(lines: &[&str]) -> Option<String> {
    let (first, rest) = lines.split_first()?;
    if !(first.starts_with("ssh-") || first.starts_with("ecdsa-")) {
        return None;
    }
    let mut text = (*first).to_owned();
    let mut rest = rest.iter().filter(|line| !line.is_empty());
    // An RSA key of 16384 bits fills 35 lines of 80 columns.
    for _ in 0..40 {
        if let Some(key) = parse(&text) {
            return Some(key);
        }
        text.push_str(rest.next()?);
    }
    None
}

fn parse(text: &str) -> Option<String> {
    let key = PublicKey::from_openssh(text).ok()?;
    PublicKey::new(key.key_data().clone(), "").to_openssh().ok()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;

    const ED: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";
    const EC: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";

    fn block(lines: &str) -> String {
        format!("{BEGIN}\n{lines}\n{END}\n")
    }

    fn keys(of: &[&str]) -> ConsoleKeys {
        ConsoleKeys::Keys(of.iter().map(|key| (*key).to_owned()).collect())
    }

    #[test]
    fn consoles() {
        let both = block(&format!("{EC} root@host\n{ED} root@host"));
        let wrapped = both.replace("AAAABBBHwf2", "AAAABBB\nHwf2");
        let table = [
            (String::new(), ConsoleKeys::None),
            (format!("{BEGIN}\n{ED} root@host\n"), ConsoleKeys::None),
            (format!("{ED} root@host\n{END}\n"), ConsoleKeys::None),
            (block("nothing here"), ConsoleKeys::None),
            (both.clone(), keys(&[EC, ED])),
            (both.replace('\n', "\r\n"), keys(&[EC, ED])),
            (wrapped, keys(&[EC, ED])),
            (
                block(&format!("{ED} a\n[   12.3] cloud-init: boot\n{EC} b")),
                keys(&[EC, ED]),
            ),
            (format!("{both}rebooted\n{both}"), keys(&[EC, ED])),
            (block(ED) + &block(OTHER), ConsoleKeys::Conflict),
            (block(ED) + &both, ConsoleKeys::Conflict),
            (block(ED) + BEGIN, keys(&[ED])),
            (block("ssh-ed25519 AAAA"), ConsoleKeys::None),
        ];
        for (console, expected) in table {
            assert_eq!(ConsoleKeys::read(&console), expected, "{console}");
        }
    }

    #[test]
    fn a_console_full_of_keys_is_bounded() {
        let block = block(&format!("{ED}\n").repeat(100_000));
        assert_eq!(ConsoleKeys::read(&block), keys(&[ED]));
    }

    /// What other programs write between the lines: anything but a key or a block's ends.
    fn noise() -> impl Strategy<Value = String> {
        let line = "(<14>|\\[ +[0-9.]{1,6}\\] |ec2: |login: |ssh |-----BEGIN )?[ -~]{0,60}";
        line.prop_filter("no key", |line| {
            !line.trim().starts_with("ssh-") && !line.contains("SSH HOST KEY")
        })
    }

    proptest! {
        #[test]
        fn any_console_can_be_read(console in any::<String>(), lines in vec(noise(), 0..5)) {
            let _ = (ConsoleKeys::read(&console), ConsoleKeys::read(&block(&console)));
            prop_assert_eq!(ConsoleKeys::read(&block(&lines.join("\n"))), ConsoleKeys::None);
        }

        #[test]
        fn keys_are_found_among_noise_and_nothing_else_is(
            chosen in subsequence(vec![EC, OTHER, ED], 1..=3),
            noise in vec(noise(), 4),
            comment in "( [a-z@.]{0,20})?",
            end in prop_oneof![Just("\n"), Just("\r\n"), Just("\n\r"), Just("\r\n\r\n")],
            width in prop_oneof![Just(usize::MAX), 76..90_usize],
        ) {
            let mut lines = vec![noise[0].clone(), BEGIN.to_owned()];
            for (key, noise) in chosen.iter().zip(&noise[1..]) {
                let key = format!("{key}{comment}");
                // A console wraps where it likes; a comment's rest on a line of its own is noise.
                let (first, rest) = key.split_at(width.min(key.len()));
                lines.extend([first.to_owned(), rest.to_owned(), noise.clone()]);
            }
            lines.extend([END.to_owned(), noise[0].clone()]);
            prop_assert_eq!(ConsoleKeys::read(&lines.join(end)), keys(&chosen));
        }
    }
}
