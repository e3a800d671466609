//! Forwards that outlive their session: a lost one is made again, one that is about to end is relieved in time.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::address::{Address, Bind};
use super::dynamic::DynamicForward;
use super::local::LocalForward;
use super::proxy::RemoteProxy;
use super::remote::{Asked, Goal, RemoteForward};
use super::sessions::Sessions;
use crate::error::Error;
use crate::session::Session;

/// The longest wait before a next attempt; the first is a second.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long before the end of an endpoint's tunnel the next is opened.
const LEAD: Duration = Duration::from_secs(60);

type Make =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send>> + Send + Sync>;
type OnEvent = Arc<dyn Fn(PersistentEvent<'_>) + Send + Sync>;
type Remotes = Arc<Mutex<Vec<Weak<Asked>>>>;

/// What becomes of the session below persistent forwards.
#[derive(Debug)]
#[non_exhaustive]
pub enum PersistentEvent<'a> {
    /// The session was lost, and a next is being made.
    Lost(&'a Error),
    /// It could not be made; the next attempt follows after this wait.
    Failed(&'a Error, Duration),
    /// A lost session was made again.
    Restored,
    /// The next session is there, in time before the end of the old one. Old connections go on there.
    Relieved,
    /// The host listens for a remote forward (its words) no more; it is asked again after this wait.
    NotListening(&'a str, &'a Error, Duration),
}

/// Makes forwards that outlive their session.
///
/// What listens locally goes on listening while there is no session: new connections wait for the next, a minute at
/// most. Dropping it leaves the forwards to the last session.
///
/// ```no_run
/// # async fn example(connector: eic_term::Connector, target: eic_auth::Target) -> Result<(), eic_term::Error> {
/// # #[cfg(feature = "ec2")] {
/// use eic_term::Persistent;
/// let first = connector.connect(&target).await?;
/// let make = move || {
///     let (connector, target) = (connector.clone(), target.clone());
///     async move { connector.connect(&target).await }
/// };
/// let forwards = Persistent::new(first, make, |event| eprintln!("{event:?}"));
/// let database = forwards.forward_local(("localhost", 5432), ("db.internal", 5432)).await?;
/// # }
/// # Ok(()) }
/// ```
pub struct Persistent {
    latest: watch::Receiver<Option<Session>>,
    remotes: Remotes,
    _keeper: AbortOnDropHandle<()>,
}

impl Persistent {
    /// Begins with a session, and makes the next ones by `make`, which is called again and again until it succeeds:
    /// after a second at first, half a minute at last.
    pub fn new<F, S>(
        first: Session,
        make: F,
        on_event: impl Fn(PersistentEvent<'_>) + Send + Sync + 'static,
    ) -> Self
    where
        F: Fn() -> S + Send + Sync + 'static,
        S: Future<Output = Result<Session, Error>> + Send + 'static,
    {
        let (latest, watched) = watch::channel(Some(first.clone()));
        let remotes = Remotes::default();
        let keeper = Keeper {
            latest,
            remotes: remotes.clone(),
            make: Box::new(move || Box::pin(make())),
            on_event: Arc::new(on_event),
        };
        Self {
            latest: watched,
            remotes,
            _keeper: AbortOnDropHandle::new(tokio::spawn(keeper.keep(first))),
        }
    }

    /// Returns the session that new connections go to; `None` while there is none.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.latest.borrow().clone()
    }

    /// As [`Session::forward_local`].
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn forward_local(
        &self,
        on: impl Into<Bind>,
        to: impl Into<Address>,
    ) -> Result<LocalForward, Error> {
        LocalForward::start(self.sessions(), on.into(), to.into()).await
    }

    /// As [`Session::forward_dynamic`].
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn forward_dynamic(&self, on: impl Into<Bind>) -> Result<DynamicForward, Error> {
        DynamicForward::start(self.sessions(), on.into()).await
    }

    /// As [`Session::forward_remote`]. The next sessions ask for the port that the first one was given.
    ///
    /// # Errors
    /// [`Error::ListenRemote`] where the host says no, [`Error::Timeout`], or [`Error::Disconnected`].
    pub async fn forward_remote(
        &self,
        on: impl Into<Address>,
        to: impl Into<Address>,
    ) -> Result<RemoteForward, Error> {
        self.listen_remotely(on.into(), Goal::Address(to.into()))
            .await
    }

    /// As [`Session::forward_remote_dynamic`]; for the port, as [`forward_remote`](Self::forward_remote).
    ///
    /// # Errors
    /// As [`forward_remote`](Self::forward_remote).
    pub async fn forward_remote_dynamic(
        &self,
        on: impl Into<Address>,
        may_connect: impl Fn(&Address) -> bool + Send + Sync + 'static,
    ) -> Result<RemoteForward, Error> {
        let goal = Goal::Asked(RemoteProxy::new(may_connect));
        self.listen_remotely(on.into(), goal).await
    }

    async fn listen_remotely(&self, on: Address, to: Goal) -> Result<RemoteForward, Error> {
        let session = self.sessions().latest().await?;
        let forward = RemoteForward::start(&session, on, to).await?;
        let mut remotes = self.remotes.lock().unwrap_or_else(PoisonError::into_inner);
        remotes.push(Arc::downgrade(forward.asked()));
        Ok(forward)
    }

    fn sessions(&self) -> Sessions {
        Sessions::Latest(self.latest.clone())
    }
}

impl fmt::Debug for Persistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Persistent on {:?}", *self.latest.borrow())
    }
}

/// The task that sees to it that there is a session.
struct Keeper {
    latest: watch::Sender<Option<Session>>,
    remotes: Remotes,
    make: Make,
    on_event: OnEvent,
}

impl Keeper {
    async fn keep(self, first: Session) {
        let mut session = first;
        loop {
            session = tokio::select! {
                cause = session.closed() => {
                    self.latest.send_replace(None);
                    self.tell(PersistentEvent::Lost(&cause));
                    let next = self.make_again().await;
                    self.install(&next, PersistentEvent::Restored);
                    next
                }
                next = self.relief(session.expires().map(Instant::from_std)) => {
                    self.install(&next, PersistentEvent::Relieved);
                    next
                }
                () = self.move_remotes(&session) => session,
            };
        }
    }

    fn tell(&self, event: PersistentEvent<'_>) {
        (self.on_event)(event);
    }

    fn install(&self, session: &Session, event: PersistentEvent<'_>) {
        self.latest.send_replace(Some(session.clone()));
        self.tell(event);
    }

    /// Makes a session, however long that takes.
    async fn make_again(&self) -> Session {
        for attempt in 0.. {
            match (self.make)().await {
                Ok(session) => return session,
                Err(cause) => {
                    let wait = backoff(attempt);
                    self.tell(PersistentEvent::Failed(&cause, wait));
                    sleep(wait).await;
                }
            }
        }
        pending().await
    }

    /// Makes the next session when the end of one is near.
    async fn relief(&self, expires: Option<Instant>) -> Session {
        match expires {
            Some(expires) => sleep_until(expires - lead(expires - Instant::now())).await,
            None => pending().await,
        }
        self.make_again().await
    }

    /// Makes this session listen for every remote forward, and then waits for ever.
    async fn move_remotes(&self, session: &Session) {
        for attempt in 0.. {
            let wait = backoff(attempt);
            let mut missing = false;
            for asked in self.missing(session) {
                if let Err(cause) = asked.move_to(session).await {
                    missing = true;
                    self.tell(PersistentEvent::NotListening(
                        &asked.to_string(),
                        &cause,
                        wait,
                    ));
                }
            }
            if !missing {
                break;
            }
            sleep(wait).await;
        }
        pending().await
    }

    /// The remote forwards that another session listens for, or none.
    fn missing(&self, session: &Session) -> Vec<Arc<Asked>> {
        let mut remotes = self.remotes.lock().unwrap_or_else(PoisonError::into_inner);
        remotes.retain(|one| one.strong_count() > 0);
        let alive = remotes.iter().filter_map(Weak::upgrade);
        alive.filter(|one| !one.is_on(session)).collect()
    }
}

/// The wait after a number of failures: it doubles.
fn backoff(attempt: u32) -> Duration {
    let doubled = 1_u64.checked_shl(attempt).unwrap_or(u64::MAX);
    Duration::from_secs(doubled).min(LONGEST_WAIT)
}

/// How long before its end a session with this much time left is relieved.
fn lead(left: Duration) -> Duration {
    LEAD.min(left / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let waits: Vec<_> = (0..7).map(|attempt| backoff(attempt).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff(1000), LONGEST_WAIT);
    }

    #[test]
    fn sessions_are_relieved_a_minute_before_their_end_short_ones_after_three_quarters() {
        for (left, expected) in [(3600, 60), (240, 60), (8, 2), (0, 0)] {
            assert_eq!(
                lead(Duration::from_secs(left)).as_secs(),
                expected,
                "{left}"
            );
        }
    }
}
