use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::Error;
use crate::link::Wire;

/// The most connections that one listener serves at once; more wait in the system's backlog.
const CONNECTIONS: usize = 1024;

/// One port on one loopback address, or on all that the name `localhost` stands for.
#[derive(Debug)]
pub(crate) struct Listener {
    first: TcpListener,
    second: Option<TcpListener>,
    address: SocketAddr,
}

impl Listener {
    /// Opens a port of the system's choosing.
    ///
    /// # Errors
    /// [`Error::Listen`] when this machine does not have the address.
    pub(crate) async fn bind(ip: IpAddr) -> Result<Self, Error> {
        let failed = |source| Error::Listen {
            address: ip,
            source,
        };
        let first = TcpListener::bind((ip, 0)).await.map_err(failed)?;
        let address = first.local_addr().map_err(failed)?;
        Ok(Self {
            first,
            second: None,
            address,
        })
    }

    /// Opens the same port on 127.0.0.1 and, where there is IPv6, on ::1, so that nobody
    /// else answers to `localhost` at that port.
    pub(crate) async fn bind_localhost() -> Result<Self, Error> {
        loop {
            let mut listener = Self::bind(Ipv4Addr::LOCALHOST.into()).await?;
            match TcpListener::bind((Ipv6Addr::LOCALHOST, listener.port())).await {
                Ok(second) => listener.second = Some(second),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
                Err(error) => tracing::debug!(%error, "no IPv6 loopback"),
            }
            return Ok(listener);
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Accepts connections for ever and serves each through the wire. Dropping the future
    /// drops the connections.
    pub(crate) async fn serve<S, F>(self, wire: Wire, serve: S)
    where
        S: Fn(DuplexStream) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = connections.join_next() => {}
                accepted = self.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok(client) => {
                        let (wire, serve) = (wire.clone(), serve.clone());
                        connections.spawn(async move { wire.carry(client, serve).await });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::task::yield_now().await;
                    }
                },
            }
        }
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        let second = async {
            match &self.second {
                Some(second) => second.accept().await,
                None => std::future::pending().await,
            }
        };
        let (stream, _) = tokio::select! {
            accepted = self.first.accept() => accepted?,
            accepted = second => accepted?,
        };
        Ok(stream)
    }
}

/// A port that is taken and at which connections are refused.
#[derive(Debug)]
pub(crate) struct Reserved {
    _socket: TcpSocket,
    port: u16,
}

impl Reserved {
    /// Takes a port of the system's choosing.
    ///
    /// # Errors
    /// [`Error::Listen`] when this machine does not have the address.
    pub(crate) fn bind(ip: IpAddr) -> Result<Self, Error> {
        let failed = |source| Error::Listen {
            address: ip,
            source,
        };
        let socket = match ip {
            IpAddr::V4(_) => TcpSocket::new_v4(),
            IpAddr::V6(_) => TcpSocket::new_v6(),
        };
        let socket = socket.map_err(failed)?;
        socket.bind((ip, 0).into()).map_err(failed)?;
        let port = socket.local_addr().map_err(failed)?.port();
        Ok(Self {
            _socket: socket,
            port,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}
