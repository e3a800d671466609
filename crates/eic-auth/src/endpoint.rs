//! EC2 Instance Connect Endpoints, and which one to go through.

use std::fmt;

use crate::Error;

/// The life-cycle state of an endpoint, displayed in AWS's words.
///
/// ```
/// use eic_auth::EndpointState;
///
/// assert!(EndpointState::from("create-complete").is_usable());
/// assert!(!EndpointState::from("delete-in-progress").is_usable());
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EndpointState {
    /// Being created.
    CreateInProgress,
    /// Created.
    CreateComplete,
    /// Could not be created.
    CreateFailed,
    /// Being deleted.
    DeleteInProgress,
    /// Deleted.
    DeleteComplete,
    /// Could not be deleted.
    DeleteFailed,
    /// Being changed; it goes on working.
    UpdateInProgress,
    /// Changed.
    UpdateComplete,
    /// Could not be changed; it goes on working as it was.
    UpdateFailed,
    /// A state this version does not know, in AWS's words; empty if AWS sent none.
    Unknown(String),
}

impl EndpointState {
    /// Whether an endpoint in this state takes tunnels; AWS CLI uses the same four.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(
            self,
            Self::CreateComplete
                | Self::UpdateInProgress
                | Self::UpdateComplete
                | Self::UpdateFailed
        )
    }

    /// The state in AWS's words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::CreateInProgress => "create-in-progress",
            Self::CreateComplete => "create-complete",
            Self::CreateFailed => "create-failed",
            Self::DeleteInProgress => "delete-in-progress",
            Self::DeleteComplete => "delete-complete",
            Self::DeleteFailed => "delete-failed",
            Self::UpdateInProgress => "update-in-progress",
            Self::UpdateComplete => "update-complete",
            Self::UpdateFailed => "update-failed",
            Self::Unknown(word) if word.is_empty() => "unknown",
            Self::Unknown(word) => word,
        }
    }
}

impl From<&str> for EndpointState {
    fn from(word: &str) -> Self {
        match word {
            "create-in-progress" => Self::CreateInProgress,
            "create-complete" => Self::CreateComplete,
            "create-failed" => Self::CreateFailed,
            "delete-in-progress" => Self::DeleteInProgress,
            "delete-complete" => Self::DeleteComplete,
            "delete-failed" => Self::DeleteFailed,
            "update-in-progress" => Self::UpdateInProgress,
            "update-complete" => Self::UpdateComplete,
            "update-failed" => Self::UpdateFailed,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl fmt::Display for EndpointState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A pair of DNS names: the ordinary one and the one with FIPS 140 validated cryptography.
///
/// ```
/// use eic_auth::DnsNames;
///
/// let names = DnsNames { plain: Some("eice.example".to_owned()), fips: None };
/// assert_eq!(names.get(true), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DnsNames {
    /// The ordinary name.
    pub plain: Option<String>,
    /// The FIPS name.
    pub fips: Option<String>,
}

impl DnsNames {
    /// The name of the asked kind, unless it is missing or empty.
    #[must_use]
    pub fn get(&self, fips: bool) -> Option<&str> {
        let name = if fips { &self.fips } else { &self.plain };
        name.as_deref().filter(|name| !name.is_empty())
    }
}

/// An EC2 Instance Connect Endpoint.
///
/// ```
/// use eic_auth::Endpoint;
///
/// let mut endpoint = Endpoint::new("eice-0123456789abcdef0");
/// endpoint.names.plain = Some("eice-0123.ec2-instance-connect-endpoint.eu-west-1.amazonaws.com".to_owned());
/// assert!(endpoint.host(false, false).is_ok());
/// assert!(endpoint.host(true, false).is_err());
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The endpoint id, `eice-…`.
    pub id: String,
    /// The life-cycle state.
    pub state: EndpointState,
    /// The VPC it is in.
    pub vpc_id: Option<String>,
    /// The subnet it is in.
    pub subnet_id: Option<String>,
    /// Its Availability Zone.
    pub availability_zone: Option<String>,
    /// The AWS account that owns it.
    pub owner_id: Option<String>,
    /// `DnsName` and `FipsDnsName`; a port after a colon is used.
    pub names: DnsNames,
    /// `PublicDnsNames.Ipv4`, of newer endpoints.
    pub ipv4_names: DnsNames,
    /// `PublicDnsNames.Dualstack`, of newer endpoints.
    pub dualstack_names: DnsNames,
    /// The security groups that its connections come from.
    pub security_group_ids: Vec<String>,
    /// Whether instances see the client's address rather than the endpoint's.
    pub preserve_client_ip: bool,
}

impl Endpoint {
    /// A usable endpoint of which only the id is known.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            state: EndpointState::CreateComplete,
            vpc_id: None,
            subnet_id: None,
            availability_zone: None,
            owner_id: None,
            names: DnsNames::default(),
            ipv4_names: DnsNames::default(),
            dualstack_names: DnsNames::default(),
            security_group_ids: Vec::new(),
            preserve_client_ip: false,
        }
    }

    /// The host to open tunnels at: with `dualstack` the dual-stack name if the endpoint lists one, else
    /// `DnsName`, else a public one; with `fips` each in its FIPS form, and never another.
    ///
    /// # Errors
    /// [`Error::NoEndpointHost`] if the endpoint has no name of that kind.
    pub fn host(&self, fips: bool, dualstack: bool) -> Result<&str, Error> {
        let asked = dualstack.then_some(&self.dualstack_names);
        let others = [&self.names, &self.ipv4_names, &self.dualstack_names];
        let host = asked
            .into_iter()
            .chain(others)
            .find_map(|names| names.get(fips));
        host.ok_or_else(|| Error::NoEndpointHost {
            id: self.id.clone(),
            fips,
        })
    }
}

/// Which endpoints to list; the default is every endpoint of the region.
///
/// ```
/// use eic_auth::EndpointQuery;
///
/// let query = EndpointQuery { vpc_id: Some("vpc-0a1b2c3d".to_owned()), ..EndpointQuery::default() };
/// assert_eq!(query.id, None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointQuery {
    /// Only the endpoint with this id.
    pub id: Option<String>,
    /// Only endpoints in this VPC.
    pub vpc_id: Option<String>,
}

/// Chooses the endpoint for an instance: a usable one in the instance's subnet, else the first usable one in
/// its VPC, as AWS CLI does. An endpoint elsewhere is never chosen.
#[must_use]
pub fn choose_endpoint<'a>(
    endpoints: &'a [Endpoint],
    vpc_id: &str,
    subnet_id: Option<&str>,
) -> Option<&'a Endpoint> {
    let in_vpc = |endpoint: &&Endpoint| {
        endpoint.state.is_usable() && endpoint.vpc_id.as_deref() == Some(vpc_id)
    };
    let in_subnet =
        |endpoint: &&Endpoint| subnet_id.is_some() && endpoint.subnet_id.as_deref() == subnet_id;
    let mut usable = endpoints.iter().filter(in_vpc);
    usable.clone().find(in_subnet).or_else(|| usable.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(id: &str, state: &str, vpc: &str, subnet: &str) -> Endpoint {
        let mut endpoint = Endpoint::new(id);
        endpoint.state = EndpointState::from(state);
        endpoint.vpc_id = Some(vpc.to_owned());
        endpoint.subnet_id = Some(subnet.to_owned());
        endpoint
    }

    #[test]
    fn the_choice() {
        let all = [
            endpoint("gone", "delete-complete", "vpc-1", "subnet-b"),
            endpoint("other-vpc", "create-complete", "vpc-2", "subnet-c"),
            endpoint("first", "update-failed", "vpc-1", "subnet-a"),
            endpoint("same-subnet", "update-in-progress", "vpc-1", "subnet-b"),
            endpoint("deleting", "delete-in-progress", "vpc-1", "subnet-d"),
            endpoint("odd", "paused", "vpc-3", "subnet-e"),
        ];
        for (vpc, subnet, chosen) in [
            ("vpc-1", Some("subnet-b"), Some("same-subnet")),
            ("vpc-1", Some("subnet-d"), Some("first")),
            ("vpc-1", Some("subnet-zzz"), Some("first")),
            ("vpc-1", None, Some("first")),
            ("vpc-2", Some("subnet-a"), Some("other-vpc")),
            ("vpc-3", None, None),
            ("vpc-9", Some("subnet-a"), None),
        ] {
            let found = choose_endpoint(&all, vpc, subnet).map(|endpoint| endpoint.id.as_str());
            assert_eq!(found, chosen, "{vpc} {subnet:?}");
        }
        assert_eq!(choose_endpoint(&[], "vpc-1", None), None);
    }

    #[test]
    fn an_unknown_subnet_never_matches_an_unknown_subnet() {
        let mut first = endpoint("first", "create-complete", "vpc-1", "subnet-a");
        first.subnet_id = Some("subnet-a".to_owned());
        let mut second = first.clone();
        second.id = "second".to_owned();
        second.subnet_id = None;
        assert_eq!(
            choose_endpoint(&[first, second], "vpc-1", None).unwrap().id,
            "first"
        );
    }

    fn names(plain: &str, fips: &str) -> DnsNames {
        DnsNames {
            plain: Some(plain.to_owned()),
            fips: Some(fips.to_owned()),
        }
    }

    #[test]
    fn the_host() {
        let full = Endpoint {
            names: names("plain", "fips"),
            ipv4_names: names("v4", "v4-fips"),
            dualstack_names: names("dual", "dual-fips"),
            ..Endpoint::new("eice-1")
        };
        let old = Endpoint {
            names: names("plain", ""),
            ..Endpoint::new("eice-2")
        };
        let v6_only = Endpoint {
            dualstack_names: names("dual", "dual-fips"),
            ..Endpoint::new("eice-3")
        };
        let no_top_fips = Endpoint {
            names: names("plain", ""),
            ipv4_names: names("v4", "v4-fips"),
            ..Endpoint::new("eice-4")
        };
        for (endpoint, fips, dualstack, host) in [
            (&full, false, false, Some("plain")),
            (&full, true, false, Some("fips")),
            (&full, false, true, Some("dual")),
            (&full, true, true, Some("dual-fips")),
            (&old, false, false, Some("plain")),
            (&old, false, true, Some("plain")),
            (&old, true, false, None),
            (&old, true, true, None),
            (&v6_only, false, false, Some("dual")),
            (&v6_only, true, false, Some("dual-fips")),
            (&no_top_fips, true, false, Some("v4-fips")),
            (&Endpoint::new("eice-5"), false, false, None),
        ] {
            assert_eq!(
                endpoint.host(fips, dualstack).ok(),
                host,
                "{} {fips} {dualstack}",
                endpoint.id
            );
        }
        let message = old.host(true, false).unwrap_err().to_string();
        assert_eq!(message, "endpoint eice-2 has no FIPS DNS name");
    }

    #[test]
    fn states_keep_awss_words() {
        for word in [
            "create-failed",
            "delete-failed",
            "update-complete",
            "paused",
        ] {
            assert_eq!(EndpointState::from(word).as_str(), word);
        }
        assert_eq!(EndpointState::from("").as_str(), "unknown");
    }
}
