//! A key pair of OpenSSH's making, and the options with which OpenSSH uses it alone.

use std::path::PathBuf;
use std::process::Command;

use eic_sandbox::Instance;
use tempfile::TempDir;

/// A key pair in a folder that is gone with it.
pub(crate) struct Key {
    folder: TempDir,
}

impl Key {
    pub(crate) fn generate() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Self { folder };
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
        let made = command.arg(key.file()).status().unwrap();
        assert!(made.success());
        key
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    pub(crate) fn public_file(&self) -> PathBuf {
        self.file().with_extension("pub")
    }

    /// Options for `ssh`: this key, none of the user's own settings, and the instance's host keys
    /// the only ones that are taken, under its id.
    pub(crate) fn ssh_options(&self, instance: &Instance) -> Vec<String> {
        let mut options = vec!["-i".to_owned(), self.file().display().to_string()];
        options.extend(host_key_options(&self.folder, instance));
        options
    }
}

/// Options for `ssh`, or a program that passes them on, that leave the key to it.
pub(crate) fn host_key_options(folder: &TempDir, instance: &Instance) -> Vec<String> {
    let file = folder.path().join("known_hosts");
    let keys = instance.host_keys.iter();
    let lines: String = keys.map(|key| format!("{} {key}\n", instance.id)).collect();
    std::fs::write(&file, lines).unwrap();
    let mut options = vec!["-F".to_owned(), "/dev/null".to_owned()];
    for option in [
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "LogLevel=ERROR",
        "StrictHostKeyChecking=yes",
        &format!("HostKeyAlias={}", instance.id),
        &format!("UserKnownHostsFile={}", file.display()),
    ] {
        options.extend(["-o".to_owned(), option.to_owned()]);
    }
    options
}
