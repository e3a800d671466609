//! Local ports and sockets whose connections come out at the host's side (`ssh -L`).

use std::fmt;
use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::address::{Address, Bind};
use super::listener::{Accepted, bind};
use super::relay::relay;
use super::sessions::Sessions;
use super::socket::SocketFile;
use super::traffic::{Traffic, serve};
use crate::error::Error;
use crate::session::Session;

/// A local port or socket whose connections come out at the host's side (`ssh -L`).
///
/// It holds its session's connection open. Dropping it closes the port, removes the socket's file, and closes its connections.
pub struct LocalForward {
    local: Address,
    to: Address,
    traffic: Arc<Traffic>,
    _file: Option<SocketFile>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl LocalForward {
    pub(crate) async fn start(sessions: Sessions, on: Bind, to: Address) -> Result<Self, Error> {
        let bound = bind(&on).await?;
        let traffic = Arc::default();
        let target = to.clone();
        let tasks = serve(bound.listeners, &traffic, move |accepted| {
            forward(accepted, sessions.clone(), target.clone())
        });
        Ok(Self {
            local: bound.local,
            to,
            traffic,
            _file: bound.file,
            _tasks: tasks,
        })
    }

    /// Returns the address that is listened on, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn local(&self) -> &Address {
        &self.local
    }

    /// Returns how many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.traffic.open()
    }

    /// Receives why a connection was closed without being forwarded, mostly [`Error::ConnectRemote`].
    pub fn on_refused(&self, on_refused: impl Fn(&Error) + Send + Sync + 'static) {
        self.traffic.on_refused(on_refused);
    }
}

impl fmt::Display for LocalForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.local, self.to)
    }
}

impl fmt::Debug for LocalForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalForward({self})")
    }
}

impl Session {
    /// Listens locally and connects whoever comes to an address as seen from the remote host (RFC 4254 §7.2). Where
    /// the host refuses, or cannot connect, the local connection is closed: see [`LocalForward::on_refused`].
    ///
    /// ```no_run
    /// # async fn example(session: eic_term::Session) -> Result<(), eic_term::Error> {
    /// let forward = session.forward_local(("localhost", 0), ("db.internal", 5432)).await?;
    /// println!("connect to {}", forward.local());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn forward_local(
        &self,
        on: impl Into<Bind>,
        to: impl Into<Address>,
    ) -> Result<LocalForward, Error> {
        LocalForward::start(Sessions::One(self.clone()), on.into(), to.into()).await
    }
}

async fn forward(accepted: Accepted, sessions: Sessions, to: Address) -> Result<(), Error> {
    let way = sessions.open(&to, accepted.from).await?;
    if let Err(error) = relay(accepted.local, way).await {
        tracing::debug!(%to, %error, "a forwarded connection ended early");
    }
    Ok(())
}
