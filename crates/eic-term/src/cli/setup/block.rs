//! A block of lines of ours in a file of somebody else's, between two markers. Nothing else in the file changes.

use std::ops::Range;

/// Why a file is left alone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// A marker without its other half, or one too many.
    #[error("line {line} is a marker of ours without its other half")]
    HalfOpen { line: usize },
    /// The file says already what the block would say.
    #[error("line {line} says it already: {text}")]
    Said { line: usize, text: String },
}

/// The lines that stand before and after a block.
fn markers(name: &str) -> [String; 2] {
    [
        format!("# >>> eic-term setup {name} >>>"),
        format!("# <<< eic-term setup {name} <<<"),
    ]
}

/// The block itself.
pub(super) fn framed(name: &str, lines: &str) -> String {
    let [begin, end] = markers(name);
    format!("{begin}\n{lines}{end}\n")
}

/// The text with the block in the place of an older one, else at its end.
pub(super) fn put(text: &str, name: &str, lines: &str) -> Result<String, Fault> {
    let at = find(text, name)?.unwrap_or(text.len()..text.len());
    Ok(insert(text, at, &framed(name, lines)))
}

/// The text with a block about one key of a section of an INI file, in the section where there is one: most readers
/// take no section twice.
pub(super) fn put_in_section(
    text: &str,
    name: &str,
    section: &str,
    (key, value): (&str, &str),
) -> Result<String, Fault> {
    let old = find(text, name)?;
    let (mut header, mut is_inside) = (None, false);
    for (number, line) in lines_of(text) {
        let is_ours = old.as_ref().is_some_and(|old| old.contains(&line.start));
        let line_text = text.get(line.clone()).unwrap_or_default().trim();
        if is_ours {
            continue;
        }
        if line_text.starts_with('[') {
            is_inside = line_text == format!("[{section}]");
            header = header.or(is_inside.then_some(line.end));
        } else if is_inside && is_key(line_text, key) {
            return Err(Fault::Said {
                line: number,
                text: line_text.to_owned(),
            });
        }
    }
    let said = format!("{key} = {value}\n");
    let (lines, end) = match header {
        Some(end) => (said, end),
        None => (format!("[{section}]\n{said}"), text.len()),
    };
    let at = old.unwrap_or(end..end);
    Ok(insert(text, at, &framed(name, &lines)))
}

fn is_key(line: &str, key: &str) -> bool {
    let name = line.split(['=', ':']).next().unwrap_or_default();
    name.trim().eq_ignore_ascii_case(key)
}

/// Where the block is, its markers and their ends of line included.
fn find(text: &str, name: &str) -> Result<Option<Range<usize>>, Fault> {
    let [begin, end] = markers(name);
    let (mut open, mut found) = (None, None);
    for (number, line) in lines_of(text) {
        let text = text.get(line.clone()).unwrap_or_default().trim();
        let half_open = Err(Fault::HalfOpen { line: number });
        match (text == begin, text == end, open, &found) {
            (true, _, None, None) => open = Some((number, line.start)),
            (_, true, Some((_, start)), _) => (open, found) = (None, Some(start..line.end)),
            (false, false, ..) => {}
            _ => return half_open,
        }
    }
    match open {
        Some((line, _)) => Err(Fault::HalfOpen { line }),
        None => Ok(found),
    }
}

/// Lines with their numbers, from 1, and where they are; their ends included.
fn lines_of(text: &str) -> impl Iterator<Item = (usize, Range<usize>)> {
    let mut start = 0;
    (1..).zip(text.split_inclusive('\n').map(move |line| {
        let range = start..start + line.len();
        start = range.end;
        range
    }))
}

/// Puts a block in the place of a range, with the file's own ends of lines, on lines of its own.
fn insert(text: &str, at: Range<usize>, block: &str) -> String {
    let (before, after) = (
        text.get(..at.start).unwrap_or_default(),
        text.get(at.end..).unwrap_or_default(),
    );
    let newline = match text.contains("\r\n") {
        true => "\r\n",
        false => "\n",
    };
    let gap = match before.is_empty() || before.ends_with('\n') {
        true => "",
        false => newline,
    };
    let block = block.replace('\n', newline);
    format!("{before}{gap}{block}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "# >>> eic-term setup git >>>\nnew\n# <<< eic-term setup git <<<\n";
    const OLD: &str = "# >>> eic-term setup git >>>\nold\n\n# <<< eic-term setup git <<<\n";

    #[test]
    fn where_a_block_goes() {
        for (text, expected) in [
            (String::new(), OURS.to_owned()),
            ("a\n".to_owned(), format!("a\n{OURS}")),
            ("a".to_owned(), format!("a\n{OURS}")),
            (format!("a\n{OLD}b\n"), format!("a\n{OURS}b\n")),
            (format!("a\n{OURS}b"), format!("a\n{OURS}b")),
            (
                "a\r\n".to_owned(),
                format!("a\r\n{}", OURS.replace('\n', "\r\n")),
            ),
            (
                // Another program's is not ours.
                OLD.replace("setup git", "setup rsync"),
                format!("{}{OURS}", OLD.replace("setup git", "setup rsync")),
            ),
        ] {
            let once = put(&text, "git", "new\n").unwrap();
            assert_eq!(once, expected, "{text:?}");
            assert_eq!(put(&once, "git", "new\n").unwrap(), once, "{text:?}");
        }
    }

    #[test]
    fn half_open_markers() {
        let [begin, end] = markers("git");
        for (text, line) in [
            (format!("a\n{begin}\nb\n"), 2),
            (format!("{end}\n"), 1),
            (format!("{begin}\n{begin}\n{end}\n"), 2),
            (format!("{OLD}{OLD}"), 5),
            (format!("{OLD}{end}\n"), 5),
            (format!("{end}\n{begin}\n"), 1),
        ] {
            assert_eq!(
                put(&text, "git", ""),
                Err(Fault::HalfOpen { line }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn sections() {
        let put = |text: &str| put_in_section(text, "ansible", "ssh", ("path", "/ssh"));
        let block = |lines: &str| framed("ansible", lines);
        for (text, expected) in [
            ("", block("[ssh]\npath = /ssh\n")),
            (
                "[defaults]\nx = 1\n",
                format!("[defaults]\nx = 1\n{}", block("[ssh]\npath = /ssh\n")),
            ),
            (
                "[ssh]\nretries = 1\n[x]\npath = y\n",
                format!(
                    "[ssh]\n{}retries = 1\n[x]\npath = y\n",
                    block("path = /ssh\n")
                ),
            ),
        ] {
            let once = put(text).unwrap();
            assert_eq!(once, expected, "{text:?}");
            assert_eq!(put(&once).unwrap(), once, "{text:?}");
        }
        let said = put("[ssh]\n# path = a\nPath: b\n").unwrap_err();
        assert_eq!(said.to_string(), "line 3 says it already: Path: b");
    }
}
