//! Where forwards listen and where they lead to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A TCP port or a Unix socket, in the words of the side that it is on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A host and a port. To listen on: an IP address, `localhost`, or nothing or `*` for every address; port 0
    /// lets the system choose.
    Tcp {
        /// The host's name or IP address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket's path.
    Unix(String),
}

impl Address {
    /// Names a host and a port.
    #[must_use]
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        Self::Tcp { host, port }
    }

    /// Names a Unix socket.
    #[must_use]
    pub fn unix(path: impl Into<String>) -> Self {
        Self::Unix(path.into())
    }

    /// Returns the port of a TCP address.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp { port, .. } => Some(*port),
            Self::Unix(_) => None,
        }
    }

    /// The same on another port.
    pub(crate) fn with_port(&self, port: u16) -> Self {
        match self {
            Self::Tcp { host, .. } => Self::tcp(host, port),
            Self::Unix(path) => Self::unix(path),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } if host.is_empty() => write!(f, "*:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::tcp(address.ip().to_string(), address.port())
    }
}

impl From<(&str, u16)> for Address {
    fn from((host, port): (&str, u16)) -> Self {
        Self::tcp(host, port)
    }
}

/// A local address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    pub(crate) address: Address,
    pub(crate) replace: bool,
}

impl Bind {
    /// Replaces a socket that is there already (`StreamLocalBindUnlink` of ssh_config(5)); otherwise it is an error.
    #[must_use]
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }
}

impl<A: Into<Address>> From<A> for Bind {
    fn from(address: A) -> Self {
        Self {
            address: address.into(),
            replace: false,
        }
    }
}

/// The IP addresses that a bind address stands for, the needed one first; `None` where it is none (ssh(1), `-L`).
pub(crate) fn bind_addresses(host: &str) -> Option<Vec<IpAddr>> {
    let (v4, v6) = match host {
        "localhost" => (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
        "" | "*" => (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
        other => return other.parse().ok().map(|one| vec![one]),
    };
    Some(vec![v4.into(), v6.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        for (address, expected) in [
            (Address::tcp("web", 80), "web:80"),
            (Address::tcp("::1", 80), "[::1]:80"),
            (Address::tcp("", 80), "*:80"),
            (Address::unix("/run/x.sock"), "/run/x.sock"),
            (SocketAddr::from(([127, 0, 0, 1], 1)).into(), "127.0.0.1:1"),
        ] {
            assert_eq!(address.to_string(), expected);
        }
    }

    #[test]
    fn what_a_bind_address_stands_for() {
        for (host, expected) in [
            ("localhost", "[127.0.0.1, ::1]"),
            ("", "[0.0.0.0, ::]"),
            ("*", "[0.0.0.0, ::]"),
            ("::1", "[::1]"),
            ("10.0.0.1", "[10.0.0.1]"),
        ] {
            let addresses = bind_addresses(host).unwrap();
            assert_eq!(format!("{addresses:?}"), expected);
        }
        assert_eq!(bind_addresses("web"), None);
    }
}
