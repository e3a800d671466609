//! Signatures that name the host key (`publickey-hostbound-v00@openssh.com`, OpenSSH's PROTOCOL §1.8): an agent gives
//! them for keys that are good for some hosts only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_encoding::{Decode, Encode, Error};
use russh::keys::{HashAlg, PublicKey, ssh_key};
use russh::{AgentAuthError, Signer};

use crate::agent::Stream;

const METHOD: &str = "publickey-hostbound-v00@openssh.com";
/// The first OpenSSH that knows them.
const SINCE: (u32, u32) = (8, 9);

/// Whether the server takes such signatures. OpenSSH's does; what it says of that itself russh keeps for itself.
#[derive(Clone, Default)]
pub(crate) struct HostBound(Arc<AtomicBool>);

impl HostBound {
    /// Learns it from the server's identification (RFC 4253 §4.2).
    pub(crate) fn learn(&self, identification: &[u8]) {
        self.0.store(is_known_to(identification), Ordering::Relaxed);
    }

    pub(super) fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn is_known_to(identification: &[u8]) -> bool {
    let text = String::from_utf8_lossy(identification);
    let version = text.trim().strip_prefix("SSH-2.0-OpenSSH_");
    let version = version.and_then(|version| {
        let (major, rest) = version.split_once('.')?;
        let minor = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    version.is_some_and(|version: (u32, u32)| version >= SINCE)
}

/// A key that an agent holds.
pub(super) struct InAgent {
    pub(super) agent: AgentClient<Stream>,
    /// The key that it signs with where that is not what is offered: a certificate that it does not have.
    pub(super) key: Option<PublicKey>,
    /// The server's key, to be named.
    pub(super) host_key: Option<Vec<u8>>,
}

impl Signer for InAgent {
    type Error = AgentAuthError;

    async fn auth_sign(
        &mut self,
        offered: &AgentIdentity,
        hash: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, AgentAuthError> {
        if let Some(host_key) = &self.host_key {
            let bound = bound(&to_sign, host_key);
            to_sign =
                bound.map_err(|error| russh::keys::Error::from(ssh_key::Error::from(error)))?;
        }
        let plain = self.key.clone().map(AgentIdentity::from);
        let key = plain.as_ref().unwrap_or(offered);
        Ok(self.agent.sign_request(key, hash, to_sign).await?)
    }
}

/// Makes a request to log in with a key, which follows the session's id (RFC 4252 §7), one that names the host key.
fn bound(request: &[u8], host_key: &[u8]) -> Result<Vec<u8>, Error> {
    let mut rest = request;
    let (session, kind) = (Vec::<u8>::decode(&mut rest)?, u8::decode(&mut rest)?);
    let (user, service) = (String::decode(&mut rest)?, String::decode(&mut rest)?);
    let _method = String::decode(&mut rest)?;
    let mut bound = Vec::new();
    session.encode(&mut bound)?;
    kind.encode(&mut bound)?;
    for text in [user.as_str(), &service, METHOD] {
        text.encode(&mut bound)?;
    }
    bound.extend_from_slice(rest);
    host_key.encode(&mut bound)?;
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_take_them() {
        for (identification, expected) in [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10", true),
            ("SSH-2.0-OpenSSH_8.9", true),
            ("SSH-2.0-OpenSSH_10.0p2\r\n", true),
            ("SSH-2.0-OpenSSH_8.8p1", false),
            ("SSH-2.0-OpenSSH_7.4", false),
            ("SSH-2.0-OpenSSH_for_Windows_9.5", false),
            ("SSH-2.0-dropbear_2022.83", false),
            ("SSH-2.0-OpenSSH_", false),
            ("", false),
        ] {
            assert_eq!(
                is_known_to(identification.as_bytes()),
                expected,
                "{identification}"
            );
        }
    }

    #[test]
    fn the_method_and_the_end_of_a_request_change() {
        let request = |method: &str, end: &[&[u8]]| {
            let mut bytes = Vec::new();
            b"session".as_slice().encode(&mut bytes).unwrap();
            bytes.push(50);
            for text in ["ubuntu", "ssh-connection", method] {
                text.encode(&mut bytes).unwrap();
            }
            bytes.push(1);
            for part in [b"ssh-ed25519".as_slice(), b"key"].iter().chain(end) {
                part.encode(&mut bytes).unwrap();
            }
            bytes
        };
        let plain = request("publickey", &[]);
        assert_eq!(bound(&plain, b"host").unwrap(), request(METHOD, &[b"host"]));
        assert!(bound(plain.get(..20).unwrap(), b"host").is_err());
    }
}
