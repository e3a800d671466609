use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use russh::keys::PublicKey;
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::certificates::Authority;
use crate::counters::Counters;
use crate::credentials::AccessKey;
use crate::environment::{self, Setting};
use crate::faults::Faults;
use crate::fleet::{EndpointEntry, Fleet, SshEntry};
use crate::host::Host;
use crate::keys::Keys;
use crate::link::Wire;
use crate::listener::{Listener, Reserved};
use crate::region::{Endpoint, Instance};
use crate::round_trips::RoundTrips;
use crate::state::State;
use crate::yard::Yard;
use crate::{Config, Error, api, endpoint, tls};

/// A region that has just been started.
pub(crate) struct Launched {
    pub(crate) servers: JoinSet<()>,
    pub(crate) state: Arc<State>,
    pub(crate) round_trips: Arc<RoundTrips>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) reserved: Vec<Reserved>,
    pub(crate) folder: TempDir,
}

/// Opens every port of a region and starts the servers behind them.
pub(crate) async fn launch(config: Config) -> Result<Launched, Error> {
    let faults: Faults = config.faults.iter().cloned().collect();
    let fleet = config
        .fleet
        .clone()
        .map_or_else(|| Fleet::BUILT_IN.parse(), Ok)?;
    let folder = environment::folder(config.sshd)?;
    let permanent = permanent_keys(&config.authorized_keys)?;
    let keys = Arc::new(Keys::new(config.key_life, faults.key_delay, permanent));
    let yard = Yard::open(fleet, &config, folder.path(), &keys).await?;
    let doors = Doors::open(&yard.fleet.endpoints).await?;
    let authority = Authority::generate()?;
    let tls = Tls::new(&authority, &faults)?;
    let state = Arc::new(State {
        access_key: AccessKey::generate()?,
        counters: Counters::default(),
        keys,
        started: SystemTime::now(),
        hosts: yard.hosts,
        consoles: yard.consoles,
        endpoint_ports: doors.endpoint_ports(),
        throttled_calls: AtomicU64::new(faults.throttled_calls),
        second: Mutex::default(),
        publishers: Mutex::default(),
        fleet: yard.fleet,
        faults,
    });
    let setting = Setting {
        folder: folder.path(),
        api_port: doors.api.port(),
        authority: &authority.pem(),
        instances: &yard.instances,
        sshd: config.sshd,
    };
    let env = environment::write(&state, &setting)?;
    let endpoints = doors.endpoints();
    let wire = Wire {
        rtt: config.rtt,
        ..Wire::default()
    };
    let round_trips = Arc::clone(&wire.round_trips);
    let mut servers = JoinSet::new();
    doors.serve(&mut servers, &wire, &tls, &state);
    let wire = Wire {
        drop_after: state.faults.drop_after,
        ..wire
    };
    for (host, listener) in yard.listeners {
        servers.spawn(serve_host(listener, wire.clone(), host));
    }
    let (instances, reserved) = (yard.instances, yard.reserved);
    Ok(Launched {
        servers,
        state,
        round_trips,
        env,
        instances,
        endpoints,
        reserved,
        folder,
    })
}

fn permanent_keys(lines: &[String]) -> Result<Vec<PublicKey>, Error> {
    let parse = |line: &String| {
        PublicKey::from_openssh(line.trim()).map_err(|source| Error::AuthorizedKey { source })
    };
    lines.iter().map(parse).collect()
}

/// The ports of the API and of the endpoints.
struct Doors {
    api: Listener,
    endpoints: Vec<(EndpointEntry, Listener)>,
}

impl Doors {
    async fn open(entries: &[EndpointEntry]) -> Result<Self, Error> {
        let api = Listener::bind_localhost().await?;
        let mut endpoints = Vec::new();
        for entry in entries {
            endpoints.push((entry.clone(), Listener::bind_localhost().await?));
        }
        Ok(Self { api, endpoints })
    }

    fn endpoint_ports(&self) -> BTreeMap<String, u16> {
        let ports = self.endpoints.iter();
        ports
            .map(|(entry, listener)| (entry.id.clone(), listener.port()))
            .collect()
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let describe = |(entry, listener): &(EndpointEntry, Listener)| Endpoint {
            id: entry.id.clone(),
            vpc: entry.vpc.clone(),
            dns_name: format!("localhost:{}", listener.port()),
        };
        self.endpoints.iter().map(describe).collect()
    }

    fn serve(self, servers: &mut JoinSet<()>, wire: &Wire, tls: &Tls, state: &Arc<State>) {
        let api = serve_api(
            self.api,
            wire.clone(),
            Arc::clone(&tls.api),
            Arc::clone(state),
        );
        servers.spawn(api);
        for (entry, listener) in self.endpoints {
            let tls = Arc::clone(&tls.endpoint);
            let closed = match entry.door {
                _ if state.faults.mute_endpoint => Some(Host::Mute),
                SshEntry::Mute => Some(Host::Mute),
                SshEntry::Down => Some(Host::Down),
                SshEntry::Up => None,
            };
            let endpoint = Arc::new(endpoint::Endpoint::new(entry, Arc::clone(state)));
            match closed {
                Some(host) => {
                    servers.spawn(serve_host(listener, wire.clone(), Arc::new(host)));
                }
                None => {
                    servers.spawn(serve_endpoint(listener, wire.clone(), tls, endpoint));
                }
            }
        }
    }
}

/// How the servers identify themselves.
struct Tls {
    api: Arc<ServerConfig>,
    endpoint: Arc<ServerConfig>,
}

impl Tls {
    fn new(authority: &Authority, faults: &Faults) -> Result<Self, Error> {
        let api = authority.server()?;
        let endpoint = if faults.untrusted_certificate {
            Authority::generate()?.server()?
        } else if faults.wrong_certificate {
            authority.misnamed_server()?
        } else {
            Arc::clone(&api)
        };
        Ok(Self { api, endpoint })
    }
}

async fn serve_api(listener: Listener, wire: Wire, tls: Arc<ServerConfig>, state: Arc<State>) {
    let serve = move |stream| {
        let (tls, state) = (Arc::clone(&tls), Arc::clone(&state));
        async move {
            if let Some(stream) = tls::accept(tls, stream).await {
                api::serve(stream, state).await;
            }
        }
    };
    listener.serve(wire, serve).await;
}

async fn serve_endpoint(
    listener: Listener,
    wire: Wire,
    tls: Arc<ServerConfig>,
    endpoint: Arc<endpoint::Endpoint>,
) {
    let serve = move |stream| {
        let (tls, endpoint) = (Arc::clone(&tls), Arc::clone(&endpoint));
        async move {
            if let Some(stream) = tls::accept(tls, stream).await {
                endpoint.serve(stream).await;
            }
        }
    };
    listener.serve(wire, serve).await;
}

async fn serve_host(listener: Listener, wire: Wire, host: Arc<Host>) {
    let serve = move |stream| {
        let host = Arc::clone(&host);
        async move { host.serve(stream).await }
    };
    listener.serve(wire, serve).await;
}
