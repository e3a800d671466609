//! What is known of a host before it has shown its key, and what it shows then.

use std::path::{Path, PathBuf};

use russh::keys::{Certificate, PublicKeyOrCertificate};

use super::certificate;
use super::known_hosts::{Says, about};
use super::pins::PinFile;
use super::policy::{HostKey, HostKeyError};

/// What files say of a host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Its keys.
    pub(crate) keys: Vec<HostKey>,
    /// Those who may certify its keys.
    pub(crate) authorities: Vec<HostKey>,
    revoked: Vec<(HostKey, PathBuf)>,
}

impl Known {
    /// These keys and nothing else.
    pub(crate) fn keys(keys: Vec<HostKey>) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }

    /// Reads known_hosts files; one that is missing says nothing.
    pub(crate) fn read(files: &[PathBuf], names: &[String]) -> Result<Self, HostKeyError> {
        let mut known = Self::default();
        for path in files {
            for (_, says, key) in about(&PinFile::new(path).content()?, names) {
                match says {
                    Says::Known => known.keys.push(key),
                    Says::Authority => known.authorities.push(key),
                    Says::Revoked => known.revoked.push((key, path.clone())),
                }
            }
        }
        Ok(known)
    }

    /// Returns the file that revokes the key shown, or who certified it.
    pub(crate) fn revocation(&self, shown: &Shown) -> Option<&Path> {
        let is_shown = |key: &HostKey| {
            let authority = shown.certificate.as_ref().map(certificate::authority);
            *key == shown.key || authority.as_ref() == Some(key)
        };
        let mut revoked = self.revoked.iter();
        let (_, path) = revoked.find(|(key, _)| is_shown(key))?;
        Some(path)
    }
}

/// What a host shows: a key, or a certificate with a key in it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) key: HostKey,
    pub(crate) certificate: Option<Certificate>,
}

impl From<&PublicKeyOrCertificate> for Shown {
    fn from(shown: &PublicKeyOrCertificate) -> Self {
        Self {
            key: HostKey::new(shown.public_key()),
            certificate: shown.certificate().cloned(),
        }
    }
}
