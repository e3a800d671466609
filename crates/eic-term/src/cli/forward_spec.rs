//! What `-L` takes: `[ADDR:]PORT:HOST:PORT` (ssh(1)).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// A local address, and a host and port as seen from the remote host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalSpec {
    pub(crate) bind: SocketAddr,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for LocalSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = split(text)?;
        let (address, [local, host, port]) = match parts.as_slice() {
            [local, host, port] => ("localhost", [local, host, port]),
            [address, local, host, port] => (address.as_str(), [local, host, port]),
            _ => return Err(format!("`{text}` is not [ADDR:]PORT:HOST:PORT")),
        };
        if host.is_empty() {
            return Err(format!("`{text}` names no host"));
        }
        Ok(Self {
            bind: SocketAddr::new(bind_address(address)?, number(local)?),
            host: host.clone(),
            port: number(port)?,
        })
    }
}

/// Parts between colons; an IPv6 address stands in brackets.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, after) = if let Some(inner) = rest.strip_prefix('[') {
            inner
                .split_once(']')
                .ok_or_else(|| format!("`{text}` has no `]`"))?
        } else {
            rest.split_at(rest.find(':').unwrap_or(rest.len()))
        };
        parts.push(part.to_owned());
        match after.strip_prefix(':') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(parts),
            None => return Err(format!("`{text}` has something between `]` and `:`")),
        }
    }
}

/// As ssh(1): nothing and `*` are every address, `localhost` this machine only.
fn bind_address(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        "" | "*" => Ok(Ipv4Addr::UNSPECIFIED.into()),
        other => other
            .parse()
            .map_err(|_| format!("`{other}` is no IP address")),
    }
}

fn number(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("`{text}` is no port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs() {
        for (text, expected) in [
            ("8080:localhost:80", "127.0.0.1:8080 localhost 80"),
            ("0:db.internal:5432", "127.0.0.1:0 db.internal 5432"),
            ("*:8080:web:80", "0.0.0.0:8080 web 80"),
            (":8080:web:80", "0.0.0.0:8080 web 80"),
            ("[::1]:8080:[fe80::1]:80", "[::1]:8080 fe80::1 80"),
            ("8080", "`8080` is not [ADDR:]PORT:HOST:PORT"),
            ("x:localhost:80", "`x` is no port"),
            ("8080:localhost:99999", "`99999` is no port"),
            ("8080::80", "`8080::80` names no host"),
            ("host:8080:web:80", "`host` is no IP address"),
            ("[::1:8080:web:80", "`[::1:8080:web:80` has no `]`"),
            (
                "[::1]x:8080:web:80",
                "`[::1]x:8080:web:80` has something between `]` and `:`",
            ),
        ] {
            let parsed = text.parse::<LocalSpec>();
            let shown = parsed.map(|one| format!("{} {} {}", one.bind, one.host, one.port));
            assert_eq!(shown.unwrap_or_else(|error| error), expected, "{text}");
        }
    }
}
