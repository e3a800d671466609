//! From the SDK's errors to ours.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};

use crate::Error;
use crate::error::Cause;

/// An API call: its name, the IAM action it needs, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) action: &'static str,
    pub(super) limit: Duration,
}

/// What AWS said when it refused a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
}

impl Call {
    /// Our error for the SDK's, of whatever operation.
    pub(super) fn failure<E>(self, error: SdkError<E, HttpResponse>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let operation = self.operation;
        match &error {
            SdkError::ServiceError(context) => {
                let status = context.raw().status().as_u16();
                match Refusal::of(context.err().meta(), status) {
                    Some(refusal) => self.refused(refusal),
                    None => Error::Response {
                        operation,
                        source: unreadable(status, cause(error)),
                    },
                }
            }
            SdkError::TimeoutError(_) => Error::Timeout {
                step: operation,
                limit: self.limit,
            },
            SdkError::ResponseError(_) => Error::Response {
                operation,
                source: cause(error),
            },
            SdkError::DispatchFailure(context) if was_sent(context) => {
                let source = cause(error);
                match crate::certificate::is_cause(&*source) {
                    true => Error::Certificate { operation, source },
                    false => Error::Connect { operation, source },
                }
            }
            _ => Error::Request {
                operation,
                source: cause(error),
            },
        }
    }

    /// Our error for AWS's code.
    pub(super) fn refused(self, refusal: Refusal) -> Error {
        let Refusal {
            code,
            message,
            request_id,
        } = refusal;
        let (action, operation) = (self.action, self.operation);
        match code.as_str() {
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
                Error::ExpiredCredentials {
                    source: message.into(),
                }
            }
            word if UNKNOWN_CALLER.contains(&word) => Error::InvalidCredentials {
                code,
                message,
                request_id,
            },
            word if DENIED.contains(&word) => Error::AccessDenied {
                action,
                message,
                request_id,
            },
            word if THROTTLED.contains(&word) => Error::Throttled {
                operation,
                code,
                message,
                request_id,
            },
            _ => Error::Service {
                operation,
                code,
                message,
                request_id,
            },
        }
    }
}

/// The codes of credentials that AWS does not know, or of a wrong signature.
const UNKNOWN_CALLER: [&str; 9] = [
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// The codes of what IAM denies: EC2's, those of JSON services, and EC2 Instance Connect's own.
const DENIED: [&str; 4] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthException",
    "UnauthorizedOperation",
];

/// The codes that the SDK takes for throttling, and retries.
const THROTTLED: [&str; 14] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

impl Refusal {
    /// The refusal in an answer, if it is one of AWS's.
    fn of(error: &ErrorMetadata, status: u16) -> Option<Self> {
        let throttled = || (status == 429).then(|| "TooManyRequestsException".to_owned());
        Some(Self {
            code: error.code().map(str::to_owned).or_else(throttled)?,
            message: error.message().unwrap_or("no message").to_owned(),
            // The SDK's own name for it, see aws_types::request_id.
            request_id: error.extra("aws_request_id").map(str::to_owned),
        })
    }
}

/// An answer that is none of AWS's: a proxy's or a login page's, or a broken one.
#[derive(Debug, thiserror::Error)]
#[error("the answer has HTTP status {status} and is none of AWS's")]
struct Unreadable {
    status: u16,
    source: Cause,
}

fn unreadable(status: u16, source: Cause) -> Cause {
    Box::new(Unreadable { status, source })
}

/// Whether the failure lies in sending the request, rather than in making it.
fn was_sent(error: &DispatchFailure) -> bool {
    let Some(error) = error.as_connector_error() else {
        return false;
    };
    error.is_io() || error.is_timeout() || has_io_cause(error)
}

fn has_io_cause(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|error| error.is::<std::io::Error>() || error.is::<rustls::Error>())
}

/// The cause within the SDK's error, whose own words say nothing ("dispatch failure").
fn cause<E>(error: SdkError<E, HttpResponse>) -> Cause
where
    E: std::error::Error + Send + Sync + 'static,
{
    error.into_source().unwrap_or_else(|error| Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call = Call {
        operation: "DescribeInstances",
        action: "ec2:DescribeInstances",
        limit: Duration::from_secs(20),
    };

    #[test]
    fn codes() {
        for (code, kind) in [
            ("ExpiredToken", "ExpiredCredentials"),
            ("RequestExpired", "ExpiredCredentials"),
            ("AuthFailure", "InvalidCredentials"),
            ("UnrecognizedClientException", "InvalidCredentials"),
            ("UnauthorizedOperation", "AccessDenied"),
            ("AccessDeniedException", "AccessDenied"),
            ("AuthException", "AccessDenied"),
            ("RequestLimitExceeded", "Throttled"),
            ("ThrottlingException", "Throttled"),
            ("InternalError", "Service"),
        ] {
            let refusal = Refusal {
                code: code.to_owned(),
                ..Refusal::default()
            };
            let error = format!("{:?}", CALL.refused(refusal));
            assert!(error.starts_with(kind), "{code}: {error}");
        }
    }

    #[test]
    fn answers_without_a_code() {
        let empty = ErrorMetadata::builder().build();
        assert!(Refusal::of(&empty, 502).is_none());
        assert_eq!(
            Refusal::of(&empty, 429).unwrap().code,
            "TooManyRequestsException"
        );
    }
}
