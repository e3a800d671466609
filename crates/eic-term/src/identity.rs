//! The private key to log in with.

use std::fmt;
use std::sync::Arc;

use eic_auth::EphemeralKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{HashAlg, PrivateKey};

use crate::error::Error;

/// A private key to log in with, zeroized when its last clone is dropped; `Debug` shows the fingerprint.
#[derive(Clone)]
pub struct Identity {
    key: Arc<PrivateKey>,
}

impl Identity {
    /// Reads a private key in OpenSSH's or PEM format, with its passphrase if it has one.
    ///
    /// # Errors
    /// [`Error::Identity`] for anything else, a missing or wrong passphrase included.
    pub fn parse(text: &str, passphrase: Option<&str>) -> Result<Self, Error> {
        let key = russh::keys::decode_secret_key(text, passphrase);
        let key = key.map_err(|source| Error::Identity {
            source: Box::new(source),
        })?;
        Ok(Self { key: Arc::new(key) })
    }

    pub(crate) fn key(&self) -> Arc<PrivateKey> {
        self.key.clone()
    }

    pub(crate) fn is_rsa(&self) -> bool {
        self.key.algorithm().is_rsa()
    }
}

impl From<&EphemeralKey> for Identity {
    fn from(key: &EphemeralKey) -> Self {
        let pair = Ed25519Keypair::from_seed(key.expose_seed());
        Self {
            key: Arc::new(PrivateKey::from(pair)),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = self.key.fingerprint(HashAlg::Sha256);
        write!(f, "Identity({fingerprint})")
    }
}
