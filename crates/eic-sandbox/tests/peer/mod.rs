//! The programs of others that the tests speak with.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "each test file uses some of this, and a test fails by panicking"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use eic_sandbox::{Instance, Region};
use tempfile::TempDir;

/// Finds the programs that a test needs. Where one is missing, the test says so and is
/// skipped, unless `EIC_TERM_PEERS=required` makes that a failure.
pub(crate) fn present(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs
        .iter()
        .filter(|name| find(name).is_none())
        .collect();
    if missing.is_empty() {
        return true;
    }
    let required = env::var("EIC_TERM_PEERS").is_ok_and(|value| value == "required");
    assert!(!required, "missing: {missing:?}");
    println!("skipped: missing {missing:?}");
    false
}

fn find(program: &str) -> Option<PathBuf> {
    if program == "botocore" {
        let import = Command::new("python3")
            .args(["-c", "import botocore"])
            .output();
        return import.ok()?.status.success().then(PathBuf::new);
    }
    let path = env::var_os("PATH")?;
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Runs a program inside the region.
pub(crate) fn run(region: &Region, program: &str, args: &[&str]) -> Output {
    command(region, program, args).output().unwrap()
}

/// A program inside the region, to be run.
pub(crate) fn command(region: &Region, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    region.configure(&mut command);
    command
}

/// What a program wrote, which must have succeeded.
pub(crate) fn stdout(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a program complained of, which must have failed.
pub(crate) fn stderr(output: Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// The first instance of that name.
pub(crate) fn instance<'a>(region: &'a Region, name: &str) -> &'a Instance {
    region.instance(name).unwrap()
}

/// A user's own key, in a folder that is gone with it.
pub(crate) struct Key {
    folder: TempDir,
}

impl Key {
    /// Makes one.
    pub(crate) fn generate() -> Self {
        let key = Self {
            folder: TempDir::new().unwrap(),
        };
        let file = key.file();
        let args = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"];
        let made = Command::new("ssh-keygen").args(args).arg(file).status();
        assert!(made.unwrap().success());
        key
    }

    /// The private key's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    /// The public key's line.
    pub(crate) fn public(&self) -> String {
        std::fs::read_to_string(self.file().with_extension("pub")).unwrap()
    }

    /// Pushes the public key for a user of an instance.
    pub(crate) fn push(&self, region: &Region, instance: &Instance, user: &str) -> Output {
        let public = format!("file://{}", self.file().with_extension("pub").display());
        let args = [
            "ec2-instance-connect",
            "send-ssh-public-key",
            "--instance-id",
            &instance.id,
            "--instance-os-user",
            user,
            "--ssh-public-key",
            &public,
        ];
        run(region, "aws", &args)
    }

    /// OpenSSH's `ssh` with this key alone.
    pub(crate) fn ssh(&self, region: &Region, destination: &str, options: &[&str]) -> Command {
        let mut command = command(region, "ssh", &["-F", "/dev/null", "-o", "BatchMode=yes"]);
        command.arg("-i").arg(self.file());
        for option in [
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
        ] {
            command.args(["-o", option]);
        }
        command.args(options).arg(destination);
        command
    }

    /// `ssh` straight to an instance that has a port of its own.
    pub(crate) fn direct(&self, region: &Region, instance: &Instance, user: &str) -> Command {
        let address = instance.public_ip.or(instance.ipv6).unwrap();
        let port = format!("Port={}", instance.port.unwrap());
        self.ssh(region, &format!("{user}@{address}"), &["-o", &port])
    }

    /// `ssh` through the endpoint, by a tunnel that shares no code with this project.
    pub(crate) fn tunnelled(&self, region: &Region, instance: &Instance, user: &str) -> Command {
        let address = instance.private_ip.unwrap();
        let script = script();
        let proxy = format!("ProxyCommand=python3 {} {address}", script.display());
        self.ssh(region, &format!("{user}@{address}"), &["-o", &proxy])
    }
}

/// The independent client of endpoints.
pub(crate) fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/open_tunnel.py")
}

/// The user of this machine that runs the tests.
pub(crate) fn current_user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
