//! Keys that live on security tokens (FIDO), as files describe them (OpenSSH's PROTOCOL.u2f).

use std::fmt;

use russh::keys::PrivateKey;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::private::KeypairData;
use zeroize::Zeroizing;

use crate::error::Error;

/// That somebody must touch the token.
const TOUCH: u8 = 0x01;
/// That the token must know who it is, mostly by a PIN.
const PERSON: u8 = 0x04;

/// What the file of a security token's key says: the public half, and what the token needs to find its own.
pub struct SecurityKey {
    public: String,
    flags: u8,
    description: Zeroizing<Vec<u8>>,
}

impl SecurityKey {
    /// Reads such a file, `id_ed25519_sk` say, with its passphrase if it has one; `None` for other keys.
    ///
    /// # Errors
    /// [`Error::Passphrase`] where it has one that is not given, or another; [`Error::Identity`].
    pub fn parse(text: &str, passphrase: Option<&str>) -> Result<Option<Self>, Error> {
        let failed = |source| Error::Identity {
            source: Box::new(source),
        };
        let mut key = PrivateKey::from_openssh(text).map_err(failed)?;
        if key.is_encrypted() {
            let passphrase = passphrase.ok_or(Error::Passphrase { given: false })?;
            let open = key.decrypt(passphrase);
            key = open.map_err(|_| Error::Passphrase { given: true })?;
        }
        let flags = match key.key_data() {
            KeypairData::SkEd25519(key) => key.flags(),
            KeypairData::SkEcdsaSha2NistP256(key) => key.flags(),
            _ => return Ok(None),
        };
        let encoding = |error| failed(russh::keys::ssh_key::Error::from(error));
        Ok(Some(Self {
            public: key.public_key().to_openssh().map_err(failed)?,
            flags,
            description: Zeroizing::new(key.key_data().encode_vec().map_err(encoding)?),
        }))
    }

    /// Returns the public key in OpenSSH's form.
    #[must_use]
    pub fn public_line(&self) -> &str {
        &self.public
    }

    /// Returns whether somebody must touch the token for each signature.
    #[must_use]
    pub fn wants_touch(&self) -> bool {
        self.flags & TOUCH != 0
    }

    /// Returns whether the token must know who it is for each signature, mostly by a PIN.
    #[must_use]
    pub fn wants_pin(&self) -> bool {
        self.flags & PERSON != 0
    }

    /// Returns the key's description, as ssh-sk-helper(8) is told it.
    #[must_use]
    pub fn description(&self) -> &[u8] {
        &self.description
    }
}

impl fmt::Debug for SecurityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecurityKey({})", self.public)
    }
}
