//! One attempt at a login.

use std::time::Duration;

use russh::client::{AuthResult, KeyboardInteractiveAuthResponse as Response};
use russh::keys::agent::client::AgentClient;
use russh::keys::{Certificate, HashAlg, PrivateKeyWithHashAlg, PublicKey};
use russh::{AgentAuthError, MethodKind, Signer};

use super::Answer;
use super::bound::InAgent;
use super::question::{Asker, Prompt, Question};
use super::signer::InMemory;
use crate::agent::{Agent, Stream};
use crate::connection::Connection;
use crate::error::Error;
use crate::identity::{Identity, Key};
use crate::session::limited;
use crate::timeline::Step;

/// How long an agent or a server may wait for a person: for a touch, or a word on their telephone. sshd itself waits
/// as long (LoginGraceTime).
const PERSON: Duration = Duration::from_secs(120);
/// How many questions in a row a server may ask.
const MOST_QUESTIONS: usize = 32;

impl Connection {
    /// Spends the round trip of the authentication service's request (RFC 4252 §5) ahead of time.
    pub(crate) async fn prime(&mut self, user: &str) -> Result<Answer, Error> {
        let none = self.handle.authenticate_none(user);
        let answer = limited(Step::Login, self.peer.limit, none).await?;
        self.answer(answer).await
    }

    /// Offers a key once.
    pub(super) async fn offer(
        &mut self,
        user: &str,
        id: &Identity,
        hashes: &[Option<HashAlg>],
    ) -> Result<Answer, Error> {
        let hash = self.rsa_hash(id, hashes).await?;
        let certificate = id.certificate.as_deref().cloned();
        let limit = self.peer.limit;
        match (&id.key, certificate) {
            (Key::InMemory(key), None) => {
                let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
                let offer = self.handle.authenticate_publickey(user, key);
                let answer = limited(Step::Login, limit, offer).await?;
                self.answer(answer).await
            }
            (Key::InMemory(key), Some(certificate)) => {
                let mut signer = InMemory(key.clone());
                self.certified(user, certificate, hash, &mut signer).await
            }
            (Key::InAgent(agent, key), None) => {
                let (mut signer, key) = (self.signer(agent, None).await?, key.clone());
                let offer = (self.handle).authenticate_publickey_with(user, key, hash, &mut signer);
                let answer = limited(Step::Login, PERSON, offer).await?;
                self.signed_answer(answer).await
            }
            (Key::InAgent(agent, _), Some(certificate)) if id.is_certificate_held => {
                let mut signer = self.signer(agent, None).await?;
                self.certified(user, certificate, hash, &mut signer).await
            }
            (Key::InAgent(agent, key), Some(certificate)) => {
                let mut signer = self.signer(agent, Some(key.clone())).await?;
                self.certified(user, certificate, hash, &mut signer).await
            }
            (Key::Elsewhere(_, holder), Some(certificate)) => {
                let mut holder = holder.clone();
                self.certified(user, certificate, hash, &mut holder).await
            }
            (Key::Elsewhere(key, holder), None) => {
                let (mut holder, key) = (holder.clone(), key.clone());
                let offer = (self.handle).authenticate_publickey_with(user, key, hash, &mut holder);
                let answer = limited(Step::Login, PERSON, offer).await?;
                self.signed_answer(answer).await
            }
        }
    }

    async fn certified<S: Signer<Error = AgentAuthError>>(
        &mut self,
        user: &str,
        certificate: Certificate,
        hash: Option<HashAlg>,
        signer: &mut S,
    ) -> Result<Answer, Error> {
        let handle = &mut self.handle;
        let offer = handle.authenticate_certificate_with(user, certificate, hash, signer);
        let answer = limited(Step::Login, PERSON, offer).await?;
        self.signed_answer(answer).await
    }

    /// Asks an agent for the keys that it holds for this host.
    ///
    /// # Errors
    /// [`Error::Agent`] where there is no agent, or none that answers.
    pub async fn identities(&self, agent: &Agent) -> Result<Vec<Identity>, Error> {
        agent.held(self.agent(agent)).await
    }

    /// Connects to an agent and tells it which host asks, for keys that are good for some hosts only.
    async fn agent(&self, agent: &Agent) -> Result<AgentClient<Stream>, Error> {
        let mut agent = agent.connect().await?;
        if let Some(binding) = self.handle.agent_session_binding() {
            // Agents that know no such thing say no, which is fine.
            agent.bind_session(binding, false).await.ok();
        }
        Ok(agent)
    }

    /// What signs with a key that an agent holds.
    async fn signer(&self, agent: &Agent, key: Option<PublicKey>) -> Result<InAgent, Error> {
        let binding = self.handle.agent_session_binding();
        let names_host = self.peer.host_bound.is_known();
        let host_key = binding.filter(|_| names_host);
        Ok(InAgent {
            agent: self.agent(agent).await?,
            key,
            host_key: host_key.map(|binding| binding.host_key().to_vec()),
        })
    }

    /// The hash for an RSA key's signature: the server's best of those that may be, else the first of them.
    async fn rsa_hash(
        &self,
        id: &Identity,
        hashes: &[Option<HashAlg>],
    ) -> Result<Option<HashAlg>, Error> {
        let first = hashes.first().copied().flatten();
        if !id.is_rsa() || hashes.len() < 2 {
            return Ok(first);
        }
        let best = self.handle.best_supported_rsa_hash().await;
        let best = self.peer.or_lost(best).await?;
        Ok(best.filter(|best| hashes.contains(best)).unwrap_or(first))
    }

    /// Asks for the password and gives it.
    pub(super) async fn ask_password(
        &mut self,
        user: &str,
        question: &Question,
        asker: &Asker,
    ) -> Result<Answer, Error> {
        let answers = asker.ask(question.clone()).await;
        let password = answers.ok_or(Error::Cancelled)?.into_iter().next();
        let password = password.ok_or(Error::Cancelled)?;
        let give = self.handle.authenticate_password(user, password.as_str());
        let answer = limited(Step::Login, PERSON, give).await?;
        self.answer(answer).await
    }

    /// Answers what the server asks, and returns too whether anything was asked of a person.
    pub(super) async fn answer_questions(
        &mut self,
        user: &str,
        asker: &Asker,
    ) -> Result<(Answer, bool), Error> {
        let start = self
            .handle
            .authenticate_keyboard_interactive_start(user, None);
        let mut response = limited(Step::Login, PERSON, start).await?;
        let mut asked = false;
        for _ in 0..MOST_QUESTIONS {
            let question = match self.question_or_answer(user, response).await? {
                Ok(question) => question,
                Err(answer) => return Ok((answer, asked)),
            };
            asked |= !question.prompts.is_empty();
            let answers = if question.is_empty() {
                Vec::new()
            } else {
                asker.ask(question).await.ok_or(Error::Cancelled)?
            };
            let answers = answers.iter().map(|answer| answer.to_string()).collect();
            let handle = &mut self.handle;
            let respond = handle.authenticate_keyboard_interactive_respond(answers);
            response = limited(Step::Login, PERSON, respond).await?;
        }
        Err(Error::Refused {
            request: "come to an end with its questions",
        })
    }

    /// What the server asks next, or else what it says to the answers.
    async fn question_or_answer(
        &self,
        user: &str,
        response: Result<Response, russh::Error>,
    ) -> Result<Result<Question, Answer>, Error> {
        let failure = match self.peer.or_lost(response).await? {
            Response::InfoRequest {
                name,
                instructions,
                prompts,
            } => {
                return Ok(Ok(Question {
                    login: format!("{user}@{}", self.peer.name),
                    title: name,
                    instructions,
                    prompts: prompts.into_iter().map(Prompt::from).collect(),
                }));
            }
            Response::Success => AuthResult::Success,
            Response::Failure {
                remaining_methods,
                partial_success,
            } => AuthResult::Failure {
                remaining_methods,
                partial_success,
            },
        };
        self.answer(Ok(failure)).await.map(Err)
    }

    async fn answer(&self, answer: Result<AuthResult, russh::Error>) -> Result<Answer, Error> {
        match answer {
            Ok(AuthResult::Success) => Ok(Answer::Accepted),
            Ok(AuthResult::Failure { .. }) if self.handle.is_closed() => {
                Err(self.peer.lost().await)
            }
            Ok(AuthResult::Failure {
                remaining_methods,
                partial_success,
            }) => {
                let methods = remaining_methods.to_vec();
                Ok(if partial_success {
                    Answer::Partial(methods)
                } else {
                    Answer::Refused(methods)
                })
            }
            Err(_) => Err(self.peer.lost().await),
        }
    }

    /// The answer to a key whose signature an agent makes. One that it does not make is a refusal: the next may do.
    async fn signed_answer(
        &self,
        answer: Result<AuthResult, AgentAuthError>,
    ) -> Result<Answer, Error> {
        match answer {
            Ok(answer) => self.answer(Ok(answer)).await,
            Err(AgentAuthError::Send(_)) => Err(self.peer.lost().await),
            Err(AgentAuthError::Key(error)) => {
                tracing::warn!(%error, "the key did not sign");
                Ok(Answer::Refused(vec![MethodKind::PublicKey]))
            }
        }
    }
}
