use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use crate::Error;

/// Every name under which a region's servers are reached.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate authority of one region. Its key is in memory only.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new key and certificate.
    ///
    /// # Errors
    /// [`Error::Certificate`] when the certificate cannot be made.
    pub(crate) fn generate() -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "eic-sandbox region");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        Ok(Self { issuer })
    }

    /// The certificate that clients are to trust.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A TLS server under the names by which this region's servers are reached.
    ///
    /// # Errors
    /// [`Error::Certificate`] or [`Error::Tls`] when it cannot be made.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, Error> {
        self.server_named(&NAMES)
    }

    /// A TLS server under other names than its clients ask for.
    ///
    /// # Errors
    /// As [`Authority::server`].
    pub(crate) fn misnamed_server(&self) -> Result<Arc<ServerConfig>, Error> {
        self.server_named(&["elsewhere.example"])
    }

    fn server_named(&self, names: &[&str]) -> Result<Arc<ServerConfig>, Error> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "eic-sandbox");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|source| Error::Tls { source })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn failed(source: rcgen::Error) -> Error {
    Error::Certificate { source }
}
