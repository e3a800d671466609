//! What `-L`, `-R` and `-D` and their keywords say.

use std::fmt;

use super::expand::expand_variables;
use super::number;
use super::system::System;

/// A forward: where to listen, and where connections go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Where to listen: on this machine, for a remote forward on the host.
    pub listen: Listen,
    /// Where connections go.
    pub connect: Target,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A TCP port.
    Port {
        /// The address: `None` for what `GatewayPorts` says, empty or `*` for all.
        host: Option<String>,
        /// The port; 0, which only a remote forward may have, for one that the host chooses.
        port: u16,
    },
    /// A Unix socket.
    Path(String),
}

/// Where connections go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A TCP port.
    Port {
        /// The host's name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket.
    Path(String),
    /// Where the client says, by SOCKS.
    Socks,
}

/// Which of the forms a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `[host:]port:host:hostport`, with paths in the place of either.
    Local,
    /// The same, where port 0 will do.
    Remote,
    /// `[host:]port` or a path.
    Dynamic,
    /// The same, where port 0 will do.
    RemoteDynamic,
}

// What the C library's calls for names and sockets take.
const LONGEST_HOST: usize = 1024;
const LONGEST_PATH: usize = 107;

impl Forward {
    pub(super) fn parse(text: &str, form: Form, system: &dyn System) -> Option<Self> {
        let text = expand_variables(text, system).ok()?;
        let fields = fields(text.trim_start())?;
        let dynamic = matches!(form, Form::Dynamic | Form::RemoteDynamic);
        let forward = Self::of(&fields, system)?;
        let remote = matches!(form, Form::Remote | Form::RemoteDynamic);
        let port_fits = remote || !matches!(forward.listen, Listen::Port { port: 0, .. });
        let is_dynamic = forward.connect == Target::Socks;
        (port_fits && dynamic == is_dynamic && forward.is_short()).then_some(forward)
    }

    /// What is wrong with the variables that a text names, which is said before the text is refused.
    pub(super) fn unknown_variable(text: &str, system: &dyn System) -> Option<String> {
        expand_variables(text, system).err()
    }

    fn of(fields: &[Field], system: &dyn System) -> Option<Self> {
        let port = |field: &Field| number::port(&field.text, system);
        let listen = |host: Option<&Field>, one: &Field| {
            let host = host.map(|field| field.text.clone());
            let port = port(one)?;
            Some(Listen::Port { host, port })
        };
        let target = |host: &Field, one: &Field| {
            let host = host.text.clone();
            let port = port(one).filter(|port| *port > 0)?;
            Some(Target::Port { host, port })
        };
        let path = |field: &Field| field.text.clone();
        let (listen, connect) = match fields {
            [socket] if socket.is_path => (Listen::Path(path(socket)), Target::Socks),
            [one] => (listen(None, one)?, Target::Socks),
            [from, to] if from.is_path && to.is_path => {
                (Listen::Path(path(from)), Target::Path(path(to)))
            }
            [one, to] if to.is_path => (listen(None, one)?, Target::Path(path(to))),
            [host, one] => (listen(Some(host), one)?, Target::Socks),
            [from, host, one] if from.is_path => (Listen::Path(path(from)), target(host, one)?),
            [host, one, to] if to.is_path => (listen(Some(host), one)?, Target::Path(path(to))),
            [one, host, port] => (listen(None, one)?, target(host, port)?),
            [address, one, host, port] => (listen(Some(address), one)?, target(host, port)?),
            _ => return None,
        };
        Some(Self { listen, connect })
    }

    fn is_short(&self) -> bool {
        let listen = match &self.listen {
            Listen::Port { host, .. } => host.as_ref().is_none_or(|h| h.len() <= LONGEST_HOST),
            Listen::Path(path) => path.len() <= LONGEST_PATH,
        };
        let connect = match &self.connect {
            Target::Port { host, .. } => host.len() <= LONGEST_HOST,
            Target::Path(path) => path.len() <= LONGEST_PATH,
            Target::Socks => true,
        };
        listen && connect
    }

    /// The sockets' paths.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut String> {
        let listen = match &mut self.listen {
            Listen::Path(path) => Some(path),
            Listen::Port { .. } => None,
        };
        let connect = match &mut self.connect {
            Target::Path(path) => Some(path),
            _ => None,
        };
        listen.into_iter().chain(connect)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { host: None, port } => write!(f, "{port}"),
            Self::Port {
                host: Some(host),
                port,
            } => write!(f, "[{host}]:{port}"),
            Self::Path(path) => f.write_str(path),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { host, port } => write!(f, "[{host}]:{port}"),
            Self::Path(path) => f.write_str(path),
            Self::Socks => f.write_str("[socks]:0"),
        }
    }
}

struct Field {
    text: String,
    is_path: bool,
}

/// One to four fields between colons; brackets keep a field whole, a `\` the character after it.
fn fields(text: &str) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('[') {
            Some(inner) => bracketed(inner)?,
            None => plain(rest)?,
        };
        fields.push(field);
        rest = after;
    }
    Some(fields)
}

fn bracketed(text: &str) -> Option<(Field, &str)> {
    let (inner, rest) = text.split_once(']')?;
    let rest = match rest.strip_prefix(':') {
        Some(rest) => rest,
        None if rest.is_empty() => rest,
        None => return None,
    };
    let field = Field {
        text: inner.to_owned(),
        is_path: inner.contains('/'),
    };
    Some((field, rest))
}

fn plain(text: &str) -> Option<(Field, &str)> {
    let mut field = Field {
        text: String::new(),
        is_path: false,
    };
    let mut characters = text.chars();
    while let Some(one) = characters.next() {
        match one {
            ':' => break,
            '\\' => field.text.push(characters.next()?),
            one => {
                field.is_path |= one == '/';
                field.text.push(one);
            }
        }
    }
    Some((field, characters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn forms() {
        use Form::{Dynamic, Local, Remote, RemoteDynamic};
        for (text, form, expected) in [
            ("8080:web:80", Local, Some("8080 [web]:80")),
            ("8080:web:http", Local, Some("8080 [web]:80")),
            ("*:8080:web:80", Local, Some("[*]:8080 [web]:80")),
            (":8080:web:80", Local, Some("[]:8080 [web]:80")),
            ("[::1]:8080:[::2]:80", Local, Some("[::1]:8080 [::2]:80")),
            ("/tmp/s:web:80", Local, Some("/tmp/s [web]:80")),
            ("/tmp/s:/tmp/t", Local, Some("/tmp/s /tmp/t")),
            ("8080:/tmp/t", Local, Some("8080 /tmp/t")),
            ("::1:8080:/tmp/t", Local, None),
            ("lo:8080:/tmp/t", Local, Some("[lo]:8080 /tmp/t")),
            ("/tmp/a\\:b:web:80", Local, Some("/tmp/a:b [web]:80")),
            ("${PORT}:web:80", Local, Some("8080 [web]:80")),
            ("${NONE}:web:80", Local, None),
            ("0:web:80", Local, None),
            ("0:web:80", Remote, Some("0 [web]:80")),
            ("8080:web:0", Local, None),
            ("8080", Local, None),
            ("8080", Dynamic, Some("8080 [socks]:0")),
            ("lo:8080", Dynamic, Some("[lo]:8080 [socks]:0")),
            ("0", Dynamic, None),
            ("0", RemoteDynamic, Some("0 [socks]:0")),
            ("/tmp/s", RemoteDynamic, Some("/tmp/s [socks]:0")),
            ("a:b", Dynamic, None),
            ("1:2:3:4:5", Local, None),
            ("[::1:8080", Dynamic, None),
            ("", Dynamic, None),
        ] {
            let system = Fake::default().with_variable("PORT", "8080");
            let found = Forward::parse(text, form, &system);
            let found = found.map(|forward| format!("{} {}", forward.listen, forward.connect));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
