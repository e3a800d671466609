//! An endpoint takes 20 connections at a time
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/eice-quotas.html>).

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::destination::Via;

/// How many connections an endpoint takes.
const CONNECTIONS: usize = 20;

/// Who uses which endpoint.
#[derive(Default)]
pub(crate) struct Seats(Mutex<Endpoints>);

#[derive(Default)]
struct Endpoints {
    /// What each has left, by its id.
    free: HashMap<String, Arc<Semaphore>>,
    /// Those that have let nobody through.
    lost: HashSet<String>,
}

/// A connection of an endpoint; dropping it gives it back.
pub(crate) struct Seat(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Seats {
    /// Waits for a connection of any endpoint among these ways, the emptiest one first; a direct way needs none. One
    /// that is lost is only taken where there is no other.
    pub(crate) async fn take<'a>(
        &self,
        ways: impl Iterator<Item = &'a Via> + Clone,
    ) -> (Option<Seat>, Via) {
        loop {
            let (open, queues): (Vec<_>, Vec<_>) = self.open(ways.clone()).into_iter().unzip();
            let waiting = queues.into_iter().map(|one| Box::pin(one.acquire_owned()));
            let Some((number, permit)) = first(waiting.collect()).await else {
                return (None, Via::Direct);
            };
            let Some(via) = open.get(number) else {
                return (None, Via::Direct);
            };
            // It may have been lost meanwhile.
            if !self.is_lost(via) || !self.has_other(ways.clone()) {
                return (permit.ok().map(Seat), (*via).clone());
            }
        }
    }

    /// Notes that a way leads nowhere.
    pub(crate) fn lose(&self, way: &Via) {
        if let Via::Endpoint { id, .. } = way {
            self.lock().lost.insert(id.clone());
        }
    }

    /// Whether a way is left that is not lost.
    pub(crate) fn has_other<'a>(&self, mut ways: impl Iterator<Item = &'a Via>) -> bool {
        ways.any(|way| !self.is_lost(way))
    }

    fn is_lost(&self, way: &Via) -> bool {
        matches!(way, Via::Endpoint { id, .. } if self.lock().lost.contains(id))
    }

    /// The endpoints that can be tried, the emptiest one first, and what they have left.
    fn open<'a>(
        &self,
        ways: impl Iterator<Item = &'a Via> + Clone,
    ) -> Vec<(&'a Via, Arc<Semaphore>)> {
        let has_other = self.has_other(ways.clone());
        let mut endpoints = self.lock();
        let mut open = Vec::new();
        for way in ways {
            let Via::Endpoint { id, .. } = way else {
                return Vec::new();
            };
            if has_other && endpoints.lost.contains(id) {
                continue;
            }
            let new = || Arc::new(Semaphore::new(CONNECTIONS));
            let free = endpoints.free.entry(id.clone()).or_insert_with(new);
            open.push((way, free.clone()));
        }
        open.sort_by_key(|(_, free)| Reverse(free.available_permits()));
        open
    }

    fn lock(&self) -> MutexGuard<'_, Endpoints> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes first, and its number; `None` where there is nothing to wait for. The others leave their queues.
async fn first<F: Future>(mut waiting: Vec<Pin<Box<F>>>) -> Option<(usize, F::Output)> {
    poll_fn(|cx| {
        for (number, one) in waiting.iter_mut().enumerate() {
            if let Poll::Ready(output) = one.as_mut().poll(cx) {
                return Poll::Ready(Some((number, output)));
            }
        }
        match waiting.is_empty() {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn through(id: &str) -> Via {
        Via::Endpoint {
            id: id.to_owned(),
            host: String::new(),
        }
    }

    #[tokio::test]
    async fn connections_are_spread_and_limited() {
        let seats = Seats::default();
        let ways = [through("eice-1"), through("eice-2")];
        let mut taken = Vec::new();
        for _ in 0..2 * CONNECTIONS {
            taken.push(seats.take(ways.iter()).await);
        }
        let first = taken.iter().filter(|(_, via)| *via == through("eice-1"));
        assert_eq!(first.count(), CONNECTIONS);
        let more = async || {
            let more = seats.take(ways.iter().rev());
            tokio::time::timeout(Duration::from_millis(10), more).await
        };
        assert!(more().await.is_err(), "both are full");
        let (direct, _) = seats.take([Via::Direct].iter()).await;
        assert!(direct.is_none(), "which holds up nobody else");
        let (_, freed) = taken.pop().unwrap();
        assert_eq!(more().await.unwrap().1, freed);
    }

    #[tokio::test]
    async fn what_is_lost_is_left_to_the_others_as_long_as_there_are_some() {
        let seats = Seats::default();
        let [one, two] = [through("eice-1"), through("eice-2")];
        let ways = [one.clone(), two.clone()];
        seats.lose(&one);
        let mut taken = Vec::new();
        for _ in 0..CONNECTIONS {
            taken.push(seats.take(ways.iter()).await);
        }
        assert!(taken.iter().all(|(_, via)| *via == two));
        let mut waiting = Box::pin(seats.take(ways.iter()));
        let soon = tokio::time::timeout(Duration::from_millis(10), &mut waiting).await;
        assert!(soon.is_err(), "never more than an endpoint takes");
        seats.lose(&two);
        taken.pop();
        assert_eq!(waiting.await.1, two, "a lost one where there is no other");
    }
}
