//! What can go wrong with a tunnel.

use std::time::Duration;

use crate::text::Printable;

/// Why a tunnel cannot be opened, or ended otherwise than it should: one variant a step.
///
/// Once a tunnel is open its errors arrive as [`std::io::Error`]s with one of these inside:
///
/// ```
/// use eic_auth::TunnelError;
///
/// fn reason(error: &std::io::Error) -> Option<&str> {
///     match error.get_ref()?.downcast_ref()? {
///         TunnelError::Closed { reason, .. } => Some(reason),
///         _ => None,
///     }
/// }
/// # let closed = TunnelError::Closed { code: Some(1011), reason: "Unable to connect to target".to_owned() };
/// # assert_eq!(reason(&std::io::Error::other(closed)), Some("Unable to connect to target"));
/// ```
///
/// Texts from afar are kept raw in the fields; `Display` escapes their control characters.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The URL is not `wss://` with a host.
    #[error("the tunnel's URL is unfit: {fault}")]
    Url {
        /// What is wrong with it.
        fault: &'static str,
    },

    /// The endpoint's host, or the proxy's, is unknown or cannot be connected to.
    #[error("cannot connect to {host}")]
    Connect {
        /// The host and port.
        host: String,
        /// What happened.
        #[source]
        source: std::io::Error,
    },

    /// The proxy broke off, or talks no HTTP.
    #[error("no tunnel through the proxy {proxy}")]
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// What happened.
        #[source]
        source: std::io::Error,
    },

    /// The proxy refuses; status 407 is a missing or wrong name and password.
    #[error("the proxy {proxy} refuses: {status} {}", Printable(reason))]
    ProxyRefused {
        /// The proxy's host and port.
        proxy: String,
        /// Its HTTP status.
        status: u16,
        /// The words that go with the status.
        reason: String,
    },

    /// No TLS with the host: its certificate is not trusted or for another name, or it talks no TLS.
    #[error("no TLS with {host}")]
    Tls {
        /// The host whose certificate it is.
        host: String,
        /// What happened; see [`TunnelError::is_certificate`].
        #[source]
        source: std::io::Error,
    },

    /// The endpoint broke off before it answered, or its answer is no HTTP.
    #[error("{host} does not answer as an endpoint")]
    Upgrade {
        /// The endpoint's host and port.
        host: String,
        /// What happened.
        #[source]
        source: std::io::Error,
    },

    /// AWS refuses the tunnel.
    #[error("the endpoint refuses: {}{}", code.as_ref().map(|code| format!("{}: ", Printable(code))).unwrap_or_default(), Printable(message))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// AWS's error code, such as `InvalidParameter`.
        code: Option<String>,
        /// AWS's message.
        message: String,
        /// AWS's request id.
        request_id: Option<String>,
    },

    /// A step took longer than it may.
    #[error("{step} took longer than {limit:?}")]
    Timeout {
        /// The step.
        step: &'static str,
        /// What it was allowed.
        limit: Duration,
    },

    /// The tunnel ended: by a Close frame with a code other than 1000 and AWS's reason, such as `Unable to
    /// connect to target`; or without one, cut off.
    #[error("{}", closed(*code, reason))]
    Closed {
        /// The close code (RFC 6455 §7.4); `None` if the connection was cut off without one.
        code: Option<u16>,
        /// AWS's reason, or how it was cut off.
        reason: String,
    },

    /// The endpoint sent what it must not.
    #[error("the endpoint breaks the protocol: {}", Printable(reason))]
    Protocol {
        /// What it sent.
        reason: String,
    },
}

impl TunnelError {
    /// Whether the server's certificate is the cause: not trusted, expired, or for another name.
    #[must_use]
    pub fn is_certificate(&self) -> bool {
        matches!(self, Self::Tls { source, .. } if crate::certificate::is_cause(source))
    }
}

fn closed(code: Option<u16>, reason: &str) -> String {
    let reason = Printable(reason);
    match code {
        Some(code) if reason.0.is_empty() => format!("the endpoint closed the tunnel ({code})"),
        Some(code) => format!("the endpoint closed the tunnel ({code}): {reason}"),
        None if reason.0.is_empty() => "the tunnel was cut off".to_owned(),
        None => format!("the tunnel was cut off: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let closed = |code, reason: &str| TunnelError::Closed {
            code,
            reason: reason.to_owned(),
        };
        let refused = |code: Option<&str>, message: &str| TunnelError::Refused {
            status: 400,
            code: code.map(str::to_owned),
            message: message.to_owned(),
            request_id: None,
        };
        for (error, words) in [
            (
                closed(Some(1011), "no\x07"),
                "the endpoint closed the tunnel (1011): no\\u{7}",
            ),
            (
                closed(Some(1001), ""),
                "the endpoint closed the tunnel (1001)",
            ),
            (closed(None, ""), "the tunnel was cut off"),
            (closed(None, "reset"), "the tunnel was cut off: reset"),
            (
                refused(Some("InvalidParameter"), "bad port"),
                "the endpoint refuses: InvalidParameter: bad port",
            ),
            (
                refused(None, "Forbidden"),
                "the endpoint refuses: Forbidden",
            ),
        ] {
            assert_eq!(error.to_string(), words);
        }
    }
}
