//! A host whose connection is made again when it is lost, and the SFTP channels on it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::files::error::SftpError;
use crate::files::sftp::Sftp;
use crate::session::Session;

/// How often a connection may be lost, or fail to come back, without a byte copied in between.
const MOST_LOSSES: u32 = 8;
/// The longest wait before another attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The most channels on one connection: sshd grants ten sessions unless told otherwise, and commands need some.
const MOST_CHANNELS: usize = 8;
/// How much of a round trip one more channel is worth: OpenSSH grants 2 MiB of window, which is 200 MB/s at this.
const TRIP: Duration = Duration::from_millis(10);
/// How large a file's part is at least that has a channel of its own, in bytes.
const STRIPE: u64 = 4 << 20;

type Made = Pin<Box<dyn Future<Output = Result<Session, Error>> + Send>>;
type Make = Box<dyn Fn() -> Made + Send + Sync>;

/// A host to copy to or from; clones share its connection.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    make: Option<Make>,
    live: Mutex<Live>,
    /// Held while the connection is made again.
    renewing: tokio::sync::Mutex<()>,
    opening: tokio::sync::Mutex<()>,
    turn: AtomicUsize,
    losses: AtomicUsize,
}

struct Live {
    generation: u64,
    session: Option<Session>,
    channels: Vec<Sftp>,
    /// Fewer, where the server has refused one.
    most: usize,
    trip: Duration,
}

/// One channel, and which of the connections it belongs to.
#[derive(Clone)]
pub(super) struct Channel {
    pub(super) sftp: Sftp,
    pub(super) generation: u64,
}

impl Host {
    /// Copies with this session, as long as it lasts.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self::with(Some(session), Vec::new(), None)
    }

    /// Copies with this session, and when it is lost with what `make` brings; it is called again while it fails, with
    /// growing waits, and given up where the cause will not go away or nothing is copied in between for eight times.
    pub fn persistent<F, S>(session: Session, make: F) -> Self
    where
        F: Fn() -> S + Send + Sync + 'static,
        S: Future<Output = Result<Session, Error>> + Send + 'static,
    {
        let make: Make = Box::new(move || Box::pin(make()));
        Self::with(Some(session), Vec::new(), Some(make))
    }

    /// Copies with the files that are open already, as long as they last: on more channels where they are a session's.
    ///
    /// # Errors
    /// As any request.
    pub async fn of_sftp(sftp: Sftp) -> Result<Self, SftpError> {
        let session = sftp.session().cloned();
        let asked = Instant::now();
        sftp.real_path(".").await?;
        let trip = asked.elapsed();
        let host = Self::with(session, vec![sftp], None);
        host.live(|live| live.trip = trip);
        Ok(host)
    }

    fn with(session: Option<Session>, channels: Vec<Sftp>, make: Option<Make>) -> Self {
        let live = Live {
            generation: 0,
            most: match &session {
                Some(_) => MOST_CHANNELS,
                None => channels.len(),
            },
            session,
            channels,
            trip: Duration::ZERO,
        };
        Self {
            inner: Arc::new(Inner {
                make,
                live: Mutex::new(live),
                renewing: tokio::sync::Mutex::default(),
                opening: tokio::sync::Mutex::default(),
                turn: AtomicUsize::new(0),
                losses: AtomicUsize::new(0),
            }),
        }
    }

    fn live<T>(&self, look: impl FnOnce(&mut Live) -> T) -> T {
        look(
            &mut self
                .inner
                .live
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    pub(super) fn generation(&self) -> u64 {
        self.live(|live| live.generation)
    }

    pub(super) fn session(&self) -> Option<Session> {
        self.live(|live| live.session.clone())
    }

    /// Returns a channel; the first one is opened when it is needed.
    pub(super) async fn channel(&self) -> Result<Channel, SftpError> {
        if let Some(channel) = self.next() {
            return Ok(channel);
        }
        let _one = self.inner.opening.lock().await;
        match self.next() {
            Some(channel) => Ok(channel),
            None => self.open().await,
        }
    }

    /// Returns one of those that are open, each in its turn.
    fn next(&self) -> Option<Channel> {
        let turn = self.inner.turn.fetch_add(1, Ordering::Relaxed);
        self.live(|live| {
            let sftp = live.channels.get(turn % live.channels.len().max(1))?;
            Some(Channel {
                sftp: sftp.clone(),
                generation: live.generation,
            })
        })
    }

    async fn open(&self) -> Result<Channel, SftpError> {
        let (session, generation) = self.live(|live| (live.session.clone(), live.generation));
        let Some(session) = session else {
            return Err(SftpError::Ended {
                stderr: String::new(),
            });
        };
        let asked = Instant::now();
        let channel = session.open_channel().await?;
        let trip = asked.elapsed();
        let sftp = session.sftp_on(channel).await?;
        self.live(|live| {
            if live.generation == generation {
                // Later ones wait for each other.
                if live.channels.is_empty() {
                    live.trip = trip;
                }
                live.channels.push(sftp.clone());
            }
        });
        Ok(Channel { sftp, generation })
    }

    /// Returns the channels that a file of this size is worth beside `first`, and opens those that are missing.
    pub(super) async fn others(&self, first: &Sftp, size: u64) -> Result<Vec<Sftp>, SftpError> {
        if self.stripes(size) == 1 {
            return Ok(Vec::new());
        }
        let _one = self.inner.opening.lock().await;
        let wanted = self.stripes(size);
        let missing = wanted.saturating_sub(self.live(|live| live.channels.len()));
        let mut opening = JoinSet::new();
        for _ in 0..missing {
            let host = self.clone();
            opening.spawn(async move { host.open().await.is_ok() });
        }
        let opened = opening.join_all().await;
        self.live(|live| {
            if opened.contains(&false) {
                live.most = live.channels.len().max(1);
            }
            let others = live.channels.iter().filter(|sftp| !sftp.is(first));
            Ok(others.take(wanted - 1).cloned().collect())
        })
    }

    /// How many channels a file is worth.
    fn stripes(&self, size: u64) -> usize {
        let (trip, most) = self.live(|live| (live.trip, live.most));
        stripes(size, trip).min(most)
    }

    /// Opens the channels that a file of this size is worth while something else is done, as long as the handle lives.
    pub(super) fn prepare(&self, size: u64) -> Option<AbortOnDropHandle<()>> {
        if stripes(size, Duration::MAX) == 1 {
            return None;
        }
        let host = self.clone();
        let opening = tokio::spawn(async move {
            // What fails here fails again where it is needed.
            if let Ok(first) = host.channel().await {
                host.others(&first.sftp, size).await.ok();
            }
        });
        Some(AbortOnDropHandle::new(opening))
    }

    /// Notes that bytes were copied: a loss after that is a new one.
    pub(super) fn advanced(&self) {
        self.inner.losses.store(0, Ordering::Relaxed);
    }

    /// Sees to it that there is another connection than the one that `error` has ended.
    pub(super) async fn renew(&self, lost: u64, error: SftpError) -> Result<(), SftpError> {
        let Some(make) = &self.inner.make else {
            return Err(error);
        };
        let _one = self.inner.renewing.lock().await;
        if self.live(|live| live.generation) != lost {
            return Ok(());
        }
        let mut error = error;
        loop {
            let losses = self.inner.losses.fetch_add(1, Ordering::Relaxed);
            let losses = u32::try_from(losses).unwrap_or(u32::MAX);
            if losses >= MOST_LOSSES {
                return Err(error);
            }
            tokio::time::sleep(wait(losses)).await;
            match make().await {
                Ok(session) => {
                    self.replace(session);
                    return Ok(());
                }
                Err(cause) if is_final(&cause) => return Err(cause.into()),
                Err(cause) => error = cause.into(),
            }
        }
    }

    fn replace(&self, session: Session) {
        self.live(|live| {
            live.generation += 1;
            live.session = Some(session);
            live.channels.clear();
        });
    }

    /// Asks again where the connection was lost.
    pub(super) async fn ask<T, F, S>(&self, request: F) -> Result<T, SftpError>
    where
        F: Fn(Sftp) -> S,
        S: Future<Output = Result<T, SftpError>>,
    {
        loop {
            let generation = self.live(|live| live.generation);
            let asked = async { request(self.channel().await?.sftp).await };
            match asked.await {
                Err(error) if error.is_lost() => self.renew(generation, error).await?,
                answered => return answered,
            }
        }
    }

    /// Waits a moment until what was told the server last is done, such as the removal of unfinished files.
    pub(super) async fn settle(&self, limit: Duration) {
        let channels = self.live(|live| live.channels.clone());
        let mut settling = JoinSet::new();
        for sftp in channels {
            settling.spawn(async move { sftp.real_path(".").await.ok() });
        }
        tokio::time::timeout(limit, settling.join_all()).await.ok();
    }
}

/// Whether another attempt would end as this one.
fn is_final(error: &Error) -> bool {
    !matches!(
        error,
        Error::Connect { .. }
            | Error::Timeout { .. }
            | Error::Tunnel { .. }
            | Error::TunnelExpired { .. }
            | Error::Handshake { .. }
            | Error::Disconnected { .. }
            | Error::Aws(_)
    )
}

/// How long to wait before the next attempt.
fn wait(losses: u32) -> Duration {
    match losses {
        0 => Duration::ZERO,
        more => {
            Duration::from_secs(1_u64.checked_shl(more - 1).unwrap_or(u64::MAX)).min(LONGEST_WAIT)
        }
    }
}

/// How many channels a file is worth.
fn stripes(size: u64, trip: Duration) -> usize {
    let by_trip = trip.as_millis() / TRIP.as_millis() + 1;
    let by_size = u128::from(size / STRIPE);
    usize::try_from(by_trip.min(by_size))
        .unwrap_or(MOST_CHANNELS)
        .clamp(1, MOST_CHANNELS)
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({:?})", self.session())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ways_and_large_files_have_more_channels() {
        for (mebibytes, millis, expected) in [
            (1024, 0, 1),
            (1024, 9, 1),
            (1024, 20, 3),
            (1024, 80, 8),
            (1024, 500, 8),
            (9, 80, 2),
            (1, 80, 1),
            (0, 80, 1),
        ] {
            let trip = Duration::from_millis(millis);
            assert_eq!(
                stripes(mebibytes << 20, trip),
                expected,
                "{mebibytes} MiB, {millis} ms"
            );
        }
    }

    #[test]
    fn the_first_attempt_follows_at_once() {
        let waits: Vec<_> = (0..7).map(|losses| wait(losses).as_secs()).collect();
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30]);
    }
}
