//! The private key to log in with.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use eic_auth::EphemeralKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Algorithm, Certificate, Error as KeyError, HashAlg, PrivateKey, PublicKey};

use crate::agent::Agent;
use crate::error::{Cause, Error};
use crate::login::Holder;

/// A private key to log in with: in memory, zeroized when its last clone is dropped, or held by an ssh-agent.
/// `Debug` shows the fingerprint.
#[derive(Clone)]
pub struct Identity {
    pub(crate) key: Key,
    pub(crate) certificate: Option<Box<Certificate>>,
    /// Whether the agent that has the key has the certificate too.
    pub(crate) is_certificate_held: bool,
}

#[derive(Clone)]
pub(crate) enum Key {
    InMemory(Arc<PrivateKey>),
    InAgent(Agent, PublicKey),
    /// What signs with it is asked only when a server wants it.
    Elsewhere(PublicKey, Holder),
}

impl Identity {
    /// Reads a private key in OpenSSH's, PEM or PuTTY's format, with its passphrase if it has one.
    ///
    /// # Errors
    /// [`Error::Passphrase`] where it has one that is not given, or another; [`Error::Identity`] for anything else.
    pub fn parse(text: &str, passphrase: Option<&str>) -> Result<Self, Error> {
        match russh::keys::decode_secret_key(text, passphrase) {
            Ok(key) => Ok(Self::in_memory(key)),
            Err(KeyError::KeyIsEncrypted) => Err(Error::Passphrase { given: false }),
            Err(_) if passphrase.is_some() => Err(Error::Passphrase { given: true }),
            Err(source) => Err(Error::Identity {
                source: Box::new(source),
            }),
        }
    }

    /// Names a key that is opened only when a server wants it, by its public half in OpenSSH's form: nobody is asked for
    /// the passphrase of a key that is of no use. `None` where it cannot be opened.
    ///
    /// # Errors
    /// [`Error::Identity`] where that is no public key.
    pub fn sealed<F>(
        public: &str,
        open: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        F: Future<Output = Option<Self>> + Send + 'static,
    {
        Self::elsewhere(public, Holder::opening(open))
    }

    /// Names a key that something else signs with, such as a security key, by its public half in OpenSSH's form. What
    /// is returned is a signature as in RFC 4253 §6.6.
    ///
    /// # Errors
    /// [`Error::Identity`] where that is no public key.
    pub fn signed_by<F>(
        public: &str,
        sign: impl Fn(Vec<u8>) -> F + Send + Sync + 'static,
    ) -> Result<Self, Error>
    where
        F: Future<Output = Result<Vec<u8>, Cause>> + Send + 'static,
    {
        Self::elsewhere(public, Holder::signing(sign))
    }

    fn elsewhere(public: &str, holder: Holder) -> Result<Self, Error> {
        let public = PublicKey::from_openssh(public.trim());
        let public = public.map_err(|source| Error::Identity {
            source: Box::new(source),
        })?;
        Ok(Self {
            key: Key::Elsewhere(public, holder),
            certificate: None,
            is_certificate_held: false,
        })
    }

    /// Adds a certificate for this key, in OpenSSH's form, as `id_ed25519-cert.pub` holds it.
    ///
    /// # Errors
    /// [`Error::Identity`] where it is none, or for another key.
    pub fn certified(self, line: &str) -> Result<Self, Error> {
        let certificate = Certificate::from_openssh(line).map_err(|source| Error::Identity {
            source: Box::new(source),
        })?;
        if certificate.public_key() != self.public().key_data() {
            return Err(Error::Identity {
                source: "the certificate is for another key".into(),
            });
        }
        Ok(Self {
            certificate: Some(Box::new(certificate)),
            is_certificate_held: false,
            ..self
        })
    }

    /// Reads the public half of a private key in OpenSSH's format, which is not encrypted even where the key is.
    #[must_use]
    pub fn public_half(text: &str) -> Option<String> {
        let key = PrivateKey::from_openssh(text).ok()?;
        key.public_key().to_openssh().ok()
    }

    /// Reads the public key that a line in OpenSSH's form names: the key itself, or the one that a certificate is for.
    #[must_use]
    pub fn public_key(line: &str) -> Option<String> {
        let line = line.trim();
        let certified = || {
            let certificate = Certificate::from_openssh(line).ok()?;
            PublicKey::from(certificate.public_key().clone())
                .to_openssh()
                .ok()
        };
        let plain = PublicKey::from_openssh(line).and_then(|key| key.to_openssh());
        plain.ok().or_else(certified)
    }

    /// Returns the public key in OpenSSH's form.
    #[must_use]
    pub fn public_line(&self) -> String {
        self.public().to_openssh().unwrap_or_default()
    }

    /// Returns whether it has a certificate.
    #[must_use]
    pub fn is_certified(&self) -> bool {
        self.certificate.is_some()
    }

    /// Returns whether this is the private half of a public key in OpenSSH's form.
    #[must_use]
    pub fn belongs_to(&self, public_key: &str) -> bool {
        let public = PublicKey::from_openssh(public_key.trim());
        public.is_ok_and(|public| public.key_data() == self.public().key_data())
    }

    /// Returns whether both are the same key with the same certificate.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.public().key_data() == other.public().key_data()
            && self.certificate == other.certificate
    }

    pub(crate) fn held(agent: Agent, key: PublicKey, certificate: Option<Certificate>) -> Self {
        Self {
            key: Key::InAgent(agent, key),
            is_certificate_held: certificate.is_some(),
            certificate: certificate.map(Box::new),
        }
    }

    /// Returns the names of what it signs with (RFC 4252 §7, RFC 8332), best first.
    pub(crate) fn algorithms(&self) -> Vec<(String, Option<HashAlg>)> {
        let name = |algorithm: Algorithm| match self.certificate {
            Some(_) => algorithm.to_certificate_type(),
            None => algorithm.to_string(),
        };
        let with = |hash| (name(Algorithm::Rsa { hash }), hash);
        match self.public().algorithm() {
            Algorithm::Rsa { .. } => {
                let hashes = [Some(HashAlg::Sha512), Some(HashAlg::Sha256), None];
                hashes.map(with).to_vec()
            }
            other => vec![(name(other), None)],
        }
    }

    pub(crate) fn is_rsa(&self) -> bool {
        self.public().algorithm().is_rsa()
    }

    fn in_memory(key: PrivateKey) -> Self {
        Self {
            key: Key::InMemory(Arc::new(key)),
            certificate: None,
            is_certificate_held: false,
        }
    }

    pub(crate) fn public(&self) -> &PublicKey {
        match &self.key {
            Key::InMemory(key) => key.public_key(),
            Key::InAgent(_, key) | Key::Elsewhere(key, _) => key,
        }
    }
}

impl From<&EphemeralKey> for Identity {
    fn from(key: &EphemeralKey) -> Self {
        let pair = Ed25519Keypair::from_seed(key.expose_seed());
        Self::in_memory(PrivateKey::from(pair))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = self.public().fingerprint(HashAlg::Sha256);
        write!(f, "Identity({fingerprint})")
    }
}
