//! The login (RFC 4252): keys first, then what a person can answer, as often as the server wants more.

use std::time::Duration;

use russh::MethodKind;
use russh::keys::ssh_key::public::RsaPublicKey;

use crate::connection::Connection;
use crate::error::Error;
use crate::identity::Identity;
use crate::session::Session;

mod attempt;
mod bound;
mod credentials;
mod question;
mod signer;

pub(crate) use bound::HostBound;
pub use credentials::{Credentials, LoginMethod};
use question::Asker;
pub use question::{Answers, Prompt, Question};
pub(crate) use signer::Holder;

/// Waits between offers of a pushed key: AWS takes it before the instance sees it. One more refusal
/// would use up sshd's MaxAuthTries of 6.
const RETRIES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1000),
    Duration::from_millis(1500),
];
/// How many methods in a row a server may want.
const MOST_STEPS: usize = 8;

/// Who logs in, and with what.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) credentials: &'a Credentials,
}

/// What the server said to a credential.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    /// Good, but not enough.
    Partial(Vec<MethodKind>),
    Refused(Vec<MethodKind>),
}

impl Login<'_> {
    pub(crate) async fn run(&self, mut connection: Connection) -> Result<Session, Error> {
        self.satisfy(&mut connection).await?;
        Ok(connection.into_session())
    }

    /// Goes through the methods until the server has had enough.
    async fn satisfy(&self, connection: &mut Connection) -> Result<(), Error> {
        let mut methods = self.credentials.usable(&self.credentials.methods);
        let mut offered = Vec::new();
        if methods.is_empty() {
            match connection.prime(self.user).await? {
                Answer::Accepted => return Ok(()),
                Answer::Partial(next) | Answer::Refused(next) => offered = next,
            }
        }
        let mut steps = 0;
        while let Some(method) = methods.first().copied() {
            match self.attempt(method, connection).await? {
                Answer::Accepted => return Ok(()),
                Answer::Partial(next) if steps < MOST_STEPS => {
                    steps += 1;
                    methods = self.credentials.usable(&next);
                    offered = next;
                }
                Answer::Partial(next) => {
                    methods.clear();
                    offered = next;
                }
                Answer::Refused(next) => {
                    methods.remove(0);
                    methods.retain(|method| self.credentials.usable(&next).contains(method));
                    offered = next;
                }
            }
        }
        let names = offered.iter().map(String::from).collect();
        Err(connection.refusal(self.user, self.credentials.pushed, names))
    }

    async fn attempt(
        &self,
        method: MethodKind,
        connection: &mut Connection,
    ) -> Result<Answer, Error> {
        match (method, &self.credentials.asker) {
            (MethodKind::KeyboardInteractive, Some(asker)) => {
                self.answer_questions(connection, asker).await
            }
            (MethodKind::Password, Some(asker)) => self.give_password(connection, asker).await,
            _ => self.offer_keys(connection).await,
        }
    }

    async fn offer_keys(&self, connection: &mut Connection) -> Result<Answer, Error> {
        let mut answer = Answer::Refused(self.credentials.methods.clone());
        let (legacy, least) = (connection.peer.legacy, connection.peer.least_rsa_bits);
        let accepted = |one: &&Identity| !self.credentials.hashes(one, legacy).is_empty();
        let usable = |one: &&Identity| accepted(one) && is_long_enough(one, least);
        for identity in self.credentials.identities.iter().filter(usable) {
            answer = self.offer(connection, identity).await?;
            if !matches!(&answer, Answer::Refused(next) if next.contains(&MethodKind::PublicKey)) {
                break;
            }
        }
        Ok(answer)
    }

    /// Offers a key; a pushed one several times, as the instance may not know it yet.
    async fn offer(&self, connection: &mut Connection, id: &Identity) -> Result<Answer, Error> {
        let hashes = self.credentials.hashes(id, connection.peer.legacy);
        let mut waits = RETRIES.iter().filter(|_| self.credentials.pushed);
        loop {
            let answer = connection.offer(self.user, id, &hashes).await?;
            let again =
                matches!(&answer, Answer::Refused(next) if next.contains(&MethodKind::PublicKey));
            match waits.next() {
                Some(wait) if again => tokio::time::sleep(*wait).await,
                _ => return Ok(answer),
            }
        }
    }

    async fn give_password(
        &self,
        connection: &mut Connection,
        asker: &Asker,
    ) -> Result<Answer, Error> {
        let question = Question::password(format!("{}@{}", self.user, connection.peer.name));
        for _ in 1..self.credentials.tries {
            let answer = connection.ask_password(self.user, &question, asker).await?;
            if !matches!(&answer, Answer::Refused(next) if next.contains(&MethodKind::Password)) {
                return Ok(answer);
            }
        }
        connection.ask_password(self.user, &question, asker).await
    }

    async fn answer_questions(
        &self,
        connection: &mut Connection,
        asker: &Asker,
    ) -> Result<Answer, Error> {
        let again = MethodKind::KeyboardInteractive;
        for _ in 1..self.credentials.tries {
            let (answer, asked) = connection.answer_questions(self.user, asker).await?;
            if !asked || !matches!(&answer, Answer::Refused(next) if next.contains(&again)) {
                return Ok(answer);
            }
        }
        Ok(connection.answer_questions(self.user, asker).await?.0)
    }
}

/// Whether an RSA key has as many bits as these; one that has not is passed over, which is logged.
fn is_long_enough(identity: &Identity, least: u32) -> bool {
    let rsa = identity.public().key_data().rsa();
    let bits = rsa.map(RsaPublicKey::key_size);
    let is_short = bits.is_some_and(|bits| bits < least);
    if is_short {
        tracing::info!(?identity, bits, least, "skipping a key that is too short");
    }
    !is_short
}
