use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use russh::keys::ssh_key::LineEnding;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::process::Command;
use tokio::time::Instant;

use super::builtin::ACCEPTED_VARIABLES;
use super::{HostKeys, INSTANCE, platform};
use crate::Error;
use crate::keys::{Keys, authorized_keys};

const PLACES: [&str; 4] = [
    "/usr/sbin/sshd",
    "/usr/local/sbin/sshd",
    "/usr/lib/ssh/sshd",
    "/usr/bin/sshd",
];

/// The machine's `sshd`.
#[derive(Debug, Clone)]
pub(crate) struct SshdProgram(PathBuf);

impl SshdProgram {
    /// Finds it.
    ///
    /// # Errors
    /// [`Error::SshdMissing`] when it is in none of the usual places.
    pub(crate) fn find() -> Result<Self, Error> {
        let looked_in = PLACES.map(PathBuf::from);
        let found = looked_in.iter().find(|path| path.is_file()).cloned();
        found.map(Self).ok_or(Error::SshdMissing {
            looked_in: looked_in.to_vec(),
        })
    }
}

/// A real OpenSSH server: one `sshd -i` a connection, over TCP on loopback.
///
/// Inetd mode needs no port of its own, so nothing but the region reaches it, and no sshd is
/// left when a connection is dropped. It is TCP and no pipe, so that the kernel's delays
/// (Nagle's algorithm, delayed acknowledgements) are those of a real server.
pub(crate) struct Sshd {
    program: SshdProgram,
    folder: PathBuf,
    /// Held while keys are listed and written: an older list must not replace a newer one.
    publishing: Mutex<()>,
}

impl Sshd {
    /// Writes the configuration and host keys of an instance into a folder of its own.
    ///
    /// # Errors
    /// [`Error::Folder`] when they cannot be written.
    pub(crate) fn new(
        program: &SshdProgram,
        folder: PathBuf,
        keys: &Keys,
        host_keys: &HostKeys,
        options: &[String],
    ) -> Result<Self, Error> {
        let sshd = Self {
            program: program.clone(),
            folder,
            publishing: Mutex::default(),
        };
        sshd.write(keys, host_keys, options)
            .map_err(|source| Error::Folder { source })?;
        Ok(sshd)
    }

    fn write(&self, keys: &Keys, host_keys: &HostKeys, options: &[String]) -> io::Result<()> {
        fs::create_dir_all(self.authorized_keys_folder())?;
        fs::write(
            self.permanent_keys_file(),
            authorized_keys(keys.permanent()),
        )?;
        platform::share_file(&self.permanent_keys_file())?;
        platform::share_folder(&self.folder)?;
        platform::share_folder(&self.authorized_keys_folder())?;
        let mut config = String::new();
        for line in options {
            config.push_str(&format!("{line}\n"));
        }
        for (name, key) in [("ed25519", &host_keys.ed25519), ("ecdsa", &host_keys.ecdsa)] {
            let path = self.folder.join(format!("ssh_host_{name}_key"));
            key.write_openssh_file(&path, LineEnding::LF)
                .map_err(io::Error::other)?;
            config.push_str(&format!("HostKey {}\n", path.display()));
        }
        config.push_str(&self.settings());
        // sshd takes none twice.
        if !options
            .iter()
            .any(|line| line.starts_with("Subsystem sftp "))
        {
            config.push_str("Subsystem sftp internal-sftp\n");
        }
        fs::write(self.config_file(), config)
    }

    fn settings(&self) -> String {
        let keys = self.authorized_keys_folder();
        let variables = ACCEPTED_VARIABLES.join(" ");
        let instance = self.folder.file_name().unwrap_or_default();
        format!(
            "AuthorizedKeysFile {}/%u {}\n\
             PidFile none\n\
             StrictModes no\n\
             UsePAM no\n\
             UseDNS no\n\
             PermitRootLogin yes\n\
             PasswordAuthentication no\n\
             KbdInteractiveAuthentication no\n\
             PrintMotd no\n\
             AcceptEnv LC_* {variables}\n\
             SetEnv {INSTANCE}={}\n",
            keys.display(),
            self.permanent_keys_file().display(),
            instance.display()
        )
    }

    /// Asks `sshd` whether it takes the configuration.
    ///
    /// # Errors
    /// [`Error::SshdConfig`] with its answer when it does not, or cannot be run.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        // Only where nothing has started sshd as a service yet; needs root, as sshd then does.
        let _ = fs::create_dir("/run/sshd");
        let answer = self.command().arg("-t").output().await;
        let answer = answer.map_err(|error| Error::SshdConfig {
            answer: error.to_string(),
        })?;
        if answer.status.success() {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
        Err(Error::SshdConfig { answer })
    }

    /// Makes the keys that may log in now those that sshd finds.
    ///
    /// # Errors
    /// When the file cannot be replaced.
    pub(crate) fn publish(&self, instance: &str, os_user: &str, keys: &Keys) -> io::Result<()> {
        let publishing = self.publishing.lock();
        let _one = publishing.unwrap_or_else(PoisonError::into_inner);
        let folder = self.authorized_keys_folder();
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        let lines = authorized_keys(&keys.pushed(instance, os_user, Instant::now()));
        io::Write::write_all(&mut file, lines.as_bytes())?;
        platform::share_file(file.path())?;
        file.persist(folder.join(os_user))
            .map_err(|error| error.error)?;
        Ok(())
    }

    /// Serves one connection until its end.
    pub(crate) async fn serve<S>(&self, mut stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if let Err(error) = self.run(&mut stream).await {
            tracing::debug!(%error, "sshd ended");
        }
    }

    async fn run(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
        let (mut ours, theirs) = platform::loopback_pair()?;
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.log_file())?;
        let mut command = self.command();
        command.arg("-i").kill_on_drop(true).stderr(log);
        platform::attach(&mut command, theirs)?;
        let mut sshd = command.spawn()?;
        let mut family = platform::Family::of(sshd.id());
        // The command holds sshd's end of the connection, which must be sshd's alone.
        drop(command);
        copy_bidirectional(stream, &mut ours).await?;
        drop(ours);
        sshd.wait().await?;
        family.release();
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program.0);
        command.arg("-e").arg("-f").arg(self.config_file());
        command
    }

    fn config_file(&self) -> PathBuf {
        self.folder.join("sshd_config")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("sshd.log")
    }

    fn permanent_keys_file(&self) -> PathBuf {
        self.folder.join("permanent_keys")
    }

    fn authorized_keys_folder(&self) -> PathBuf {
        self.folder.join("authorized_keys")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;
    use std::time::Duration;

    use russh::keys::key::safe_rng;
    use russh::keys::{Algorithm, PrivateKey};

    use super::*;

    #[test]
    fn of_keys_pushed_at_once_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (program, life) = (SshdProgram(PathBuf::new()), Duration::from_secs(60));
        let keys = Keys::new(life, Duration::ZERO, Vec::new());
        let host_keys = HostKeys::generate("i-1").unwrap();
        let path = folder.path().to_owned();
        let sshd = Sshd::new(&program, path, &keys, &host_keys, &[]).unwrap();
        for round in 1..=20 {
            let start = Barrier::new(16);
            thread::scope(|scope| {
                for _ in 0..16 {
                    scope.spawn(|| {
                        let made = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519);
                        let key = made.unwrap().public_key().clone();
                        start.wait();
                        keys.push("i-1", "root", key, Instant::now());
                        sshd.publish("i-1", "root", &keys).unwrap();
                    });
                }
            });
            let file = sshd.authorized_keys_folder().join("root");
            let lines = fs::read_to_string(file).unwrap().lines().count();
            assert_eq!(lines, 16 * round);
        }
    }
}
