//! Where a connection goes, once the look-ups are done.

use std::net::IpAddr;
use std::time::Duration;

use eic_auth::{InstanceId, TunnelRequest};

/// How bytes reach the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A TCP connection.
    Direct,
    /// An endpoint's tunnel.
    Endpoint {
        /// The endpoint's id, `eice-…`.
        id: String,
        /// Its DNS name; a port after a colon is used.
        host: String,
    },
}

/// An instance and the way to it.
///
/// Who knows the address and the endpoint already needs no look-up, and so no `aws-sdk-ec2`:
///
/// ```
/// use eic_term::{Destination, Via};
/// let destination = Destination {
///     id: "i-0123456789abcdef0".parse()?,
///     address: "10.0.0.7".parse()?,
///     via: Via::Endpoint {
///         id: "eice-0123456789abcdef0".into(),
///         host: "eice-0123456789abcdef0.example.ec2-instance-connect-endpoint.eu-west-1.amazonaws.com".into(),
///     },
/// };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The instance.
    pub id: InstanceId,
    /// Its address on the way taken.
    pub address: IpAddr,
    /// The way.
    pub via: Via,
}

impl Destination {
    /// Returns the request for a tunnel to `port`, where the way is an endpoint.
    #[must_use]
    pub fn tunnel_request(
        &self,
        port: u16,
        max_duration: Option<Duration>,
    ) -> Option<TunnelRequest> {
        let Via::Endpoint { id, host } = &self.via else {
            return None;
        };
        Some(TunnelRequest {
            endpoint_id: id.clone(),
            host: host.clone(),
            address: self.address,
            port,
            max_duration,
        })
    }
}
