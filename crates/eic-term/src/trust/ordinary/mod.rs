//! Host keys by name, as OpenSSH keeps them: for hosts that are no instances.

mod verdict;

use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin;
use std::slice;
use std::sync::Arc;

use super::known::Known;
use super::known_hosts::hashed;
use super::policy::{HostKey, HostKeyError};
use super::shared_file;
use super::verified::{Proof, TrustLevel};

/// Told what spoke for a key; with the error where a new one could not be added.
type OnProof = Arc<dyn Fn(&str, &HostKey, Proof, Option<&io::Error>) + Send + Sync>;

/// Says lines of known_hosts, of a host whose key is shown or not yet.
type Source = Arc<
    dyn Fn(Option<HostKey>) -> pin::Pin<Box<dyn Future<Output = Vec<u8>> + Send>> + Send + Sync,
>;

/// The port that known_hosts files do not name.
const USUAL_PORT: u16 = 22;
/// What a source is called where a file would be.
const SOURCE: &str = "KnownHostsCommand";

/// Believes the keys in known_hosts files (sshd(8)), and the authorities in them; a new key as the level says.
///
/// A level has OpenSSH's meaning: [`TrustLevel::Strict`] is `yes`, [`TrustLevel::Aws`] is `ask`, where the caller does
/// the asking, [`TrustLevel::AcceptNew`] and [`TrustLevel::Off`] are `accept-new` and `no`.
///
/// ```
/// use eic_term::{HostKeyPolicy, KnownHosts};
/// let known = KnownHosts::new("build.example.com", 22).file("/home/me/.ssh/known_hosts");
/// let policy = HostKeyPolicy::from(known);
/// ```
#[derive(Clone)]
pub struct KnownHosts {
    host: String,
    port: u16,
    /// What lines call it: one name, of both.
    names: Vec<String>,
    files: Vec<PathBuf>,
    /// The user's own; new keys are added to the first.
    own: Vec<PathBuf>,
    revoked: Vec<PathBuf>,
    source: Option<Source>,
    level: TrustLevel,
    hash: bool,
    on_proof: Option<OnProof>,
}

impl KnownHosts {
    /// Looks a host up by this name; a port other than 22 is a part of it, `[NAME]:PORT`. Where nothing is said of it so,
    /// what is said of the name alone is good enough, as for ssh(1).
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            names: vec![name(host, port)],
            files: Vec::new(),
            own: Vec::new(),
            revoked: Vec::new(),
            source: None,
            level: TrustLevel::default(),
            hash: false,
            on_proof: None,
        }
    }

    /// Reads this file too; one that is missing says nothing. New keys are added to the first.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.own.push(path.clone());
        self.files.push(path);
        self
    }

    /// Reads a file that new keys are not added to.
    #[must_use]
    pub fn read_only(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(path.into());
        self
    }

    /// Believes none of the keys that this file revokes: a list of public keys, or a key revocation list of
    /// ssh-keygen(1). One that is missing is an error.
    #[must_use]
    pub fn revoked(mut self, path: impl Into<PathBuf>) -> Self {
        self.revoked.push(path.into());
        self
    }

    /// Asks this too for lines of known_hosts, with the key that the host has shown; before it has, without one.
    #[must_use]
    pub fn source<F>(mut self, ask: impl Fn(Option<HostKey>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Vec<u8>> + Send + 'static,
    {
        self.source = Some(Arc::new(move |key| Box::pin(ask(key))));
        self
    }

    /// Sets the level.
    #[must_use]
    pub fn level(mut self, level: TrustLevel) -> Self {
        self.level = level;
        self
    }

    /// Whether names are hashed before they are written (ssh_config(5), `HashKnownHosts`).
    #[must_use]
    pub fn hash(mut self, hash: bool) -> Self {
        self.hash = hash;
        self
    }

    /// Is told of every key that is believed, and what spoke for it; for a new one, why it could not be added.
    #[must_use]
    pub fn on_proof(
        mut self,
        on_proof: impl Fn(&str, &HostKey, Proof, Option<&io::Error>) + Send + Sync + 'static,
    ) -> Self {
        self.on_proof = Some(Arc::new(on_proof));
        self
    }

    /// Returns whether the files have a key of this host.
    ///
    /// # Errors
    /// [`HostKeyError::File`].
    pub async fn is_known(&self) -> Result<bool, HostKeyError> {
        let mut known = self.known()?;
        if known.likely_keys().is_empty() {
            self.ask(None, &mut known).await;
        }
        Ok(!known.likely_keys().is_empty())
    }

    /// Adds a key, as the answer yes to a question does.
    ///
    /// # Errors
    /// [`HostKeyError::File`].
    pub fn add(&self, key: &HostKey) -> Result<(), HostKeyError> {
        let (Some(path), Some(name)) = (self.own.first(), self.names.first()) else {
            return Ok(());
        };
        let name = if self.hash {
            hashed(name)
        } else {
            name.clone()
        };
        let line = format!("{name} {}\n", key.to_line());
        shared_file::append(path, &line).map_err(|source| HostKeyError::File {
            path: path.clone(),
            source,
        })
    }

    pub(crate) fn known(&self) -> Result<Known, HostKeyError> {
        let mut known = Known::read(&self.files, &self.names)?.revoked_by(&self.revoked)?;
        if self.port != USUAL_PORT {
            let at_usual_port = Known::read(&self.files, slice::from_ref(&self.host))?;
            known.at_usual_port = Some(Box::new(at_usual_port));
        }
        Ok(known)
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn own_files(&self) -> &[PathBuf] {
        &self.own
    }

    pub(super) fn hashes(&self) -> bool {
        self.hash
    }

    /// Adds what the source says.
    pub(crate) async fn ask(&self, key: Option<&HostKey>, known: &mut Known) {
        if let Some(source) = &self.source {
            let text = source(key.cloned()).await;
            known.add(&text, &self.names, Path::new(SOURCE));
        }
    }

    fn tell(&self, key: &HostKey, proof: Proof, error: Option<&io::Error>) {
        if let Some(on_proof) = &self.on_proof {
            on_proof(&self.names.join(","), key, proof, error);
        }
    }
}

/// A host's name in known_hosts (sshd(8)).
fn name(host: &str, port: u16) -> String {
    match port {
        USUAL_PORT => host.to_owned(),
        port => format!("[{host}]:{port}"),
    }
}

impl fmt::Debug for KnownHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "KnownHosts({:?}, {:?}, {:?})",
            self.names, self.level, self.files
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::known::Shown;
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    fn shown() -> Shown {
        Shown {
            key: HostKey::parse(KEY).unwrap(),
            certificate: None,
        }
    }

    #[tokio::test]
    async fn a_host_is_known_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        std::fs::write(&path, format!("nas {KEY}\n")).unwrap();
        for (name, known) in [("nas", true), ("web", false)] {
            let hosts = KnownHosts::new(name, 22).file(&path);
            assert_eq!(hosts.is_known().await.unwrap(), known, "{name}");
        }
    }

    #[tokio::test]
    async fn new_keys_are_added_hashed_or_not() {
        for hash in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(".ssh/known_hosts");
            let policy = KnownHosts::new("web", 2222).file(&path).hash(hash);
            let policy = policy.level(TrustLevel::AcceptNew);
            for _ in 0..2 {
                let known = policy.known().unwrap();
                policy.verify(&known, &shown()).await.unwrap();
            }
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().count(), 1, "{text}");
            assert_eq!(text.starts_with("|1|"), hash, "{text}");
            assert_eq!(text.starts_with("[web]:2222 "), !hash, "{text}");
        }
    }
}
