//! One instance as it is listed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use eic_auth::{Endpoint, Instance, InstanceState, choose_endpoint};
use eic_term::{ConnectionType, Route, choose_route};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) state: String,
    pub(crate) availability_zone: Option<String>,
    pub(crate) public_ipv4: Option<IpAddr>,
    pub(crate) private_ipv4: Option<IpAddr>,
    pub(crate) ipv6: Option<IpAddr>,
    pub(crate) vpc_id: Option<String>,
    pub(crate) subnet_id: Option<String>,
    pub(crate) owner_id: Option<String>,
    pub(crate) platform: Option<String>,
    /// `direct`, `eice`, or null where it cannot be reached.
    pub(crate) connection_type: Option<&'static str>,
    pub(crate) endpoint_id: Option<String>,
    /// The same in words.
    pub(crate) reached: String,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Row {
    pub(crate) fn new(
        one: &Instance,
        endpoints: &Result<Vec<Endpoint>, String>,
        want: ConnectionType,
    ) -> Self {
        let (connection_type, endpoint_id, reached) = reach(one, endpoints, want);
        Self {
            id: one.id.to_string(),
            name: one.name.clone(),
            state: one.state.to_string(),
            availability_zone: one.availability_zone.clone(),
            public_ipv4: one.addresses.public_ipv4.map(IpAddr::V4),
            private_ipv4: one.addresses.private_ipv4.map(IpAddr::V4),
            ipv6: one.addresses.ipv6.map(IpAddr::V6),
            vpc_id: one.vpc_id.clone(),
            subnet_id: one.subnet_id.clone(),
            owner_id: one.owner_id.clone(),
            platform: one.platform.clone(),
            connection_type,
            endpoint_id,
            reached,
            tags: one.tags.clone(),
        }
    }

    /// One character for the way: `+` directly, `~` through an endpoint, `-` not at all.
    pub(crate) fn marker(&self) -> char {
        match self.connection_type {
            Some("direct") => '+',
            Some(_) => '~',
            None => '-',
        }
    }
}

/// How an instance would be reached: the connection type, the endpoint, and both in words.
fn reach(
    instance: &Instance,
    endpoints: &Result<Vec<Endpoint>, String>,
    wanted: ConnectionType,
) -> (Option<&'static str>, Option<String>, String) {
    if !matches!(instance.state, InstanceState::Running) {
        return (None, None, format!("not while {}", instance.state));
    }
    match choose_route(wanted, &instance.addresses, None) {
        None => (None, None, "no address".to_owned()),
        Some(Route::Direct(_)) => (Some("direct"), None, "directly".to_owned()),
        Some(Route::Endpoint(_)) => match endpoints {
            Err(error) => (Some("eice"), None, format!("endpoint unknown: {error}")),
            Ok(endpoints) => through(instance, endpoints),
        },
    }
}

fn through(
    instance: &Instance,
    endpoints: &[Endpoint],
) -> (Option<&'static str>, Option<String>, String) {
    let subnet = instance.subnet_id.as_deref();
    let vpc = instance.vpc_id.as_deref();
    match vpc.and_then(|vpc| choose_endpoint(endpoints, vpc, subnet)) {
        Some(endpoint) => (
            Some("eice"),
            Some(endpoint.id.clone()),
            "through an endpoint".to_owned(),
        ),
        None => (None, None, "no endpoint in its VPC".to_owned()),
    }
}
