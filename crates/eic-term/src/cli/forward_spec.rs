//! What `-L`, `-R` and `-D` take (ssh(1)).

use std::net::IpAddr;
use std::str::FromStr;

use eic_term::Address;

/// `-L`: a local address, and one as seen from the remote host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalSpec {
    pub(crate) on: Address,
    pub(crate) to: Address,
}

/// `-R`: an address on the remote host, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteSpec {
    pub(crate) on: Address,
    pub(crate) to: Goal,
}

/// Where connections from the host go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Goal {
    /// To an address as seen from here.
    Address(Address),
    /// Where each says by SOCKS.
    Asked(Permitted),
}

/// Where those may go: `any`, `none`, or `HOST:PORT`s (ssh_config(5), `PermitRemoteOpen`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permitted(pub(crate) Vec<String>);

impl Permitted {
    /// Whether they may connect there.
    pub(crate) fn allows(&self, to: &Address) -> bool {
        let Address::Tcp { host, port } = to else {
            return false;
        };
        self.0.iter().any(|one| match one.as_str() {
            "any" => true,
            one => one.rsplit_once(':').is_some_and(|(name, number)| {
                let name = name.trim_start_matches('[').trim_end_matches(']');
                (name == "*" || name.eq_ignore_ascii_case(host))
                    && (number == "*" || number.parse() == Ok(*port))
            }),
        })
    }
}

/// `-D`: a local address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DynamicSpec {
    pub(crate) on: Address,
}

/// Where something listens: what cancels it at the prompt of `~C`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenSpec(pub(crate) Address);

impl FromStr for LocalSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (on, to) = both(text)?;
        Ok(Self {
            on: local(listened(&on)?)?,
            to,
        })
    }
}

impl FromStr for RemoteSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = split(text)?;
        if parts.len() <= 2 && !parts.iter().any(|part| is_path(part)) {
            let to = Goal::Asked(Permitted(vec!["any".to_owned()]));
            let on = listened(&parts)?;
            return Ok(Self { on, to });
        }
        let (on, to) = both(text)?;
        Ok(Self {
            on: listened(&on)?,
            to: Goal::Address(to),
        })
    }
}

impl FromStr for DynamicSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let on = local(listened(&split(text)?)?)?;
        match on.port() {
            Some(_) => Ok(Self { on }),
            None => Err(format!("`{text}` is not [ADDR:]PORT")),
        }
    }
}

impl FromStr for ListenSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(listened(&split(text)?)?))
    }
}

/// Parts between colons: those to listen on, and where they lead to.
fn both(text: &str) -> Result<(Vec<String>, Address), String> {
    let mut on = split(text)?;
    let wrong =
        || format!("`{text}` is not [ADDR:]PORT:HOST:PORT; a path may stand for either side");
    let last = on.pop().ok_or_else(wrong)?;
    let to = if is_path(&last) {
        Address::unix(last)
    } else {
        let host = on.pop().filter(|_| !on.is_empty()).ok_or_else(wrong)?;
        if host.is_empty() {
            return Err(format!("`{text}` names no host"));
        }
        Address::tcp(host, number(&last).and_then(some_port)?)
    };
    match on.len() {
        1 | 2 => Ok((on, to)),
        _ => Err(wrong()),
    }
}

/// `[ADDR:]PORT`, or a socket's path. Nothing and `*` are every address, `localhost` is what an absent one means.
fn listened(parts: &[String]) -> Result<Address, String> {
    match parts {
        [path] if is_path(path) => Ok(Address::unix(path)),
        [port] => Ok(Address::tcp("localhost", number(port)?)),
        [host, port] if host == "*" => Ok(Address::tcp("", number(port)?)),
        [host, port] => Ok(Address::tcp(host, number(port)?)),
        _ => Err(format!("`{}` is not [ADDR:]PORT", parts.join(":"))),
    }
}

/// A local address is one of this machine's.
fn local(on: Address) -> Result<Address, String> {
    match &on {
        Address::Tcp { host, .. } if !matches!(host.as_str(), "" | "localhost") => {
            let ip = host.parse::<IpAddr>();
            ip.map_err(|_| format!("`{host}` is no IP address"))?;
        }
        _ => {}
    }
    Ok(on)
}

fn is_path(part: &str) -> bool {
    part.contains('/')
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

fn number(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("`{text}` is no port"))
}

/// Only what listens may leave the port to the system.
fn some_port(port: u16) -> Result<u16, String> {
    match port {
        0 => Err("nothing can be connected to on port 0".to_owned()),
        port => Ok(port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_clients_on_the_host_may_go() {
        for (permitted, host, port, expected) in [
            ("any", "web", 80, true),
            ("none", "web", 80, false),
            ("web:80", "web", 80, true),
            ("web:80", "WEB", 80, true),
            ("web:80", "web", 81, false),
            ("db:1 web:80", "web", 80, true),
            ("web:*", "web", 81, true),
            ("*:80", "db", 80, true),
            ("[::1]:80", "::1", 80, true),
        ] {
            let permitted = Permitted(permitted.split(' ').map(str::to_owned).collect());
            let allows = permitted.allows(&Address::tcp(host, port));
            assert_eq!(allows, expected, "{permitted:?} {host} {port}");
        }
    }

    fn said<T: FromStr<Err = String>>(text: &str, show: impl Fn(T) -> String) -> String {
        text.parse::<T>().map_or_else(|error| error, show)
    }

    #[test]
    fn local_specs() {
        for (text, expected) in [
            ("8080:localhost:80", "localhost:8080 to localhost:80"),
            ("0:db.internal:5432", "localhost:0 to db.internal:5432"),
            ("*:8080:web:80", "*:8080 to web:80"),
            (":8080:web:80", "*:8080 to web:80"),
            ("127.0.0.2:8080:web:80", "127.0.0.2:8080 to web:80"),
            ("[::1]:8080:[fe80::1]:80", "[::1]:8080 to [fe80::1]:80"),
            ("8080:/run/x.sock", "localhost:8080 to /run/x.sock"),
            (
                "127.0.0.1:8080:/run/x.sock",
                "127.0.0.1:8080 to /run/x.sock",
            ),
            ("/tmp/l.sock:web:80", "/tmp/l.sock to web:80"),
            ("./l.sock:/run/x.sock", "./l.sock to /run/x.sock"),
            (
                "8080",
                "`8080` is not [ADDR:]PORT:HOST:PORT; a path may stand for either side",
            ),
            (
                "1:2",
                "`1:2` is not [ADDR:]PORT:HOST:PORT; a path may stand for either side",
            ),
            (
                "a:b:1:c:2",
                "`a:b:1:c:2` is not [ADDR:]PORT:HOST:PORT; a path may stand for either side",
            ),
            ("x:localhost:80", "`x` is no port"),
            ("8080:localhost:99999", "`99999` is no port"),
            ("8080:localhost:0", "nothing can be connected to on port 0"),
            ("8080::80", "`8080::80` names no host"),
            ("host:8080:web:80", "`host` is no IP address"),
            ("[::1:8080:web:80", "`[::1:8080:web:80` has no `]`"),
            (
                "[::1]x:8080:web:80",
                "`[::1]x:8080:web:80` has something between `]` and `:`",
            ),
        ] {
            let shown = said(text, |one: LocalSpec| format!("{} to {}", one.on, one.to));
            assert_eq!(shown, expected, "{text}");
        }
    }

    #[test]
    fn remote_specs_may_name_the_hosts_addresses() {
        for (text, expected) in [
            ("8080:localhost:80", "localhost:8080 to localhost:80"),
            ("*:0:web:80", "*:0 to web:80"),
            ("eth0.internal:8080:web:80", "eth0.internal:8080 to web:80"),
            ("/run/r.sock:/run/x.sock", "/run/r.sock to /run/x.sock"),
            ("1080", "localhost:1080 to any"),
            ("*:1080", "*:1080 to any"),
            ("[::1]:0", "[::1]:0 to any"),
            ("web", "`web` is no port"),
            ("web:80:", "`` is no port"),
            (
                "/run/r.sock",
                "`/run/r.sock` is not [ADDR:]PORT:HOST:PORT; a path may stand for either side",
            ),
        ] {
            let shown = said(text, |one: RemoteSpec| match one.to {
                Goal::Address(to) => format!("{} to {to}", one.on),
                Goal::Asked(Permitted(to)) => format!("{} to {}", one.on, to.join(" ")),
            });
            assert_eq!(shown, expected, "{text}");
        }
    }

    #[test]
    fn dynamic_specs() {
        for (text, expected) in [
            ("1080", "localhost:1080"),
            ("[::1]:1080", "[::1]:1080"),
            ("*:1080", "*:1080"),
            ("web:1080", "`web` is no IP address"),
            ("/run/x.sock", "`/run/x.sock` is not [ADDR:]PORT"),
            ("1:2:3", "`1:2:3` is not [ADDR:]PORT"),
        ] {
            let shown = said(text, |one: DynamicSpec| one.on.to_string());
            assert_eq!(shown, expected, "{text}");
        }
    }
}
