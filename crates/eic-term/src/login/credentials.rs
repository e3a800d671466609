//! What to log in with.

use std::future::Future;

use russh::MethodKind;

use super::question::{Answers, Asker, Question};
use crate::identity::Identity;

/// A way to log in (RFC 4252 §7 and §8, RFC 4256).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// A key.
    PublicKey,
    /// Whatever the server asks.
    KeyboardInteractive,
    /// A password.
    Password,
}

impl From<LoginMethod> for MethodKind {
    fn from(method: LoginMethod) -> Self {
        match method {
            LoginMethod::PublicKey => Self::PublicKey,
            LoginMethod::KeyboardInteractive => Self::KeyboardInteractive,
            LoginMethod::Password => Self::Password,
        }
    }
}

/// What to log in with: keys, and somebody who can be asked for what else the server wants.
///
/// ```
/// # fn example(identity: eic_term::Identity) {
/// use eic_term::Credentials;
/// let credentials = Credentials::default().identity(identity);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Credentials {
    pub(crate) identities: Vec<Identity>,
    pub(crate) asker: Option<Asker>,
    pub(crate) methods: Vec<MethodKind>,
    /// Whether the keys were pushed by EC2 Instance Connect.
    pub(crate) pushed: bool,
}

impl Default for Credentials {
    /// Nothing, by all methods in ssh(1)'s order.
    fn default() -> Self {
        use LoginMethod::{KeyboardInteractive, Password, PublicKey};
        let methods = [PublicKey, KeyboardInteractive, Password];
        Self {
            identities: Vec::new(),
            asker: None,
            methods: methods.map(MethodKind::from).to_vec(),
            pushed: false,
        }
    }
}

impl Credentials {
    /// Adds a key; keys are offered in turn.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// Asks a person for passwords and whatever else a server wants to know. Without it such a login is refused.
    #[must_use]
    pub fn on_question<F>(mut self, ask: impl Fn(Question) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answers> + Send + 'static,
    {
        self.asker = Some(Asker::new(ask));
        self
    }

    /// Tries these methods only, in this order.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = LoginMethod>) -> Self {
        self.methods = methods.into_iter().map(MethodKind::from).collect();
        self
    }

    /// Which of the methods that a server offers can be tried, in our order.
    pub(super) fn usable(&self, offered: &[MethodKind]) -> Vec<MethodKind> {
        let possible = |method: &MethodKind| match method {
            MethodKind::PublicKey => !self.identities.is_empty(),
            _ => self.asker.is_some(),
        };
        let ours = self.methods.iter().copied().filter(possible);
        ours.filter(|method| offered.contains(method)).collect()
    }
}

impl From<Identity> for Credentials {
    fn from(identity: Identity) -> Self {
        Self::default().identity(identity)
    }
}

impl From<&Identity> for Credentials {
    fn from(identity: &Identity) -> Self {
        Self::from(identity.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eic_auth::EphemeralKey;

    #[test]
    fn only_what_can_be_tried_is() {
        use MethodKind::{HostBased, KeyboardInteractive, Password, PublicKey};
        let key = Identity::from(&EphemeralKey::generate().unwrap());
        let with_key = Credentials::from(&key);
        let both = Credentials::from(&key).on_question(|_| async { None });
        let password = both.clone().methods([LoginMethod::Password]);
        let offered = [HostBased, Password, PublicKey, KeyboardInteractive];
        assert_eq!(Credentials::default().usable(&offered), []);
        assert_eq!(with_key.usable(&offered), [PublicKey]);
        assert_eq!(with_key.usable(&[Password]), []);
        let all = [PublicKey, KeyboardInteractive, Password];
        assert_eq!(both.usable(&offered), all);
        assert_eq!(password.usable(&offered), [Password]);
    }
}
