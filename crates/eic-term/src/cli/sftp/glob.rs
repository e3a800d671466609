//! Files by a shell pattern, on either side, as glob(3) finds them.

use eic_term::files::{Attributes, FileKind, matches};

/// The most names that a pattern's braces make.
const MOST: usize = 10_000;

/// Files on one side.
pub(super) trait Tree {
    /// What is in a folder; nothing where it cannot be read.
    async fn entries(&self, folder: &[u8]) -> Vec<(Vec<u8>, Attributes)>;
    /// What a path leads to; what a symbolic link itself is, where it leads nowhere.
    async fn attributes(&self, path: &[u8]) -> Option<Attributes>;
}

/// A file that a pattern names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: Vec<u8>,
    pub(super) attributes: Attributes,
}

impl Found {
    pub(super) fn is_folder(&self) -> bool {
        self.attributes.kind() == Some(FileKind::Folder)
    }
}

/// Finds what a pattern names, in order.
pub(super) async fn glob(pattern: &[u8], tree: &impl Tree) -> Vec<Found> {
    let (root, rest): (&[u8], _) = match pattern.strip_prefix(b"/") {
        Some(rest) => (b"/", rest),
        None => (b"", pattern),
    };
    let parts = rest.split(|byte| *byte == b'/');
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    let mut folders = vec![root.to_vec()];
    let mut found = None;
    for part in parts {
        if !has_wildcard(part) {
            let name = unescaped(part);
            folders
                .iter_mut()
                .for_each(|path| *path = join(path, &name));
            found = None;
            continue;
        }
        let matched = children(&folders, part, tree).await;
        folders = matched.iter().map(|one| one.path.clone()).collect();
        found = Some(matched);
    }
    let mut found = match found {
        Some(found) => found,
        None => existing(folders, tree).await,
    };
    if pattern.len() > 1 && pattern.ends_with(b"/") {
        found.retain(Found::is_folder);
    }
    found
}

/// What matches one part of a pattern in some folders.
async fn children(folders: &[Vec<u8>], part: &[u8], tree: &impl Tree) -> Vec<Found> {
    let mut found = Vec::new();
    for folder in folders {
        let mut entries = tree.entries(folder).await;
        entries.retain(|(name, _)| matches(part, name));
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        for (name, attributes) in entries {
            let path = join(folder, &name);
            let attributes = match attributes.kind() {
                None | Some(FileKind::Symlink) => tree.attributes(&path).await,
                Some(_) => None,
            }
            .unwrap_or(attributes);
            found.push(Found { path, attributes });
        }
    }
    found
}

async fn existing(paths: Vec<Vec<u8>>, tree: &impl Tree) -> Vec<Found> {
    let mut found = Vec::new();
    for path in paths {
        let asked = if path.is_empty() { b"." } else { &*path };
        if let Some(attributes) = tree.attributes(asked).await {
            found.push(Found { path, attributes });
        }
    }
    found
}

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

fn has_wildcard(part: &[u8]) -> bool {
    let mut escaped = false;
    part.iter().any(|byte| {
        let meant = !std::mem::take(&mut escaped);
        escaped = meant && *byte == b'\\';
        meant && b"*?[".contains(byte)
    })
}

/// A name out of a pattern that is none: every backslash takes a character for what it is.
fn unescaped(part: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(part.len());
    let mut bytes = part.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => name.extend(bytes.next()),
            other => name.push(*other),
        }
    }
    name
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

    /// Names with a slash at the end are folders; those with an `@` are links to folders.
    struct Names(&'static [&'static str]);

    impl Tree for Names {
        async fn entries(&self, folder: &[u8]) -> Vec<(Vec<u8>, Attributes)> {
            let folder = join(folder, b"");
            let inner = self.0.iter().filter_map(|path| {
                let name = path.as_bytes().strip_prefix(&*folder)?;
                let end = name.len() - usize::from(name.ends_with(b"/"));
                let name = name.get(..end).filter(|name| !name.is_empty())?;
                let mode = match path.chars().last()? {
                    '/' => 0o040_755,
                    '@' => 0o120_777,
                    _ => 0o100_644,
                };
                (!name.contains(&b'/')).then(|| (name.to_vec(), Attributes::of_mode(mode)))
            });
            inner.collect()
        }

        async fn attributes(&self, path: &[u8]) -> Option<Attributes> {
            let mut found = self.0.iter().map(|one| one.as_bytes());
            let folder = [path, b"/"].concat();
            let found = found.find(|one| *one == path || *one == folder)?;
            let mode = if found.ends_with(b"/") || found.ends_with(b"@") {
                0o040_755
            } else {
                0o100_644
            };
            Some(Attributes::of_mode(mode))
        }
    }

    #[tokio::test]
    async fn patterns() {
        let tree = Names(&[
            "/d/", "/d/b.c", "/d/a.c", "/d/.h.c", "/d/e/", "/d/e/x.c", "/d/l@", "/d/*", "/d/[x",
            "/d/{y}", "/d/\\", "r", "s/", "s/t",
        ]);
        for (pattern, expected) in [
            ("/d/*.c", "/d/a.c /d/b.c"),
            ("/d/.*.c", "/d/.h.c"),
            ("/d/[ab].c", "/d/a.c /d/b.c"),
            ("/d/[!a].c", "/d/b.c"),
            ("/d/[^a].c", "/d/b.c"),
            ("/d/?.c", "/d/a.c /d/b.c"),
            ("/*/*/*.c", "/d/e/x.c"),
            ("/d/e/../e/x.c", ""),
            ("/d/a.c", "/d/a.c"),
            ("/d//a.c", "/d/a.c"),
            ("/d/none", ""),
            ("/d/none*", ""),
            ("/d/*/", "/d/e/ /d/l@/"),
            (r"/d/\*", "/d/*"),
            (r"/d/\**", "/d/*"),
            ("/d/[x", "/d/[x"),
            ("/d/[x*", "/d/[x"),
            ("/d/{*}", "/d/{y}"),
            (r"/d/\\*", r"/d/\"),
            (r"/d/\a.c", "/d/a.c"),
            ("r", "r"),
            ("*", "r s/"),
            ("s/*", "s/t"),
            ("s", "s/"),
        ] {
            let found = glob(pattern.as_bytes(), &tree).await;
            let names = found.iter().map(|one| {
                let mark = if one.is_folder() { "/" } else { "" };
                String::from_utf8(one.path.clone()).unwrap() + mark
            });
            assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{pattern}");
        }
    }

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
