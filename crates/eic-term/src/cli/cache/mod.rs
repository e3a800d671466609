//! What was found out about instances, kept for the next time: where they are, never a key or a credential.

mod file;
mod scope;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use eic_auth::{DnsNames, Endpoint, Instance, InstanceId, InstanceState, Selector};
use serde::{Deserialize, Serialize};

use super::folders;
pub(crate) use scope::Scope;
use scope::VERSION;

/// How long an instance that nobody asks for is remembered, in seconds.
const LIFE: u64 = 90 * 24 * 3600;
/// What is known to have been used so lately is not written again, in seconds.
const LATELY: u64 = 60;

/// How many instances are few beside a whole account's.
const FEW: usize = 16;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line {
    Scope(Scope),
    Instance(Known),
    Endpoint {
        id: String,
        vpc: Option<String>,
        subnet: Option<String>,
        host: String,
    },
}

/// An instance as it was the last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) state: String,
    pub(crate) zone: Option<String>,
    vpc: Option<String>,
    subnet: Option<String>,
    account: Option<String>,
    public: Option<Ipv4Addr>,
    private: Option<Ipv4Addr>,
    ipv6: Option<Ipv6Addr>,
    /// When it was seen, in seconds since 1970.
    seen: u64,
    /// When it was last connected to.
    pub(crate) used: Option<u64>,
}

impl Known {
    fn new(one: &Instance, now: u64) -> Self {
        Self {
            id: one.id.to_string(),
            name: one.name.clone(),
            state: one.state.to_string(),
            zone: one.availability_zone.clone(),
            vpc: one.vpc_id.clone(),
            subnet: one.subnet_id.clone(),
            account: one.owner_id.clone(),
            public: one.addresses.public_ipv4,
            private: one.addresses.private_ipv4,
            ipv6: one.addresses.ipv6,
            seen: now,
            used: None,
        }
    }

    /// The instance; `None` where the line is not ours.
    pub(crate) fn instance(&self) -> Option<Instance> {
        let mut instance = Instance::new(InstanceId::new(self.id.as_str()).ok()?);
        instance.name.clone_from(&self.name);
        instance.state = InstanceState::from(self.state.as_str());
        instance.availability_zone.clone_from(&self.zone);
        instance.vpc_id.clone_from(&self.vpc);
        instance.subnet_id.clone_from(&self.subnet);
        instance.owner_id.clone_from(&self.account);
        instance.addresses.public_ipv4 = self.public;
        instance.addresses.private_ipv4 = self.private;
        instance.addresses.ipv6 = self.ipv6;
        Some(instance)
    }

    /// Whether only the times differ.
    fn is_same(&self, other: &Self) -> bool {
        let timeless = |one: &Self| Self {
            seen: 0,
            used: None,
            ..one.clone()
        };
        timeless(self) == timeless(other)
    }
}

/// The cache of one account and region. It is a help: what cannot be read or written is done without.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    path: PathBuf,
    scope: Scope,
}

impl Cache {
    pub(crate) fn of(scope: Scope) -> Option<Self> {
        let path = folders::cache()?.join(scope.file_name());
        Some(Self { path, scope })
    }

    /// The instance that a selector meant the last time, and its endpoints; `None` where it means none or several.
    pub(crate) fn recall(&self, selector: &Selector) -> Option<(Instance, Vec<Endpoint>)> {
        // Most lines need not be understood.
        let word = match selector {
            Selector::Id(id) => id.to_string(),
            Selector::Name(name) if !selector.is_pattern() => name.clone(),
            _ => return None,
        };
        let quoted = serde_json::to_string(&word).ok()?;
        let lines = self.lines(|line| line.contains(&quoted) || line.contains("\"endpoint\""));
        let mut endpoints = Vec::new();
        let mut instances = Vec::new();
        for line in lines {
            match line {
                Line::Instance(known) => {
                    instances.extend(known.instance().filter(|one| selector.matches(one)));
                }
                Line::Endpoint {
                    id,
                    vpc,
                    subnet,
                    host,
                } => endpoints.push(endpoint(id, vpc, subnet, host)),
                Line::Scope(_) => {}
            }
        }
        match instances.len() {
            1 => Some((instances.pop()?, endpoints)),
            _ => None,
        }
    }

    /// Remembers what was found: of one that was connected to, also when.
    pub(crate) fn remember(&self, found: &[Instance], through: &[Endpoint], used: bool) {
        if let Err(error) = self.try_remember(found, through, used) {
            tracing::debug!(%error, path = %self.path.display(), "not remembered");
        }
    }

    fn try_remember(&self, found: &[Instance], through: &[Endpoint], used: bool) -> io::Result<()> {
        let now = now();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        file::private_folder(folder)?;
        let _turn = file::turn(folder);
        // Of many lines few are about what was found; the others stay as they are.
        let (known, others): (Vec<_>, Vec<_>) = self
            .texts()
            .partition(|line| is_about(line, found, through));
        let before = known
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        let before: Vec<_> = before.collect();
        let merged = merge(before.clone(), found, through, used, now);
        if merged == before {
            return Ok(());
        }
        let mut text = Vec::new();
        for line in [Line::Scope(self.scope.clone())].iter().chain(&merged) {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        for line in others {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        file::replace(folder, &self.path, &text)
    }

    /// All instances that are known.
    pub(crate) fn all(&self) -> Vec<Known> {
        let lines = self.lines(|_| true);
        let known = lines.filter_map(|line| match line {
            Line::Instance(known) => Some(known),
            _ => None,
        });
        known.collect()
    }

    /// The lines that are wanted, as far as they are ours.
    fn lines(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = Line> {
        let wanted = self.texts().filter(move |line| wanted(line));
        wanted.filter_map(|line| serde_json::from_str(&line).ok())
    }

    /// All lines but the first; none where the file is another scope's.
    fn texts(&self) -> impl Iterator<Item = String> + use<> {
        let mut lines = file::read(&self.path);
        let first = lines.next();
        let scope = first.and_then(|first| serde_json::from_str(&first).ok());
        let is_ours = scope == Some(Line::Scope(self.scope.clone()));
        lines.filter(move |_| is_ours)
    }
}

/// The names and ids in all caches, of this profile and region where those are given; for completion.
pub(crate) fn names(profile: Option<&str>, region: Option<&str>) -> Vec<Known> {
    let folder = folders::cache().and_then(|folder| fs::read_dir(folder).ok());
    let paths = folder
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut known = Vec::new();
    for path in paths.filter(|path| path.extension() == Some("jsonl".as_ref())) {
        let first = file::read(&path).next();
        let Some(Line::Scope(scope)) = first.and_then(|line| serde_json::from_str(&line).ok())
        else {
            continue;
        };
        let is_meant = profile.is_none_or(|name| scope.profile.as_deref() == Some(name))
            && region.is_none_or(|name| scope.region == name)
            && scope.version == VERSION;
        if is_meant {
            known.extend(Cache { path, scope }.all());
        }
    }
    known
}

fn endpoint(id: String, vpc: Option<String>, subnet: Option<String>, host: String) -> Endpoint {
    let mut endpoint = Endpoint::new(id);
    endpoint.vpc_id = vpc;
    endpoint.subnet_id = subnet;
    endpoint.names = DnsNames {
        plain: Some(host.clone()),
        fips: Some(host),
    };
    endpoint
}

/// What is known by now: the newer of each, without what nobody has asked for in a long time.
fn merge(
    before: Vec<Line>,
    found: &[Instance],
    through: &[Endpoint],
    used: bool,
    now: u64,
) -> Vec<Line> {
    let mut new: Vec<Known> = found.iter().map(|one| Known::new(one, now)).collect();
    let mut merged = Vec::with_capacity(before.len() + new.len());
    let mut by_id: std::collections::HashMap<String, usize> = new
        .iter()
        .enumerate()
        .map(|(at, one)| (one.id.clone(), at))
        .collect();
    let is_new_endpoint = |id: &str| through.iter().any(|endpoint| endpoint.id == id);
    for line in before {
        match line {
            Line::Instance(old) => match by_id.remove(&old.id).and_then(|at| new.get_mut(at)) {
                Some(newer) => merged.push(Line::Instance(newest(old, newer, used, now))),
                None if old.seen.max(old.used.unwrap_or_default()) + LIFE > now => {
                    merged.push(Line::Instance(old));
                }
                None => {}
            },
            Line::Endpoint { ref id, .. } if is_new_endpoint(id) => {}
            Line::Endpoint { .. } => merged.push(line),
            Line::Scope(_) => {}
        }
    }
    for mut one in new.into_iter().filter(|one| by_id.contains_key(&one.id)) {
        one.used = used.then_some(now);
        merged.push(Line::Instance(one));
    }
    merged.extend(through.iter().filter_map(endpoint_line));
    merged
}

fn newest(old: Known, newer: &mut Known, used: bool, now: u64) -> Known {
    let lately = |then: u64| then + LATELY > now;
    if old.is_same(newer) && (!used || old.used.is_some_and(lately)) && lately(old.seen) {
        return old;
    }
    Known {
        used: if used { Some(now) } else { old.used },
        ..newer.clone()
    }
}

fn endpoint_line(endpoint: &Endpoint) -> Option<Line> {
    let names = &endpoint.names;
    Some(Line::Endpoint {
        id: endpoint.id.clone(),
        vpc: endpoint.vpc_id.clone(),
        subnet: endpoint.subnet_id.clone(),
        host: names.get(false).or(names.get(true))?.to_owned(),
    })
}

/// Whether a line may be about one of these; all are where there are many, as then the old ones are sorted out.
fn is_about(line: &str, found: &[Instance], through: &[Endpoint]) -> bool {
    found.len() > FEW
        || found.iter().any(|one| line.contains(one.id.as_str()))
        || through.iter().any(|one| line.contains(&one.id))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, name: &str, last: u8) -> Instance {
        let mut instance = Instance::new(InstanceId::new(id).unwrap());
        instance.name = Some(name.to_owned());
        instance.addresses.private_ipv4 = Some([10, 0, 0, last].into());
        instance
    }

    fn used(lines: &[Line]) -> Vec<(&str, Option<u64>)> {
        let known = lines.iter().filter_map(|line| match line {
            Line::Instance(known) => Some((known.id.as_str(), known.used)),
            _ => None,
        });
        known.collect()
    }

    #[test]
    fn the_newer_counts_and_the_old_is_forgotten() {
        let (a, b) = (
            instance("i-00000001", "a", 1),
            instance("i-00000002", "b", 2),
        );
        let first = merge(Vec::new(), &[a.clone(), b], &[], false, 1000);
        assert_eq!(used(&first), [("i-00000001", None), ("i-00000002", None)]);
        let second = merge(first.clone(), std::slice::from_ref(&a), &[], true, 2000);
        assert_eq!(
            used(&second),
            [("i-00000001", Some(2000)), ("i-00000002", None)]
        );
        let again = merge(second.clone(), &[a], &[], true, 2010);
        assert_eq!(again, second, "nothing to write");
        let moved = instance("i-00000001", "a", 9);
        let third = merge(second, &[moved], &[], false, 1001 + LIFE);
        assert_eq!(used(&third), [("i-00000001", Some(2000))]);
    }

    #[test]
    fn recalled_by_id_and_by_a_name_of_one() {
        let folder = tempfile::tempdir().unwrap();
        let scope = Scope {
            version: VERSION,
            profile: None,
            region: "r".to_owned(),
            endpoint_url: None,
            identity: None,
        };
        let cache = Cache {
            path: folder.path().join("c.jsonl"),
            scope,
        };
        let mut through = Endpoint::new("eice-1");
        through.names.plain = Some("host".to_owned());
        through.vpc_id = Some("vpc-1".to_owned());
        let found = [
            ("i-00000001", "a"),
            ("i-00000002", "twin"),
            ("i-00000003", "twin"),
        ];
        let found = found.map(|(id, name)| instance(id, name, 1));
        cache.remember(&found, &[through.clone()], false);
        for (selector, expected) in [
            ("a", Some("i-00000001")),
            ("i-00000002", Some("i-00000002")),
            ("twin", None),
            ("a*", None),
            ("b", None),
        ] {
            let recalled = cache.recall(&selector.parse().unwrap());
            let id = recalled.as_ref().map(|(instance, _)| instance.id.as_str());
            assert_eq!(id, expected, "{selector}");
            if let Some((_, endpoints)) = recalled {
                assert_eq!(endpoints[0].host(true, false).unwrap(), "host");
            }
        }
        let other = Cache {
            scope: Scope {
                region: "s".to_owned(),
                ..cache.scope.clone()
            },
            ..cache.clone()
        };
        assert!(other.all().is_empty() && cache.all().len() == 3);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&cache.path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(&cache.path, "rubbish\n{}").unwrap();
        assert!(cache.all().is_empty());
    }
}
