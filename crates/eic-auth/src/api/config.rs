//! Where the settings come from.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::Inner;
use super::clients::Clients;
use super::credentials::{self, Keeper, OfProfile};
use super::http::Http;
use crate::presign::Credentials;
use crate::{Error, Proxy, Roots};

/// How the APIs are called. What is not set comes from the usual AWS places.
///
/// ```
/// use std::time::Duration;
/// use eic_auth::ApiConfig;
///
/// let config = ApiConfig::default()
///     .profile("work")
///     .region("eu-west-1")
///     .timeout(Duration::from_secs(10));
/// assert_eq!(config.region.as_deref(), Some("eu-west-1"));
/// ```
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// The profile of AWS's configuration files, instead of `AWS_PROFILE`.
    pub profile: Option<String>,
    /// The region, instead of the environment's or the profile's.
    pub region: Option<String>,
    /// The URL of every API, instead of `AWS_ENDPOINT_URL`.
    pub endpoint_url: Option<String>,
    /// The credentials, instead of those found in the usual places.
    pub credentials: Option<Credentials>,
    /// A PEM file of further certificate authorities, instead of `AWS_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
    /// The proxy, instead of `HTTPS_PROXY`'s.
    pub proxy: Option<Proxy>,
    /// How long a connection may take; 5 s by default.
    pub connect_timeout: Duration,
    /// How long a call may take, all its attempts together; 20 s by default.
    pub timeout: Duration,
    /// How long looking for credentials may take; 60 s by default, since a credential process may ask a person.
    pub credentials_timeout: Duration,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            profile: None,
            region: None,
            endpoint_url: None,
            credentials: None,
            ca_bundle: None,
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(20),
            credentials_timeout: Duration::from_secs(60),
        }
    }
}

impl ApiConfig {
    /// Sets [`ApiConfig::profile`].
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }

    /// Sets [`ApiConfig::region`].
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sets [`ApiConfig::endpoint_url`].
    #[must_use]
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint_url = Some(url.into());
        self
    }

    /// Sets [`ApiConfig::credentials`].
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Sets [`ApiConfig::ca_bundle`].
    #[must_use]
    pub fn ca_bundle(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_bundle = Some(path.into());
        self
    }

    /// Sets [`ApiConfig::proxy`].
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Sets [`ApiConfig::connect_timeout`].
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets [`ApiConfig::timeout`].
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Sets [`ApiConfig::credentials_timeout`].
    #[must_use]
    pub fn credentials_timeout(mut self, limit: Duration) -> Self {
        self.credentials_timeout = limit;
        self
    }
}

pub(super) async fn load(config: ApiConfig) -> Result<Inner, Error> {
    let proxy = config.proxy.clone().map_or_else(Proxy::from_env, Ok)?;
    let roots = roots(config.ca_bundle.clone()).await?;
    let http = Http::new(&roots, &proxy)?;
    let mut loader = loader(&config, http.clone());
    if let (Some(profile), None) = (&config.profile, &config.credentials) {
        loader = loader.credentials_provider(profile_credentials(profile, &config, http).await);
    }
    let sdk = loader.load().await;
    let Some(region) = sdk.region().map(ToString::to_string) else {
        return Err(no_region(&config, &sdk).await);
    };
    let credentials = keeper(&config, &sdk);
    let sdk = with_ours(&sdk, credentials.clone(), &config);
    Ok(Inner {
        region,
        use_fips: sdk.use_fips().unwrap_or_default(),
        use_dual_stack: sdk.use_dual_stack().unwrap_or_default(),
        limits: config,
        credentials,
        clients: Clients::new(&sdk),
        leaving_throttled: OnceLock::new(),
        roots,
        proxy,
        tunnels: OnceLock::new(),
    })
}

/// The roots, read where blocking is no harm.
async fn roots(bundle: Option<PathBuf>) -> Result<Roots, Error> {
    let bundle = bundle.or_else(|| std::env::var_os("AWS_CA_BUNDLE").map(PathBuf::from));
    let bundle = bundle.filter(|path| !path.as_os_str().is_empty());
    let read = tokio::task::spawn_blocking(move || match bundle {
        Some(path) => Roots::system().with_bundle(&path),
        None => Ok(Roots::system()),
    });
    read.await.map_err(|source| Error::TlsSetup {
        source: Box::new(source),
    })?
}

fn loader(config: &ApiConfig, http: Http) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts(config));
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &config.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(credentials) = &config.credentials {
        loader = loader.credentials_provider(credentials.to_sdk());
    }
    loader
}

/// The credentials of a profile asked for by name. The SDK's chain would take the environment's first; AWS CLI,
/// and whoever typed the name, means the profile's.
async fn profile_credentials(profile: &str, config: &ApiConfig, http: Http) -> OfProfile {
    let region = match &config.region {
        Some(region) => Some(Region::new(region.clone())),
        None => {
            let chain = DefaultRegionChain::builder().profile_name(profile);
            chain.build().region().await
        }
    };
    let provider = ProviderConfig::without_region()
        .with_region(region)
        .with_http_client(http)
        .with_timeout_config(timeouts(config));
    let provider = ProfileFileCredentialsProvider::builder()
        .configure(&provider)
        .profile_name(profile)
        .build();
    OfProfile {
        name: profile.to_owned(),
        provider,
    }
}

fn timeouts(config: &ApiConfig) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.timeout)
        .operation_timeout(config.timeout)
        .build()
}

fn keeper(config: &ApiConfig, sdk: &SdkConfig) -> Keeper {
    let none = || SharedCredentialsProvider::new(NoProvider);
    Keeper::new(
        sdk.credentials_provider().unwrap_or_else(none),
        config.credentials_timeout,
    )
}

/// Our credentials' keeper and our retries, in the place of the SDK's.
fn with_ours(sdk: &SdkConfig, credentials: Keeper, config: &ApiConfig) -> SdkConfig {
    let cache = IdentityCache::lazy()
        .load_timeout(config.credentials_timeout)
        .build();
    let retries = retries(sdk.retry_config());
    sdk.to_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(cache)
        .retry_config(retries)
        .build()
}

/// Five attempts unless the environment or the profile says otherwise, with pauses short enough that the last
/// one comes before the call's limit.
fn retries(configured: Option<&RetryConfig>) -> RetryConfig {
    let standard = RetryConfig::standard();
    let retries = match configured {
        Some(configured) if *configured != standard => configured.clone(),
        _ => standard.with_max_attempts(5),
    };
    retries
        .with_initial_backoff(Duration::from_millis(500))
        .with_max_backoff(Duration::from_secs(4))
}

/// Without a region: perhaps because the profile does not exist, which the credentials' look-up would say.
async fn no_region(config: &ApiConfig, sdk: &SdkConfig) -> Error {
    if config.profile.is_none() && std::env::var_os("AWS_PROFILE").is_none() {
        return Error::NoRegion;
    }
    match keeper(config, sdk).get().await {
        Err(error) => error,
        Ok(_) => Error::NoRegion,
    }
}

/// For a configuration without any provider.
#[derive(Debug)]
struct NoProvider;

impl ProvideCredentials for NoProvider {
    fn provide_credentials<'a>(
        &'a self,
    ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        credentials::nothing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_can_be_configured() {
        assert_eq!(retries(None).max_attempts(), 5);
        assert_eq!(retries(Some(&RetryConfig::standard())).max_attempts(), 5);
        let one = RetryConfig::standard().with_max_attempts(1);
        assert_eq!(retries(Some(&one)).max_attempts(), 1);
    }
}
