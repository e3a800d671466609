//! Two folders, the host's and ours, that are the same before each run.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::support::{
    Outcome, binary, find_sftp_server, noise, peer, run_with_input, started_by_ours, under_wine,
};

/// Two folders that are made anew for each run, at the same path.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: String,
    /// The same as our binary can start it.
    pub(crate) our_server: String,
    /// Our binary under the name `sftp`.
    pub(crate) ours: String,
}

impl Place {
    /// `None`, said, where a program is missing.
    pub(crate) fn new() -> Option<Self> {
        let server = find_sftp_server()?.display().to_string();
        if !peer("sftp") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("sftp");
        symlink(binary(), &ours).unwrap();
        let ours = ours.display().to_string();
        let our_server = started_by_ours(&[&server]);
        Some(Self {
            folder,
            server,
            our_server,
            ours,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Makes both sides as they are at first.
    pub(crate) fn prepare(&self) {
        for side in ["remote", "local"] {
            std::fs::remove_dir_all(self.path(side)).ok();
            std::fs::create_dir(self.path(side)).unwrap();
        }
        let remote = self.path("remote");
        for folder in ["old/deep", "two/one"] {
            std::fs::create_dir_all(remote.join(folder)).unwrap();
        }
        let files = [
            "a.txt",
            "b.txt",
            "with space",
            "g*b",
            "gxb",
            "old/.hidden",
            "old/deep/c",
            "big",
            "read-only",
            "two/one/x",
            "two/.y",
        ];
        for (name, number) in files.iter().zip(1..) {
            std::fs::write(remote.join(name), noise(number * 1500)).unwrap();
        }
        std::fs::write(remote.join("big2"), &noise(100_000)[..70_000]).unwrap();
        symlink("deep", remote.join("old/link")).unwrap();
        let local = self.path("local");
        std::fs::write(local.join("part"), noise(100_000)).unwrap();
        std::fs::write(local.join("big"), &noise(8 * 1500)[..5000]).unwrap();
        std::fs::create_dir_all(local.join("tree/inner")).unwrap();
        for name in ["sent", "tree/one", "tree/inner/two", "program", "locked"] {
            std::fs::write(local.join(name), name).unwrap();
        }
        // Wine's programs do not see that it is a link.
        if !under_wine() {
            symlink("one", local.join("tree/link")).unwrap();
        }
        for (path, mode) in [
            (local.join("sent"), 0o604),
            (local.join("program"), 0o750),
            (local.join("locked"), 0o444),
            (local.join("tree/inner"), 0o700),
            (remote.join("read-only"), 0o444),
            (remote.join("old/deep/c"), 0o711),
        ] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        self.age(&remote);
        self.age(&local);
    }

    /// Gives every file a time of its own, long ago.
    pub(crate) fn age(&self, folder: &Path) {
        for (path, number) in tree(folder).into_iter().zip(1..) {
            if !path.is_symlink() {
                let time =
                    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + number * 90_000);
                let file = std::fs::File::open(&path).unwrap();
                file.set_times(
                    std::fs::FileTimes::new()
                        .set_modified(time)
                        .set_accessed(time),
                )
                .unwrap();
            }
        }
    }

    /// What is there afterwards: names, kinds, modes, links and contents.
    pub(crate) fn state(&self) -> Vec<String> {
        let describe = |path: PathBuf| {
            let found = std::fs::symlink_metadata(&path).unwrap();
            let mode = found.permissions().mode();
            let content = match std::fs::read_link(&path) {
                Ok(to) => to.display().to_string(),
                Err(_) if found.is_dir() => String::new(),
                Err(_) => {
                    let bytes = std::fs::read(&path).unwrap();
                    format!(
                        "{} {}",
                        bytes.len(),
                        bytes.iter().fold(0_u64, |sum, byte| sum
                            .wrapping_mul(31)
                            .wrapping_add((*byte).into()))
                    )
                }
            };
            // What keeps its time is old.
            let written = found.modified().unwrap();
            let age = written.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let time = (age.as_secs() < 1_500_000_000).then_some(age.as_secs());
            let name = path.strip_prefix(self.folder.path()).unwrap();
            if under_wine() {
                return format!("{} {content} {time:?}", name.display());
            }
            format!("{} {mode:o} {content} {time:?}", name.display())
        };
        let mut paths = tree(&self.path("remote"));
        paths.extend(tree(&self.path("local")));
        paths.into_iter().map(describe).collect()
    }

    /// Runs a batch, in the folder of the other side.
    pub(crate) fn batch(&self, command: &mut Command, batch: &str) -> Outcome {
        self.prepare();
        let batch = format!("@cd {}\n{batch}", self.text("remote"));
        let command = command
            .current_dir(self.path("remote"))
            .env("SHELL", "/bin/sh");
        run_with_input(command, batch.as_bytes())
    }

    /// OpenSSH's program with a server on this machine.
    pub(crate) fn theirs(&self) -> Command {
        let mut command = Command::new("sftp");
        command.args(["-b", "-", "-D", &self.server]);
        command
    }

    /// Our binary under its name with the same server.
    pub(crate) fn ours(&self) -> Command {
        let mut command = Command::new(&self.ours);
        command.args(["-b", "-", "-D", &self.our_server]);
        command
    }
}

/// All that is in a folder, in order.
pub(crate) fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    for path in entries {
        paths.push(path.clone());
        if path.is_dir() && !path.is_symlink() {
            paths.extend(tree(&path));
        }
    }
    paths
}
