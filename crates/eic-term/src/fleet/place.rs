//! Where an instance is, and all the ways to it.

use std::net::IpAddr;

use eic_auth::InstanceId;
#[cfg(feature = "ec2")]
use eic_auth::{Endpoint, Instance};

#[cfg(feature = "ec2")]
use crate::connect::Connector;
use crate::destination::{Destination, Via};
#[cfg(feature = "ec2")]
use crate::error::Error;

/// An instance and the ways to it, of which [`Fleet::turn`](crate::Fleet::turn) takes the emptiest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The instance.
    pub id: InstanceId,
    /// Its address on all of these ways.
    pub address: IpAddr,
    first: Via,
    others: Vec<Via>,
}

impl From<Destination> for Place {
    fn from(one: Destination) -> Self {
        Self {
            id: one.id,
            address: one.address,
            first: one.via,
            others: Vec::new(),
        }
    }
}

impl Place {
    /// The ways, the best one first.
    pub(crate) fn ways(&self) -> impl Iterator<Item = &Via> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Returns the best way alone.
    #[must_use]
    pub fn destination(&self) -> Destination {
        Destination {
            id: self.id.clone(),
            address: self.address,
            via: self.first.clone(),
        }
    }
}

#[cfg(feature = "ec2")]
impl Connector {
    /// Works out the ways to an instance: directly, or through any usable endpoint of its VPC, those of its subnet
    /// first. Nothing is asked of the network.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::NoAddress`], [`Error::NoEndpoint`], [`Error::EndpointState`], or [`Error::Aws`]
    /// where an endpoint has no host name.
    pub fn place(&self, instance: &Instance, endpoints: &[Endpoint]) -> Result<Place, Error> {
        let (first, rest) = self.nearest(instance, endpoints)?;
        let mut others: Vec<&Endpoint> = Vec::new();
        if matches!(first.via, Via::Endpoint { .. }) && self.options.endpoint_id.is_none() {
            others.extend(rest);
        }
        let others = others.into_iter().map(|endpoint| self.via(endpoint));
        let others = others
            .filter_map(Result::ok)
            .filter(|via| *via != first.via);
        Ok(Place {
            others: others.collect(),
            ..Place::from(first)
        })
    }

    /// The destination that a single login would take, and all endpoints that lead there.
    fn nearest<'a>(
        &self,
        instance: &Instance,
        endpoints: &'a [Endpoint],
    ) -> Result<(Destination, Vec<&'a Endpoint>), Error> {
        let route = self.route(instance)?;
        let via = match route {
            crate::route::Route::Direct(_) => Via::Direct,
            crate::route::Route::Endpoint(_) => match self.known_endpoint() {
                Some(known) => known,
                None => self.via(self.choose(endpoints, instance)?)?,
            },
        };
        let vpc = instance.vpc_id.as_deref();
        let leads_there = |endpoint: &&Endpoint| {
            endpoint.state.is_usable() && vpc.is_some() && endpoint.vpc_id.as_deref() == vpc
        };
        let destination = Destination {
            id: instance.id.clone(),
            address: route.address(),
            via,
        };
        Ok((destination, endpoints.iter().filter(leads_there).collect()))
    }
}
