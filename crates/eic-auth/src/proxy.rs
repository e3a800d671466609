//! Which HTTP proxy a connection goes through.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::Error;

/// The proxy for HTTPS connections and the hosts that go without one, by curl's rules: an entry of the list
/// is an address, a network (`10.0.0.0/8`), or a domain that stands for its subdomains too, `.example.com` and
/// `*.example.com` alike; `*` alone is every host.
///
/// ```
/// use eic_auth::Proxy;
///
/// let proxy = Proxy::new("http://user:password@proxy.example:3128", "*.internal, 10.0.0.0/8")?;
/// assert!(!format!("{proxy:?}").contains("password"));
/// # Ok::<(), eic_auth::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Proxy {
    rules: Option<Arc<Rules>>,
}

struct Rules {
    url: String,
    exceptions: String,
    matcher: Matcher,
}

impl Proxy {
    /// No proxy: every connection is direct.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The proxy of `HTTPS_PROXY`, else `ALL_PROXY`, with the exceptions of `NO_PROXY`; each also in lower case.
    ///
    /// # Errors
    /// As [`Proxy::new`].
    pub fn from_env() -> Result<Self, Error> {
        let url = variable(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
        let exceptions = variable(&["NO_PROXY", "no_proxy"]);
        Self::new(&url, &exceptions)
    }

    /// A proxy by its URL, `http://` or `https://`, a name and a password in it if it wants them, and a comma
    /// separated list of hosts that go without it. An empty URL is no proxy.
    ///
    /// # Errors
    /// [`Error::ProxyUrl`] if the URL cannot be used.
    pub fn new(url: &str, exceptions: &str) -> Result<Self, Error> {
        if url.trim().is_empty() {
            return Ok(Self::none());
        }
        let url = proxy_url(url.trim())?;
        let exceptions = normalize(exceptions);
        let matcher = Matcher::builder().https(&url).no(&exceptions).build();
        Ok(Self {
            rules: Some(Arc::new(Rules {
                url,
                exceptions,
                matcher,
            })),
        })
    }

    /// The proxy to go through to reach a host by HTTPS.
    pub(crate) fn intercept(&self, destination: &Uri) -> Option<Intercept> {
        let mut parts = destination.clone().into_parts();
        parts.scheme = Some(http::uri::Scheme::HTTPS);
        self.rules
            .as_ref()?
            .matcher
            .intercept(&Uri::from_parts(parts).ok()?)
    }

    /// The proxy's URL and the exceptions, as given to the AWS SDK.
    pub(crate) fn parts(&self) -> Option<(&str, &str)> {
        self.rules
            .as_ref()
            .map(|rules| (rules.url.as_str(), rules.exceptions.as_str()))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rules {
            None => f.write_str("Proxy(none)"),
            Some(rules) => rules.matcher.fmt(f),
        }
    }
}

fn variable(names: &[&str]) -> String {
    let mut values = names.iter().filter_map(|name| std::env::var(name).ok());
    values.find(|value| !value.is_empty()).unwrap_or_default()
}

/// The URL with its scheme, `http` if it has none as with curl. The URL may hold a password: an error leaves it out.
fn proxy_url(text: &str) -> Result<String, Error> {
    let url = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let uri: Uri = url.parse().map_err(|_| Error::ProxyUrl {
        fault: "it is no URL",
    })?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => {
            return Err(Error::ProxyUrl {
                fault: "only http:// and https:// proxies are supported",
            });
        }
    }
    match uri.host() {
        Some(host) if !host.is_empty() => Ok(url),
        _ => Err(Error::ProxyUrl {
            fault: "it names no host",
        }),
    }
}

/// `*.example.com`, which Python's and Go's clients take, in the words that the matcher knows.
fn normalize(exceptions: &str) -> String {
    let entries = exceptions
        .split([',', ' '])
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    let entries: Vec<_> = entries
        .map(|entry| {
            entry
                .strip_prefix("*.")
                .map_or(entry.to_owned(), |d| format!(".{d}"))
        })
        .collect();
    entries.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_through(proxy: &Proxy, host: &str) -> Option<String> {
        let uri: Uri = format!("wss://{host}/openTunnel").parse().unwrap();
        proxy.intercept(&uri).map(|found| found.uri().to_string())
    }

    #[test]
    fn exceptions() {
        let proxy = Proxy::new(
            "proxy.example:3128",
            "localhost, .corp.example,*.internal 10.0.0.0/8,[::1],::2",
        )
        .unwrap();
        for (host, through) in [
            ("eice.amazonaws.com", true),
            ("localhost", false),
            ("localhost:8443", false),
            ("corp.example", false),
            ("a.corp.example", false),
            ("notcorp.example", true),
            ("vpce.internal", false),
            ("10.1.2.3", false),
            ("11.1.2.3", true),
            ("[::2]:8443", false),
        ] {
            let expected = through.then(|| "http://proxy.example:3128/".to_owned());
            assert_eq!(goes_through(&proxy, host), expected, "{host}");
        }
        let everything = Proxy::new("http://proxy.example", "*").unwrap();
        assert_eq!(goes_through(&everything, "eice.amazonaws.com"), None);
        assert_eq!(goes_through(&Proxy::none(), "eice.amazonaws.com"), None);
    }

    #[test]
    fn credentials_are_kept_and_hidden() {
        let proxy = Proxy::new("http://me:p%40ss@proxy.example:3128", "").unwrap();
        let uri: Uri = "wss://eice.example/".parse().unwrap();
        let found = proxy.intercept(&uri).unwrap();
        assert_eq!(found.basic_auth().unwrap(), "Basic bWU6cEBzcw==");
        assert!(!format!("{proxy:?}").contains("ss@"), "{proxy:?}");
    }

    #[test]
    fn urls() {
        for good in [
            "",
            " ",
            "proxy:3128",
            "http://proxy",
            "https://u:p@proxy:443",
            "http://[::1]:3128",
        ] {
            assert!(Proxy::new(good, "").is_ok(), "{good}");
        }
        for bad in ["socks5://proxy:1080", "http://", "http://a b", "://x"] {
            let error = Proxy::new(bad, "").unwrap_err();
            assert!(matches!(error, Error::ProxyUrl { .. }), "{bad}: {error}");
        }
    }
}
