//! Which way to an instance: straight to an address, or through an endpoint.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use eic_auth::Addresses;

/// How the caller wants to reach the instance, in AWS's words (`--connection-type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectionType {
    /// A public IPv4 address directly, else a private one through an endpoint, else IPv6 directly.
    #[default]
    Auto,
    /// Straight to the public IPv4, IPv6 or private IPv4 address, in this order.
    Direct,
    /// Through an EC2 Instance Connect Endpoint, to the private IPv4 address, else IPv6.
    Eice,
}

impl fmt::Display for ConnectionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Direct => "direct",
            Self::Eice => "eice",
        })
    }
}

impl FromStr for ConnectionType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "direct" => Ok(Self::Direct),
            "eice" => Ok(Self::Eice),
            other => Err(format!("`{other}` is none of auto, direct, eice")),
        }
    }
}

/// The way to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A TCP connection to this address.
    Direct(IpAddr),
    /// An endpoint's tunnel to this address.
    Endpoint(IpAddr),
}

impl Route {
    /// Returns the instance's address on this route.
    #[must_use]
    pub fn address(self) -> IpAddr {
        match self {
            Self::Direct(address) | Self::Endpoint(address) => address,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(address) => write!(f, "direct to {address}"),
            Self::Endpoint(address) => write!(f, "endpoint to {address}"),
        }
    }
}

/// Chooses the route as AWS CLI's `ec2-instance-connect ssh` does; `None` where no address serves.
///
/// `address` overrides the instance's own addresses (`--instance-ip`): a private one goes through
/// an endpoint, any other directly, unless `wanted` says otherwise.
#[must_use]
pub fn choose_route(
    wanted: ConnectionType,
    addresses: &Addresses,
    address: Option<IpAddr>,
) -> Option<Route> {
    if let Some(address) = address {
        return Some(route_to(wanted, addresses, address));
    }
    let public = addresses.public_ipv4.map(IpAddr::V4);
    let private = addresses.private_ipv4.map(IpAddr::V4);
    let v6 = addresses.ipv6.map(IpAddr::V6);
    match wanted {
        ConnectionType::Direct => public.or(v6).or(private).map(Route::Direct),
        ConnectionType::Eice => private.or(v6).map(Route::Endpoint),
        ConnectionType::Auto => public
            .map(Route::Direct)
            .or(private.map(Route::Endpoint))
            .or(v6.map(Route::Direct)),
    }
}

fn route_to(wanted: ConnectionType, addresses: &Addresses, address: IpAddr) -> Route {
    let endpoint = match wanted {
        ConnectionType::Direct => false,
        ConnectionType::Eice => true,
        ConnectionType::Auto => is_private(addresses, address),
    };
    if endpoint {
        Route::Endpoint(address)
    } else {
        Route::Direct(address)
    }
}

fn is_private(addresses: &Addresses, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) if addresses.public_ipv4 == Some(v4) => false,
        IpAddr::V4(v4) => addresses.private_ipv4 == Some(v4) || v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConnectionType::{Auto, Direct, Eice};

    fn addresses(public: &str, private: &str, v6: &str) -> Addresses {
        Addresses {
            public_ipv4: public.parse().ok(),
            private_ipv4: private.parse().ok(),
            ipv6: v6.parse().ok(),
            ..Addresses::default()
        }
    }

    #[test]
    fn routes() {
        let all = ("192.0.2.1", "10.0.0.1", "2001:db8::1");
        let table = [
            (Auto, all, None, "direct to 192.0.2.1"),
            (
                Auto,
                ("", "10.0.0.1", "2001:db8::1"),
                None,
                "endpoint to 10.0.0.1",
            ),
            (Auto, ("", "", "2001:db8::1"), None, "direct to 2001:db8::1"),
            (Auto, ("", "", ""), None, "none"),
            (Direct, all, None, "direct to 192.0.2.1"),
            (
                Direct,
                ("", "10.0.0.1", "2001:db8::1"),
                None,
                "direct to 2001:db8::1",
            ),
            (Direct, ("", "10.0.0.1", ""), None, "direct to 10.0.0.1"),
            (Eice, all, None, "endpoint to 10.0.0.1"),
            (
                Eice,
                ("192.0.2.1", "", "2001:db8::1"),
                None,
                "endpoint to 2001:db8::1",
            ),
            (Eice, ("192.0.2.1", "", ""), None, "none"),
            (Auto, all, Some("10.9.9.9"), "endpoint to 10.9.9.9"),
            (Auto, all, Some("192.0.2.1"), "direct to 192.0.2.1"),
            (Auto, all, Some("2001:db8::2"), "direct to 2001:db8::2"),
            (Auto, all, Some("fd00::2"), "endpoint to fd00::2"),
            (Direct, all, Some("10.9.9.9"), "direct to 10.9.9.9"),
            (Eice, all, Some("192.0.2.1"), "endpoint to 192.0.2.1"),
        ];
        for (wanted, (public, private, v6), given, expected) in table {
            let given = given.map(|address| address.parse().unwrap());
            let route = choose_route(wanted, &addresses(public, private, v6), given);
            let shown = route.map_or("none".to_owned(), |route| route.to_string());
            assert_eq!(
                shown, expected,
                "{wanted} {public} {private} {v6} {given:?}"
            );
        }
    }
}
