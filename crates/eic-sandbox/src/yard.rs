//! Where a region's instances stand: their SSH hosts, ports and consoles.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use crate::fleet::{ConsoleEntry, Fleet, InstanceEntry, SshEntry};
use crate::host::{Builtin, Host, HostKeys, Sshd, SshdProgram};
use crate::keys::Keys;
use crate::listener::{Listener, Reserved};
use crate::region::Instance;
use crate::{Config, Error};

/// All instances, set up but not served yet.
pub(crate) struct Yard {
    /// The fleet, with the public addresses that this machine really has.
    pub(crate) fleet: Fleet,
    pub(crate) hosts: BTreeMap<String, Arc<Host>>,
    pub(crate) consoles: BTreeMap<String, String>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) listeners: Vec<(Arc<Host>, Listener)>,
    /// Ports at which connections are refused, held so that nobody else takes them.
    pub(crate) reserved: Vec<Reserved>,
}

/// What instances' hosts are made of.
struct Builder<'a> {
    sshd: Option<SshdProgram>,
    config: &'a Config,
    folder: &'a Path,
    keys: &'a Arc<Keys>,
}

impl Yard {
    /// Makes the hosts of all instances and opens the ports of those reached directly.
    pub(crate) async fn open(
        fleet: Fleet,
        config: &Config,
        folder: &Path,
        keys: &Arc<Keys>,
    ) -> Result<Self, Error> {
        let sshd = config.sshd.then(SshdProgram::find).transpose()?;
        let builder = Builder {
            sshd,
            config,
            folder,
            keys,
        };
        let mut yard = Self {
            fleet,
            hosts: BTreeMap::new(),
            consoles: BTreeMap::new(),
            instances: Vec::new(),
            listeners: Vec::new(),
            reserved: Vec::new(),
        };
        let mut entries = std::mem::take(&mut yard.fleet.instances);
        for entry in &mut entries {
            yard.add(&builder, entry).await?;
        }
        yard.fleet.instances = entries;
        yard.check_sshd().await?;
        Ok(yard)
    }

    async fn add(&mut self, builder: &Builder<'_>, entry: &mut InstanceEntry) -> Result<(), Error> {
        let mut instance = Instance {
            id: entry.id.clone(),
            name: entry.name.clone(),
            state: entry.state.clone(),
            public_ip: entry.public_ip.map(IpAddr::V4),
            private_ip: entry.private_ip.map(IpAddr::V4),
            ipv6: entry.ipv6.map(IpAddr::V6),
            port: None,
            host_keys: Vec::new(),
        };
        if entry.state == "running" {
            let host_keys = HostKeys::generate(&entry.id)?;
            instance.host_keys = host_keys.public_lines();
            let host = Arc::new(builder.host(entry, &host_keys)?);
            instance.port = self.open_port(entry, &host).await?;
            instance.public_ip = entry.public_ip.map(IpAddr::V4);
            self.hosts.insert(entry.id.clone(), host);
            if entry.console == ConsoleEntry::Keys {
                let name = entry.private_dns_name(&self.fleet.region);
                let name = name.split('.').next().unwrap_or_default();
                self.consoles
                    .insert(entry.id.clone(), host_keys.console(name));
            }
        }
        self.instances.push(instance);
        Ok(())
    }

    /// Opens a port on the instance's public or IPv6 address, if it has one.
    async fn open_port(
        &mut self,
        entry: &mut InstanceEntry,
        host: &Arc<Host>,
    ) -> Result<Option<u16>, Error> {
        let port = match (entry.public_ip, entry.ipv6) {
            (Some(ip), _) => match self.listen(ip.into(), host).await {
                // Linux and Windows have all of 127.0.0.0/8, others 127.0.0.1 alone.
                Err(Error::Listen { .. }) => {
                    entry.public_ip = Some(Ipv4Addr::LOCALHOST);
                    self.listen(Ipv4Addr::LOCALHOST.into(), host).await?
                }
                port => port?,
            },
            (None, Some(ip)) => match self.listen(ip.into(), host).await {
                Err(Error::Listen { source, .. }) => {
                    tracing::warn!(%source, instance = entry.id, "no IPv6: not reachable");
                    return Ok(None);
                }
                port => port?,
            },
            (None, None) => return Ok(None),
        };
        Ok(Some(port))
    }

    async fn listen(&mut self, ip: IpAddr, host: &Arc<Host>) -> Result<u16, Error> {
        if !host.accepts() {
            let reserved = Reserved::bind(ip)?;
            let port = reserved.port();
            self.reserved.push(reserved);
            return Ok(port);
        }
        let listener = Listener::bind(ip).await?;
        let port = listener.port();
        self.listeners.push((Arc::clone(host), listener));
        Ok(port)
    }

    /// One check is enough: the instances' configurations differ in paths only.
    async fn check_sshd(&self) -> Result<(), Error> {
        for host in self.hosts.values() {
            if let Host::Sshd(sshd) = &**host {
                return sshd.check().await;
            }
        }
        Ok(())
    }
}

impl Builder<'_> {
    fn host(&self, entry: &InstanceEntry, host_keys: &HostKeys) -> Result<Host, Error> {
        Ok(match (entry.ssh, &self.sshd) {
            (SshEntry::Down, _) => Host::Down,
            (SshEntry::Mute, _) => Host::Mute,
            (SshEntry::Up, Some(sshd)) => Host::Sshd(Sshd::new(
                sshd,
                self.folder.join(&entry.id),
                self.keys,
                host_keys,
                &self.config.sshd_options,
            )?),
            (SshEntry::Up, None) => {
                let (keys, code) = (Arc::clone(self.keys), self.config.one_time_code.clone());
                Host::Builtin(Builtin::new(&entry.id, keys, host_keys, code))
            }
        })
    }
}
