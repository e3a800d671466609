//! Parts of paths, and braces in patterns: pure.

/// The most names that a pattern's braces make.
const MOST: usize = 10_000;

/// A name in a folder; an absolute one is not.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let between: &[u8] = match folder {
        [] | [.., b'/'] => b"",
        _ => b"/",
    };
    match name {
        [b'/', ..] => name.to_vec(),
        _ => [folder, between, name].concat(),
    }
}

/// The last part of a path.
pub(super) fn base_name(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/');
    let path = path.get(..end.map_or(0, |end| end + 1)).unwrap_or_default();
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// The patterns that a pattern with braces stands for: `a{b,c}` for `ab` and `ac`.
pub(super) fn braces(pattern: &[u8]) -> Vec<Vec<u8>> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_vec()];
    while let Some(next) = open.pop() {
        match alternatives(&next) {
            Some(made) if open.len() + made.len() < MOST => open.extend(made.into_iter().rev()),
            _ => done.push(next),
        }
        if done.len() >= MOST {
            break;
        }
    }
    done
}

/// What the first pair of braces stands for; `None` where there is none. `{}` stands for itself.
fn alternatives(pattern: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut depth = 0_usize;
    let mut start = 0;
    let mut cuts = Vec::new();
    let mut escaped = false;
    for (at, byte) in pattern.iter().enumerate() {
        let meant = !std::mem::take(&mut escaped);
        match byte {
            b'\\' if meant => escaped = true,
            b'{' if meant && pattern.get(at + 1) == Some(&b'}') && depth == 0 => {}
            b'{' if meant => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            b',' if meant && depth == 1 => cuts.push(at),
            b'}' if meant && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    cuts.push(at);
                    return Some(alternative(pattern, start, &cuts));
                }
            }
            _ => {}
        }
    }
    None
}

fn alternative(pattern: &[u8], start: usize, cuts: &[usize]) -> Vec<Vec<u8>> {
    let (before, _) = pattern.split_at(start);
    let after = cuts.last().and_then(|end| pattern.get(end + 1..));
    let mut from = start + 1;
    let mut made = Vec::new();
    for cut in cuts {
        let inner = pattern.get(from..*cut).unwrap_or_default();
        made.push([before, inner, after.unwrap_or_default()].concat());
        from = cut + 1;
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_several() {
        for (pattern, expected) in [
            ("a", "a"),
            ("a{b,c}d", "abd acd"),
            ("{a,b}{c,d}", "ac ad bc bd"),
            ("{a,{b,c}}", "a b c"),
            ("a{,b}", "a ab"),
            ("a{}", "a{}"),
            ("{a", "{a"),
            (r"\{a,b\}", r"\{a,b\}"),
        ] {
            let made = braces(pattern.as_bytes());
            let made: Vec<_> = made
                .iter()
                .map(|one| std::str::from_utf8(one).unwrap())
                .collect();
            assert_eq!(made.join(" "), expected, "{pattern}");
        }
        assert!(braces("{a,b}".repeat(64).as_bytes()).len() <= MOST);
    }

    #[test]
    fn parts_of_paths() {
        for (path, name) in [
            ("/a/b", "b"),
            ("/a/b//", "b"),
            ("b", "b"),
            ("/", ""),
            ("", ""),
        ] {
            assert_eq!(base_name(path.as_bytes()), name.as_bytes(), "{path}");
        }
        for (folder, name, joined) in [
            ("/a", "b", "/a/b"),
            ("/", "b", "/b"),
            ("", "b", "b"),
            ("/a", "/b", "/b"),
        ] {
            assert_eq!(join(folder.as_bytes(), name.as_bytes()), joined.as_bytes());
        }
    }
}
