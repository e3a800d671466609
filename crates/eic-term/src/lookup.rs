//! From a target to its destination, by way of EC2's API.

use eic_auth::{
    Addresses, Api, ConsoleKeys, Endpoint, EndpointQuery, Instance, InstanceId, InstanceState,
    OsUser, Selector, Target, Tunnel, choose_endpoint,
};
use tokio_util::task::AbortOnDropHandle;

use crate::connect::Connector;
use crate::destination::{Destination, Via};
use crate::error::Error;
use crate::route::{ConnectionType, Route, choose_route};
use crate::session::Session;
use crate::timeline::{Step, Timeline};

type Endpoints = AbortOnDropHandle<Result<Vec<Endpoint>, eic_auth::Error>>;

impl Connector {
    /// Finds a target and logs in to it.
    ///
    /// # Errors
    /// Any [`Error`], named after the step that failed.
    pub async fn connect(&self, target: &Target) -> Result<Session, Error> {
        let id = match &target.selector {
            Selector::Id(id) => Some(id),
            _ => None,
        };
        let mut push = self.key_push(target.user.as_ref(), id)?;
        let console = id.and_then(|id| self.ask_console(id));
        // A failed look-up says more than a failed push, so it is waited for first.
        let destination = self.find(&target.selector).await?;
        self.finish(&destination, &mut push, console, None).await
    }

    /// Finds a target and opens an endpoint's tunnel to one of its ports.
    ///
    /// # Errors
    /// As [`find`](Self::find) and [`open_tunnel_to`](Self::open_tunnel_to).
    pub async fn open_tunnel(&self, target: &Target, port: u16) -> Result<Tunnel, Error> {
        let destination = self.find_for_tunnel(&target.selector).await?;
        self.open_tunnel_to(&destination, port).await
    }

    /// Finds an instance and the endpoint to it, whatever the connection type.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn find_for_tunnel(&self, selector: &Selector) -> Result<Destination, Error> {
        let mut connector = self.clone();
        connector.options.connection_type = ConnectionType::Eice;
        connector.find(selector).await
    }

    /// Pushes a public key of the caller's, in OpenSSH's form without comment, for the 60 s that it lives.
    ///
    /// Returns whose login it allows, and where.
    ///
    /// # Errors
    /// [`Error::Aws`] where a call fails or none or several instances match, or [`Error::NotRunning`].
    pub async fn send_key(
        &self,
        target: &Target,
        key: &str,
    ) -> Result<(InstanceId, OsUser), Error> {
        let id = match &target.selector {
            Selector::Id(id) => id.clone(),
            selector => self.find_instance(selector).await?.id,
        };
        let user = target.user.as_ref().unwrap_or(&self.options.user);
        let _step = self.options.timeline.begin(Step::PushKey);
        self.api.send_ssh_public_key(&id, user, key).await?;
        Ok((id, user.clone()))
    }

    /// Reads the host keys that an instance printed on its console when it first booted.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn console_keys(&self, id: &InstanceId) -> Result<ConsoleKeys, Error> {
        let _step = self.options.timeline.begin(Step::ReadConsole);
        let text = self.api.console_output(id, false).await?;
        Ok(ConsoleKeys::read(text.as_deref().unwrap_or_default()))
    }

    /// Finds the one instance that is meant and the way to it.
    ///
    /// # Errors
    /// [`Error::Aws`] where a call fails or none or several instances match, [`Error::NotRunning`],
    /// [`Error::NoAddress`], [`Error::NoEndpoint`], [`Error::EndpointState`].
    pub async fn find(&self, selector: &Selector) -> Result<Destination, Error> {
        if let Some(known) = self.known(selector) {
            return Ok(known);
        }
        let endpoints = self.begin_endpoints();
        let instance = self.find_instance(selector).await?;
        let route = self.route(&instance)?;
        let (via, endpoint) = match route {
            Route::Direct(_) => (Via::Direct, None),
            Route::Endpoint(_) => self.via_endpoint(&instance, endpoints).await?,
        };
        if let Some(on_found) = &self.options.on_found {
            on_found(&instance, endpoint.as_ref());
        }
        Ok(Destination {
            id: instance.id,
            address: route.address(),
            via,
        })
    }

    /// The way to an instance that runs, directly or not.
    pub(crate) fn route(&self, instance: &Instance) -> Result<Route, Error> {
        check_runs(instance)?;
        let id = instance.id.clone();
        let connection_type = self.wanted();
        let address = self.options.instance_ip;
        let route = choose_route(connection_type, &instance.addresses, address);
        route.ok_or(Error::NoAddress {
            id,
            connection_type,
        })
    }

    /// What the options say already, so that nothing need be looked up.
    fn known(&self, selector: &Selector) -> Option<Destination> {
        let (Selector::Id(id), Some(address)) = (selector, self.options.instance_ip) else {
            return None;
        };
        let route = choose_route(self.wanted(), &Addresses::default(), Some(address))?;
        let via = match route {
            Route::Direct(_) => Via::Direct,
            Route::Endpoint(_) => self.known_endpoint()?,
        };
        Some(Destination {
            id: id.clone(),
            address,
            via,
        })
    }

    pub(crate) fn known_endpoint(&self) -> Option<Via> {
        Some(Via::Endpoint {
            id: self.options.endpoint_id.clone()?,
            host: self.options.endpoint_dns_name.clone()?,
        })
    }

    /// Naming an endpoint means going through one.
    fn wanted(&self) -> ConnectionType {
        match self.options.connection_type {
            ConnectionType::Auto if self.options.endpoint_id.is_some() => ConnectionType::Eice,
            wanted => wanted,
        }
    }

    /// Starts the look-up of endpoints beside the instance's, unless the answer is of no use.
    fn begin_endpoints(&self) -> Option<Endpoints> {
        if self.wanted() == ConnectionType::Direct || self.known_endpoint().is_some() {
            return None;
        }
        let query = EndpointQuery {
            id: self.options.endpoint_id.clone(),
            ..EndpointQuery::default()
        };
        let look_up = list_endpoints(self.api.clone(), query, self.options.timeline.clone());
        Some(AbortOnDropHandle::new(tokio::spawn(look_up)))
    }

    async fn find_instance(&self, selector: &Selector) -> Result<Instance, Error> {
        let _step = self.options.timeline.begin(Step::FindInstance);
        let instance = self.api.find_instance(selector).await?;
        check_runs(&instance)?;
        Ok(instance)
    }

    async fn via_endpoint(
        &self,
        to: &Instance,
        found: Option<Endpoints>,
    ) -> Result<(Via, Option<Endpoint>), Error> {
        if let Some(known) = self.known_endpoint() {
            return Ok((known, None));
        }
        let endpoints = match found {
            None => Vec::new(),
            Some(task) => match task.await {
                Ok(endpoints) => endpoints?,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            },
        };
        let endpoint = self.choose(&endpoints, to)?;
        Ok((self.via(endpoint)?, Some(endpoint.clone())))
    }

    pub(crate) fn via(&self, endpoint: &Endpoint) -> Result<Via, Error> {
        let host = endpoint.host(self.api.use_fips(), self.api.use_dual_stack())?;
        Ok(Via::Endpoint {
            id: endpoint.id.clone(),
            host: host.to_owned(),
        })
    }

    pub(crate) fn choose<'a>(
        &self,
        endpoints: &'a [Endpoint],
        to: &Instance,
    ) -> Result<&'a Endpoint, Error> {
        if self.options.endpoint_id.is_some()
            && let Some(named) = endpoints.first()
        {
            return usable(named);
        }
        let vpc_id = to.vpc_id.as_deref();
        let chosen =
            vpc_id.and_then(|vpc| choose_endpoint(endpoints, vpc, to.subnet_id.as_deref()));
        chosen.ok_or_else(|| no_endpoint(&to.id, vpc_id))
    }
}

fn check_runs(instance: &Instance) -> Result<(), Error> {
    match &instance.state {
        InstanceState::Running | InstanceState::Unknown(_) => Ok(()),
        state => Err(Error::NotRunning {
            id: instance.id.clone(),
            state: state.clone(),
        }),
    }
}

fn usable(endpoint: &Endpoint) -> Result<&Endpoint, Error> {
    if endpoint.state.is_usable() {
        return Ok(endpoint);
    }
    Err(Error::EndpointState {
        id: endpoint.id.clone(),
        state: endpoint.state.to_string(),
    })
}

fn no_endpoint(id: &InstanceId, vpc_id: Option<&str>) -> Error {
    Error::NoEndpoint {
        id: id.clone(),
        vpc_id: vpc_id.map(str::to_owned),
    }
}

async fn list_endpoints(
    api: Api,
    query: EndpointQuery,
    timeline: Timeline,
) -> Result<Vec<Endpoint>, eic_auth::Error> {
    let _step = timeline.begin(Step::FindEndpoint);
    api.list_endpoints(&query).await
}
