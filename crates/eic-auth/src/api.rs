//! The AWS calls.

use std::time::Duration;

use crate::{
    Endpoint, EndpointQuery, Error, Instance, InstanceId, OsUser, Selector, Tunnel, TunnelRequest,
};

/// How the APIs are called; the default takes everything from the usual AWS places.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// The profile of the AWS configuration files; `AWS_PROFILE`, else `default`, if not given.
    pub profile: Option<String>,
    /// The region; if not given, the environment's, the profile's or the instance metadata's.
    pub region: Option<String>,
    /// The longest that a call may take, retries and all.
    pub timeout: Duration,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            profile: None,
            region: None,
            timeout: Duration::from_secs(20),
        }
    }
}

impl ApiConfig {
    /// Takes a profile.
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }

    /// Takes a region.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Takes a limit.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }
}

/// The AWS calls of one account and region.
#[derive(Debug, Clone)]
pub struct Api {
    region: String,
}

impl Api {
    /// Loads the configuration.
    pub async fn load(_config: ApiConfig) -> Result<Self, Error> {
        Err(Error::NoRegion)
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether FIPS endpoints are asked for.
    #[must_use]
    pub fn use_fips(&self) -> bool {
        false
    }

    /// Whether dual-stack endpoints are asked for.
    #[must_use]
    pub fn use_dual_stack(&self) -> bool {
        false
    }

    /// Finds exactly one instance.
    #[cfg(feature = "ec2")]
    pub async fn find_instance(&self, _selector: &Selector) -> Result<Instance, Error> {
        Err(Error::NoRegion)
    }

    /// Lists instances.
    #[cfg(feature = "ec2")]
    pub async fn list_instances(&self, _filter: Option<&Selector>) -> Result<Vec<Instance>, Error> {
        Err(Error::NoRegion)
    }

    /// Lists endpoints.
    #[cfg(feature = "ec2")]
    pub async fn list_endpoints(&self, _query: &EndpointQuery) -> Result<Vec<Endpoint>, Error> {
        Err(Error::NoRegion)
    }

    /// The console output.
    #[cfg(feature = "ec2")]
    pub async fn console_output(
        &self,
        _id: &InstanceId,
        _latest: bool,
    ) -> Result<Option<String>, Error> {
        Err(Error::NoRegion)
    }

    /// Pushes a public key.
    pub async fn send_ssh_public_key(
        &self,
        _id: &InstanceId,
        _user: &OsUser,
        _public_key: &str,
    ) -> Result<(), Error> {
        Err(Error::NoRegion)
    }

    /// Opens a tunnel.
    pub async fn open_tunnel(&self, _request: &TunnelRequest) -> Result<Tunnel, Error> {
        Err(Error::NoRegion)
    }
}
