//! The algorithms offered to a server, and those agreed on (RFC 4253 §7.1).

mod lists;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{AlgorithmKind, Names, Preferred, cipher, compression, kex, mac};

use crate::error::Error;
use crate::trust::Known;

pub use self::lists::AlgorithmLists;

/// How many names of a server's list are kept for an error.
const MOST_NAMES: usize = 16;
/// How long a name may be (RFC 4251 §6), in characters.
const LONGEST_NAME: usize = 64;

/// Post-quantum first. Hosts in FIPS mode know the NIST curves only.
const KEY_EXCHANGES: [kex::Name; 12] = [
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];
const AES_GCM: [cipher::Name; 2] = [cipher::AES_128_GCM, cipher::AES_256_GCM];
const CHACHA20: [cipher::Name; 1] = [cipher::CHACHA20_POLY1305];
const AES_CTR: [cipher::Name; 3] = [
    cipher::AES_128_CTR,
    cipher::AES_192_CTR,
    cipher::AES_256_CTR,
];
const MACS: [mac::Name; 4] = [
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
];
const HOST_KEYS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    ecdsa(EcdsaCurve::NistP256),
    ecdsa(EcdsaCurve::NistP384),
    ecdsa(EcdsaCurve::NistP521),
    rsa(Some(HashAlg::Sha512)),
    rsa(Some(HashAlg::Sha256)),
];

/// SHA-1 and CBC, for servers that know nothing else: offered last, and only where asked for.
const OLD_KEY_EXCHANGES: [kex::Name; 3] = [kex::DH_GEX_SHA1, kex::DH_G14_SHA1, kex::DH_G1_SHA1];
const OLD_CIPHERS: [cipher::Name; 3] = [
    cipher::AES_128_CBC,
    cipher::AES_192_CBC,
    cipher::AES_256_CBC,
];
const OLD_MACS: [mac::Name; 2] = [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];
const OLD_HOST_KEYS: [Algorithm; 1] = [rsa(None)];

const fn ecdsa(curve: EcdsaCurve) -> Algorithm {
    Algorithm::Ecdsa { curve }
}

const fn rsa(hash: Option<HashAlg>) -> Algorithm {
    Algorithm::Rsa { hash }
}

/// What is offered to a host of which this much is known.
///
/// Compression is not, unless it is asked for: a few bytes could become many.
pub(crate) fn offered(known: &Known, legacy: bool) -> Preferred {
    let certificates = if known.has_authorities() {
        &HOST_KEYS[..]
    } else {
        &[]
    };
    Preferred {
        kex: with(&KEY_EXCHANGES, &OLD_KEY_EXCHANGES, legacy).into(),
        key: host_keys(known, legacy).into(),
        host_key_certificates: certificates.to_vec().into(),
        cipher: with(&ciphers(has_aes_instructions()), &OLD_CIPHERS, legacy).into(),
        mac: with(&MACS, &OLD_MACS, legacy).into(),
        compression: vec![compression::NONE].into(),
    }
}

/// AES-GCM first where the processor has instructions for it: there it takes both ends a fraction of ChaCha20's time.
fn ciphers(fast_aes: bool) -> Vec<cipher::Name> {
    match fast_aes {
        true => [&AES_GCM[..], &CHACHA20, &AES_CTR].concat(),
        false => [&CHACHA20[..], &AES_GCM, &AES_CTR].concat(),
    }
}

/// Puts ChaCha20 first, as ssh(1) does: of the few bytes of a key it makes less work for both ends than AES-GCM, however
/// fast that is with many.
pub(crate) fn prefer_for_keys(offered: &mut Preferred) {
    let ciphers = offered.cipher.to_mut();
    ciphers.sort_by_key(|name| !CHACHA20.contains(name));
}

fn has_aes_instructions() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("pmull");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

fn with<T: Clone>(modern: &[T], old: &[T], legacy: bool) -> Vec<T> {
    let old = if legacy { old } else { &[] };
    [modern, old].concat()
}

/// Puts the algorithms of known keys first, as OpenSSH does: a server has several keys, and another
/// one than the known would look like a changed key.
fn host_keys(known: &Known, legacy: bool) -> Vec<Algorithm> {
    let same = |wanted: &Algorithm| {
        known
            .likely_keys()
            .iter()
            .any(|key| match (key.raw_algorithm(), wanted) {
                (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
                (one, other) => one == *other,
            })
    };
    let usable = with(&HOST_KEYS, &OLD_HOST_KEYS, legacy);
    let (mut first, rest): (Vec<_>, Vec<_>) = usable.into_iter().partition(same);
    first.extend(rest);
    first
}

/// The error for a server that knows none of what is offered; its list is cut where it is endless.
pub(crate) fn none_in_common(peer: &str, kind: &AlgorithmKind, theirs: &[String]) -> Error {
    let kind = match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "host key",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Compression => "compression",
        AlgorithmKind::Mac => "message authentication code",
    };
    let short = |name: &String| name.chars().take(LONGEST_NAME).collect::<String>();
    let mut known: Vec<_> = theirs.iter().take(MOST_NAMES).map(short).collect();
    if theirs.len() > known.len() {
        known.push("…".to_owned());
    }
    Error::Algorithms {
        peer: peer.to_owned(),
        kind,
        known: known.iter().map(|name| crate::visible_line(name)).collect(),
    }
}

/// The algorithms that a connection has agreed on, by their names in the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Algorithms {
    /// The key exchange.
    pub key_exchange: String,
    /// The host key.
    pub host_key: String,
    /// The cipher, both ways.
    pub cipher: String,
    /// The message authentication code; `None` where the cipher authenticates.
    pub mac: Option<String>,
    /// Whether data is compressed.
    pub compressed: bool,
}

impl Algorithms {
    pub(crate) fn new(names: &Names) -> Self {
        let mac: &str = names.server_mac.as_ref();
        let cipher: &str = names.cipher.as_ref();
        Self {
            key_exchange: names.kex.as_ref().to_owned(),
            host_key: names.key.to_string(),
            cipher: cipher.to_owned(),
            mac: needs_mac(cipher).then(|| mac.to_owned()),
            compressed: !matches!(names.client_compression, compression::Compression::None),
        }
    }

    /// Returns those that have been broken or are about to be: SHA-1 and CBC.
    #[must_use]
    pub fn outdated(&self) -> Vec<&str> {
        let old = [
            (&self.key_exchange, self.key_exchange.ends_with("-sha1")),
            (&self.host_key, self.host_key == "ssh-rsa"),
            (&self.cipher, self.cipher.ends_with("-cbc")),
        ];
        let mac = self.mac.iter().filter(|mac| mac.starts_with("hmac-sha1"));
        let old = old
            .into_iter()
            .filter_map(|(name, old)| old.then_some(name));
        old.chain(mac).map(String::as_str).collect()
    }
}

/// Whether a cipher leaves authentication to another algorithm.
fn needs_mac(cipher: &str) -> bool {
    cipher.ends_with("-ctr") || cipher.ends_with("-cbc")
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {}, {}",
            self.key_exchange, self.host_key, self.cipher
        )?;
        self.mac.iter().try_for_each(|mac| write!(f, ", {mac}"))?;
        match self.compressed {
            true => f.write_str(", compressed"),
            false => Ok(()),
        }
    }
}

/// What was agreed on last; the keys are exchanged anew from time to time.
#[derive(Clone, Default)]
pub(crate) struct Agreed(Arc<Mutex<Option<Algorithms>>>);

impl Agreed {
    pub(crate) fn get(&self) -> Option<Algorithms> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set(&self, algorithms: Algorithms) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(algorithms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::HostKey;

    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";

    #[test]
    fn algorithms_of_known_keys_come_first() {
        let first = |known: &Known| offered(known, false).key.first().map(ToString::to_string);
        let nothing = Known::default();
        assert_eq!(first(&nothing).as_deref(), Some("ssh-ed25519"));
        let known = Known::keys(vec![HostKey::parse(ECDSA).unwrap()]);
        assert_eq!(first(&known).as_deref(), Some("ecdsa-sha2-nistp256"));
    }

    #[test]
    fn nothing_old_is_offered_unasked() {
        let names = |legacy| {
            let all = offered(&Known::default(), legacy);
            let mut names: Vec<String> = all.key.iter().map(ToString::to_string).collect();
            names.extend(all.kex.iter().map(|one| one.as_ref().to_owned()));
            names.extend(all.cipher.iter().map(|one| one.as_ref().to_owned()));
            names.extend(all.mac.iter().map(|one| one.as_ref().to_owned()));
            names.extend(all.compression.iter().map(|one| one.as_ref().to_owned()));
            names
        };
        let old = |name: &String| {
            let name = name.as_str();
            name.contains("sha1") || name.ends_with("-cbc") || name == "ssh-rsa"
        };
        assert_eq!(names(false).into_iter().filter(old).count(), 0);
        assert_eq!(names(true).into_iter().filter(old).count(), 9);
        let all = offered(&Known::default(), true);
        let first = all.kex.first().map(AsRef::as_ref);
        assert_eq!(first, Some("mlkem768x25519-sha256"));
    }

    #[test]
    fn the_cipher_that_the_processor_is_fast_at_comes_first() {
        for (fast_aes, first) in [
            (true, "aes128-gcm@openssh.com"),
            (false, "chacha20-poly1305@openssh.com"),
        ] {
            let ciphers = ciphers(fast_aes);
            assert_eq!(ciphers.first().map(AsRef::as_ref), Some(first));
            assert_eq!(ciphers.len(), 6);
        }
    }

    #[test]
    fn chacha20_comes_first_for_keys_and_the_rest_stays_as_it_is() {
        let mut all = offered(&Known::default(), true);
        let others: Vec<_> = (all.cipher.iter().copied())
            .filter(|name| *name != cipher::CHACHA20_POLY1305)
            .collect();
        prefer_for_keys(&mut all);
        assert_eq!(*all.cipher, [&CHACHA20[..], &others].concat());
    }

    #[test]
    fn old_ones_are_named() {
        let agreed = Algorithms {
            key_exchange: "diffie-hellman-group14-sha1".to_owned(),
            host_key: "ssh-rsa".to_owned(),
            cipher: "aes128-cbc".to_owned(),
            mac: Some("hmac-sha1".to_owned()),
            compressed: false,
        };
        assert_eq!(agreed.outdated().len(), 4);
        let modern = Algorithms {
            key_exchange: "mlkem768x25519-sha256".to_owned(),
            host_key: "rsa-sha2-256".to_owned(),
            cipher: "aes128-ctr".to_owned(),
            mac: Some("hmac-sha2-256".to_owned()),
            compressed: false,
        };
        assert!(modern.outdated().is_empty());
        assert_eq!(
            modern.to_string(),
            "mlkem768x25519-sha256, rsa-sha2-256, aes128-ctr, hmac-sha2-256"
        );
    }
}
