//! Lines and words, as OpenSSH cuts them.

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// A line that says something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its first word, in lower case.
    pub(super) keyword: String,
    /// All after it, blanks around it removed; empty where there is nothing.
    pub(super) rest: &'a str,
}

impl<'a> Line<'a> {
    /// `None` for an empty line and for a comment.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim_end_matches([' ', '\t', '\r', '\n', '\x0c']);
        let (mut keyword, mut rest) = first_word(text)?;
        if keyword.is_empty() {
            (keyword, rest) = first_word(rest?)?;
        }
        if keyword.is_empty() || keyword.starts_with('#') {
            return None;
        }
        Some(Self {
            keyword: keyword.to_ascii_lowercase(),
            rest: rest.unwrap_or_default().trim_start_matches(BLANKS),
        })
    }
}

/// A word that ends at a blank, a quote or one `=`, and what follows it; `None` where a quote is left open.
fn first_word(text: &str) -> Option<(String, Option<&str>)> {
    let Some(end) = text.find(|one| BLANKS.contains(&one) || one == '"' || one == '=') else {
        return Some((text.to_owned(), None));
    };
    let (word, rest) = text.split_at(end);
    if let Some(quoted) = rest.strip_prefix('"') {
        let (inner, rest) = quoted.split_once('"')?;
        let rest = rest.trim_start_matches(BLANKS);
        return Some((format!("{word}{inner}"), Some(rest)));
    }
    let after = rest.get(1..).unwrap_or_default();
    let after = after.trim_start_matches(BLANKS);
    let after = match after.strip_prefix('=') {
        Some(value) if !rest.starts_with('=') => value.trim_start_matches(BLANKS),
        _ => after,
    };
    Some((word.to_owned(), Some(after)))
}

/// The words of a line's rest: quotes of both kinds, `\` before a quote, a `\` or (outside quotes) a space; a word
/// that starts with `#` ends the line. `None` where a quote is left open.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t']);
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after.trim_start_matches([' ', '\t']);
    }
    Some(words)
}

fn word(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    loop {
        let before = characters.as_str();
        let Some(one) = characters.next() else {
            return quote.is_none().then_some((word, ""));
        };
        match (one, quote) {
            ('\\', _) => word.push(unescape(&mut characters, quote.is_none())),
            (' ' | '\t', None) => return Some((word, before)),
            ('"' | '\'', None) => quote = Some(one),
            (_, Some(open)) if one == open => quote = None,
            _ => word.push(one),
        }
    }
}

/// What a `\` stands for: itself, where what follows needs none.
fn unescape(rest: &mut std::str::Chars<'_>, bare: bool) -> char {
    let mut ahead = rest.clone();
    match ahead.next() {
        Some(one @ ('\'' | '"' | '\\')) => {
            *rest = ahead;
            one
        }
        Some(' ') if bare => {
            *rest = ahead;
            ' '
        }
        _ => '\\',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (text, expected) in [
            ("Port 22", Some(("port", "22"))),
            ("\t Port\t22 \r\n", Some(("port", "22"))),
            ("Port=22", Some(("port", "22"))),
            ("Port = 22", Some(("port", "22"))),
            ("Port ==22", Some(("port", "=22"))),
            ("Port==22", Some(("port", "=22"))),
            ("\"Port\" 22", Some(("port", "22"))),
            ("\"Port\"=22", Some(("port", "=22"))),
            ("Port\"22\"", Some(("port22", ""))),
            ("Port", Some(("port", ""))),
            ("Port \x0c", Some(("port", ""))),
            ("  # Port 22", None),
            ("", None),
            (" \t", None),
            ("\"Port 22", None),
            (
                "ProxyCommand nc %h # x",
                Some(("proxycommand", "nc %h # x")),
            ),
        ] {
            let line = Line::parse(text);
            let found = line.as_ref().map(|line| (line.keyword.as_str(), line.rest));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn words_and_quotes() {
        for (text, expected) in [
            ("a  b\tc", Some(vec!["a", "b", "c"])),
            ("\"a b\" 'c d'", Some(vec!["a b", "c d"])),
            ("a\"b c\"d", Some(vec!["ab cd"])),
            (
                r#"a\ b \"c\" "d\" e" \\ \n"#,
                Some(vec!["a b", "\"c\"", "d\" e", "\\", "\\n"]),
            ),
            (r#""a\ b""#, Some(vec!["a\\ b"])),
            ("a # b", Some(vec!["a"])),
            ("a#b", Some(vec!["a#b"])),
            ("\"\"", Some(vec![""])),
            ("\"a", None),
            ("", Some(vec![])),
        ] {
            let expected: Option<Vec<String>> =
                expected.map(|list| list.into_iter().map(str::to_owned).collect());
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
