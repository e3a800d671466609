//! The key that lives for one login.

use std::fmt;

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{HashAlg, PublicKey};
use zeroize::Zeroizing;

use crate::Error;

/// An Ed25519 key pair made for one login: in memory only, wiped when dropped.
///
/// `Debug` shows the fingerprint and nothing secret.
///
/// ```
/// use eic_auth::EphemeralKey;
///
/// let key = EphemeralKey::generate()?;
/// assert!(key.public_key().starts_with("ssh-ed25519 AAAA"));
/// assert!(key.fingerprint().starts_with("SHA256:"));
/// # Ok::<(), eic_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct EphemeralKey {
    seed: Zeroizing<[u8; 32]>,
    public_key: String,
    fingerprint: String,
}

impl EphemeralKey {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// [`Error::Key`] if the public key cannot be encoded, which needs a broken system to happen.
    pub fn generate() -> Result<Self, Error> {
        let pair = Ed25519Keypair::random(&mut russh::keys::key::safe_rng());
        let public = PublicKey::new(KeyData::Ed25519(pair.public), "");
        let public_key = public.to_openssh().map_err(|source| Error::Key {
            source: Box::new(source),
        })?;
        Ok(Self {
            seed: Zeroizing::new(pair.private.to_bytes()),
            public_key,
            fingerprint: public.fingerprint(HashAlg::Sha256).to_string(),
        })
    }

    /// The public key as one OpenSSH line without a comment: `ssh-ed25519 AAAA…`, 80 characters, the least
    /// that SendSSHPublicKey takes.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The SHA-256 fingerprint as OpenSSH prints it: `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// The private seed (RFC 8032 §5.1.5), for the SSH session that logs in with it. This is the only way
    /// the secret leaves; whoever copies it wipes the copy.
    #[must_use]
    pub fn expose_seed(&self) -> &[u8; 32] {
        &self.seed
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EphemeralKey")
            .field(&self.fingerprint)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_line_is_80_characters() {
        let key = EphemeralKey::generate().unwrap();
        assert_eq!(key.public_key().len(), 80);
        assert!(!key.public_key().ends_with(' '));
        assert_eq!(
            PublicKey::from_openssh(key.public_key())
                .unwrap()
                .comment()
                .as_bytes(),
            b""
        );
    }

    #[test]
    fn the_seed_gives_the_public_key() {
        let key = EphemeralKey::generate().unwrap();
        let pair = Ed25519Keypair::from_seed(key.expose_seed());
        let public = PublicKey::from(pair.public);
        assert_eq!(public.to_openssh().unwrap(), key.public_key());
        assert_eq!(
            public.fingerprint(HashAlg::Sha256).to_string(),
            key.fingerprint()
        );
    }

    #[test]
    fn no_two_are_alike_and_debug_is_silent() {
        let (one, two) = (
            EphemeralKey::generate().unwrap(),
            EphemeralKey::generate().unwrap(),
        );
        assert_ne!(one.public_key(), two.public_key());
        assert_eq!(
            format!("{one:?}"),
            format!("EphemeralKey({:?})", one.fingerprint())
        );
    }
}
