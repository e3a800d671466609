//! Host keys learnt from the host itself, and old ones forgotten (ssh_config(5), `UpdateHostKeys`).

use std::io::{self, Write};
use std::path::Path;

use super::known_hosts::{Says, hashed, lines};
use super::ordinary::KnownHosts;
use super::pins::PinFile;
use super::policy::{HostKey, HostKeyError};
use super::shared_file;

/// What the keys that a host announces change in the user's files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyChange {
    /// Keys that are not in the files yet: the host must prove that it has them.
    pub new: Vec<HostKey>,
    /// Keys in the files that the host has no longer.
    pub old: Vec<HostKey>,
    kept: Vec<HostKey>,
}

impl KeyChange {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.old.is_empty()
    }
}

impl KnownHosts {
    /// Compares the keys that a host announces with the user's files. `None` where these are better left alone, as
    /// OpenSSH does: where they name authorities or patterns for the host, or one of the keys for another one.
    ///
    /// # Errors
    /// [`HostKeyError::File`].
    pub fn compare(&self, announced: &[HostKey]) -> Result<Option<KeyChange>, HostKeyError> {
        let mut change = KeyChange::default();
        for path in self.own_files() {
            let text = PinFile::new(path).content()?;
            for (line, is_ours) in lines(&text, self.names()) {
                let is_announced = announced.contains(&line.key);
                match line.says {
                    Says::Authority if is_ours => return Ok(None),
                    Says::Known if !is_ours && is_announced => return Ok(None),
                    Says::Known if is_ours && line.is_pattern() => return Ok(None),
                    Says::Known if is_ours && is_announced => change.kept.push(line.key),
                    Says::Known if is_ours => change.old.push(line.key),
                    _ => {}
                }
            }
        }
        let is_new = |key: &&HostKey| !change.kept.contains(key);
        change.new = announced.iter().filter(is_new).cloned().collect();
        Ok(Some(change))
    }

    /// Writes the change: new keys to the first of the user's files, old ones out of all. Other lines stay as they are.
    ///
    /// # Errors
    /// [`HostKeyError::File`].
    pub fn apply(&self, change: &KeyChange) -> Result<(), HostKeyError> {
        for (index, path) in self.own_files().iter().enumerate() {
            let text = PinFile::new(path).content()?;
            let mut kept = without(&text, self.names(), &change.old);
            if index == 0 {
                let name = self.names().first().cloned().unwrap_or_default();
                for key in &change.new {
                    let name = if self.hashes() {
                        hashed(&name)
                    } else {
                        name.clone()
                    };
                    kept.extend_from_slice(format!("{name} {}\n", key.to_line()).as_bytes());
                }
            }
            if kept != text {
                replace(path, &kept).map_err(|source| HostKeyError::File {
                    path: path.clone(),
                    source,
                })?;
            }
        }
        Ok(())
    }
}

/// A file without the lines that say a host has one of these keys; what is left ends with a newline.
fn without(text: &[u8], names: &[String], keys: &[HostKey]) -> Vec<u8> {
    let mut kept = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let says = |(line, is_ours): (super::known_hosts::Line<'_>, bool)| {
            is_ours && line.says == Says::Known && keys.contains(&line.key)
        };
        if !lines(line, names).any(says) {
            kept.extend_from_slice(line);
        }
    }
    if kept.last().is_some_and(|last| *last != b'\n') {
        kept.push(b'\n');
    }
    kept
}

/// Replaces a file in one step, its mode kept; a link is followed.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    if let Ok(before) = std::fs::metadata(&path) {
        file.as_file().set_permissions(before.permissions())?;
    }
    shared_file::replace(&path, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: char) -> HostKey {
        let line = format!(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OI{last}ZJ"
        );
        HostKey::parse(&line).unwrap()
    }

    fn keys(names: &str) -> Vec<HostKey> {
        names.chars().map(key).collect()
    }

    /// Single letters stand for keys.
    fn filled(text: &str) -> String {
        let line = |line: &str| match line.rsplit_once(' ') {
            Some((before, name)) => {
                format!("{before} {}\n", key(name.chars().next().unwrap()).to_line())
            }
            None => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn what_announced_keys_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        let hosts = KnownHosts::new("web", 22).file(&path);
        for (text, announced, expected) in [
            ("", "ab", Some("web a\nweb b")),
            ("web a", "ab", Some("web a\nweb b")),
            ("web a", "a", Some("web a")),
            (
                "web c\n#x\nweb a\ndb d",
                "ab",
                Some("#x\nweb a\ndb d\nweb b"),
            ),
            ("web,10.0.0.1 a", "ab", Some("web,10.0.0.1 a\nweb b")),
            ("w* a", "ab", None),
            ("web a\ndb b", "ab", None),
            ("@cert-authority web c\nweb a", "ab", None),
            (
                "@revoked web c\nweb a",
                "ab",
                Some("@revoked web c\nweb a\nweb b"),
            ),
        ] {
            std::fs::write(&path, filled(text)).unwrap();
            let change = hosts.compare(&keys(announced)).unwrap();
            assert_eq!(change.is_some(), expected.is_some(), "{text}");
            if let Some(change) = change {
                hosts.apply(&change).unwrap();
                let written = std::fs::read_to_string(&path).unwrap();
                assert_eq!(written, filled(expected.unwrap()), "{text}");
                assert!(hosts.compare(&keys(announced)).unwrap().unwrap().is_empty());
            }
        }
    }
}
