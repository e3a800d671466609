//! How tunnels are opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::Error;
use crate::proxy::Proxy;
use crate::trust::Roots;

/// What all tunnels have in common: whom to trust, the proxy, and how long to wait. Make one and keep it:
/// tunnels opened with the same one resume each other's TLS sessions.
///
/// ```
/// use std::time::Duration;
/// use eic_auth::{Proxy, Roots, TunnelConfig};
///
/// let config = TunnelConfig::new(&Roots::system())?
///     .proxy(Proxy::from_env()?)
///     .connect_timeout(Duration::from_secs(3));
/// # let _ = config;
/// # Ok::<(), eic_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct TunnelConfig {
    pub(super) tls: Arc<ClientConfig>,
    pub(super) proxy: Proxy,
    pub(super) user_agent: String,
    pub(super) connect_timeout: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) close_timeout: Duration,
}

impl TunnelConfig {
    /// No proxy, 5 s for the connection, 15 s for each handshake on it.
    ///
    /// # Errors
    /// [`Error::TlsSetup`] if the cryptography that TLS needs is missing.
    pub fn new(roots: &Roots) -> Result<Self, Error> {
        Ok(Self {
            tls: Arc::new(client_config(roots)?),
            proxy: Proxy::none(),
            user_agent: concat!("eic-auth/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(15),
            close_timeout: Duration::from_secs(10),
        })
    }

    /// Goes through a proxy.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// Sets the User-Agent; characters that no header may hold are left out.
    #[must_use]
    pub fn user_agent(mut self, user_agent: &str) -> Self {
        self.user_agent = user_agent
            .chars()
            .filter(|c| matches!(c, ' '..='~'))
            .collect();
        self
    }

    /// How long looking up the host, and connecting to it, may each take.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long each handshake may take: with the proxy, TLS, and the WebSocket's.
    #[must_use]
    pub fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.handshake_timeout = limit;
        self
    }

    /// How long the endpoint may be silent once the tunnel was shut down from this side; 10 s by default.
    #[must_use]
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.close_timeout = limit;
        self
    }
}

impl fmt::Debug for TunnelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelConfig")
            .field("proxy", &self.proxy)
            .field("user_agent", &self.user_agent)
            .field("connect_timeout", &self.connect_timeout)
            .field("handshake_timeout", &self.handshake_timeout)
            .field("close_timeout", &self.close_timeout)
            .finish_non_exhaustive()
    }
}

fn client_config(roots: &Roots) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::TlsSetup {
            source: Box::new(source),
        })?;
    Ok(builder
        .with_root_certificates(roots.store())
        .with_no_client_auth())
}
