//! The certificate authorities that servers are trusted by.

use std::path::Path;
use std::sync::LazyLock;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::Error;

/// Certificate authorities: the system's, a bundle's, or both.
///
/// ```
/// use eic_auth::{Roots, TunnelConfig};
///
/// let config = TunnelConfig::new(&Roots::system())?;
/// # let _ = config;
/// # Ok::<(), eic_auth::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Roots {
    certificates: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// No authority at all: trusts nobody until a bundle is added.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The system's authorities, read once a process; `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them. It
    /// reads files, and on macOS takes its time: not for an async thread.
    #[must_use]
    pub fn system() -> Self {
        Self {
            certificates: SYSTEM.clone(),
        }
    }

    /// Adds the certificates of a PEM file, such as `AWS_CA_BUNDLE` names.
    ///
    /// # Errors
    /// [`Error::CaBundle`] if the file cannot be read, is not PEM, or holds no certificate that can be used.
    pub fn with_bundle(mut self, path: &Path) -> Result<Self, Error> {
        let bundle = std::fs::read(path).and_then(|pem| parse(&pem));
        let bundle = bundle.map_err(|source| Error::CaBundle {
            path: path.to_owned(),
            source,
        })?;
        self.certificates.extend(bundle);
        Ok(self)
    }

    /// All of them in the form rustls verifies with.
    pub(crate) fn store(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(self.certificates.iter().cloned());
        store
    }

    /// All of them as PEM, the form in which the AWS SDK takes them.
    pub(crate) fn pem(&self) -> String {
        self.certificates
            .iter()
            .map(|certificate| pem_block(certificate))
            .collect()
    }
}

static SYSTEM: LazyLock<Vec<CertificateDer<'static>>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read some of the system's certificate authorities");
    }
    found.certs.into_iter().filter(is_usable).collect()
});

fn parse(pem: &[u8]) -> std::io::Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let mut certificates = certificates
        .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
    certificates.retain(is_usable);
    if certificates.is_empty() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "no certificate in it",
        ));
    }
    Ok(certificates)
}

/// System stores hold certificates that rustls cannot parse; the SDK would panic over one.
fn is_usable(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

fn pem_block(certificate: &CertificateDer<'_>) -> String {
    let text = aws_smithy_types::base64::encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(content: &str) -> Result<Roots, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        Roots::none().with_bundle(file.path())
    }

    fn authority() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .pem()
    }

    #[test]
    fn a_bundle_and_back() {
        let roots = bundle(&format!("# comment\n{}\n{}", authority(), authority())).unwrap();
        assert_eq!(roots.store().len(), 2);
        assert_eq!(parse(roots.pem().as_bytes()).unwrap(), roots.certificates);
    }

    #[test]
    fn useless_bundles() {
        let not_x509 = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        for (content, why) in [
            ("", "no certificate in it"),
            ("hello\n", "no certificate in it"),
            (not_x509, "no certificate in it"),
            (
                "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
                "",
            ),
            ("-----BEGIN CERTIFICATE-----\naGVsbG8=\n", ""),
        ] {
            let error = bundle(content).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(matches!(error, Error::CaBundle { .. }), "{error}");
            assert!(
                cause.contains(why) && !cause.is_empty(),
                "{content:?}: {cause}"
            );
        }
        let error = Roots::none()
            .with_bundle(Path::new("/no/such/bundle.pem"))
            .unwrap_err();
        assert!(error.to_string().contains("/no/such/bundle.pem"), "{error}");
    }
}
