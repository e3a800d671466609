//! The agent here, lent to the host (draft-ietf-sshm-ssh-agent §5).

use std::sync::{Arc, OnceLock};

use russh::Channel;
use russh::client::{ChannelOpenHandle, Msg};
use russh::keys::agent::AgentSessionBinding;
use tokio::io::copy_bidirectional;
use tokio::sync::Semaphore;

use super::{Agent, PATIENCE};

/// How many may ask the agent at once.
const MOST: usize = 16;

/// The agent that a connection lends, once it has been asked to.
#[derive(Clone)]
pub(crate) struct Lent {
    agent: Arc<OnceLock<(Agent, Option<AgentSessionBinding>)>>,
    places: Arc<Semaphore>,
}

impl Default for Lent {
    fn default() -> Self {
        Self {
            agent: Arc::default(),
            places: Arc::new(Semaphore::new(MOST)),
        }
    }
}

impl Lent {
    /// Lends the agent; the first one counts. `binding` tells it which host asks.
    pub(crate) fn lend(&self, agent: Agent, binding: Option<AgentSessionBinding>) {
        self.agent.get_or_init(|| (agent, binding));
    }

    /// Joins a channel to the agent; refuses it, by dropping `reply`, and returns false where none is lent. The task
    /// ends with the channel.
    pub(crate) fn serve(&self, channel: Channel<Msg>, reply: ChannelOpenHandle) -> bool {
        let Some((agent, binding)) = self.agent.get().cloned() else {
            return false;
        };
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return false;
        };
        tokio::spawn(async move {
            let _place = place;
            let connect = async {
                let mut client = agent.connect().await?;
                if let Some(binding) = &binding {
                    // Agents that know no such thing say no, which is fine.
                    client.bind_session(binding, true).await.ok();
                }
                Ok::<_, crate::Error>(client)
            };
            let Ok(Ok(client)) = tokio::time::timeout(PATIENCE, connect).await else {
                return;
            };
            reply.accept().await;
            let mut stream = client.into_inner();
            copy_bidirectional(&mut stream, &mut channel.into_stream())
                .await
                .ok();
        });
        true
    }
}
