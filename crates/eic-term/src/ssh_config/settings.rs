//! What has been said so far.

use std::collections::BTreeMap;

use super::keyword::Key;
use super::value::Value;

/// Each setting's value, in the order of the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings(BTreeMap<Key, Value>);

impl Settings {
    /// Takes what is said, where nothing was before it or where it adds to that (ssh_config(5): the first value
    /// that is found is used).
    pub(super) fn say(&mut self, key: Key, value: Value) {
        if self.is_decided(key) {
            return;
        }
        let gathers = key.row().is_some_and(|row| row.kind.gathers().is_some());
        let value = match self.0.remove(&key) {
            Some(first) if gathers => first.gather(value),
            Some(first) => first.join(value),
            None => Value::nothing_like(&value).map_or(value.clone(), |none| none.join(value)),
        };
        self.0.insert(key, value);
    }

    /// Of a command to connect by and of hosts on the way the one that comes first holds.
    fn is_decided(&self, key: Key) -> bool {
        match key {
            Key::ProxyCommand => self.has(Key::ProxyJump),
            Key::ProxyJump => self.has(Key::ProxyCommand),
            _ => false,
        }
    }

    /// Takes what is said, whatever was before.
    pub(super) fn put(&mut self, key: Key, value: Value) {
        self.0.insert(key, value);
    }

    /// As [`Self::put`] for one of a setting's words.
    pub(super) fn put_word(&mut self, key: Key, word: &'static str) {
        self.put(key, Value::Word(word));
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.0.remove(&key);
    }

    pub(super) fn has(&self, key: Key) -> bool {
        self.0.contains_key(&key)
    }

    pub(super) fn get(&self, key: Key) -> Option<&Value> {
        self.0.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Value> {
        self.0.get_mut(&key)
    }

    pub(super) fn text(&self, key: Key) -> Option<&str> {
        self.get(key).and_then(Value::text)
    }

    pub(super) fn number(&self, key: Key) -> Option<i64> {
        self.get(key).and_then(Value::number)
    }

    pub(super) fn list(&self, key: Key) -> &[String] {
        self.get(key).map_or(&[], Value::list)
    }

    pub(super) fn is(&self, key: Key, word: &str) -> bool {
        self.text(key) == Some(word)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Value)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }
}
