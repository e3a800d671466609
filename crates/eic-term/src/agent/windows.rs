//! Windows: OpenSSH's agent is a named pipe, PuTTY's a window.

use std::path::PathBuf;

use russh::keys::Error;
use russh::keys::agent::client::AgentClient;

use super::Stream;

/// The pipe of the service `ssh-agent`.
const OPENSSH: &str = r"\\.\pipe\openssh-ssh-agent";

/// Where an agent listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Pipe(PathBuf),
    Pageant,
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Pipe(path)
    }
}

pub(super) fn usual() -> Vec<Place> {
    vec![Place::Pipe(PathBuf::from(OPENSSH)), Place::Pageant]
}

pub(super) async fn connect(place: &Place) -> Result<AgentClient<Stream>, Error> {
    match place {
        Place::Pipe(path) => Ok(AgentClient::connect_named_pipe(path).await?.dynamic()),
        Place::Pageant => Ok(AgentClient::connect_pageant().await?.dynamic()),
    }
}
