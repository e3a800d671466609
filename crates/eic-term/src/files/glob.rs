//! Patterns of file names, as glob(7) has them, on bytes.

use super::error::SftpError;
use super::sftp::Sftp;

/// The most paths that a pattern may stand for.
const MOST: usize = 1 << 20;

/// Returns whether a path has anything of a pattern in it.
#[must_use]
pub fn is_pattern(path: &[u8]) -> bool {
    path.iter().any(|byte| b"*?[\\".contains(byte))
}

/// Returns whether a name matches a pattern: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before what stands for itself. A
/// leading dot is matched by a dot alone.
#[must_use]
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let shows_hidden = pattern.starts_with(b".") || pattern.starts_with(b"\\.");
    (shows_hidden || !name.starts_with(b".")) && fits(pattern, name)
}

/// The same where a leading dot is a letter like any other.
pub(super) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    // Where to go on when the last `*` is to take one letter more.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match (pattern.split_first(), name.split_first()) {
            (Some((b'*', rest)), _) => {
                again = Some((rest, name));
                Some((rest, name))
            }
            (None, None) => return true,
            (Some(_), Some((&letter, left))) => one(pattern, letter).map(|rest| (rest, left)),
            _ => None,
        };
        (pattern, name) = match (step, again) {
            (Some(step), _) => step,
            (None, Some((rest, [_, left @ ..]))) => {
                again = Some((rest, left));
                (rest, left)
            }
            (None, _) => return false,
        };
    }
}

/// Matches one letter, and returns the pattern's rest.
fn one(pattern: &[u8], letter: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', rest @ ..] => Some(rest),
        [b'[', rest @ ..] => match class(rest, letter) {
            Some((true, rest)) => Some(rest),
            Some((false, _)) => None,
            None => (letter == b'[').then_some(rest),
        },
        [b'\\', escaped, rest @ ..] => (*escaped == letter).then_some(rest),
        [same, rest @ ..] => (*same == letter).then_some(rest),
        [] => None,
    }
}

/// Reads a class after its `[`; `None` where it has no end.
fn class(pattern: &[u8], letter: u8) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match pattern {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (mut found, mut first) = (false, true);
    loop {
        rest = match rest {
            [b']', rest @ ..] if !first => return Some((found != negated, rest)),
            [low, b'-', high, rest @ ..] if *high != b']' => {
                found |= (*low..=*high).contains(&letter);
                rest
            }
            [b'\\', same, rest @ ..] | [same, rest @ ..] => {
                found |= *same == letter;
                rest
            }
            [] => return None,
        };
        first = false;
    }
}

/// Takes the escapes out of a path that is no pattern.
fn plain(segment: &[u8]) -> Vec<u8> {
    let mut bytes = segment.iter();
    let mut plain = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => *bytes.next().unwrap_or(byte),
            byte => *byte,
        });
    }
    plain
}

fn has_wildcard(segment: &[u8]) -> bool {
    let mut escaped = false;
    segment.iter().any(|byte| {
        let wild = !escaped && b"*?[".contains(byte);
        escaped = !escaped && *byte == b'\\';
        wild
    })
}

impl Sftp {
    /// Returns the paths that a pattern stands for, in order; none where nothing matches. A path without wildcards
    /// stands for itself, whether it is there or not.
    ///
    /// # Errors
    /// What befell the connection; folders that cannot be read have nothing that matches.
    pub async fn glob(&self, pattern: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, SftpError> {
        let mut paths = vec![Vec::new()];
        let segments: Vec<_> = pattern.as_ref().split(|byte| *byte == b'/').collect();
        for (position, segment) in segments.iter().enumerate() {
            let is_last = position + 1 == segments.len();
            let mut next = Vec::new();
            for path in paths {
                if has_wildcard(segment) {
                    self.expand(&path, segment, is_last, &mut next).await?;
                } else {
                    next.push(join(path, &plain(segment), is_last));
                }
            }
            if next.len() > MOST {
                return Err(SftpError::Protocol(
                    "a pattern that stands for more than a million paths",
                ));
            }
            paths = next;
        }
        if segments.iter().any(|segment| has_wildcard(segment)) {
            paths.sort();
        }
        Ok(paths)
    }

    /// Adds what matches one segment in a folder.
    async fn expand(
        &self,
        folder: &[u8],
        segment: &[u8],
        is_last: bool,
        to: &mut Vec<Vec<u8>>,
    ) -> Result<(), SftpError> {
        let listed = match folder {
            b"" => b".",
            folder => folder,
        };
        let entries = match self.read_folder(listed).await {
            Ok(entries) => entries,
            Err(SftpError::Status { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            // A name with a slash in it is no name.
            if matches(segment, &entry.name) && !entry.name.contains(&b'/') {
                to.push(join(folder.to_vec(), &entry.name, is_last));
            }
        }
        Ok(())
    }
}

fn join(mut path: Vec<u8>, segment: &[u8], is_last: bool) -> Vec<u8> {
    path.extend_from_slice(segment);
    if !is_last {
        path.push(b'/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_patterns() {
        for (pattern, name, expected) in [
            ("*", "a", true),
            ("*", "", true),
            ("*", ".a", false),
            (".*", ".a", true),
            ("\\.*", ".a", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.log", "x.log", true),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxa", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[]x]", "]", true),
            ("[a-]", "-", true),
            ("[a", "[a", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
        assert!(matches(b"\xff*", b"\xff\xfe"));
        assert_eq!(plain(b"a\\*b\\"), b"a*b\\");
        assert!(has_wildcard(b"a*") && !has_wildcard(b"a\\*"));
    }

    proptest! {
        #[test]
        fn any_pattern_ends(pattern: Vec<u8>, name: Vec<u8>) {
            let _ = matches(&pattern, &name);
        }

        #[test]
        fn a_name_matches_itself_escaped(name: Vec<u8>) {
            let pattern: Vec<u8> = name.iter().flat_map(|byte| [b'\\', *byte]).collect();
            prop_assert!(matches(&pattern, &name));
        }
    }
}
