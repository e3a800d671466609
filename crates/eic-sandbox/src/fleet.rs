use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Deserialize;

use crate::Error;

/// What a region holds: its instances and endpoints, read from a TOML file.
///
/// [`Fleet::BUILT_IN`] is both the default and the documentation of the format.
///
/// ```
/// # fn main() -> Result<(), eic_sandbox::Error> {
/// let fleet: eic_sandbox::Fleet = r#"
///     [[instance]]
///     id = "i-0123456789abcdef0"
///     name = "web-1"
///     public_ip = "127.0.0.1"
/// "#
/// .parse()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    #[serde(default = "default_region")]
    pub(crate) region: String,
    #[serde(default = "default_account")]
    pub(crate) account: String,
    #[serde(default, rename = "endpoint")]
    pub(crate) endpoints: Vec<EndpointEntry>,
    #[serde(default, rename = "instance")]
    pub(crate) instances: Vec<InstanceEntry>,
}

impl Fleet {
    /// The TOML text of the default fleet.
    pub const BUILT_IN: &str = include_str!("fleet.toml");
}

impl FromStr for Fleet {
    type Err = Error;

    /// # Errors
    /// [`Error::FleetSyntax`] for what is not the TOML described, [`Error::FleetEntry`] for an
    /// id that AWS would not give, or that is given twice.
    fn from_str(text: &str) -> Result<Self, Error> {
        let fleet: Self = toml::from_str(text).map_err(|source| Error::FleetSyntax {
            source: Box::new(source),
        })?;
        fleet.check()?;
        Ok(fleet)
    }
}

/// An `[[endpoint]]` of the fleet file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointEntry {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) subnet: String,
    #[serde(default = "default_zone")]
    pub(crate) zone: String,
    #[serde(default = "default_endpoint_state")]
    pub(crate) state: String,
    /// Whether the endpoint also has a FIPS name (the same listener answers to it).
    #[serde(default)]
    pub(crate) fips: bool,
    /// What answers on its port.
    #[serde(default)]
    pub(crate) door: SshEntry,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// An `[[instance]]` of the fleet file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstanceEntry {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    #[serde(default = "default_state")]
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) vpc: String,
    #[serde(default)]
    pub(crate) subnet: String,
    #[serde(default = "default_zone")]
    pub(crate) zone: String,
    pub(crate) public_ip: Option<Ipv4Addr>,
    pub(crate) private_ip: Option<Ipv4Addr>,
    pub(crate) ipv6: Option<Ipv6Addr>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// The OS users for whom IAM lets keys be pushed; any where absent.
    pub(crate) os_users: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) ssh: SshEntry,
    #[serde(default)]
    pub(crate) console: ConsoleEntry,
}

/// What answers on an instance's SSH port, or on an endpoint's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SshEntry {
    /// A server.
    #[default]
    Up,
    /// Nothing: connections are refused, an endpoint's closed at once.
    Down,
    /// Something that accepts and never speaks.
    Mute,
}

/// What an instance's console shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ConsoleEntry {
    /// The boot messages, with the host keys as cloud-init prints them.
    #[default]
    Keys,
    /// Nothing (yet).
    Empty,
}

impl InstanceEntry {
    /// All tags, the name among them.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        let name = self.name.iter().map(|name| ("Name", name.as_str()));
        name.chain(self.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }

    /// The name that AWS's resolver would know the public address by; empty without one.
    pub(crate) fn public_dns_name(&self, region: &str) -> String {
        let Some(ip) = self.public_ip else {
            return String::new();
        };
        let zone = match region {
            "us-east-1" => "compute-1.amazonaws.com".to_owned(),
            other => format!("{other}.compute.amazonaws.com"),
        };
        format!("ec2-{}.{zone}", dashed(ip))
    }

    /// The name inside the VPC; IPv6-only subnets name by instance id.
    pub(crate) fn private_dns_name(&self, region: &str) -> String {
        let zone = match region {
            "us-east-1" => "ec2.internal".to_owned(),
            other => format!("{other}.compute.internal"),
        };
        match (self.private_ip, self.ipv6) {
            (Some(ip), _) => format!("ip-{}.{zone}", dashed(ip)),
            (None, Some(_)) => format!("{}.{zone}", self.id),
            (None, None) => String::new(),
        }
    }
}

fn dashed(ip: Ipv4Addr) -> String {
    ip.to_string().replace('.', "-")
}

impl Fleet {
    fn check(&self) -> Result<(), Error> {
        let instances = self.instances.iter().map(|i| (i.id.as_str(), "i-"));
        let endpoints = self.endpoints.iter().map(|e| (e.id.as_str(), "eice-"));
        let mut seen = BTreeSet::new();
        for (id, prefix) in instances.chain(endpoints) {
            if !is_id(id, prefix) {
                let reason = format!("an id is `{prefix}` and 8 to 17 of the digits 0-9a-f");
                return Err(wrong(id, reason));
            }
            if !seen.insert(id) {
                return Err(wrong(id, "the id is there twice".to_owned()));
            }
        }
        self.instances.iter().try_for_each(check_instance)
    }
}

fn check_instance(instance: &InstanceEntry) -> Result<(), Error> {
    let loopback = |ip: Option<Ipv4Addr>| ip.is_none_or(|ip| ip.is_loopback());
    if !loopback(instance.public_ip) || instance.ipv6.is_some_and(|ip| !ip.is_loopback()) {
        let reason = "public_ip and ipv6 are real addresses, and must be loopback ones";
        return Err(wrong(&instance.id, reason.to_owned()));
    }
    if !STATES.iter().any(|(_, state)| *state == instance.state) {
        let reason = format!("`{}` is not a state of an instance", instance.state);
        return Err(wrong(&instance.id, reason));
    }
    Ok(())
}

/// EC2's instance states and their codes:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>
pub(crate) const STATES: [(u8, &str); 6] = [
    (0, "pending"),
    (16, "running"),
    (32, "shutting-down"),
    (48, "terminated"),
    (64, "stopping"),
    (80, "stopped"),
];

/// Tells whether this is a resource id in the form that EC2 gives them.
pub(crate) fn is_id(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|digits| {
        (8..=17).contains(&digits.len())
            && digits
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn wrong(entry: &str, reason: String) -> Error {
    Error::FleetEntry {
        entry: entry.to_owned(),
        reason,
    }
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

fn default_account() -> String {
    "123456789012".to_owned()
}

fn default_zone() -> String {
    "us-east-1a".to_owned()
}

fn default_state() -> String {
    "running".to_owned()
}

fn default_endpoint_state() -> String {
    "create-complete".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_fleet_is_valid() {
        let fleet: Fleet = Fleet::BUILT_IN.parse().unwrap();
        let named = |name| {
            fleet
                .instances
                .iter()
                .filter(move |i| i.name.as_deref() == Some(name))
        };
        assert_eq!(named("twin").count(), 2);
        let web = named("web-1").next().unwrap();
        assert_eq!(
            web.public_dns_name("us-east-1"),
            "ec2-127-0-1-10.compute-1.amazonaws.com"
        );
        assert_eq!(
            web.private_dns_name("eu-west-1"),
            "ip-10-0-1-10.eu-west-1.compute.internal"
        );
        assert_eq!(
            web.tags().collect::<Vec<_>>(),
            [("Name", "web-1"), ("Role", "web")]
        );
    }

    #[test]
    fn wrong_fleets() {
        let cases = [
            ("[[instance]]\nid = 'i-123'", "8 to 17"),
            ("[[instance]]\nid = 'i-0123456z'", "8 to 17"),
            (
                "[[instance]]\nid = 'i-01234567'\n[[instance]]\nid = 'i-01234567'",
                "twice",
            ),
            (
                "[[instance]]\nid = 'i-01234567'\npublic_ip = '8.8.8.8'",
                "loopback",
            ),
            (
                "[[instance]]\nid = 'i-01234567'\nstate = 'sleeping'",
                "not a state",
            ),
            ("[[instance]]\nid = 'i-01234567'\ncolour = 'red'", "TOML"),
        ];
        for (text, reason) in cases {
            let error = text.parse::<Fleet>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
