//! Keys that sign as an agent does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::ssh_key::{self, Signature};
use russh::keys::{HashAlg, PrivateKey};
use russh::{AgentAuthError, Signer};

use crate::error::Cause;
use crate::identity::{Identity, Key};

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
    let signature = signature(key, hash, data)?;
    Ok(signature.encode_prefixed(data)?)
}

fn signature(
    key: &PrivateKey,
    hash: Option<HashAlg>,
    data: &[u8],
) -> Result<Signature, ssh_key::Error> {
    Ok(match key.key_data() {
        KeypairData::Rsa(pair) => (pair, hash).try_sign(data)?,
        pair => pair.try_sign(data)?,
    })
}

type Signing = Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send>>;

/// Holds a key, and signs with it when that is asked for.
#[derive(Clone)]
pub(crate) struct Holder(Arc<dyn Fn(Vec<u8>, Option<HashAlg>) -> Signing + Send + Sync>);

impl Holder {
    /// Opens the key each time.
    pub(crate) fn opening<F>(open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<Identity>> + Send + 'static,
    {
        Self(Arc::new(move |data, hash| {
            let opening = open();
            Box::pin(async move {
                let Some(Identity {
                    key: Key::InMemory(key),
                    ..
                }) = opening.await
                else {
                    return Err("the key was not opened".into());
                };
                let signature = signature(&key, hash, &data)?;
                Ok(signature.encode_vec()?)
            })
        }))
    }

    pub(crate) fn signing<F>(sign: impl Fn(Vec<u8>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Vec<u8>, Cause>> + Send + 'static,
    {
        Self(Arc::new(move |data, _| Box::pin(sign(data))))
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holder")
    }
}

impl Signer for Holder {
    type Error = AgentAuthError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, AgentAuthError> {
        let refused = |error: Cause| {
            tracing::warn!(%error, "there is no signature");
            russh::keys::Error::AgentFailure
        };
        let signature = (self.0)(to_sign.clone(), hash).await.map_err(refused)?;
        let appended = signature.as_slice().encode(&mut to_sign);
        appended.map_err(|error| russh::keys::Error::from(ssh_key::Error::from(error)))?;
        Ok(to_sign)
    }
}
