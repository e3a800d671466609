//! A local SOCKS proxy whose connections come out at the host's side (`ssh -D`).

use std::fmt;
use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::address::{Address, Bind};
use super::listener::{Accepted, bind};
use super::relay::relay;
use super::sessions::Sessions;
use super::socket::SocketFile;
use super::socks::{self, NO_AUTHENTICATION, Said, Version};
use super::traffic::{Traffic, serve};
use crate::error::Error;
use crate::session::Session;

/// How long a client may take to say where it wants to go.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A local SOCKS proxy, versions 4, 4a and 5, whose connections come out at the host's side (`ssh -D`). Names are
/// resolved there.
///
/// It holds its session's connection open. Dropping it closes the port and its connections.
pub struct DynamicForward {
    local: Address,
    traffic: Arc<Traffic>,
    _file: Option<SocketFile>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl DynamicForward {
    pub(crate) async fn start(sessions: Sessions, on: Bind) -> Result<Self, Error> {
        let bound = bind(&on).await?;
        let traffic = Arc::default();
        let tasks = serve(bound.listeners, &traffic, move |accepted| {
            forward(accepted, sessions.clone())
        });
        Ok(Self {
            local: bound.local,
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

    /// Receives why a connection was closed without being forwarded.
    pub fn on_refused(&self, on_refused: impl Fn(&Error) + Send + Sync + 'static) {
        self.traffic.on_refused(on_refused);
    }
}

impl fmt::Display for DynamicForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as a SOCKS proxy", self.local)
    }
}

impl fmt::Debug for DynamicForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicForward({self})")
    }
}

impl Session {
    /// Listens locally as a SOCKS proxy, without authentication; see [`DynamicForward`].
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn forward_dynamic(&self, on: impl Into<Bind>) -> Result<DynamicForward, Error> {
        DynamicForward::start(Sessions::One(self.clone()), on.into()).await
    }
}

async fn forward(accepted: Accepted, sessions: Sessions) -> Result<(), Error> {
    let mut local = accepted.local;
    let asked = timeout(PATIENCE, ask(&mut local.reader, &mut local.writer)).await;
    let (version, to, rest) = match asked {
        Ok(Ok(asked)) => asked,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a SOCKS client was not understood");
            return Ok(());
        }
        Err(_) => return Ok(()),
    };
    let way = sessions.open(&to, accepted.from).await;
    let answer = socks::answer(version, way.is_ok());
    let answered = local.writer.write_all(answer).await;
    let way = way?;
    local.reader = Box::new(Cursor::new(rest).chain(local.reader));
    let ended = match answered {
        Ok(()) => relay(local, way).await,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::debug!(%to, %error, "a forwarded connection ended early");
    }
    Ok(())
}

/// Hears where a client wants to go; what it has said beyond that is for there.
pub(super) async fn ask(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
) -> io::Result<(Version, Address, Vec<u8>)> {
    let mut said = Vec::new();
    let mut greeted = false;
    loop {
        match socks::read(&said, greeted) {
            Said::Incomplete => {
                if reader.read_buf(&mut said).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Said::Greeting { used } => {
                said.drain(..used);
                greeted = true;
                writer.write_all(NO_AUTHENTICATION).await?;
            }
            Said::Connect { version, to, used } => {
                return Ok((version, to, said.split_off(used)));
            }
            Said::Wrong(answer) => {
                writer.write_all(answer).await?;
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }
}
