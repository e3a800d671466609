//! What is known of a host before it has shown its key, and what it shows then.

use std::path::{Path, PathBuf};

use russh::keys::{Algorithm, Certificate, PublicKeyOrCertificate};

use super::certificate;
use super::known_hosts::{Says, about};
use super::pins::PinFile;
use super::policy::{HostKey, HostKeyError};
use super::revoked::RevokedKeys;

/// What files say of a host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Its keys.
    pub(crate) keys: Vec<HostKey>,
    /// Those who may certify its keys.
    pub(crate) authorities: Vec<HostKey>,
    /// What those may have signed with, by the names in the protocol; all is accepted where nothing is said.
    ca_signatures: Vec<String>,
    /// What they say of its name alone, where it is asked for at another port than the usual one.
    pub(crate) at_usual_port: Option<Box<Known>>,
    revoked: Vec<(HostKey, PathBuf)>,
    revoked_files: Vec<(RevokedKeys, PathBuf)>,
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
            known.add(&PinFile::new(path).content()?, names, path);
        }
        Ok(known)
    }

    /// Adds what a text in known_hosts format says.
    pub(crate) fn add(&mut self, text: &[u8], names: &[String], path: &Path) {
        for (_, says, key) in about(text, names) {
            match says {
                Says::Known => self.keys.push(key),
                Says::Authority => self.authorities.push(key),
                Says::Revoked => self.revoked.push((key, path.to_owned())),
            }
        }
    }

    /// Adds files of keys that are not to be trusted; one that is missing is an error.
    pub(crate) fn revoked_by(mut self, files: &[PathBuf]) -> Result<Self, HostKeyError> {
        for path in files {
            let revoked = RevokedKeys::read(path).map_err(|source| HostKeyError::File {
                path: path.clone(),
                source,
            })?;
            self.revoked_files.push((revoked, path.clone()));
        }
        Ok(self)
    }

    /// The keys that the host is likely to show.
    pub(crate) fn likely_keys(&self) -> &[HostKey] {
        match &self.at_usual_port {
            Some(known) if self.keys.is_empty() => &known.keys,
            _ => &self.keys,
        }
    }

    /// Whether the host may show a certificate.
    pub(crate) fn has_authorities(&self) -> bool {
        let elsewhere = self.at_usual_port.as_ref();
        !self.authorities.is_empty() || elsewhere.is_some_and(|known| known.has_authorities())
    }

    /// Says what authorities may sign with.
    pub(crate) fn accept(&mut self, ca_signatures: &[String]) {
        self.ca_signatures = ca_signatures.to_vec();
        if let Some(known) = &mut self.at_usual_port {
            known.accept(ca_signatures);
        }
    }

    /// Whether an authority may have signed with this.
    pub(super) fn accepts(&self, algorithm: &Algorithm) -> bool {
        let names = &self.ca_signatures;
        names.is_empty() || names.iter().any(|name| name == algorithm.as_str())
    }

    /// Returns the file that revokes the key shown, or who certified it.
    pub(crate) fn revocation(&self, shown: &Shown) -> Option<&Path> {
        let is_shown = |key: &HostKey| {
            let authority = shown.certificate.as_ref().map(certificate::authority);
            *key == shown.key || authority.as_ref() == Some(key)
        };
        let by_line = self.revoked.iter().find(|(key, _)| is_shown(key));
        let by_file = || {
            self.revoked_files
                .iter()
                .find(|(all, _)| all.revokes(shown))
        };
        by_line
            .map(|(_, path)| path.as_path())
            .or_else(|| by_file().map(|(_, path)| path.as_path()))
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
