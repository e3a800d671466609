//! Ports forwarded through a session (RFC 4254 §7).

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use russh::Channel;
use russh::client::Msg;
use tokio::io::{AsyncWriteExt, copy, copy_bidirectional, duplex, join, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::session::Session;

/// How much of a connection waits in memory for its local side, in bytes; past that it holds up the session.
const BUFFER: usize = 4 << 20;
/// The pause after a connection that could not be accepted, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A local port whose connections come out at the host's side (`ssh -L`). Dropping it closes the port and its
/// connections.
pub struct LocalForward {
    local: SocketAddr,
    to: To,
    connections: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

/// Where connections go, as the host names it.
#[derive(Debug, Clone)]
struct To {
    host: String,
    port: u16,
}

impl LocalForward {
    /// Returns the address that is listened on, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Returns how many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl fmt::Display for LocalForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}:{}", self.local, self.to.host, self.to.port)
    }
}

impl fmt::Debug for LocalForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalForward({self})")
    }
}

impl Session {
    /// Listens on a local address and connects whoever comes to a host and port as seen from the remote host
    /// (RFC 4254 §7.2). Where the host refuses, or cannot connect, the local connection is closed.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn forward_local(
        &self,
        bind: SocketAddr,
        host: impl Into<String>,
        port: u16,
    ) -> Result<LocalForward, Error> {
        let failed = |source| Error::Listen {
            address: bind,
            source,
        };
        let listener = TcpListener::bind(bind).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        let host = host.into();
        let to = To { host, port };
        let connections = Arc::default();
        let listen = listen(listener, self.clone(), to.clone(), Arc::clone(&connections));
        Ok(LocalForward {
            local,
            to,
            connections,
            _task: AbortOnDropHandle::new(tokio::spawn(listen)),
        })
    }
}

/// Accepts connections; each is a task, ended with this one.
async fn listen(listener: TcpListener, session: Session, to: To, open: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let forward = forward(stream, peer, session.clone(), to.clone());
                    let counted = Counted::new(&open);
                    connections.spawn(async move {
                        let _counted = counted;
                        if let Err(error) = forward.await {
                            tracing::debug!(%peer, %error, "a forwarded connection ended early");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One of those counted, as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn forward(
    mut stream: TcpStream,
    from: SocketAddr,
    session: Session,
    to: To,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let channel = session.open_direct_tcpip(&to.host, to.port, from).await;
    relay(&mut stream, channel.map_err(io::Error::other)?).await
}

/// Joins the two until both have ended. A task's worth of buffer keeps a slow local side from holding up others.
async fn relay(stream: &mut TcpStream, channel: Channel<Msg>) -> io::Result<()> {
    let (mut from_host, to_host) = split(channel.into_stream());
    let (waiting, mut arrived) = duplex(BUFFER);
    let arrive = async {
        copy(&mut from_host, &mut arrived).await?;
        arrived.shutdown().await
    };
    let mut remote = join(waiting, to_host);
    let pass = copy_bidirectional(stream, &mut remote);
    tokio::try_join!(arrive, pass).map(|_| ())
}
