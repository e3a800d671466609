//! The session that a forward's next connection goes to.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;

use super::address::Address;
use super::open::{Way, open};
use crate::error::Error;
use crate::session::{Session, limited};
use crate::timeline::Step;

/// How long a new connection waits for a next session.
const PATIENCE: Duration = Duration::from_secs(60);

/// One session for all, or always the latest.
#[derive(Clone)]
pub(crate) enum Sessions {
    One(Session),
    Latest(watch::Receiver<Option<Session>>),
}

impl Sessions {
    /// Opens a channel to where a connection should go, on the next session where the latest is lost meanwhile.
    pub(crate) async fn open(&self, to: &Address, from: Option<SocketAddr>) -> Result<Way, Error> {
        match self {
            Self::One(session) => open(session, to, from).await,
            Self::Latest(_) => loop {
                let session = self.latest().await?;
                let way = open(&session, to, from).await;
                if way.is_ok() || !session.is_closed() {
                    return way;
                }
            },
        }
    }

    /// Waits for a session that is alive, a minute at most.
    pub(crate) async fn latest(&self) -> Result<Session, Error> {
        match self {
            Self::One(session) => Ok(session.clone()),
            Self::Latest(latest) => limited(Step::Connect, PATIENCE, next(latest.clone())).await?,
        }
    }
}

/// Waits for a session that is alive.
async fn next(mut latest: watch::Receiver<Option<Session>>) -> Result<Session, Error> {
    let alive = |one: &Option<Session>| one.as_ref().is_some_and(|one| !one.is_closed());
    let found = latest.wait_for(alive).await;
    let found = found.ok().and_then(|found| found.clone());
    // The sender is gone only when the forwards are, too.
    found.ok_or(Error::Refused {
        request: "connect: there is no session",
    })
}
