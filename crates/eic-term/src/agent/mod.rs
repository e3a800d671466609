//! The ssh-agent: keys that sign without leaving it (draft-ietf-sshm-ssh-agent).

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::agent::{AgentIdentity, Constraint};

use crate::error::Error;
use crate::identity::{Identity, Key};

mod forward;
#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

pub(crate) use forward::Lent;
use platform::Place;

/// How long an agent may take to answer what nobody has to confirm.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes to and from an agent.
pub(crate) type Stream = Box<dyn AgentStream + Send + Unpin>;

/// An ssh-agent of this machine.
///
/// ```no_run
/// # async fn example() -> Result<(), eic_term::Error> {
/// let agent = eic_term::Agent::at("/run/user/1000/ssh-agent");
/// let identities = agent.identities().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    place: Place,
}

impl Agent {
    /// Names the agent's socket, `SSH_AUTH_SOCK` mostly; on Windows its pipe.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let place = Place::from(path.into());
        Self { place }
    }

    /// Returns where agents listen on this platform if nothing says otherwise: on Windows OpenSSH's and PuTTY's
    /// (Pageant), elsewhere nowhere.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        let agent = |place| Self { place };
        platform::usual().into_iter().map(agent).collect()
    }

    /// Asks for the keys that the agent holds; certificates come with theirs.
    ///
    /// # Errors
    /// [`Error::Agent`] where there is no agent, or none that answers.
    pub async fn identities(&self) -> Result<Vec<Identity>, Error> {
        self.held(self.connect()).await
    }

    /// Asks over a connection that is about to be made.
    pub(crate) async fn held(
        &self,
        connect: impl Future<Output = Result<AgentClient<Stream>, Error>>,
    ) -> Result<Vec<Identity>, Error> {
        let ask = async { connect.await?.request_identities().await.map_err(failed) };
        let held = soon(ask).await?.into_iter().map(|identity| match identity {
            AgentIdentity::PublicKey { key, .. } => Identity::held(self.clone(), key, None),
            AgentIdentity::Certificate { certificate, .. } => {
                let key = certificate.public_key().clone().into();
                Identity::held(self.clone(), key, Some(certificate))
            }
        });
        Ok(held.collect())
    }

    /// Gives the agent a private key that is in memory: for a while where `lifetime` says how long, and to be used only
    /// where a person confirms each signature where `confirm` says so. Returns false for keys that are elsewhere.
    ///
    /// # Errors
    /// [`Error::Agent`] where there is no agent, or it does not take the key.
    pub async fn add(
        &self,
        identity: &Identity,
        lifetime: Option<Duration>,
        confirm: bool,
    ) -> Result<bool, Error> {
        let Key::InMemory(key) = &identity.key else {
            return Ok(false);
        };
        let lifetime = lifetime.map(|lifetime| Constraint::KeyLifetime {
            seconds: u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX),
        });
        let confirm = confirm.then_some(Constraint::Confirm);
        let constraints: Vec<_> = lifetime.into_iter().chain(confirm).collect();
        let add = async {
            let mut agent = self.connect().await?;
            agent.add_identity(key, &constraints).await.map_err(failed)
        };
        soon(add).await.map(|()| true)
    }

    pub(crate) async fn connect(&self) -> Result<AgentClient<Stream>, Error> {
        platform::connect(&self.place).await.map_err(failed)
    }
}

/// Waits no longer than an agent may take.
async fn soon<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.map_err(|_| failed(std::io::Error::from(std::io::ErrorKind::TimedOut)))?
}

fn failed(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Agent {
        source: Box::new(source),
    }
}
