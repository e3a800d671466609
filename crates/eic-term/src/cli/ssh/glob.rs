//! Files by a shell pattern, as glob(3) finds them: in order, and hidden ones only where a pattern begins with a dot.

use globset::{GlobBuilder, GlobMatcher};

/// The files and folders that a pattern of `*`, `?` and `[…]` names.
pub(super) fn glob(pattern: &str) -> Vec<String> {
    let (root, pattern) = match pattern.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", pattern),
    };
    let parts = pattern.split('/').filter(|part| !part.is_empty());
    let found = parts.fold(vec![root.to_owned()], |found, part| {
        let below = |folder: &String| children(folder, part);
        found.iter().flat_map(below).collect()
    });
    let exists = |path: &String| std::fs::symlink_metadata(path).is_ok();
    found.into_iter().filter(exists).collect()
}

/// What matches one part of a pattern in one folder.
fn children(folder: &str, part: &str) -> Vec<String> {
    let path = |name: &str| match folder {
        "" | "/" => format!("{folder}{name}"),
        folder => format!("{folder}/{name}"),
    };
    if !part.contains(['*', '?', '[']) {
        return vec![path(part)];
    }
    let Some(matcher) = matcher(part) else {
        return Vec::new();
    };
    let folder = if folder.is_empty() { "." } else { folder };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let is_meant =
        |name: &String| matcher.is_match(name) && name.starts_with('.') <= part.starts_with('.');
    let mut names: Vec<String> = names.filter(is_meant).collect();
    names.sort_unstable();
    names.iter().map(|name| path(name)).collect()
}

/// Braces are no pattern here.
fn matcher(part: &str) -> Option<GlobMatcher> {
    let part = part.replace('{', "[{]").replace('}', "[}]");
    let glob = GlobBuilder::new(&part).backslash_escape(true).build();
    Some(glob.ok()?.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap().replace('\\', "/");
        std::fs::create_dir(format!("{root}/d")).unwrap();
        for name in ["b.conf", "a.conf", ".c.conf", "{x}", "d/e.conf"] {
            std::fs::write(format!("{root}/{name}"), "").unwrap();
        }
        for (pattern, expected) in [
            ("*.conf", "a.conf b.conf"),
            (".*.conf", ".c.conf"),
            ("[ab].conf", "a.conf b.conf"),
            ("?.conf", "a.conf b.conf"),
            ("*/*.conf", "d/e.conf"),
            ("a.conf", "a.conf"),
            ("none", ""),
            ("none*", ""),
            ("{*}", "{x}"),
            ("[", ""),
        ] {
            let found = glob(&format!("{root}/{pattern}"));
            let names: Vec<&str> = found.iter().map(|path| &path[root.len() + 1..]).collect();
            assert_eq!(names.join(" "), expected, "{pattern}");
        }
    }
}
