//! Many logins at a time, in the room that AWS and the machine give.

mod pace;
mod place;
mod seats;

use std::sync::Arc;
use std::time::Duration;

use eic_auth::{Error as Aws, OsUser, TunnelError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

pub(crate) use pace::Pace;
pub use place::Place;
use seats::{Seat, Seats};

use crate::connect::Connector;
use crate::destination::{Destination, Via};
use crate::error::Error;
use crate::session::Session;
use crate::timeline::Step;

/// How long a host that does not answer keeps others from theirs.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many may wait for an answer outside of their turn, for each that may work.
const WAITING: usize = 4;
/// How long to wait, the first time, for an endpoint whose connections others have used up.
const PAUSE: Duration = Duration::from_millis(500);
/// How often to try such an endpoint.
const TRIES: u32 = 5;

/// Keeps many logins within limits: so many at once, 20 a time through an endpoint, and API calls no faster than AWS
/// takes them.
///
/// ```no_run
/// # async fn example(
/// #     connector: eic_term::Connector,
/// #     places: Vec<eic_term::Place>,
/// # ) -> Result<(), eic_term::Error> {
/// let fleet = eic_term::Fleet::new(32);
/// for place in places {
///     let (fleet, connector) = (fleet.clone(), connector.clone());
///     tokio::spawn(async move {
///         let mut turn = fleet.turn(&place).await;
///         let session = turn.log_in(&connector, None).await?;
///         session.command("uptime").output().await
///     });
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Fleet {
    slots: Arc<Semaphore>,
    /// Those that wait for an answer outside of their turn.
    waiting: Arc<Semaphore>,
    seats: Arc<Seats>,
    pace: Arc<Pace>,
}

impl Fleet {
    /// Lets so many work at a time.
    #[must_use]
    pub fn new(parallel: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(parallel.max(1))),
            waiting: Arc::new(Semaphore::new(parallel.max(1) * WAITING)),
            seats: Arc::default(),
            pace: Arc::default(),
        }
    }

    /// Waits until it is a host's turn; those that wait for a full endpoint keep nobody else from theirs.
    pub async fn turn(&self, place: &Place) -> Turn {
        let (seat, via) = self.seats.take(place.ways()).await;
        let slot = slot(&self.slots).await;
        Turn {
            destination: Destination {
                id: place.id.clone(),
                address: place.address,
                via,
            },
            fleet: self.clone(),
            place: place.clone(),
            slot,
            seat,
        }
    }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fleet({} free)", self.slots.available_permits())
    }
}

/// A host's turn. Drop it when the session is over, which lets the next one work.
pub struct Turn {
    destination: Destination,
    fleet: Fleet,
    place: Place,
    slot: Option<OwnedSemaphorePermit>,
    seat: Option<Seat>,
}

impl Turn {
    /// Returns where the connection goes.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Logs in. A host that takes more than two seconds lets others work meanwhile, and waits for its turn again. Where
    /// an endpoint lets nobody through, another one of the place takes over, for all later turns, too.
    ///
    /// # Errors
    /// As [`Connector::connect_to`]. Throttled calls are tried again for a minute.
    pub async fn log_in(
        &mut self,
        connector: &Connector,
        user: Option<&OsUser>,
    ) -> Result<Session, Error> {
        loop {
            match self.try_log_in(connector, user).await {
                Err(error) if is_shut(&error) && self.take_another_way().await => {}
                done => return done,
            }
        }
    }

    /// Leaves an endpoint for good; `false` where there is no other.
    async fn take_another_way(&mut self) -> bool {
        let seats = &self.fleet.seats;
        seats.lose(&self.destination.via);
        if !seats.has_other(self.place.ways()) {
            return false;
        }
        // Those who have a seat over there may wait for our slot.
        (self.seat, self.slot) = (None, None);
        (self.seat, self.destination.via) = seats.take(self.place.ways()).await;
        self.slot = slot(&self.fleet.slots).await;
        true
    }

    /// Logs in over a stream that leads there, once it is open; else as [`log_in`](Self::log_in).
    ///
    /// # Errors
    /// Those of opening the stream, or of [`Connector::connect_over`].
    pub async fn log_in_over<S>(
        &mut self,
        connector: &Connector,
        user: Option<&OsUser>,
        stream: impl Future<Output = Result<S, Error>>,
    ) -> Result<Session, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (connector, to) = (self.paced(connector), self.destination.clone());
        let work = async { connector.connect_over(&to, user, stream.await?).await };
        self.patiently(work).await
    }

    async fn try_log_in(
        &mut self,
        connector: &Connector,
        user: Option<&OsUser>,
    ) -> Result<Session, Error> {
        let (connector, to) = (self.paced(connector), self.destination.clone());
        self.patiently(connect(&connector, &to, user)).await
    }

    fn paced(&self, connector: &Connector) -> Connector {
        let mut connector = connector.clone();
        connector.api = connector.api.without_throttling_retries();
        connector.options.pace = Some(self.fleet.pace.clone());
        connector
    }

    async fn patiently(
        &mut self,
        work: impl Future<Output = Result<Session, Error>>,
    ) -> Result<Session, Error> {
        tokio::pin!(work);
        let done = tokio::select! {
            done = &mut work => done,
            room = room(self.fleet.waiting.clone()) => {
                self.slot = None;
                let done = work.await;
                drop(room);
                done
            }
        };
        if self.slot.is_none() && done.is_ok() {
            self.slot = slot(&self.fleet.slots).await;
        }
        done
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Turn({})", self.destination.id)
    }
}

/// Room to wait outside of one's turn, for who has been patient.
async fn room(waiting: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    sleep(PATIENCE).await;
    waiting.acquire_owned().await.ok()
}

/// The semaphore is never closed.
async fn slot(slots: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    slots.clone().acquire_owned().await.ok()
}

/// Others use the endpoint too, and may have its last connection.
async fn connect(
    connector: &Connector,
    to: &Destination,
    user: Option<&OsUser>,
) -> Result<Session, Error> {
    for attempt in 1..TRIES {
        match connector.connect_to(to, user).await {
            Err(error) if matches!(to.via, Via::Endpoint { .. }) && is_full(&error) => {
                sleep(PAUSE * attempt).await;
            }
            done => return done,
        }
    }
    connector.connect_to(to, user).await
}

/// Whether an endpoint lets nobody through: it does not answer, or this user may not use it.
fn is_shut(error: &Error) -> bool {
    let error = match error {
        Error::Aws(Aws::Tunnel(error)) => error,
        Error::Timeout { step, .. } => return *step == Step::OpenTunnel,
        _ => return false,
    };
    match error {
        TunnelError::Connect { .. }
        | TunnelError::Tls { .. }
        | TunnelError::Upgrade { .. }
        | TunnelError::Timeout { .. } => true,
        TunnelError::Refused { status, .. } => *status == 403 || *status >= 500,
        _ => false,
    }
}

/// Whether an endpoint has no connection left.
fn is_full(error: &Error) -> bool {
    let Error::Aws(Aws::Tunnel(TunnelError::Refused { status, code, .. })) = error else {
        return false;
    };
    *status == 429
        || code
            .as_deref()
            .is_some_and(|code| code.contains("Quota") || code.contains("Throttl"))
}
