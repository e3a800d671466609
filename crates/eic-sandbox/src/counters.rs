use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What happened in a region so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: Mutex<BTreeMap<String, u64>>,
    pub(crate) tunnels: Counter,
    pub(crate) tunnel_bytes: Counter,
}

impl Counters {
    /// Counts a call. Only names of actions that exist are counted, so that there are few.
    pub(crate) fn count_call(&self, action: &str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(action.to_owned()).or_default() += 1;
    }

    pub(crate) fn calls(&self, action: &str) -> u64 {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(action).copied().unwrap_or_default()
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
