//! The private key to log in with.

use std::fmt;
use std::sync::Arc;

use eic_auth::EphemeralKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Certificate, Error as KeyError, HashAlg, PrivateKey, PublicKey};

use crate::agent::Agent;
use crate::error::Error;

/// A private key to log in with: in memory, zeroized when its last clone is dropped, or held by an ssh-agent.
/// `Debug` shows the fingerprint.
#[derive(Clone)]
pub struct Identity {
    pub(crate) key: Key,
    pub(crate) certificate: Option<Box<Certificate>>,
}

#[derive(Clone)]
pub(crate) enum Key {
    InMemory(Arc<PrivateKey>),
    InAgent(Agent, PublicKey),
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
            ..self
        })
    }

    /// Reads the public half of a private key in OpenSSH's format, which is not encrypted even where the key is.
    #[must_use]
    pub fn public_half(text: &str) -> Option<String> {
        let key = PrivateKey::from_openssh(text).ok()?;
        key.public_key().to_openssh().ok()
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
            certificate: certificate.map(Box::new),
        }
    }

    pub(crate) fn is_rsa(&self) -> bool {
        self.public().algorithm().is_rsa()
    }

    fn in_memory(key: PrivateKey) -> Self {
        Self {
            key: Key::InMemory(Arc::new(key)),
            certificate: None,
        }
    }

    fn public(&self) -> &PublicKey {
        match &self.key {
            Key::InMemory(key) => key.public_key(),
            Key::InAgent(_, key) => key,
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
