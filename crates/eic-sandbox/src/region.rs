use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::launch::{self, Launched};
use crate::listener::Reserved;
use crate::round_trips::RoundTrips;
use crate::state::State;
use crate::{Config, Error, environment};

/// How long connections may take to end when a region goes.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// A running region. Dropping it ends everything that belongs to it: its servers and
/// connections, the programs started on its hosts, and its temporary folder.
///
/// It runs on threads of its own, so it serves blocking and asynchronous callers alike.
///
/// ```
/// use eic_sandbox::{Config, Region};
///
/// # fn main() -> Result<(), eic_sandbox::Error> {
/// let region = Region::start(Config::default())?;
/// let db = region.instance("db-1").map(|instance| instance.id.clone());
/// assert_eq!(db.as_deref(), Some("i-0e1c0000000000002"));
/// assert!(region.env().iter().any(|(name, _)| name == "AWS_ENDPOINT_URL"));
/// # Ok(())
/// # }
/// ```
pub struct Region {
    runtime: Option<Runtime>,
    servers: JoinSet<()>,
    state: Arc<State>,
    round_trips: Arc<RoundTrips>,
    env: Vec<(String, String)>,
    instances: Vec<Instance>,
    endpoints: Vec<Endpoint>,
    _reserved: Vec<Reserved>,
    folder: TempDir,
}

/// An instance of a running region, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instance {
    /// Its id, `i-…`.
    pub id: String,
    /// Its `Name` tag.
    pub name: Option<String>,
    /// EC2's word for its state, e.g. `running`.
    pub state: String,
    /// Its public IPv4 address, on loopback.
    pub public_ip: Option<IpAddr>,
    /// Its private IPv4 address, which only endpoints of its VPC reach.
    pub private_ip: Option<IpAddr>,
    /// Its IPv6 address, on loopback.
    pub ipv6: Option<IpAddr>,
    /// The port on which its public and IPv6 addresses take SSH connections.
    pub port: Option<u16>,
    /// Its SSH host keys in OpenSSH's format, without comment.
    pub host_keys: Vec<String>,
}

/// An endpoint of a running region.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// Its id, `eice-…`.
    pub id: String,
    /// The VPC in which it reaches instances.
    pub vpc: String,
    /// Its name with its port, `localhost:PORT`.
    pub dns_name: String,
}

impl Region {
    /// Starts a region.
    ///
    /// # Errors
    /// When the fleet is wrong, a loopback port, a temporary folder or a key cannot be had, or
    /// `sshd` is asked for and missing.
    pub fn start(config: Config) -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("eic-sandbox")
            .enable_all()
            .build()
            .map_err(|source| Error::Runtime { source })?;
        // Not `block_on`, which an asynchronous caller may not use.
        let (sender, receiver) = mpsc::sync_channel(1);
        runtime.spawn(async move { sender.send(launch::launch(config).await) });
        let launched = receiver.recv().unwrap_or_else(|source| {
            Err(Error::Runtime {
                source: std::io::Error::other(source),
            })
        });
        match launched {
            Ok(launched) => Ok(Self::of(runtime, launched)),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    fn of(runtime: Runtime, launched: Launched) -> Self {
        Self {
            runtime: Some(runtime),
            servers: launched.servers,
            state: launched.state,
            round_trips: launched.round_trips,
            env: launched.env,
            instances: launched.instances,
            endpoints: launched.endpoints,
            _reserved: launched.reserved,
            folder: launched.folder,
        }
    }

    /// The environment in which AWS clients find this region, and eic-term its settings.
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// Points a command at this region: sets [`env`](Self::env), and removes the variables
    /// by which AWS clients would find other settings or credentials.
    pub fn configure(&self, command: &mut std::process::Command) {
        for name in environment::OTHERS {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
    }

    /// The region's name, e.g. `us-east-1`.
    pub fn name(&self) -> &str {
        &self.state.fleet.region
    }

    /// The region's temporary folder, gone with the region.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All instances, in the fleet's order.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// The first instance of that id or `Name` tag.
    pub fn instance(&self, name: &str) -> Option<&Instance> {
        let named = |i: &&Instance| i.id == name || i.name.as_deref() == Some(name);
        self.instances.iter().find(named)
    }

    /// All endpoints, in the fleet's order.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }
}

/// What happened so far.
impl Region {
    /// How often an API action was called, e.g. `DescribeInstances`, whatever the answer;
    /// `openTunnel` counts the requests that reached an endpoint.
    pub fn calls(&self, action: &str) -> u64 {
        self.state.counters.calls(action)
    }

    /// The keys pushed for a user of an instance and visible there now, in OpenSSH's format.
    pub fn pushed_keys(&self, instance: &str, os_user: &str) -> Vec<String> {
        let now = tokio::time::Instant::now();
        let keys = self.state.keys.pushed(instance, os_user, now);
        keys.iter()
            .filter_map(|key| key.to_openssh().ok())
            .collect()
    }

    /// How many tunnels reached their instance.
    pub fn tunnels(&self) -> u64 {
        self.state.counters.tunnels.get()
    }

    /// How many bytes passed through tunnels, both ways.
    pub fn tunnel_bytes(&self) -> u64 {
        self.state.counters.tunnel_bytes.get()
    }

    /// How many round trips the client made one after another, over all connections, since
    /// the start or the last [`reset_round_trips`](Self::reset_round_trips).
    ///
    /// A TCP handshake counts as one; connections used side by side count once. The count is
    /// exact where the round-trip time ([`Config::rtt`]) is long beside the client's own work;
    /// without one it is a lower bound.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.count()
    }

    /// Counts round trips from zero again.
    pub fn reset_round_trips(&self) {
        self.round_trips.reset();
    }
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Region")
            .field("name", &self.name())
            .field("instances", &self.instances)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.servers.abort_all();
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        // On a thread of its own: an asynchronous caller may not wait for a runtime.
        let end = std::thread::spawn(move || runtime.shutdown_timeout(SHUTDOWN_LIMIT));
        let _ = end.join();
    }
}
