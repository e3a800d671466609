//! Telling a certificate that is not trusted from other failures.

use std::error::Error;

/// Whether a rejected server certificate is among an error's causes.
pub(crate) fn is_cause(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if is_rejection(error) {
            return true;
        }
        next = error.source();
    }
    false
}

fn is_rejection(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    // An I/O error gives its inner error's source as its own, and so hides the inner one.
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| is_cause(inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::CertificateError;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn causes() {
        let rejected = || rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(is_cause(&rejected()));
        assert!(is_cause(&io::Error::other(rejected())));
        assert!(is_cause(&Outer(io::Error::other(Outer(io::Error::other(
            rejected()
        ))))));
        assert!(!is_cause(&Outer(refused())));
        assert!(!is_cause(&io::Error::other(rustls::Error::DecryptError)));
    }
}
