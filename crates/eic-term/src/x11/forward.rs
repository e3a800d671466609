//! Programs on the host that come to the X server here.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use russh::{ChannelMsg, ChannelOpenFailure};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::setup::{Setup, exchange};
use super::{Authority, X11};
use crate::error::Error;
use crate::forward::{Address, Halves, Incoming, Way, connect, relay};
use crate::session::WeakSession;

/// How many programs may use the X server at once; most have one connection.
const MOST: usize = 256;
/// How long the X server may take to answer, and a program to say who it is.
const PATIENCE: Duration = Duration::from_secs(30);

/// The X server that a connection shows to the host, once it has been asked to.
#[derive(Clone)]
pub(crate) struct Shown {
    showing: Arc<Mutex<Option<Arc<Showing>>>>,
    places: Arc<Semaphore>,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            showing: Arc::default(),
            places: Arc::new(Semaphore::new(MOST)),
        }
    }
}

struct Showing {
    x11: X11,
    made_up: Authority,
    session: WeakSession,
}

/// What the host is told of the X server.
pub(crate) struct Told {
    pub(crate) protocol: String,
    /// In hexadecimal.
    pub(crate) cookie: String,
    pub(crate) screen: u32,
}

impl Shown {
    /// Shows an X server; the first one counts.
    pub(crate) fn show(&self, x11: &X11, session: WeakSession) -> Result<Told, Error> {
        let mut showing = self.showing.lock().unwrap_or_else(PoisonError::into_inner);
        let showing = match &*showing {
            Some(showing) => showing.clone(),
            None => showing
                .insert(Arc::new(Showing {
                    made_up: Authority::made_up(x11.authority.as_ref())?,
                    x11: x11.clone(),
                    session,
                }))
                .clone(),
        };
        Ok(Told {
            protocol: showing.made_up.protocol.clone(),
            cookie: data_encoding::HEXLOWER.encode(&showing.made_up.data),
            screen: showing.x11.display.screen(),
        })
    }

    /// Lets a program on the host in, or refuses it; returns whether an X server is shown at all. The task ends with the channel.
    pub(crate) fn serve(&self, incoming: Incoming) -> bool {
        let showing = self.showing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(showing) = showing.clone() else {
            tracing::warn!("the server opens X11, which nobody asked for: refused");
            return false;
        };
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            tokio::spawn(async move {
                let _place = place;
                if let Err(error) = showing.forward(incoming).await {
                    showing.x11.refused(&error);
                }
            });
        }
        true
    }
}

impl Showing {
    async fn forward(&self, incoming: Incoming) -> Result<(), Error> {
        let Some(session) = self.session.upgrade() else {
            return Ok(());
        };
        let reply = incoming.reply;
        if self.x11.until.is_some_and(|until| until <= Instant::now()) {
            let prohibited = ChannelOpenFailure::AdministrativelyProhibited;
            reply.reject(prohibited).await;
            let reason = "the time for that is over";
            return Err(Error::Display { reason });
        }
        let mut local = match self.connect().await {
            Ok(local) => local,
            Err(error) => {
                reply.reject(ChannelOpenFailure::ConnectFailed).await;
                return Err(error);
            }
        };
        reply.accept().await;
        let mut way = Way::new(incoming.channel, session);
        let first = timeout(PATIENCE, self.setup(&mut way)).await;
        let Some(first) = first.unwrap_or_else(|_| Err(silent()))? else {
            return Ok(());
        };
        let joined = async {
            local.writer.write_all(&first).await?;
            relay(local, way).await
        };
        if let Err(error) = joined.await {
            tracing::debug!(%error, "an X11 connection ended early");
        }
        Ok(())
    }

    async fn connect(&self) -> Result<Halves, Error> {
        let mut failed = None;
        for address in self.x11.display.addresses() {
            let connected = timeout(PATIENCE, connect(&address)).await;
            match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(local) => return Ok(local),
                Err(source) => failed = Some((address, source)),
            }
        }
        let nowhere = || (Address::unix(""), io::ErrorKind::NotFound.into());
        let (address, source) = failed.unwrap_or_else(nowhere);
        Err(Error::ConnectLocal { address, source })
    }

    /// Waits until the program has said who it is, and returns what the X server is to hear instead; `None` where it
    /// leaves before.
    async fn setup(&self, way: &mut Way) -> Result<Option<Vec<u8>>, Error> {
        let mut said = Vec::new();
        loop {
            match way.reader.wait().await {
                Some(ChannelMsg::Data { data }) => said.extend_from_slice(&data),
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => return Ok(None),
                Some(_) => {}
            }
            match exchange(&said, &self.made_up, self.x11.authority.as_ref()) {
                Setup::More => {}
                Setup::Refused(reason) => return Err(Error::Display { reason }),
                Setup::Instead(first) => return Ok(Some(first)),
            }
        }
    }
}

fn silent() -> Error {
    Error::Display {
        reason: "it did not say in time who it is",
    }
}
