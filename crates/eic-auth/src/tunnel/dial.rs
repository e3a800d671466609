//! The way to a host: name, TCP connection, proxy, TLS.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use http::Uri;
use hyper_util::client::proxy::matcher::Intercept;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::config::TunnelConfig;
use super::error::TunnelError;
use super::http1;

/// A connection that bytes go through: TCP, or TLS to a proxy.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for T {}

/// TLS with the endpoint.
pub(super) type Secured = TlsStream<Box<dyn Wire>>;

/// A host and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    name: String,
    port: u16,
}

impl Host {
    /// The host of a URL; the name without an IPv6 address's brackets.
    pub(super) fn of(uri: &Uri, default_port: u16) -> Option<Self> {
        let name = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(default_port);
        (!name.is_empty()).then(|| Self {
            name: name.to_owned(),
            port,
        })
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name.contains(':') {
            true => write!(f, "[{}]:{}", self.name, self.port),
            false => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

/// Connects to an endpoint, through the proxy if there is one, and secures the connection.
pub(super) async fn dial(
    uri: &Uri,
    host: &Host,
    config: &TunnelConfig,
) -> Result<Secured, TunnelError> {
    let wire = match config.proxy.intercept(uri) {
        Some(proxy) => through(&proxy, host, config).await?,
        None => connect(host, config).await?,
    };
    secure(wire, host, config).await
}

/// Limits a step in time.
pub(super) async fn within<T>(
    step: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T, TunnelError>>,
) -> Result<T, TunnelError> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(TunnelError::Timeout { step, limit }),
    }
}

/// Asks a proxy for a connection to the host (RFC 9110 §9.3.6).
async fn through(
    proxy: &Intercept,
    host: &Host,
    config: &TunnelConfig,
) -> Result<Box<dyn Wire>, TunnelError> {
    let secured = proxy.uri().scheme_str() == Some("https");
    let default_port = if secured { 443 } else { 80 };
    let place = Host::of(proxy.uri(), default_port).ok_or(TunnelError::Url {
        fault: "the proxy has no host",
    })?;
    let mut wire = connect(&place, config).await?;
    if secured {
        wire = Box::new(secure(wire, &place, config).await?);
    }
    let request = connect_request(host, proxy, &config.user_agent);
    let asked = async {
        let answer = http1::exchange(&mut wire, &request).await;
        answer.map_err(|source| TunnelError::Proxy {
            proxy: place.to_string(),
            source,
        })
    };
    let answer = within("the proxy's answer", config.handshake_timeout, asked).await?;
    if !(200..300).contains(&answer.status) {
        let (status, reason) = (answer.status, answer.reason);
        return Err(TunnelError::ProxyRefused {
            proxy: place.to_string(),
            status,
            reason,
        });
    }
    if !answer.tail.is_empty() {
        let source = Error::new(ErrorKind::InvalidData, "it sent data before it was asked");
        return Err(TunnelError::Proxy {
            proxy: place.to_string(),
            source,
        });
    }
    Ok(wire)
}

fn connect_request(host: &Host, proxy: &Intercept, user_agent: &str) -> String {
    let credentials = proxy.basic_auth().and_then(|value| value.to_str().ok());
    let credentials = credentials
        .map(|value| format!("Proxy-Authorization: {value}\r\n"))
        .unwrap_or_default();
    format!(
        "CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {user_agent}\r\n{credentials}\r\n"
    )
}

async fn connect(host: &Host, config: &TunnelConfig) -> Result<Box<dyn Wire>, TunnelError> {
    let fault = |source| TunnelError::Connect {
        host: host.to_string(),
        source,
    };
    let looked_up = async {
        tokio::net::lookup_host((host.name.as_str(), host.port))
            .await
            .map_err(fault)
    };
    let addresses = within("looking up the host", config.connect_timeout, looked_up).await?;
    let addresses = interleave(addresses.collect());
    let connected = async { race(addresses).await.map_err(fault) };
    let stream = within("the connection", config.connect_timeout, connected).await?;
    // Nagle's algorithm and delayed ACKs together cost 40 ms a keystroke.
    stream.set_nodelay(true).map_err(fault)?;
    Ok(Box::new(stream))
}

async fn secure(
    wire: Box<dyn Wire>,
    host: &Host,
    config: &TunnelConfig,
) -> Result<Secured, TunnelError> {
    let fault = |source| TunnelError::Tls {
        host: host.to_string(),
        source,
    };
    let name = ServerName::try_from(host.name.clone());
    let name = name.map_err(|error| fault(Error::new(ErrorKind::InvalidInput, error)))?;
    let connector = TlsConnector::from(Arc::clone(&config.tls));
    let handshake = async { connector.connect(name, wire).await.map_err(fault) };
    within("the TLS handshake", config.handshake_timeout, handshake).await
}

/// The time after which the next address is tried beside the ones under way (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// Connects to whichever address answers first; the next one starts when one fails or takes its time.
async fn race(addresses: Vec<SocketAddr>) -> std::io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = Error::new(ErrorKind::NotFound, "the name has no address");
    loop {
        match waiting.next() {
            Some(address) => attempts.push(TcpStream::connect(address)),
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        match tokio::time::timeout(STAGGER, attempts.next()).await {
            Ok(Some(Ok(stream))) => return Ok(stream),
            Ok(Some(Err(error))) => failure = error,
            Ok(None) | Err(_) => {}
        }
    }
}

/// Addresses of the two families by turns, each family in the resolver's order (RFC 8305 §4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|a| a.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (url, shown) in [
            ("wss://eice.example/x", Some("eice.example:443")),
            ("wss://eice.example:8443/x", Some("eice.example:8443")),
            ("wss://[::1]:8443/x", Some("[::1]:8443")),
            ("wss://127.0.0.1/x", Some("127.0.0.1:443")),
            ("/x", None),
        ] {
            let host = Host::of(&url.parse().unwrap(), 443);
            assert_eq!(host.map(|host| host.to_string()).as_deref(), shown, "{url}");
        }
    }

    #[test]
    fn families_take_turns() {
        let parse = |list: &[&str]| {
            list.iter()
                .map(|a| a.parse().unwrap())
                .collect::<Vec<SocketAddr>>()
        };
        for (given, tried) in [
            (&[] as &[&str], &[] as &[&str]),
            (&["1.1.1.1:1", "2.2.2.2:1"], &["1.1.1.1:1", "2.2.2.2:1"]),
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"],
            ),
            (
                &["1.1.1.1:1", "2.2.2.2:1", "[::1]:1"],
                &["1.1.1.1:1", "[::1]:1", "2.2.2.2:1"],
            ),
        ] {
            assert_eq!(interleave(parse(given)), parse(tried), "{given:?}");
        }
    }

    #[tokio::test]
    async fn a_dead_address_does_not_hold_up_a_living_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let living = listener.local_addr().unwrap();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        assert_eq!(
            race(vec![closed, living])
                .await
                .unwrap()
                .peer_addr()
                .unwrap(),
            living
        );
        assert_eq!(
            race(vec![closed]).await.unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        assert_eq!(
            race(Vec::new()).await.unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
}
