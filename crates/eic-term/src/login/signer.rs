//! A key in memory that signs as an agent does.

use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::ssh_key::{self, Signature};
use russh::keys::{HashAlg, PrivateKey};
use russh::{AgentAuthError, Signer};

/// Signs for certificates: russh alone would sign for an RSA key's with SHA-1.
pub(super) struct InMemory(pub(super) Arc<PrivateKey>);

impl Signer for InMemory {
    type Error = AgentAuthError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, AgentAuthError> {
        let signed = sign(&self.0, hash, &mut to_sign);
        signed.map_err(russh::keys::Error::from)?;
        Ok(to_sign)
    }
}

/// Appends the signature of what is there (RFC 4252 §7).
fn sign(key: &PrivateKey, hash: Option<HashAlg>, data: &mut Vec<u8>) -> Result<(), ssh_key::Error> {
    let signature: Signature = match key.key_data() {
        KeypairData::Rsa(pair) => (pair, hash).try_sign(data)?,
        pair => pair.try_sign(data)?,
    };
    Ok(signature.encode_prefixed(data)?)
}
