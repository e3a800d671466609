//! The local ends: what is listened on, and what is connected to.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use super::address::{Address, Bind, bind_addresses};
use super::socket::{self, SocketFile, UnixListener};
use crate::error::Error;

/// A local connection's two ways.
pub(crate) struct Halves {
    pub(crate) reader: Box<dyn AsyncRead + Send + Unpin>,
    pub(crate) writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Halves {
    pub(crate) fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
        }
    }

    fn tcp(stream: TcpStream) -> Self {
        // It fails only on a connection that is reset already, whose reader says so.
        stream.set_nodelay(true).ok();
        let (reader, writer) = stream.into_split();
        Self::new(reader, writer)
    }
}

/// A local port or socket.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Somebody who came, and from where, if that has a name.
pub(crate) struct Accepted {
    pub(crate) local: Halves,
    pub(crate) from: Option<SocketAddr>,
}

/// What is listened on for one forward.
pub(crate) struct Bound {
    pub(crate) listeners: Vec<Listener>,
    /// The address, with the port that the system chose.
    pub(crate) local: Address,
    /// Kept by the forward's guard itself: a task may end too late for a program that is about to.
    pub(crate) file: Option<SocketFile>,
}

/// Listens on what an address stands for.
pub(crate) async fn bind(bind: &Bind) -> Result<Bound, Error> {
    let bound = match &bind.address {
        Address::Tcp { host, port } => bind_tcp(host, *port).await,
        Address::Unix(path) => {
            UnixListener::bind(Path::new(path), bind.replace).map(|(one, file)| Bound {
                listeners: vec![Listener::Unix(one)],
                local: bind.address.clone(),
                file: Some(file),
            })
        }
    };
    bound.map_err(|source| Error::Listen {
        address: bind.address.clone(),
        source,
    })
}

async fn bind_tcp(host: &str, port: u16) -> io::Result<Bound> {
    let addresses = bind_addresses(host).ok_or_else(|| {
        let reason = format!("`{host}` is no IP address of this machine");
        io::Error::new(io::ErrorKind::InvalidInput, reason)
    })?;
    let mut listeners = Vec::new();
    let mut bound: Option<SocketAddr> = None;
    for address in addresses {
        let port = bound.map_or(port, |first| first.port());
        match TcpListener::bind((address, port)).await {
            Ok(listener) => {
                bound.get_or_insert(listener.local_addr()?);
                listeners.push(Listener::Tcp(listener));
            }
            // The other family is a courtesy: it may be off, or covered by the first.
            Err(error) if bound.is_some() => tracing::debug!(%address, %error, "not listened on"),
            Err(error) => return Err(error),
        }
    }
    let bound = bound.ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(Bound {
        listeners,
        local: bound.into(),
        file: None,
    })
}

impl Listener {
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok(Accepted {
                    local: Halves::tcp(stream),
                    from: Some(from),
                })
            }
            Self::Unix(listener) => Ok(Accepted {
                local: listener.accept().await?,
                from: None,
            }),
        }
    }
}

/// Connects to a local address, for a connection that came on the host.
pub(crate) async fn connect(to: &Address) -> io::Result<Halves> {
    match to {
        Address::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            Ok(Halves::tcp(stream))
        }
        Address::Unix(path) => socket::connect(path).await,
    }
}
