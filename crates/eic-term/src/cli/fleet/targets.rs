//! From what was typed to the instances that are meant, in as few calls as possible.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eic_auth::{Api, Endpoint, EndpointQuery, Error as Aws, Instance, OsUser, Target};
use eic_term::{
    ConnectOptions, ConnectionType, Connector, Error, Identity, Place, Timeline, visible_line,
};

use super::args::Several;
use super::hop::{Hop, Hops};
use super::log_dir;
use crate::cli::args::Common;
use crate::cli::identities;
use crate::cli::report::Failure;
use crate::cli::settings::Settings;
use crate::cli::ssh::Configured;
use crate::cli::ui::Ui;

/// The receive window of each, in bytes: many together fill any line, and what comes faster than it is shown waits here.
const WINDOW: u32 = 512 << 10;

/// The largest file of targets that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// One of several instances.
pub(crate) struct Host {
    /// Its id, or what was typed where there is no such instance.
    pub(crate) id: String,
    /// Its `Name` tag, as AWS has it.
    pub(crate) name: Option<String>,
    /// What it is called here: safe to print, and nobody else's.
    pub(crate) label: String,
    /// What names it on a command line.
    pub(crate) target: String,
    /// How to get there.
    pub(crate) way: Result<Way, Failure>,
}

/// The way to an instance.
pub(crate) struct Way {
    pub(crate) place: Place,
    pub(crate) connector: Connector,
    pub(crate) user: Option<OsUser>,
    pub(crate) timeline: Timeline,
    /// Who leads there.
    pub(crate) hop: Option<Arc<Hop>>,
    pub(crate) port: u16,
    /// The variables that go along.
    pub(crate) variables: Vec<(String, String)>,
}

/// All targets that were named, in order.
pub(crate) fn named(typed: &[Target], several: &Several) -> Result<Vec<Target>, Failure> {
    let mut targets = typed.to_vec();
    let groups = several.all_in.iter().cloned();
    targets.extend(groups.map(|selector| Target {
        user: None,
        selector,
    }));
    if let Some(path) = &several.targets_file {
        targets.extend(read(path)?);
        if targets.is_empty() {
            return Err(Failure::caused(cannot_read(path), "it names none"));
        }
    }
    if let Some(folder) = &several.retry_failed {
        let failed = read(&folder.join(log_dir::FAILED));
        let failed = failed.map_err(|failure| failure.advised("a folder of `--log-dir`"))?;
        if failed.is_empty() && targets.is_empty() {
            let nothing = "its list of failed instances is empty";
            let what = format!("nothing to retry in {}", folder.display());
            return Err(Failure::caused(what, nothing));
        }
        targets.extend(failed);
    }
    Ok(targets)
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read the targets in {}", path.display())
}

fn read(path: &Path) -> Result<Vec<Target>, Failure> {
    let what = || cannot_read(path);
    let mut text = String::new();
    let most = LARGEST + 1;
    let read = match path == Path::new("-") {
        true => io::stdin().take(most).read_to_string(&mut text),
        false => fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)),
    };
    read.map_err(|source| Failure::new(what(), source))?;
    if text.len() as u64 > LARGEST {
        let limit = format!("they are more than {} MiB", LARGEST >> 20);
        return Err(Failure::caused(what(), limit));
    }
    listed(&text).map_err(|(line, source)| Failure::new(format!("{}, line {line}", what()), source))
}

/// A target a line; the rest of a line behind ` #` is a comment.
fn listed(text: &str) -> Result<Vec<Target>, (usize, eic_auth::TargetError)> {
    let mut targets = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let target = line.split(" #").next().unwrap_or_default().trim();
        if !target.is_empty() && !target.starts_with('#') {
            targets.push(target.parse().map_err(|error| (number + 1, error))?);
        }
    }
    Ok(targets)
}

/// Finds all instances that are meant, each once, in the order of the targets.
pub(crate) async fn find(
    common: &Common,
    targets: &[Target],
    ui: &Ui,
) -> Result<Vec<Host>, Failure> {
    let settings = Settings::load(common, targets.first())?;
    let connector = settings.connector(ui).await?;
    let api = settings.api().await?;
    let meant = meant(common, targets, ui).await?;
    let selectors: Vec<_> = meant
        .iter()
        .map(|one| one.target.selector.clone())
        .collect();
    let (found, endpoints) = tokio::join!(
        api.find_instances(&selectors),
        endpoints(&api, &settings.options)
    );
    let found = found.map_err(Error::from)?;
    if let Some(cache) = settings.cache(common, api.region()) {
        let known = endpoints.as_deref().unwrap_or_default();
        cache.remember(&found.concat(), known, false);
    }
    let mut finder = Finder {
        common,
        settings: &settings,
        connector,
        endpoints,
        identities: HashMap::new(),
        hops: Hops::default(),
        ui,
    };
    let mut hosts = Vec::new();
    let mut seen = HashSet::new();
    for ((target, meant), instances) in targets.iter().zip(&meant).zip(found) {
        match matching(&meant.target, instances) {
            Ok(instances) => {
                for instance in instances {
                    if seen.insert(instance.id.clone()) {
                        let configured = meant.configured.clone();
                        hosts.push(finder.host(target, configured, &instance).await?);
                    }
                }
            }
            Err(error) => hosts.push(missing(target, error)),
        }
    }
    label(&mut hosts);
    Ok(hosts)
}

/// A target by the name that OpenSSH's configuration has for it.
struct Meant {
    target: Target,
    /// What the configuration says; of a pattern it is asked for each instance.
    configured: Option<Configured>,
}

async fn meant(common: &Common, targets: &[Target], ui: &Ui) -> Result<Vec<Meant>, Failure> {
    let mut meant = Vec::with_capacity(targets.len());
    for target in targets {
        meant.push(if target.selector.is_pattern() {
            Meant {
                target: target.clone(),
                configured: None,
            }
        } else {
            let configured = Configured::read(common, target, ui)?;
            Meant {
                target: configured.target(target, ui).await?,
                configured: Some(configured),
            }
        });
    }
    Ok(meant)
}

/// The endpoints, unless no way can lead through one. Who may not see them still reaches the others.
async fn endpoints(api: &Api, options: &ConnectOptions) -> Result<Vec<Endpoint>, Aws> {
    if options.connection_type == ConnectionType::Direct || options.endpoint_dns_name.is_some() {
        return Ok(Vec::new());
    }
    let query = EndpointQuery {
        id: options.endpoint_id.clone(),
        ..EndpointQuery::default()
    };
    api.list_endpoints(&query).await
}

/// Many where a pattern was typed, else exactly one.
fn matching(target: &Target, instances: Vec<Instance>) -> Result<Vec<Instance>, Aws> {
    let selector = target.selector.clone();
    match instances.len() {
        0 => Err(Aws::InstanceNotFound { selector }),
        1 => Ok(instances),
        _ if selector.is_pattern() => Ok(instances),
        _ => Err(Aws::Ambiguous {
            selector,
            matches: instances,
        }),
    }
}

fn missing(target: &Target, error: Aws) -> Host {
    let typed = target.selector.to_string();
    Host {
        id: typed.clone(),
        name: None,
        label: visible_line(&typed),
        target: target.to_string(),
        way: Err(Failure::from(Error::from(error))),
    }
}

struct Finder<'a> {
    common: &'a Common,
    settings: &'a Settings,
    connector: Connector,
    endpoints: Result<Vec<Endpoint>, Aws>,
    /// The keys of the files that sections of the configuration name.
    identities: HashMap<Vec<PathBuf>, Vec<Identity>>,
    hops: Hops,
    ui: &'a Ui,
}

impl Finder<'_> {
    async fn host(
        &mut self,
        target: &Target,
        configured: Option<Configured>,
        instance: &Instance,
    ) -> Result<Host, Failure> {
        let configured = match configured {
            Some(configured) => configured,
            None => self.configured(target, instance)?,
        };
        let way = self.way(target, &configured, instance).await?;
        let id = instance.id.to_string();
        let user = target.user.as_ref();
        Ok(Host {
            label: visible_line(instance.name.as_deref().unwrap_or(&id)),
            name: instance.name.clone(),
            target: user.map_or(id.clone(), |user| format!("{user}@{id}")),
            id,
            way,
        })
    }

    async fn way(
        &mut self,
        target: &Target,
        configured: &Configured,
        instance: &Instance,
    ) -> Result<Result<Way, Failure>, Failure> {
        let typed = target.selector.to_string();
        let public = instance.addresses.public_ipv4.map(|ip| ip.to_string());
        let names = [instance.name.as_deref(), public.as_deref()];
        let names = [typed.as_str(), instance.id.as_str()]
            .into_iter()
            .chain(names.into_iter().flatten());
        let usual = configured.usual()?;
        let names: Vec<_> = names.collect();
        let (mut options, files) = self.settings.of(self.common, &names, usual);
        options.identities = self.identities(files).await?;
        options.window = Some(WINDOW);
        let hop = self.hops.of(configured, self.common, self.ui);
        if hop.is_some() {
            // From another host it is the instance's own address that leads there.
            options.connection_type = ConnectionType::Direct;
        }
        let (timeline, port) = (options.timeline.clone(), options.port);
        let connector = self.connector.clone().options(options);
        Ok(self.place(&connector, instance).map(|place| Way {
            place,
            connector,
            user: target.user.clone(),
            timeline,
            hop,
            port,
            variables: configured.variables(),
        }))
    }

    /// What OpenSSH's configuration says of an instance that a pattern has found, by its own name.
    fn configured(&self, target: &Target, instance: &Instance) -> Result<Configured, Failure> {
        let own = instance.name.as_ref().and_then(|name| name.parse().ok());
        let named = Target {
            user: target.user.clone(),
            selector: own.unwrap_or_else(|| target.selector.clone()),
        };
        Configured::read(self.common, &named, self.ui)
    }

    fn place(&self, connector: &Connector, instance: &Instance) -> Result<Place, Failure> {
        let known = self.endpoints.as_deref().unwrap_or_default();
        match (connector.place(instance, known), &self.endpoints) {
            (Ok(place), _) => Ok(place),
            (Err(Error::NoEndpoint { .. }), Err(error)) => Err(Failure::caused(
                "cannot find an endpoint",
                error.to_string(),
            )),
            (Err(error), _) => Err(error.into()),
        }
    }

    async fn identities(&mut self, files: Vec<PathBuf>) -> Result<Vec<Identity>, Failure> {
        if let Some(known) = self.identities.get(&files) {
            return Ok(known.clone());
        }
        let read = identities::load(&files, self.common.agent, self.ui).await?;
        self.identities.insert(files, read.clone());
        Ok(read)
    }
}

/// Where several go by one name, their ids tell them apart.
fn label(hosts: &mut [Host]) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for host in &*hosts {
        *count.entry(host.label.clone()).or_default() += 1;
    }
    for host in hosts {
        if count.get(&host.label).is_some_and(|count| *count > 1) && host.label != host.id {
            host.label = format!("{} ({})", host.label, visible_line(&host.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_targets() {
        let text =
            "web-1\n\n# all of them\n  ubuntu@i-01234567  # web-2: exit status 3\ntag:a=b#c\n";
        let targets: Vec<_> = listed(text)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(targets, ["web-1", "ubuntu@i-01234567", "tag:a=b#c"]);
        assert_eq!(listed("web-1\ni-0\n").unwrap_err().0, 2);
    }

    #[test]
    fn labels_are_nobody_elses() {
        let host = |id: &str, label: &str| Host {
            id: id.to_owned(),
            name: None,
            label: label.to_owned(),
            target: String::new(),
            way: Err(Failure::caused("", "")),
        };
        let mut hosts = [
            host("i-1", "web"),
            host("i-2", "web"),
            host("i-3", "db"),
            host("i-4", "i-4"),
        ];
        label(&mut hosts);
        let labels = hosts.map(|host| host.label);
        assert_eq!(labels, ["web (i-1)", "web (i-2)", "db", "i-4"]);
    }
}
