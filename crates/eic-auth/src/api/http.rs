//! The HTTP client that all calls share, those for credentials too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::Error;
use crate::proxy::Proxy;
use crate::trust::Roots;

/// Connects with our roots and our proxy. The SDK's own client reads the roots again for every client that
/// is made with it, and takes no proxy.
#[derive(Debug, Clone)]
pub(super) struct Http {
    tls: TlsContext,
    proxy: ProxyConfig,
    connectors: Arc<Mutex<HashMap<Limits, SharedHttpConnector>>>,
}

/// Connect and read timeout: instance metadata and the APIs have different ones.
type Limits = (Option<Duration>, Option<Duration>);

impl Http {
    pub(super) fn new(roots: &Roots, proxy: &Proxy) -> Result<Self, Error> {
        let store = TrustStore::empty().with_pem_certificate(roots.pem());
        let tls = TlsContext::builder().with_trust_store(store).build();
        Ok(Self {
            tls: tls.map_err(|source| Error::TlsSetup {
                source: Box::new(source),
            })?,
            proxy: proxy_config(proxy)?,
            connectors: Arc::default(),
        })
    }

    fn connector(&self, settings: &HttpConnectorSettings) -> SharedHttpConnector {
        let connector = Connector::builder()
            .connector_settings(settings.clone())
            .proxy_config(self.proxy.clone())
            .enable_tcp_nodelay(true)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(self.tls.clone())
            .build();
        SharedHttpConnector::new(connector)
    }
}

impl HttpClient for Http {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let limits = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self
            .connectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        connectors
            .entry(limits)
            .or_insert_with(|| self.connector(settings))
            .clone()
    }
}

/// HTTPS only: instance metadata and other plain HTTP is on this machine, or beside it.
fn proxy_config(proxy: &Proxy) -> Result<ProxyConfig, Error> {
    let Some((url, exceptions)) = proxy.parts() else {
        return Ok(ProxyConfig::disabled());
    };
    let config = ProxyConfig::https(url).map_err(|_| Error::ProxyUrl {
        fault: "it is no URL",
    })?;
    Ok(config.no_proxy(exceptions))
}
