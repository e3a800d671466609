//! The connections of one forward: how many there are, and what becomes of those that fail.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::listener::{Accepted, Listener};
use crate::error::Error;

/// The pause after a connection that could not be accepted, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Receives why a connection was not forwarded.
type OnRefused = Arc<dyn Fn(&Error) + Send + Sync>;

/// What is known of one forward's connections.
#[derive(Default)]
pub(crate) struct Traffic {
    open: AtomicUsize,
    on_refused: Mutex<Option<OnRefused>>,
}

impl Traffic {
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn on_refused(&self, on_refused: impl Fn(&Error) + Send + Sync + 'static) {
        let mut current = self
            .on_refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::new(on_refused));
    }

    fn refused(&self, error: &Error) {
        tracing::debug!(%error, "a connection was not forwarded");
        let current = self
            .on_refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(on_refused) = current {
            on_refused(error);
        }
    }

    /// Counts a connection as long as it lives, and tells of one that is refused.
    pub(crate) async fn follow(
        self: Arc<Self>,
        connection: impl Future<Output = Result<(), Error>>,
    ) {
        let _counted = Counted::new(&self);
        if let Err(error) = connection.await {
            self.refused(&error);
        }
    }
}

/// One of those counted, as long as it lives.
struct Counted<'a>(&'a Traffic);

impl<'a> Counted<'a> {
    fn new(traffic: &'a Traffic) -> Self {
        traffic.open.fetch_add(1, Ordering::Relaxed);
        Self(traffic)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts connections and serves each by a task of its own; all end with the handles.
pub(crate) fn serve<F, S>(
    listeners: Vec<Listener>,
    traffic: &Arc<Traffic>,
    serve: F,
) -> Vec<AbortOnDropHandle<()>>
where
    F: Fn(Accepted) -> S + Clone + Send + Sync + 'static,
    S: Future<Output = Result<(), Error>> + Send + 'static,
{
    let start = |listener| {
        let task = accept(listener, traffic.clone(), serve.clone());
        AbortOnDropHandle::new(tokio::spawn(task))
    };
    listeners.into_iter().map(start).collect()
}

/// What goes wrong with one connection ends that one only.
async fn accept<F, S>(listener: Listener, traffic: Arc<Traffic>, serve: F)
where
    F: Fn(Accepted) -> S,
    S: Future<Output = Result<(), Error>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => {
                    connections.spawn(traffic.clone().follow(serve(accepted)));
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
