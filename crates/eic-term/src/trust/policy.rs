//! The decision on a host key.

use std::fmt;
use std::path::PathBuf;

use russh::keys::ssh_key::public::RsaPublicKey;
use russh::keys::{HashAlg, PublicKey};

use super::known::{Known, Shown};
use super::ordinary::KnownHosts;
use super::pins::{Pin, PinFile};
use super::verified::{Trust, Witnesses};

/// A server's public key.
#[derive(Clone, PartialEq, Eq)]
pub struct HostKey(PublicKey);

impl HostKey {
    pub(crate) fn new(key: PublicKey) -> Self {
        Self(PublicKey::new(key.key_data().clone(), ""))
    }

    /// Reads one key in OpenSSH's form, `ssh-ed25519 AAAA…`; a comment may follow.
    ///
    /// Returns `None` for anything else.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        PublicKey::from_openssh(line.trim()).ok().map(Self::new)
    }

    /// Returns the key's algorithm, e.g. `ssh-ed25519`.
    #[must_use]
    pub fn algorithm(&self) -> String {
        self.0.algorithm().to_string()
    }

    /// Returns `SHA256:…`, as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    pub(crate) fn raw_algorithm(&self) -> russh::keys::Algorithm {
        self.0.algorithm()
    }

    /// Returns the key as it is sent (RFC 4253 §6.6).
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().unwrap_or_default()
    }

    /// Refuses an RSA key with fewer bits than these.
    pub(crate) fn check_length(&self, peer: &str, least: u32) -> Result<(), HostKeyError> {
        match self.0.key_data().rsa().map(RsaPublicKey::key_size) {
            Some(bits) if bits < least => Err(HostKeyError::Short {
                name: peer.to_owned(),
                presented: self.to_string(),
                bits,
                least,
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn raw(&self) -> &PublicKey {
        &self.0
    }

    /// Returns the key in OpenSSH's form, without a comment.
    #[must_use]
    pub fn to_line(&self) -> String {
        self.0.to_openssh().unwrap_or_default()
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({self})")
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm(), self.fingerprint())
    }
}

/// Decides which host keys a session accepts. There is no default: a session must be given one.
///
/// ```
/// use eic_term::{HostKey, HostKeyPolicy};
/// let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
/// let policy = HostKeyPolicy::Known(HostKey::parse(key).into_iter().collect());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HostKeyPolicy {
    /// Exactly these keys.
    Known(Vec<HostKey>),
    /// The key pinned in this file for the peer (an instance id, say); the first key seen is
    /// pinned, a changed one refused.
    Pinned(PinFile),
    /// The key pinned for the peer, or one that something else speaks for.
    Verified(Trust),
    /// The keys that known_hosts files have for the host, by its name.
    KnownHosts(KnownHosts),
    /// Any key: whoever controls the network can impersonate the host.
    DangerAcceptAny,
}

impl From<PinFile> for HostKeyPolicy {
    fn from(file: PinFile) -> Self {
        Self::Pinned(file)
    }
}

impl From<Trust> for HostKeyPolicy {
    fn from(trust: Trust) -> Self {
        Self::Verified(trust)
    }
}

impl From<KnownHosts> for HostKeyPolicy {
    fn from(known: KnownHosts) -> Self {
        Self::KnownHosts(known)
    }
}

impl HostKeyPolicy {
    /// Believes what `peer` shows, or says why not.
    pub(crate) async fn verify(
        &self,
        peer: &str,
        witnesses: &mut Witnesses,
        shown: &Shown,
    ) -> Result<(), HostKeyError> {
        let key = &shown.key;
        match self {
            Self::DangerAcceptAny => Ok(()),
            Self::Known(keys) if keys.contains(key) => Ok(()),
            Self::Known(keys) => Err(HostKeyError::Unknown {
                presented: Box::new(key.clone()),
                expected: keys.iter().map(ToString::to_string).collect(),
            }),
            Self::Pinned(file) => file.check_or_pin(peer, key),
            Self::KnownHosts(hosts) => hosts.verify(&witnesses.known, shown).await,
            Self::Verified(trust) => trust.verify(peer, witnesses, shown).await,
        }
    }

    /// Returns what is known already, so that the server can be asked for one of these keys.
    pub(crate) fn known(&self, peer: &str, names: &[String]) -> Result<Known, HostKeyError> {
        let keys = match self {
            Self::DangerAcceptAny => Vec::new(),
            Self::Known(keys) => keys.clone(),
            Self::Pinned(file) => file.keys(peer)?,
            Self::Verified(trust) => return trust.known(peer, names),
            Self::KnownHosts(hosts) => return hosts.known(),
        };
        Ok(Known::keys(keys))
    }

    /// Adds what a command says of a host whose key is not shown yet.
    pub(crate) async fn ask(&self, known: &mut Known) {
        if let Self::KnownHosts(hosts) = self {
            hosts.ask(None, known).await;
        }
    }
}

/// A host key that is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostKeyError {
    /// The host's key is not the pinned one: the host was rebuilt, or somebody impersonates it.
    #[error("the host key of {name} has changed: pinned {}{}, presented {presented}", pinned.key, since(pinned))]
    Changed {
        /// Whose key.
        name: String,
        /// What was pinned, when, and on which line.
        pinned: Box<Pin>,
        /// The presented key's algorithm and fingerprint.
        presented: String,
        /// The file that holds the pin.
        path: PathBuf,
    },
    /// The host's RSA key is too short to be believed, whoever speaks for it.
    #[error("the host key {presented} of {name} has {bits} bits, where {least} is the least")]
    Short {
        /// Whose key.
        name: String,
        /// The presented key's algorithm and fingerprint.
        presented: String,
        /// How long it is, in bits.
        bits: u32,
        /// How long it must be.
        least: u32,
    },
    /// A known_hosts file revokes the key.
    #[error("the host key {presented} of {name} is revoked in {}", path.display())]
    Revoked {
        /// Whose key.
        name: String,
        /// The presented key's algorithm and fingerprint.
        presented: String,
        /// The file.
        path: PathBuf,
    },
    /// The instance printed other keys on its console.
    #[error("the host key {presented} is none of those that {name} printed on its console")]
    NotOnConsole {
        /// Whose key.
        name: String,
        /// The presented key's algorithm and fingerprint.
        presented: String,
        /// Those on the console.
        console: Vec<String>,
    },
    /// The console shows several sets of keys, so that none can be believed.
    #[error("the console of {name} contradicts itself on its host keys; presented {presented}")]
    ConsoleConflict {
        /// Whose key.
        name: String,
        /// The presented key's algorithm and fingerprint.
        presented: String,
    },
    /// Nothing speaks for the key.
    #[error("the host key {presented} of {name} could not be verified: {reason}")]
    Unverified {
        /// Whose key.
        name: String,
        /// The presented key.
        presented: Box<HostKey>,
        /// Why nothing speaks for it.
        reason: String,
    },
    /// The host's key is none of the known ones.
    #[error("the host key {presented} is none of the {} known", expected.len())]
    Unknown {
        /// The presented key.
        presented: Box<HostKey>,
        /// The known ones.
        expected: Vec<String>,
    },
    /// The pins cannot be read or written; without them no key can be believed.
    #[error("cannot use the host key file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

fn since(pin: &Pin) -> String {
    match pin.note.as_str() {
        "" => String::new(),
        note => format!(" ({note})"),
    }
}
