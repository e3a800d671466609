//! The SDK's clients.

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_types::retry::ErrorKind;

/// The clients of the services that are called.
pub(super) struct Clients {
    #[cfg(feature = "ec2")]
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) eic: aws_sdk_ec2instanceconnect::Client,
}

impl Clients {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        Self {
            #[cfg(feature = "ec2")]
            ec2: aws_sdk_ec2::Client::new(sdk),
            eic: aws_sdk_ec2instanceconnect::Client::new(sdk),
        }
    }

    /// The same over the same connections, but whose throttled calls are not made again.
    pub(super) fn without_throttling_retries(&self) -> Self {
        Self {
            #[cfg(feature = "ec2")]
            ec2: aws_sdk_ec2::Client::from_conf(
                self.ec2
                    .config()
                    .to_builder()
                    .retry_classifier(LeaveThrottled)
                    .build(),
            ),
            eic: aws_sdk_ec2instanceconnect::Client::from_conf(
                self.eic
                    .config()
                    .to_builder()
                    .retry_classifier(LeaveThrottled)
                    .build(),
            ),
        }
    }
}

/// Forbids what the classifiers before it would make again because it was throttled.
#[derive(Debug)]
struct LeaveThrottled;

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
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
