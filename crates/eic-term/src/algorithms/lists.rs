//! What a user names in the place of what is usual.

use russh::keys::{Algorithm, HashAlg};
use russh::{Preferred, cipher, compression, kex, mac};

use super::rsa;

/// What to offer to a server, by the names in the protocol (RFC 4253 §7.1), most wanted first. An empty list stands for
/// this library's own; names that it does not know are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlgorithmLists {
    /// Key exchanges.
    pub key_exchanges: Vec<String>,
    /// Host keys; without them the keys that are known of the host come first.
    pub host_keys: Vec<String>,
    /// Ciphers.
    pub ciphers: Vec<String>,
    /// Message authentication codes.
    pub macs: Vec<String>,
    /// Whether to offer compression after the login (`zlib@openssh.com`), with the danger that a few bytes become many:
    /// a packet of at most 256 KiB.
    pub compression: bool,
    /// What authorities may have signed host certificates with; SHA-1 is not, in any case.
    pub ca_signatures: Vec<String>,
    /// How many bits RSA keys must have, the host's and our own: 1024 at least, as for ssh(1).
    pub rsa_bits: Option<u32>,
}

/// How many bits RSA keys must have in any case.
const RSA_BITS: u32 = 1024;

/// The end of a certificate's name (OpenSSH's PROTOCOL.certkeys).
const CERTIFICATE: &str = "-cert-v01@openssh.com";

impl AlgorithmLists {
    /// How many bits RSA keys must have.
    pub(crate) fn least_rsa_bits(&self) -> u32 {
        self.rsa_bits.unwrap_or_default().max(RSA_BITS)
    }

    /// Puts what is named in the place of what is usual.
    pub(crate) fn replace_in(&self, usual: &mut Preferred) {
        if !self.key_exchanges.is_empty() {
            let mut exchanges = named::<kex::Name>(&self.key_exchanges);
            exchanges.push(kex::EXTENSION_SUPPORT_AS_CLIENT);
            exchanges.push(kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT);
            usual.kex = exchanges.into();
        }
        if !self.ciphers.is_empty() {
            usual.cipher = named::<cipher::Name>(&self.ciphers).into();
        }
        if !self.macs.is_empty() {
            usual.mac = named::<mac::Name>(&self.macs).into();
        }
        if !self.host_keys.is_empty() {
            let (certificates, keys): (Vec<_>, Vec<_>) =
                (self.host_keys.iter()).partition(|name| name.ends_with(CERTIFICATE));
            let keys = keys.into_iter().filter_map(|name| name.parse().ok());
            let certificates = certificates.into_iter().filter_map(|name| certified(name));
            usual.key = keys.collect::<Vec<_>>().into();
            usual.host_key_certificates = certificates.collect::<Vec<_>>().into();
        }
        if self.compression {
            usual.compression = vec![compression::ZLIB_LEGACY, compression::NONE].into();
        }
    }
}

/// The algorithm that a certificate's name is made of.
fn certified(name: &str) -> Option<Algorithm> {
    match name.strip_suffix(CERTIFICATE)? {
        "rsa-sha2-512" => Some(rsa(Some(HashAlg::Sha512))),
        "rsa-sha2-256" => Some(rsa(Some(HashAlg::Sha256))),
        _ => Algorithm::new_certificate(name).ok(),
    }
}

fn named<'a, N: TryFrom<&'a str>>(names: &'a [String]) -> Vec<N> {
    let known = names.iter().filter_map(|name| N::try_from(name).ok());
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::super::{MACS, offered};
    use super::*;
    use crate::trust::Known;

    #[test]
    fn named_algorithms_take_the_place_of_the_usual() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let lists = AlgorithmLists {
            key_exchanges: names(&["sntrup761x25519-sha512", "curve25519-sha256"]),
            host_keys: names(&["rsa-sha2-256", "rsa-sha2-512-cert-v01@openssh.com"]),
            ciphers: names(&["aes256-gcm@openssh.com", "none-such"]),
            macs: Vec::new(),
            compression: true,
            ..AlgorithmLists::default()
        };
        let mut all = offered(&Known::default(), false);
        lists.replace_in(&mut all);
        let exchanges: Vec<&str> = all.kex.iter().map(AsRef::as_ref).collect();
        assert_eq!(
            exchanges,
            [
                "curve25519-sha256",
                "ext-info-c",
                "kex-strict-c-v00@openssh.com"
            ]
        );
        assert_eq!(*all.cipher, [cipher::AES_256_GCM]);
        assert_eq!(*all.key, [rsa(Some(HashAlg::Sha256))]);
        let certificates = [rsa(Some(HashAlg::Sha512))];
        assert_eq!(*all.host_key_certificates, certificates);
        let compressions: Vec<&str> = all.compression.iter().map(AsRef::as_ref).collect();
        assert_eq!(compressions, ["zlib@openssh.com", "none"]);
        assert_eq!(*all.mac, MACS);
    }
}
