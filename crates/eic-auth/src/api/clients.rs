//! The SDK's clients.

use aws_config::SdkConfig;

use super::retries::{LeaveDistrusted, LeaveThrottled};

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
            ec2: aws_sdk_ec2::Client::from_conf(
                aws_sdk_ec2::config::Builder::from(sdk)
                    .retry_classifier(LeaveDistrusted)
                    .build(),
            ),
            eic: aws_sdk_ec2instanceconnect::Client::from_conf(
                aws_sdk_ec2instanceconnect::config::Builder::from(sdk)
                    .retry_classifier(LeaveDistrusted)
                    .build(),
            ),
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
