//! A tree with every odd name and kind, and how another differs from it.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use crate::support::{left_out_under_wine, under_wine};

/// What was made: content or link, mode and time by path.
pub(crate) struct Tree(BTreeMap<PathBuf, String>);

impl Tree {
    pub(crate) fn make(root: &Path) -> Self {
        fs::create_dir_all(root.join("deep/er")).unwrap();
        fs::create_dir(root.join("empty")).unwrap();
        let file = |name: &OsStr, content: &[u8], mode: u32| {
            let path = root.join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let names: [&[u8]; 12] = [
            b"plain",
            b"with space",
            b" lead",
            b"-dash",
            b"new\nline",
            b"esc\x1b[2J",
            b"\xff\xfe no utf-8",
            "\u{202e}reversed \u{1f600}".as_bytes(),
            b"quo'te\"s",
            b"back\\slash",
            b"*?[x]",
            b"colon:name",
        ];
        let fits = |name: &&[u8]| {
            let text = std::str::from_utf8(name);
            text.is_ok_and(|text| !text.contains(['\n', '\u{1b}', '"', '\\', '*', ':']))
        };
        for name in names.into_iter().filter(|name| !under_wine() || fits(name)) {
            file(OsStr::from_bytes(name), name, 0o644);
        }
        file(OsStr::from_bytes(&[b'n'; 255]), b"long name", 0o600);
        file("none".as_ref(), b"", 0o644);
        file("read-only".as_ref(), b"ro", 0o444);
        file("program".as_ref(), b"#!/bin/sh", 0o755);
        file(
            "deep/er/large".as_ref(),
            &crate::support::noise((5 << 20) + 7),
            0o640,
        );
        file(
            "deep/block".as_ref(),
            &crate::support::noise(128 << 10),
            0o640,
        );
        let sparse = fs::File::create(root.join("sparse")).unwrap();
        sparse.set_len(64 << 20).unwrap();
        std::os::unix::fs::FileExt::write_at(&sparse, b"in the middle", 20 << 20).unwrap();
        let set = |name: &str, seconds| {
            let file = fs::File::open(root.join(name)).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds))
                .unwrap();
        };
        set("plain", 1);
        set("none", 2_000_000_000);
        set("deep/er", 1_000_000_000);
        fs::set_permissions(root.join("empty"), fs::Permissions::from_mode(0o500)).unwrap();
        if left_out_under_wine("Windows holds no such names, modes, links and pipes") {
            return Self(describe(root));
        }
        std::os::unix::fs::symlink("plain", root.join("link")).unwrap();
        std::os::unix::fs::symlink("/nowhere/at all", root.join("dangling")).unwrap();
        std::os::unix::fs::symlink("../..", root.join("deep/up")).unwrap();
        let tree = Self(describe(root));
        // It is not copied, and not compared.
        let pipe = CString::new(root.join("pipe").as_os_str().as_bytes()).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(OsStr::from_bytes(pipe.as_bytes()))
                .status()
                .unwrap()
                .success()
        );
        tree
    }

    /// What is missing, added or different.
    pub(crate) fn differences(&self, other: &Path) -> Vec<String> {
        let other = describe(other);
        let mine = self
            .0
            .iter()
            .filter(|(path, what)| other.get(*path) != Some(what));
        let theirs = other.iter().filter(|(path, _)| !self.0.contains_key(*path));
        let shown = |(path, what): (&PathBuf, &String)| {
            format!("{path:?}: {what}, there {:?}", other.get(path))
        };
        mine.map(shown)
            .chain(theirs.map(|(path, what)| format!("added {path:?}: {what}")))
            .collect()
    }
}

fn describe(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            let metadata = entry.metadata().unwrap();
            // The folder on top has changed since it was described.
            let mode = if under_wine() { 0 } else { metadata.mode() };
            let state = format!("{mode:o} {}", metadata.mtime());
            let what = if metadata.is_symlink() {
                format!("link to {:?}", fs::read_link(entry.path()).unwrap())
            } else if metadata.is_dir() {
                folders.push(path.clone());
                format!("folder {state}")
            } else if metadata.is_file() {
                let content = fs::read(entry.path()).unwrap();
                let holes = !under_wine() && metadata.blocks() * 512 < metadata.len() / 2;
                format!(
                    "{state} {} {:x} holes {holes}",
                    content.len(),
                    sum(&content)
                )
            } else {
                continue;
            };
            all.insert(path, what);
        }
    }
    all
}

/// FNV-1a, which tells any two of our files apart.
fn sum(content: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    content.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |name: OsString| String::from_utf8_lossy(&name.into_vec()).into_owned();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry.unwrap().file_name()))
        .collect();
    names.sort();
    names
}

/// A disk of 4 MiB, gone when dropped.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn small(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", "size=4m", "none"]).arg(at);
        if !mount.status().is_ok_and(|status| status.success()) {
            println!("SKIPPED: nothing can be mounted here");
            return None;
        }
        Some(Self(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().ok();
    }
}
