//! The ssh-agent: keys that sign without leaving it (draft-ietf-sshm-ssh-agent).

use std::path::PathBuf;
use std::time::Duration;

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};

use crate::error::Error;
use crate::identity::Identity;

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
        let ask = async {
            let mut agent = self.connect().await?;
            agent.request_identities().await.map_err(failed)
        };
        let held = tokio::time::timeout(PATIENCE, ask).await;
        let held = held.map_err(|_| failed(std::io::Error::from(std::io::ErrorKind::TimedOut)))?;
        let held = held?.into_iter().map(|identity| match identity {
            AgentIdentity::PublicKey { key, .. } => Identity::held(self.clone(), key, None),
            AgentIdentity::Certificate { certificate, .. } => {
                let key = certificate.public_key().clone().into();
                Identity::held(self.clone(), key, Some(certificate))
            }
        });
        Ok(held.collect())
    }

    pub(crate) async fn connect(&self) -> Result<AgentClient<Stream>, Error> {
        platform::connect(&self.place).await.map_err(failed)
    }
}

fn failed(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Agent {
        source: Box::new(source),
    }
}
