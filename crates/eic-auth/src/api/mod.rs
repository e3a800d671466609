//! The AWS calls. The AWS SDKs are named in this folder only.

mod clients;
mod config;
#[cfg(feature = "ec2")]
mod console;
mod credentials;
#[cfg(feature = "ec2")]
mod endpoints;
mod failure;
mod http;
#[cfg(feature = "ec2")]
mod instances;
#[cfg(feature = "ec2")]
mod pages;
#[cfg(feature = "ec2")]
mod queries;
mod retries;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

pub use config::ApiConfig;

use crate::instance::{InstanceId, OsUser};
use crate::presign::{Credentials, TunnelRequest, presign};
use crate::target::Selector;
use crate::tunnel::{Tunnel, TunnelConfig};
use crate::{Error, Proxy, Roots};
use clients::Clients;
use credentials::Keeper;
use failure::{Call, Refusal};

/// The AWS calls, for one account and region. Cheap to clone; clones share their connections and credentials.
///
/// ```no_run
/// use eic_auth::{Api, ApiConfig, EphemeralKey, InstanceId, OsUser};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let api = Api::load(ApiConfig::default().profile("work")).await?;
/// let key = EphemeralKey::generate()?;
/// let id = InstanceId::new("i-0123456789abcdef0")?;
/// api.send_ssh_public_key(&id, &OsUser::default(), key.public_key()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Api {
    inner: Arc<Inner>,
    leaves_throttled: bool,
}

struct Inner {
    region: String,
    use_fips: bool,
    use_dual_stack: bool,
    limits: ApiConfig,
    credentials: Keeper,
    clients: Clients,
    /// Those whose throttled calls are not made again, made when they are first asked for.
    leaving_throttled: OnceLock<Clients>,
    roots: Roots,
    proxy: Proxy,
    tunnels: OnceLock<TunnelConfig>,
}

impl Api {
    /// Takes the settings from where AWS's clients do: the profile, the SSO cache, the environment, instance
    /// metadata; region, FIPS, dual-stack and endpoint URLs alike
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>). `AWS_CA_BUNDLE` adds to the
    /// system's certificate authorities; `HTTPS_PROXY` and `NO_PROXY` hold for the APIs and the tunnels.
    ///
    /// Nothing is asked of the network, unless the region can come from instance metadata only.
    ///
    /// # Errors
    /// [`Error::NoRegion`], [`Error::CaBundle`], [`Error::ProxyUrl`]; [`Error::NoCredentials`] if a profile is
    /// named that does not exist and the region is not known either.
    pub async fn load(config: ApiConfig) -> Result<Self, Error> {
        let inner = config::load(config).await?;
        Ok(Self {
            inner: Arc::new(inner),
            leaves_throttled: false,
        })
    }

    /// The same, but a throttled call fails at once with [`Error::Throttled`]: for callers that pace many calls and make
    /// such a call again themselves. Without it a call is made up to five times, unless the settings say otherwise.
    #[must_use]
    pub fn without_throttling_retries(mut self) -> Self {
        self.leaves_throttled = true;
        self
    }

    fn clients(&self) -> &Clients {
        let Inner {
            clients,
            leaving_throttled,
            ..
        } = &*self.inner;
        match self.leaves_throttled {
            true => leaving_throttled.get_or_init(|| clients.without_throttling_retries()),
            false => clients,
        }
    }

    /// The region that is called.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    /// Whether FIPS endpoints are asked for (`AWS_USE_FIPS_ENDPOINT`), for [`Endpoint::host`](crate::Endpoint::host).
    #[must_use]
    pub fn use_fips(&self) -> bool {
        self.inner.use_fips
    }

    /// Whether dual-stack endpoints are asked for (`AWS_USE_DUALSTACK_ENDPOINT`), for
    /// [`Endpoint::host`](crate::Endpoint::host).
    #[must_use]
    pub fn use_dual_stack(&self) -> bool {
        self.inner.use_dual_stack
    }

    /// The credentials that calls are signed with. They are kept until a minute before they expire; looking
    /// for them ahead of the first call saves that call the time.
    ///
    /// # Errors
    /// [`Error::NoCredentials`], [`Error::ExpiredCredentials`], or [`Error::Timeout`].
    pub async fn credentials(&self) -> Result<Credentials, Error> {
        let found = self.inner.credentials.get().await?;
        let token = found.session_token().map(str::to_owned);
        Ok(Credentials::new(
            found.access_key_id(),
            found.secret_access_key(),
            token,
        ))
    }

    /// Puts a public key (one OpenSSH line) where the instance's sshd finds it for the next 60 seconds
    /// (<https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html>).
    ///
    /// Success says that AWS took the key, not that the instance will: it may lack the EC2 Instance Connect
    /// package, or the user.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`], [`Error::InvalidInstance`], [`Error::AccessDenied`], and what any call can fail with.
    pub async fn send_ssh_public_key(
        &self,
        id: &InstanceId,
        user: &OsUser,
        public_key: &str,
    ) -> Result<(), Error> {
        let call = self.call("SendSSHPublicKey", "ec2-instance-connect:SendSSHPublicKey");
        self.inner.credentials.get().await?;
        let request = self.clients().eic.send_ssh_public_key();
        let request = request
            .instance_id(id.as_str())
            .instance_os_user(user.as_str());
        let answer = request.ssh_public_key(public_key).send().await;
        match answer {
            Ok(answer) if answer.success => Ok(()),
            Ok(_) => Err(call.refused(Refusal {
                code: "Success=false".to_owned(),
                message: "AWS did not take the key".to_owned(),
                request_id: None,
            })),
            Err(error) => Err(about_instance(id, call.failure(error))),
        }
    }

    /// Signs a tunnel's URL and opens the tunnel.
    ///
    /// # Errors
    /// [`Error::Tunnel`] with the step that failed; [`Error::Presign`], or what [`Api::credentials`] fails with.
    pub async fn open_tunnel(&self, request: &TunnelRequest) -> Result<Tunnel, Error> {
        let credentials = self.credentials().await?;
        let url = presign(request, &credentials, self.region(), SystemTime::now())?;
        Tunnel::open(&url, self.tunnel_config()?)
            .await
            .map_err(Error::Tunnel)
    }

    /// The configuration of this account's tunnels, made when it is first asked for.
    ///
    /// # Errors
    /// [`Error::TlsSetup`].
    pub fn tunnel_config(&self) -> Result<&TunnelConfig, Error> {
        if let Some(config) = self.inner.tunnels.get() {
            return Ok(config);
        }
        let config = TunnelConfig::new(&self.inner.roots)?
            .proxy(self.inner.proxy.clone())
            .connect_timeout(self.inner.limits.connect_timeout);
        Ok(self.inner.tunnels.get_or_init(|| config))
    }

    fn call(&self, operation: &'static str, action: &'static str) -> Call {
        Call {
            operation,
            action,
            limit: self.inner.limits.timeout,
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("region", &self.inner.region)
            .finish_non_exhaustive()
    }
}

/// Tells those refusals of SendSSHPublicKey apart that are about the instance.
fn about_instance(id: &InstanceId, error: Error) -> Error {
    let Error::Service {
        operation,
        code,
        message,
        request_id,
    } = error
    else {
        return error;
    };
    match code.as_str() {
        "EC2InstanceNotFoundException" => Error::InstanceNotFound {
            selector: Selector::Id(id.clone()),
        },
        "EC2InstanceStateInvalidException"
        | "EC2InstanceTypeInvalidException"
        | "EC2InstanceUnavailableException" => Error::InvalidInstance {
            id: id.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_about_the_instance() {
        let id = InstanceId::new("i-01234567").unwrap();
        for (code, kind) in [
            ("EC2InstanceNotFoundException", "InstanceNotFound"),
            ("EC2InstanceStateInvalidException", "InvalidInstance"),
            ("EC2InstanceTypeInvalidException", "InvalidInstance"),
            ("EC2InstanceUnavailableException", "InvalidInstance"),
            ("InvalidArgsException", "Service"),
        ] {
            let error = Error::Service {
                operation: "SendSSHPublicKey",
                code: code.to_owned(),
                message: String::new(),
                request_id: None,
            };
            let error = format!("{:?}", about_instance(&id, error));
            assert!(error.starts_with(kind), "{code}: {error}");
        }
    }
}
