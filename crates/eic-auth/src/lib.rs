#![cfg_attr(feature = "ec2", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "ec2"),
    doc = "EC2 Instance Connect as a library, without the calls of the EC2 API."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod address;
mod api;
mod certificate;
mod endpoint;
mod error;
mod host_keys;
mod instance;
mod key;
mod presign;
mod proxy;
mod selection;
mod target;
mod text;
mod trust;
mod tunnel;

pub use api::{Api, ApiConfig};
pub use endpoint::{DnsNames, Endpoint, EndpointQuery, EndpointState, choose_endpoint};
pub use error::{Cause, Error};
pub use host_keys::ConsoleKeys;
pub use instance::{Addresses, Instance, InstanceId, InstanceState, OsUser};
pub use key::EphemeralKey;
pub use presign::{Credentials, SignedUrl, TunnelRequest, presign};
pub use proxy::Proxy;
pub use target::{Selector, Target, TargetError};
pub use trust::Roots;
pub use tunnel::{Tunnel, TunnelConfig, TunnelError};

/// Properties of private readers; see `fuzz/` in the repository.
#[cfg(fuzzing)]
pub mod fuzz {
    pub use crate::tunnel::fuzz::{answer, frames};
}
