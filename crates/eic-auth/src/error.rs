//! What can go wrong between a target and a tunnel.

use std::path::PathBuf;
use std::time::Duration;

use crate::instance::{Instance, InstanceId, InstanceState};
use crate::target::Selector;
use crate::text::Printable;
use crate::tunnel::TunnelError;

/// The cause of an error, as the library below reported it.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call to AWS, or the way to an instance, failed: one variant a step.
///
/// Texts from AWS are kept raw in the fields; `Display` escapes their control characters.
///
/// ```
/// use eic_auth::{Endpoint, Error};
///
/// match Endpoint::new("eice-1").host(true, false) {
///     Err(Error::NoEndpointHost { id, .. }) => assert_eq!(id, "eice-1"),
///     other => panic!("{other:?}"),
/// }
/// ```
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither the caller, the environment, the profile nor the instance's metadata names a region.
    #[error("no AWS region is configured")]
    NoRegion,

    /// The file of additional certificate authorities cannot be used: unreadable, or no certificate in it.
    #[error("cannot use the CA bundle {}", path.display())]
    CaBundle {
        /// The file, from `AWS_CA_BUNDLE` or given by the caller.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },

    /// The proxy that the caller or the environment names cannot be used. Its URL may hold a password, so
    /// it is not repeated here.
    #[error("cannot use the proxy's URL: {fault}")]
    ProxyUrl {
        /// What is wrong with the URL.
        fault: &'static str,
    },

    /// The TLS client cannot be set up.
    #[error("cannot set up TLS")]
    TlsSetup {
        /// What is missing.
        #[source]
        source: Cause,
    },

    /// No key pair could be made.
    #[error("cannot make a key")]
    Key {
        /// What is missing.
        #[source]
        source: Cause,
    },

    /// No place that AWS's clients look at has credentials, or the one that should have them failed.
    #[error("no AWS credentials found")]
    NoCredentials {
        /// Where was looked, and what was wrong there.
        #[source]
        source: Cause,
    },

    /// The credentials, or the SSO session they come from, have expired: sign in again.
    #[error("the AWS credentials have expired")]
    ExpiredCredentials {
        /// AWS's words, or the SSO cache's.
        #[source]
        source: Cause,
    },

    /// AWS does not know the access key, or the signature made with the secret is wrong.
    #[error("AWS does not accept the credentials ({code}): {}", Printable(message))]
    InvalidCredentials {
        /// AWS's error code.
        code: String,
        /// AWS's message.
        message: String,
        /// AWS's request id.
        request_id: Option<String>,
    },

    /// IAM denies the action to the caller.
    #[error("IAM denies {action}: {}", Printable(message))]
    AccessDenied {
        /// The action as IAM names it, such as `ec2:DescribeInstances`.
        action: &'static str,
        /// AWS's message.
        message: String,
        /// AWS's request id.
        request_id: Option<String>,
    },

    /// AWS went on throttling through all retries.
    #[error("AWS throttles {operation} ({code}): {}", Printable(message))]
    Throttled {
        /// The API operation.
        operation: &'static str,
        /// AWS's error code.
        code: String,
        /// AWS's message.
        message: String,
        /// AWS's request id.
        request_id: Option<String>,
    },

    /// A step took longer than it may.
    #[error("{step} took longer than {limit:?}")]
    Timeout {
        /// The step, such as an API operation.
        step: &'static str,
        /// What it was allowed.
        limit: Duration,
    },

    /// The call cannot be made: its settings contradict each other, such as FIPS and an endpoint URL.
    #[error("cannot make the request for {operation}")]
    Request {
        /// The API operation.
        operation: &'static str,
        /// What is wrong.
        #[source]
        source: Cause,
    },

    /// The API's host cannot be reached.
    #[error("cannot reach AWS for {operation}")]
    Connect {
        /// The API operation.
        operation: &'static str,
        /// What happened on the way.
        #[source]
        source: Cause,
    },

    /// The certificate of the API's host, or of a proxy, is not trusted or for another name.
    #[error("cannot trust the server's certificate for {operation}")]
    Certificate {
        /// The API operation.
        operation: &'static str,
        /// What is wrong with the certificate.
        #[source]
        source: Cause,
    },

    /// The API's answer cannot be understood.
    #[error("cannot understand the answer to {operation}")]
    Response {
        /// The API operation.
        operation: &'static str,
        /// What is wrong with the answer.
        #[source]
        source: Cause,
    },

    /// AWS refused the call for another reason than the ones above and below.
    #[error("{operation} failed ({code}): {}", Printable(message))]
    Service {
        /// The API operation.
        operation: &'static str,
        /// AWS's error code.
        code: String,
        /// AWS's message.
        message: String,
        /// AWS's request id.
        request_id: Option<String>,
    },

    /// No instance of the region is the one asked for.
    #[error("no instance matches `{}`", Printable(&selector.to_string()))]
    InstanceNotFound {
        /// What was asked for.
        selector: Selector,
    },

    /// The instance is terminated, or on its way there.
    #[error("instance {id} is {state}")]
    InstanceGone {
        /// The instance.
        id: InstanceId,
        /// Terminated or shutting down.
        state: InstanceState,
    },

    /// Several instances are what was asked for.
    #[error("`{}` matches {} instances: {}", Printable(&selector.to_string()), matches.len(), list(matches))]
    Ambiguous {
        /// What was asked for.
        selector: Selector,
        /// All of them, sorted by name and id.
        matches: Vec<Instance>,
    },

    /// The instance cannot take a key in the state it is in, is of a type that cannot, or does not answer
    /// (`EC2InstanceStateInvalidException`, `…TypeInvalid…`, `…Unavailable…`).
    #[error("instance {id} cannot take a key ({code}): {}", Printable(message))]
    InvalidInstance {
        /// The instance.
        id: InstanceId,
        /// AWS's error code.
        code: String,
        /// AWS's message.
        message: String,
        /// AWS's request id.
        request_id: Option<String>,
    },

    /// The region has no endpoint with this id.
    #[error("no EC2 Instance Connect Endpoint has the id `{}`", Printable(id))]
    EndpointNotFound {
        /// The id asked for.
        id: String,
    },

    /// The endpoint has no DNS name of the kind asked for.
    #[error("endpoint {} has no {}DNS name", Printable(id), if *fips { "FIPS " } else { "" })]
    NoEndpointHost {
        /// The endpoint.
        id: String,
        /// Whether a FIPS name was asked for.
        fips: bool,
    },

    /// The tunnel's URL cannot be signed, because a part of it is unfit.
    #[error("cannot sign the tunnel's URL")]
    Presign {
        /// Which part.
        #[source]
        source: Cause,
    },

    /// The tunnel cannot be opened.
    #[error("cannot open the tunnel")]
    Tunnel(#[source] TunnelError),
}

/// Instances that a message lists before it breaks off.
const LISTED: usize = 10;

fn list(instances: &[Instance]) -> String {
    let mut listed: Vec<_> = instances
        .iter()
        .take(LISTED)
        .map(Instance::to_string)
        .collect();
    if instances.len() > LISTED {
        listed.push("…".to_owned());
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_matches_are_listed() {
        let twin = |id: &str| {
            let mut instance = Instance::new(InstanceId::new(id).unwrap());
            instance.name = Some("twin".to_owned());
            instance.addresses.private_ipv4 = Some([10, 0, 0, 7].into());
            instance
        };
        let matches = vec![twin("i-00000001"), twin("i-00000002")];
        let error = Error::Ambiguous {
            selector: "twin".parse().unwrap(),
            matches,
        };
        assert_eq!(
            error.to_string(),
            "`twin` matches 2 instances: i-00000001 (twin, running, 10.0.0.7), i-00000002 (twin, running, 10.0.0.7)"
        );
    }

    #[test]
    fn remote_text_cannot_drive_a_terminal() {
        let error = Error::Service {
            operation: "DescribeInstances",
            code: "Odd".to_owned(),
            message: "a\u{1b}[2Jb".to_owned(),
            request_id: None,
        };
        assert_eq!(
            error.to_string(),
            "DescribeInstances failed (Odd): a\\u{1b}[2Jb"
        );
    }
}
