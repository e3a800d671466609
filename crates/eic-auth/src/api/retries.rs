//! Which failed calls the SDK does not make again.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_types::retry::ErrorKind;

use crate::certificate;

/// Forbids what failed for a server's certificate: it is the same the next time.
#[derive(Debug)]
pub(super) struct LeaveDistrusted;

impl ClassifyRetry for LeaveDistrusted {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        match error.and_then(OrchestratorError::as_connector_error) {
            Some(error) if certificate::is_cause(error) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "a certificate that is not trusted stays so"
    }

    fn priority(&self) -> RetryClassifierPriority {
        last()
    }
}

/// Forbids what the classifiers before it would make again because it was throttled.
#[derive(Debug)]
pub(super) struct LeaveThrottled;

impl ClassifyRetry for LeaveThrottled {
    fn classify_retry(&self, _context: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, _context: &InterceptorContext, found: &RetryAction) -> RetryAction {
        match found {
            RetryAction::RetryIndicated(RetryReason::RetryableError {
                kind: ErrorKind::ThrottlingError,
                ..
            }) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "throttled calls are left to the caller"
    }

    fn priority(&self) -> RetryClassifierPriority {
        last()
    }
}

/// After the SDK's own classifiers, the last of which decides.
fn last() -> RetryClassifierPriority {
    RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::client::interceptors::context::Input;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use rustls::CertificateError;
    use std::io;

    #[test]
    fn what_failed_for_a_certificate_fails_again() {
        let rejected = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let cut = io::Error::from(io::ErrorKind::ConnectionReset);
        for (cause, expected) in [
            (io::Error::other(rejected), RetryAction::RetryForbidden),
            (cut, RetryAction::NoActionIndicated),
        ] {
            let mut context = InterceptorContext::new(Input::erase(()));
            let error = ConnectorError::io(cause.into());
            context.set_output_or_error(Err(OrchestratorError::connector(error)));
            assert_eq!(LeaveDistrusted.classify_retry(&context), expected);
        }
    }
}
