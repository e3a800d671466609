//! Patterns of file names, as glob(7) has them, on bytes, and the files that they stand for.

use std::future::Future;

use super::attributes::{Attributes, FileKind};
use super::error::SftpError;
use super::sftp::Sftp;

/// The most paths that a pattern may stand for.
const MOST: usize = 1 << 20;

/// Files that a pattern is held against, on a host or here.
pub trait Tree: Sync {
    /// Returns what is in a folder, names and attributes; nothing where it cannot be read. The path is empty for the
    /// folder that relative paths start from.
    fn entries(
        &self,
        folder: &[u8],
    ) -> impl Future<Output = Result<Vec<(Vec<u8>, Attributes)>, SftpError>> + Send;

    /// Returns the attributes of what a path leads to, or of a symbolic link that leads nowhere.
    fn attributes(
        &self,
        path: &[u8],
    ) -> impl Future<Output = Result<Option<Attributes>, SftpError>> + Send;
}

/// A file that a pattern stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path, which begins as the pattern does.
    pub path: Vec<u8>,
    /// What it is; of a symbolic link, what it leads to.
    pub attributes: Attributes,
}

impl Found {
    /// Returns whether it is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.attributes.kind() == Some(FileKind::Folder)
    }
}

/// Returns the files that a pattern stands for, in order; one without wildcards stands for the file of that name, if it
/// is there, and one with a slash at its end for folders only.
///
/// # Errors
/// What befell the connection, and past a million paths.
pub async fn glob(pattern: &[u8], tree: &impl Tree) -> Result<Vec<Found>, SftpError> {
    let (root, rest): (&[u8], _) = match pattern.strip_prefix(b"/") {
        Some(rest) => (b"/", rest),
        None => (b"", pattern),
    };
    let mut folders = vec![root.to_vec()];
    let mut found = None;
    for part in rest
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty())
    {
        if has_wildcard(part) {
            let matched = children(&folders, part, tree).await?;
            folders = matched.iter().map(|one| one.path.clone()).collect();
            found = Some(matched);
        } else {
            let name = plain(part);
            folders
                .iter_mut()
                .for_each(|path| *path = join(path, &name));
            found = None;
        }
    }
    let mut found = match found {
        Some(found) => found,
        None => existing(folders, tree).await?,
    };
    if pattern.len() > 1 && pattern.ends_with(b"/") {
        found.retain(Found::is_folder);
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// What matches one part of a pattern in some folders.
async fn children(
    folders: &[Vec<u8>],
    part: &[u8],
    tree: &impl Tree,
) -> Result<Vec<Found>, SftpError> {
    let mut found = Vec::new();
    for folder in folders {
        for (name, attributes) in tree.entries(folder).await? {
            // A name with a slash in it is no name.
            if !matches(part, &name) || name.contains(&b'/') {
                continue;
            }
            let path = join(folder, &name);
            let attributes = match attributes.kind() {
                None | Some(FileKind::Symlink) => tree.attributes(&path).await?,
                Some(_) => None,
            }
            .unwrap_or(attributes);
            found.push(Found { path, attributes });
        }
        if found.len() > MOST {
            let what = "a pattern that stands for more than a million paths";
            return Err(SftpError::TooMuch(what));
        }
    }
    Ok(found)
}

async fn existing(paths: Vec<Vec<u8>>, tree: &impl Tree) -> Result<Vec<Found>, SftpError> {
    let mut found = Vec::new();
    for path in paths {
        let asked = if path.is_empty() { b"." } else { &*path };
        if let Some(attributes) = tree.attributes(asked).await? {
            found.push(Found { path, attributes });
        }
    }
    Ok(found)
}

/// A name in a folder.
fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder {
        [] | [.., b'/'] => [folder, name].concat(),
        folder => [folder, b"/", name].concat(),
    }
}

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

impl Tree for Sftp {
    async fn entries(&self, folder: &[u8]) -> Result<Vec<(Vec<u8>, Attributes)>, SftpError> {
        let folder = if folder.is_empty() { b"." } else { folder };
        let entries = answered(self.read_folder(folder).await)?.unwrap_or_default();
        let entries = entries
            .into_iter()
            .map(|entry| (entry.name, entry.attributes));
        Ok(entries.collect())
    }

    async fn attributes(&self, path: &[u8]) -> Result<Option<Attributes>, SftpError> {
        let own = answered(self.lstat(path).await)?;
        match own.and_then(|own| own.kind()) {
            Some(FileKind::Symlink) => Ok(answered(self.stat(path).await)?.or(own)),
            _ => Ok(own),
        }
    }
}

/// What the server gave; nothing where it said no.
fn answered<T>(answer: Result<T, SftpError>) -> Result<Option<T>, SftpError> {
    match answer {
        Err(error) if error.is_lost() => Err(error),
        Err(SftpError::Status { .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

impl Sftp {
    /// Returns the paths that a pattern stands for, as [`glob`] finds them on this host.
    ///
    /// # Errors
    /// As [`glob`]; folders that cannot be read have nothing that matches.
    pub async fn glob(&self, pattern: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, SftpError> {
        let found = glob(pattern.as_ref(), self).await?;
        Ok(found.into_iter().map(|one| one.path).collect())
    }
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

    /// Names with a slash at the end are folders; those with an `@` are links to folders.
    struct Names(&'static [&'static str]);

    impl Tree for Names {
        async fn entries(&self, folder: &[u8]) -> Result<Vec<(Vec<u8>, Attributes)>, SftpError> {
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
            Ok(inner.collect())
        }

        async fn attributes(&self, path: &[u8]) -> Result<Option<Attributes>, SftpError> {
            let mut found = self.0.iter().map(|one| one.as_bytes());
            let folder = [path, b"/"].concat();
            let Some(found) = found.find(|one| *one == path || *one == folder) else {
                return Ok(None);
            };
            let mode = if found.ends_with(b"/") || found.ends_with(b"@") {
                0o040_755
            } else {
                0o100_644
            };
            Ok(Some(Attributes::of_mode(mode)))
        }
    }

    #[tokio::test]
    async fn files_of_patterns() {
        let tree = Names(&[
            "/d/", "/d/b.c", "/d/a.c", "/d/.h.c", "/d/e/", "/d/e/x.c", "/d/l@", "/d/*", "/d/[x",
            "/d/{y}", "/d/\\", "r", "s/", "s/t", "n/", "n-/", "n/a", "n-/a",
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
            ("*", "n/ n-/ r s/"),
            ("n*/a", "n-/a n/a"),
            ("s/*", "s/t"),
            ("s", "s/"),
        ] {
            let found = glob(pattern.as_bytes(), &tree).await.unwrap();
            let names = found.iter().map(|one| {
                let mark = if one.is_folder() { "/" } else { "" };
                String::from_utf8(one.path.clone()).unwrap() + mark
            });
            assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{pattern}");
        }
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
