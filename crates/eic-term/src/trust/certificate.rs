//! Host certificates (OpenSSH's PROTOCOL.certkeys).

use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::{Fingerprint, PublicKey};
use russh::keys::{Algorithm, Certificate, HashAlg};

use super::known::Known;
use super::known_hosts::{matches, without_port};
use super::policy::HostKey;

/// Why a certificate proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("its certificate is a user's, not a host's")]
    Type,
    #[error("its certificate is for other hosts")]
    Principals,
    #[error("its certificate has a critical option that is not known")]
    CriticalOption,
    #[error("its certificate is signed with SHA-1")]
    Sha1,
    #[error("its certificate is signed with an algorithm that is not accepted")]
    Algorithm,
    #[error("its certificate is not from an authority in known_hosts")]
    Authority,
    #[error("its certificate has expired, or is not valid yet")]
    Time,
    #[error("its certificate is not signed rightly")]
    Signature,
}

/// Who certified the key.
pub(crate) fn authority(certificate: &Certificate) -> HostKey {
    HostKey::new(PublicKey::new(certificate.signature_key().clone(), ""))
}

/// Whether one of the known authorities certifies now that this is the host's key.
///
/// A certificate without principals would be good for any host; it is taken for none, as since OpenSSH 10.3.
pub(crate) fn check(
    certificate: &Certificate,
    names: &[String],
    known: &Known,
    now: SystemTime,
) -> Result<(), CertificateError> {
    // Ports are no part of them.
    let hosts = || names.iter().map(|name| without_port(name));
    let mut principals = certificate.valid_principals().iter();
    let signed_with = certificate.signature().algorithm();
    if certificate.cert_type() != CertType::Host {
        return Err(CertificateError::Type);
    } else if !known.authorities.contains(&authority(certificate)) {
        return Err(CertificateError::Authority);
    } else if !principals.any(|pattern| hosts().any(|host| matches(pattern, host))) {
        return Err(CertificateError::Principals);
    } else if certificate.critical_options().iter().next().is_some() {
        // None is defined for hosts.
        return Err(CertificateError::CriticalOption);
    } else if signed_with == (Algorithm::Rsa { hash: None }) {
        return Err(CertificateError::Sha1);
    } else if !known.accepts(&signed_with) {
        return Err(CertificateError::Algorithm);
    }
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if !(certificate.valid_after()..certificate.valid_before()).contains(&now) {
        return Err(CertificateError::Time);
    }
    let fingerprints: [Fingerprint; 1] = [certificate.signature_key().fingerprint(HashAlg::Sha256)];
    let valid = certificate.validate_at(now, &fingerprints);
    valid.map_err(|_| CertificateError::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::certificate::Builder;
    use std::time::Duration;

    const NOW: u64 = 1_800_000_000;

    fn key(seed: u8) -> PrivateKey {
        use russh::keys::ssh_key::private::Ed25519Keypair;
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn certificate(of: CertType, change: impl FnOnce(&mut Builder)) -> Certificate {
        let nonce = vec![7; 16];
        let host = key(1).public_key().key_data().clone();
        let mut builder = Builder::new(nonce, host, NOW - 60, NOW + 60).unwrap();
        builder.cert_type(of).unwrap();
        change(&mut builder);
        builder.sign(&key(2)).unwrap()
    }

    /// Whose authority is the one that signs here.
    fn known() -> Known {
        let mut known = Known::default();
        known.authorities = vec![HostKey::new(key(2).public_key().clone())];
        known
    }

    fn checked(certificate: &Certificate, at: u64) -> Result<(), CertificateError> {
        let names = ["i-1", "10.0.0.7", "[web.example.com]:2222"].map(str::to_owned);
        let now = UNIX_EPOCH + Duration::from_secs(at);
        check(certificate, &names, &known(), now)
    }

    #[test]
    fn certificates_hold_for_their_hosts_and_time() {
        for (principal, expected) in [
            ("i-1", Ok(())),
            ("10.0.*", Ok(())),
            ("web.example.com", Ok(())),
            ("[web.example.com]:2222", Err(CertificateError::Principals)),
            ("i-2", Err(CertificateError::Principals)),
        ] {
            let certificate = certificate(CertType::Host, |builder| {
                builder.valid_principal(principal).unwrap();
            });
            assert_eq!(checked(&certificate, NOW), expected, "{principal}");
        }
        let good = certificate(CertType::Host, |builder| {
            builder.valid_principal("i-1").unwrap();
        });
        for at in [NOW - 61, NOW + 60] {
            assert_eq!(checked(&good, at), Err(CertificateError::Time));
        }
        let names = ["i-1".to_owned()];
        let nobodys = check(&good, &names, &Known::default(), SystemTime::now());
        assert_eq!(nobodys, Err(CertificateError::Authority));
    }

    #[test]
    fn authorities_sign_with_what_is_accepted() {
        let good = certificate(CertType::Host, |builder| {
            builder.valid_principal("i-1").unwrap();
        });
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        for (accepted, expected) in [
            (["ssh-ed25519", "rsa-sha2-512"], Ok(())),
            (
                ["rsa-sha2-256", "rsa-sha2-512"],
                Err(CertificateError::Algorithm),
            ),
        ] {
            let mut known = known();
            known.accept(&accepted.map(str::to_owned));
            let verdict = check(&good, &["i-1".to_owned()], &known, now);
            assert_eq!(verdict, expected, "{accepted:?}");
        }
    }

    #[test]
    fn other_certificates_prove_nothing() {
        let user = certificate(CertType::User, |builder| {
            builder.valid_principal("i-1").unwrap();
        });
        assert_eq!(checked(&user, NOW), Err(CertificateError::Type));
        let any = certificate(CertType::Host, |builder| {
            builder.all_principals_valid().unwrap();
        });
        assert_eq!(checked(&any, NOW), Err(CertificateError::Principals));
        let optional = certificate(CertType::Host, |builder| {
            builder.valid_principal("i-1").unwrap();
            builder.critical_option("what", "").unwrap();
        });
        assert_eq!(
            checked(&optional, NOW),
            Err(CertificateError::CriticalOption)
        );
        let good = certificate(CertType::Host, |builder| {
            builder.valid_principal("i-1").unwrap();
        });
        let mut bytes = good.to_bytes().unwrap();
        let at = bytes.windows(3).position(|three| three == b"i-1").unwrap();
        bytes[at + 2] = b'2';
        let forged = Certificate::from_bytes(&bytes).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        let verdict = check(&forged, &["i-2".to_owned()], &known(), now);
        assert_eq!(verdict, Err(CertificateError::Signature));
    }
}
