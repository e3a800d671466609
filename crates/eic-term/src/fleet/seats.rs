//! An endpoint takes 20 connections at a time
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/eice-quotas.html>).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::destination::Via;

/// How many connections an endpoint takes.
const CONNECTIONS: usize = 20;

/// Who uses which endpoint.
#[derive(Default)]
pub(crate) struct Seats {
    /// The room of all endpoints that lead to the same instances together, by their ids.
    rooms: Mutex<HashMap<Vec<String>, Arc<Semaphore>>>,
    used: Arc<Mutex<Used>>,
}

type Used = HashMap<String, usize>;

/// A connection of an endpoint; dropping it gives it back.
pub(crate) struct Seat {
    used: Arc<Mutex<Used>>,
    endpoint: String,
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    /// Waits for a connection of the emptiest endpoint among these ways; a direct way needs none.
    pub(crate) async fn take<'a>(
        &self,
        ways: impl Iterator<Item = &'a Via> + Clone,
    ) -> (Option<Seat>, Via) {
        let mut ids: Vec<_> = ways.clone().filter_map(endpoint).collect();
        ids.sort_unstable();
        ids.dedup();
        let room = self.room(ids);
        let permit = match room {
            Some(room) => room.acquire_owned().await.ok(),
            None => None,
        };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let via = emptiest(ways, &used).cloned().unwrap_or(Via::Direct);
        let seat = permit.zip(endpoint(&via)).map(|(permit, endpoint)| {
            *used.entry(endpoint.clone()).or_default() += 1;
            Seat {
                used: self.used.clone(),
                endpoint,
                _permit: permit,
            }
        });
        (seat, via)
    }

    fn room(&self, ids: Vec<String>) -> Option<Arc<Semaphore>> {
        if ids.is_empty() {
            return None;
        }
        let connections = ids.len() * CONNECTIONS;
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms
            .entry(ids)
            .or_insert_with(|| Arc::new(Semaphore::new(connections)));
        Some(room.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = used.get_mut(&self.endpoint) {
            *count = count.saturating_sub(1);
        }
    }
}

fn endpoint(via: &Via) -> Option<String> {
    match via {
        Via::Direct => None,
        Via::Endpoint { id, .. } => Some(id.clone()),
    }
}

/// The first of those ways that fewest use.
fn emptiest<'a>(ways: impl Iterator<Item = &'a Via>, used: &Used) -> Option<&'a Via> {
    ways.min_by_key(|via| match via {
        Via::Direct => 0,
        Via::Endpoint { id, .. } => used.get(id).copied().unwrap_or_default(),
    })
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
}
