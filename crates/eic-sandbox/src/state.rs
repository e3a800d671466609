use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use russh::keys::PublicKey;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::counters::Counters;
use crate::credentials::AccessKey;
use crate::faults::Faults;
use crate::fleet::{Fleet, InstanceEntry};
use crate::host::Host;
use crate::keys::Keys;

/// What the servers of a region share.
pub(crate) struct State {
    pub(crate) fleet: Fleet,
    pub(crate) access_key: AccessKey,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) keys: Arc<Keys>,
    pub(crate) started: SystemTime,
    /// By instance id.
    pub(crate) hosts: BTreeMap<String, Arc<Host>>,
    /// What `GetConsoleOutput` shows, by instance id.
    pub(crate) consoles: BTreeMap<String, String>,
    /// The port of each endpoint, by its id.
    pub(crate) endpoint_ports: BTreeMap<String, u16>,
    pub(crate) throttled_calls: AtomicU64,
    /// When the current second began, and how many calls it has seen.
    pub(crate) second: Mutex<Option<(Instant, u64)>>,
    /// Tasks that make keys appear and vanish in the files of real sshds.
    pub(crate) publishers: Mutex<JoinSet<()>>,
}

impl State {
    /// Tells whether this API call is one of those to be throttled.
    pub(crate) fn throttles_call(&self) -> bool {
        let fewer = |left: u64| left.checked_sub(1);
        let counted = self
            .throttled_calls
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
        counted.is_ok() || self.is_too_many(Instant::now())
    }

    /// Tells whether this second has seen as many calls as it may.
    fn is_too_many(&self, now: Instant) -> bool {
        let Some(most) = self.faults.calls_a_second else {
            return false;
        };
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, calls) = second
            .filter(|(began, _)| now < *began + Duration::from_secs(1))
            .unwrap_or((now, 0));
        *second = Some((began, calls + 1));
        calls >= most
    }

    pub(crate) fn instance(&self, id: &str) -> Option<&InstanceEntry> {
        self.fleet
            .instances
            .iter()
            .find(|instance| instance.id == id)
    }

    /// The ARN of the region's one user.
    pub(crate) fn user_arn(&self) -> String {
        format!("arn:aws:iam::{}:user/sandbox", self.fleet.account)
    }

    /// Takes in a pushed key; when this returns, the instance sees it (unless it is delayed).
    pub(crate) fn push_key(&self, instance: &str, os_user: &str, key: PublicKey) {
        if self.faults.ignored_key {
            return;
        }
        let life = self.keys.push(instance, os_user, key, Instant::now());
        let Some(host) = self.hosts.get(instance) else {
            return;
        };
        if !matches!(**host, Host::Sshd(_)) {
            return;
        }
        self.publish_at(Instant::now(), host, instance, os_user);
        self.publish_at(life.visible, host, instance, os_user);
        self.publish_at(life.expires, host, instance, os_user);
    }

    fn publish_at(&self, time: Instant, host: &Arc<Host>, instance: &str, os_user: &str) {
        let keys = Arc::clone(&self.keys);
        let (host, instance, os_user) = (Arc::clone(host), instance.to_owned(), os_user.to_owned());
        let publish = move || {
            let Host::Sshd(sshd) = &*host else { return };
            if let Err(error) = sshd.publish(&instance, &os_user, &keys) {
                tracing::warn!(%error, instance, "cannot write the authorized keys");
            }
        };
        if time <= Instant::now() {
            return publish();
        }
        let mut publishers = self
            .publishers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while publishers.try_join_next().is_some() {}
        publishers.spawn(async move {
            sleep_until(time).await;
            publish();
        });
    }
}

#[cfg(test)]
impl State {
    /// The built-in fleet, without any host.
    pub(crate) fn for_tests(faults: Faults) -> Self {
        Self {
            fleet: Fleet::BUILT_IN.parse().unwrap(),
            access_key: AccessKey::generate().unwrap(),
            counters: Counters::default(),
            keys: Arc::new(Keys::new(
                Duration::from_secs(60),
                Duration::ZERO,
                Vec::new(),
            )),
            started: SystemTime::UNIX_EPOCH,
            hosts: BTreeMap::new(),
            consoles: BTreeMap::new(),
            endpoint_ports: BTreeMap::new(),
            throttled_calls: AtomicU64::new(faults.throttled_calls),
            second: Mutex::default(),
            publishers: Mutex::default(),
            faults,
        }
    }
}
