//! What to log in with.

use std::future::Future;

use russh::MethodKind;
use russh::keys::HashAlg;

use super::question::{Answers, Asker, Question};
use crate::identity::Identity;

/// How often a password is asked for, as ssh(1) does.
const TRIES: usize = 3;

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
    /// What keys may sign with; `None` for all that is safe.
    pub(crate) accepted: Option<Vec<String>>,
    /// How often answers are asked for that the server refuses.
    pub(crate) tries: usize,
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
            accepted: None,
            tries: TRIES,
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

    /// Asks this often for a password, or for answers, that the server refuses; three times by default. Nobody is asked
    /// where it is 0.
    #[must_use]
    pub fn tries(mut self, tries: usize) -> Self {
        self.tries = tries;
        self
    }

    /// Tries these methods only, in this order.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = LoginMethod>) -> Self {
        self.methods = methods.into_iter().map(MethodKind::from).collect();
        self
    }

    /// Offers keys for these algorithms only, by the names in the protocol (RFC 4252 §7); one that is broken, `ssh-rsa`,
    /// is used where it is among them and nothing better is.
    #[must_use]
    pub fn accepted(mut self, algorithms: impl IntoIterator<Item = String>) -> Self {
        self.accepted = Some(algorithms.into_iter().collect());
        self
    }

    /// What a key signs with, best first; nothing where it is not accepted at all.
    pub(super) fn hashes(&self, identity: &Identity, legacy: bool) -> Vec<Option<HashAlg>> {
        let safe = |name: &String| legacy || !name.starts_with("ssh-rsa");
        let accepts = |name: &String| match &self.accepted {
            Some(accepted) => accepted.contains(name),
            None => safe(name),
        };
        let all = identity.algorithms().into_iter();
        all.filter(|(name, _)| accepts(name))
            .map(|(_, hash)| hash)
            .collect()
    }

    /// Which of the methods that a server offers can be tried, in our order.
    pub(super) fn usable(&self, offered: &[MethodKind]) -> Vec<MethodKind> {
        let possible = |method: &MethodKind| match method {
            MethodKind::PublicKey => !self.identities.is_empty(),
            _ => self.asker.is_some() && self.tries > 0,
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
    fn keys_sign_with_what_is_accepted() {
        let rsa =
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAIQDIvaPAZNlAlmbfWkPUBLFX9HU5BAKDDaxkl0oYsrYNZQ==";
        let rsa = Identity::sealed(rsa, || async { None }).unwrap();
        let own = Identity::from(&EphemeralKey::generate().unwrap());
        let (best, second) = (Some(HashAlg::Sha512), Some(HashAlg::Sha256));
        let default = Credentials::default();
        let only = |name: &str| Credentials::default().accepted([name.to_owned()]);
        for (credentials, key, legacy, expected) in [
            (&default, &rsa, false, vec![best, second]),
            (&default, &rsa, true, vec![best, second, None]),
            (&default, &own, false, vec![None]),
            (&only("rsa-sha2-256"), &rsa, false, vec![second]),
            (&only("ssh-rsa"), &rsa, false, vec![None]),
            (&only("ssh-rsa"), &own, false, vec![]),
            (&only("ssh-ed25519"), &own, false, vec![None]),
            (
                &only("ssh-ed25519-cert-v01@openssh.com"),
                &own,
                false,
                vec![],
            ),
        ] {
            assert_eq!(
                credentials.hashes(key, legacy),
                expected,
                "{:?}",
                credentials.accepted
            );
        }
    }

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
