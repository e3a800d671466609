//! The cache's part in one login: what it knew before, and what it is to know from now on.

use std::sync::{Arc, Mutex, PoisonError};

use eic_auth::{Endpoint, Instance, Selector};
use eic_term::{ConnectOptions, Connector, Destination};

use super::cache::Cache;

/// What is remembered of a target, and what a login looks up about it.
#[derive(Default)]
pub(crate) struct Memory {
    cache: Option<Cache>,
    recalled: Option<(Instance, Vec<Endpoint>)>,
    found: Arc<Mutex<Option<LookedUp>>>,
}

/// An instance, and the endpoint that leads there.
type LookedUp = (Instance, Option<Endpoint>);

impl Memory {
    /// Listens to what logins with these options look up.
    pub(crate) fn of(options: &mut ConnectOptions) -> Self {
        let memory = Self::default();
        let found = memory.found.clone();
        options.on_found(move |instance, endpoint| {
            let new = (instance.clone(), endpoint.cloned());
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
        });
        memory
    }

    /// Recalls what a selector meant the last time; without a cache nothing, now and later.
    pub(crate) fn recall(&mut self, cache: Option<Cache>, selector: &Selector) {
        self.recalled = cache.as_ref().and_then(|cache| cache.recall(selector));
        self.cache = cache;
    }

    /// Where that was.
    pub(crate) fn destination(&self, connector: &Connector) -> Option<Destination> {
        let (instance, endpoints) = self.recalled.as_ref()?;
        let place = connector.place(instance, endpoints).ok()?;
        Some(place.destination())
    }

    /// Remembers what was found, or that what was remembered has been of use.
    pub(crate) fn keep(&self) {
        let Some(cache) = &self.cache else {
            return;
        };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (instance, endpoint) = match found.take() {
            Some((instance, endpoint)) => (Some(instance), endpoint),
            None => (self.recalled.clone().map(|(instance, _)| instance), None),
        };
        cache.remember(instance.as_slice(), endpoint.as_slice(), true);
    }
}
