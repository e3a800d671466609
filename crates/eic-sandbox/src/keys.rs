use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use russh::keys::PublicKey;
use tokio::time::Instant;

/// The most keys kept at once; the oldest go first. AWS's limit is not published.
const CAPACITY: usize = 4096;

/// The public keys that may log in: those pushed and not expired, and permanent ones.
#[derive(Debug)]
pub(crate) struct Keys {
    life: Duration,
    delay: Duration,
    /// Those that were there from the launch, for every user.
    permanent: Vec<PublicKey>,
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

impl Keys {
    /// Keys live for `life`, and become visible `delay` after they were pushed.
    pub(crate) fn new(life: Duration, delay: Duration, permanent: Vec<PublicKey>) -> Self {
        Self {
            life,
            delay,
            permanent,
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

    /// Tells whether this key may log in as this user now.
    pub(crate) fn authorizes(
        &self,
        instance: &str,
        os_user: &str,
        key: &PublicKey,
        now: Instant,
    ) -> bool {
        let pushed = self.pushed(instance, os_user, now);
        let mut all = self.permanent.iter().chain(&pushed);
        all.any(|admitted| admitted.key_data() == key.key_data())
    }

    /// The keys pushed for this user that are visible now.
    pub(crate) fn pushed(&self, instance: &str, os_user: &str, now: Instant) -> Vec<PublicKey> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let visible = keys
            .iter()
            .filter(|key| key.is_visible(instance, os_user, now));
        visible.map(|key| key.key.clone()).collect()
    }

    /// The keys that every user of every instance has.
    pub(crate) fn permanent(&self) -> &[PublicKey] {
        &self.permanent
    }
}

/// Keys as the text of an OpenSSH `authorized_keys` file.
pub(crate) fn authorized_keys(keys: &[PublicKey]) -> String {
    let line = |key: &PublicKey| Some(key.to_openssh().ok()? + "\n");
    keys.iter().filter_map(line).collect()
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
    fn a_permanent_key_is_everyones() {
        let key: PublicKey = KEY.parse().unwrap();
        let keys = Keys::new(Duration::ZERO, Duration::ZERO, vec![key.clone()]);
        assert!(keys.authorizes("i-1", "anyone", &key, Instant::now()));
        assert_eq!(authorized_keys(keys.permanent()), format!("{KEY}\n"));
    }

    #[test]
    fn a_key_lives_from_its_delay_to_its_end_for_one_user_of_one_instance() {
        let seconds = Duration::from_secs;
        let keys = Keys::new(seconds(60), seconds(2), Vec::new());
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
            let lines = format!("{KEY}\n").repeat(usize::from(visible));
            assert_eq!(authorized_keys(&keys.pushed(instance, user, now)), lines);
        }
    }
}
