use std::iter;

use russh::keys::key::safe_rng;
use russh::keys::ssh_key::EcdsaCurve;
use russh::keys::{Algorithm, HashAlg, PrivateKey};

use crate::Error;

/// An instance's SSH host keys, made when the region starts.
#[derive(Clone)]
pub(crate) struct HostKeys {
    pub(crate) ed25519: PrivateKey,
    pub(crate) ecdsa: PrivateKey,
}

impl HostKeys {
    /// Makes a key of each algorithm that a new instance has.
    ///
    /// # Errors
    /// [`Error::HostKey`] when one cannot be made.
    pub(crate) fn generate(instance: &str) -> Result<Self, Error> {
        let generate = |algorithm| {
            PrivateKey::random(&mut safe_rng(), algorithm).map_err(|source| Error::HostKey {
                instance: instance.to_owned(),
                source,
            })
        };
        Ok(Self {
            ed25519: generate(Algorithm::Ed25519)?,
            ecdsa: generate(Algorithm::Ecdsa {
                curve: EcdsaCurve::NistP256,
            })?,
        })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &PrivateKey> {
        iter::once(&self.ecdsa).chain(iter::once(&self.ed25519))
    }

    /// The public keys in OpenSSH's format, without comment.
    pub(crate) fn public_lines(&self) -> Vec<String> {
        self.all()
            .filter_map(|key| key.public_key().to_openssh().ok())
            .collect()
    }

    /// The boot messages of an instance, with the keys as cloud-init prints them:
    /// <https://cloudinit.readthedocs.io/en/latest/reference/modules.html#keys-to-console>
    pub(crate) fn console(&self, host_name: &str) -> String {
        let mut text = format!("[    0.000000] Linux version 6.1 (sandbox)\r\n{host_name} login: ");
        let mut line = |line: &str| {
            text.push_str(line);
            text.push_str("\r\n");
        };
        line("cloud-init[1]: Cloud-init finished");
        line("ci-info: no authorized SSH keys fingerprints found for user ec2-user.");
        line("<14>cloud-init: #############################################################");
        line("<14>cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----");
        for key in self.all() {
            let print = key.public_key().fingerprint(HashAlg::Sha256);
            let (bits, name) = match key.algorithm() {
                Algorithm::Ed25519 => (256, "ED25519"),
                _ => (256, "ECDSA"),
            };
            line(&format!(
                "<14>cloud-init: {bits} {print} root@{host_name} ({name})"
            ));
        }
        line("<14>cloud-init: -----END SSH HOST KEY FINGERPRINTS-----");
        line("<14>cloud-init: #############################################################");
        line("-----BEGIN SSH HOST KEY KEYS-----");
        for key in self.public_lines() {
            line(&format!("{key} root@{host_name}"));
        }
        line("-----END SSH HOST KEY KEYS-----");
        text
    }
}
