//! Who may log in, and how bytes reach the instance: EC2 Instance Connect without a subprocess.

#![forbid(unsafe_code)]

mod api;
mod certificate;
mod endpoint;
mod error;
mod instance;
mod key;
mod presign;
mod proxy;
mod target;
mod text;
mod trust;
mod tunnel;

pub use api::{Api, ApiConfig};
pub use endpoint::{DnsNames, Endpoint, EndpointQuery, EndpointState, choose_endpoint};
pub use error::{Cause, Error};
pub use instance::{Addresses, Instance, InstanceId, InstanceState, OsUser};
pub use key::EphemeralKey;
pub use presign::{Credentials, SignedUrl, TunnelRequest, presign};
pub use proxy::Proxy;
pub use target::{Selector, Target, TargetError};
pub use trust::Roots;
pub use tunnel::{Tunnel, TunnelConfig, TunnelError};
