//! Patterns of names (ssh_config(5), PATTERNS; sshd(8) for known_hosts).

/// Whether a text matches a pattern of `*` and `?`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    // Where the last star was, and how much of the text it has taken: no need to look further back.
    let (mut at, mut seen, mut star) = (0, 0, None);
    while let Some(byte) = text.get(seen) {
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

/// Whether a text matches a list of patterns: one that is excluded by `!` does not, whatever else matches.
pub(crate) fn matches_list(list: &str, text: &str) -> bool {
    judge(list, text) == Some(true)
}

/// As [`matches_list`] for host names, whose letters' case does not count.
pub(crate) fn matches_hosts(list: &str, host: &str) -> bool {
    matches_list(&list.to_ascii_lowercase(), &host.to_ascii_lowercase())
}

/// `Some(false)` where a pattern after `!` matches, `None` where none matches.
pub(crate) fn judge(list: &str, text: &str) -> Option<bool> {
    let mut found = None;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(excluded) if matches(excluded, text) => return Some(false),
            None if !pattern.is_empty() && matches(pattern, text) => found = Some(true),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("web", "web", true),
            ("web", "WEB", false),
            ("w?b", "web", true),
            ("w?b", "wb", false),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("10.0.*.?", "10.0.1.2", true),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn lists() {
        for (list, text, expected) in [
            ("a,b", "b", Some(true)),
            ("a,!b", "b", Some(false)),
            ("!b,*", "b", Some(false)),
            ("*,!b", "a", Some(true)),
            ("!b", "a", None),
            ("a,", "", None),
        ] {
            assert_eq!(judge(list, text), expected, "{list} {text}");
        }
        assert!(matches_hosts("*.EXAMPLE.com", "Web.example.COM"));
    }

    #[test]
    fn no_pattern_takes_long() {
        assert!(!matches(&"*a".repeat(60), &"a".repeat(59)));
    }
}
