use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use russh::keys::PublicKey;
use tokio::time::Instant;

/// The most keys kept at once; the oldest go first. AWS's limit is not published.
const CAPACITY: usize = 4096;

/// The public keys that were pushed and have not expired.
#[derive(Debug)]
pub(crate) struct PushedKeys {
    life: Duration,
    delay: Duration,
    keys: Mutex<Vec<PushedKey>>,
}

#[derive(Debug)]
struct PushedKey {
    instance: String,
    os_user: String,
    key: PublicKey,
    visible: Instant,
    expires: Instant,
}

/// When a pushed key begins and ceases to be visible on its instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) visible: Instant,
    pub(crate) expires: Instant,
}

impl PushedKeys {
    /// Keys live for `life`, and become visible `delay` after they were pushed.
    pub(crate) fn new(life: Duration, delay: Duration) -> Self {
        Self {
            life,
            delay,
            keys: Mutex::default(),
        }
    }

    /// Takes in a key for a user of an instance.
    pub(crate) fn push(&self, instance: &str, os_user: &str, key: PublicKey, now: Instant) -> Life {
        let life = Life {
            visible: now + self.delay,
            expires: now + self.life,
        };
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|key| key.expires > now);
        if keys.len() >= CAPACITY {
            keys.remove(0);
        }
        keys.push(PushedKey {
            instance: instance.to_owned(),
            os_user: os_user.to_owned(),
            key,
            visible: life.visible,
            expires: life.expires,
        });
        life
    }

    /// The keys that may log in as this user now, in OpenSSH's format, one a line.
    pub(crate) fn authorized_keys(&self, instance: &str, os_user: &str, now: Instant) -> String {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let visible = keys
            .iter()
            .filter(|key| key.is_visible(instance, os_user, now));
        visible
            .filter_map(|key| Some(key.key.to_openssh().ok()? + "\n"))
            .collect()
    }

    /// Tells whether this key may log in as this user now.
    pub(crate) fn authorizes(
        &self,
        instance: &str,
        os_user: &str,
        key: &PublicKey,
        now: Instant,
    ) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let mut visible = keys
            .iter()
            .filter(|key| key.is_visible(instance, os_user, now));
        visible.any(|pushed| pushed.key.key_data() == key.key_data())
    }
}

impl PushedKey {
    fn is_visible(&self, instance: &str, os_user: &str, now: Instant) -> bool {
        let is_theirs = self.instance == instance && self.os_user == os_user;
        is_theirs && self.visible <= now && now < self.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn a_key_lives_from_its_delay_to_its_end_for_one_user_of_one_instance() {
        let seconds = Duration::from_secs;
        let keys = PushedKeys::new(seconds(60), seconds(2));
        let key: PublicKey = KEY.parse().unwrap();
        let start = Instant::now();
        let life = keys.push("i-1", "ec2-user", key.clone(), start);
        assert_eq!(life.visible, start + seconds(2));
        assert_eq!(life.expires, start + seconds(60));
        let cases = [
            ("i-1", "ec2-user", 0, false),
            ("i-1", "ec2-user", 2, true),
            ("i-1", "ec2-user", 59, true),
            ("i-1", "ec2-user", 60, false),
            ("i-1", "root", 2, false),
            ("i-2", "ec2-user", 2, false),
        ];
        for (instance, user, after, visible) in cases {
            let now = start + seconds(after);
            assert_eq!(keys.authorizes(instance, user, &key, now), visible);
            let lines = if visible {
                format!("{KEY}\n")
            } else {
                String::new()
            };
            assert_eq!(keys.authorized_keys(instance, user, now), lines);
        }
    }
}
