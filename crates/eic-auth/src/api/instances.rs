//! DescribeInstances.

use std::collections::BTreeMap;

use aws_sdk_ec2::types;
use futures_util::future::try_join_all;

use super::Api;
use super::pages::Pages;
use super::queries::{Query, further_queries, queries, together};
use crate::Error;
use crate::instance::{Addresses, Instance, InstanceId, InstanceState};
use crate::target::Selector;

/// The most instances that AWS sends in a page.
const PAGE: i32 = 1000;

impl Api {
    /// Finds the one instance that a selector means. Terminated ones don't count.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`], [`Error::InstanceGone`] for the id of a terminated one, [`Error::Ambiguous`]
    /// with all of several, and what any call can fail with.
    pub async fn find_instance(&self, selector: &Selector) -> Result<Instance, Error> {
        let mut matches = self.matching(selector).await?;
        if matches.len() > 1 {
            return Err(Error::Ambiguous {
                selector: selector.clone(),
                matches,
            });
        }
        let found = matches.pop();
        found.ok_or_else(|| Error::InstanceNotFound {
            selector: selector.clone(),
        })
    }

    /// Lists the region's instances, or those that a selector means, sorted by name and id; without the
    /// terminated ones.
    ///
    /// # Errors
    /// As any call; with an id, as [`Api::find_instance`].
    pub async fn list_instances(&self, filter: Option<&Selector>) -> Result<Vec<Instance>, Error> {
        match filter {
            Some(selector) => self.matching(selector).await,
            None => Ok(sorted(self.describe(&Query::of(&[])).await?)),
        }
    }

    /// Finds the instances that each of several selectors means, sorted by name and id; without the terminated ones.
    ///
    /// All of one kind are asked for together: names in one call, ids in another, whatever their number up to 200.
    ///
    /// # Errors
    /// As any call. That nothing matches is none.
    pub async fn find_instances(
        &self,
        selectors: &[Selector],
    ) -> Result<Vec<Vec<Instance>>, Error> {
        let found = sorted(self.describe_all(&together(selectors)).await?);
        let mut groups = Vec::with_capacity(selectors.len());
        for selector in selectors {
            let meant = found.iter().filter(|instance| selector.matches(instance));
            let meant: Vec<_> = meant.cloned().collect();
            groups.push(match selector {
                // Perhaps a secondary address.
                Selector::Address(_) if meant.is_empty() => self.matching(selector).await?,
                _ => meant,
            });
        }
        Ok(groups)
    }

    /// Reads the region's instances, or those that a selector means, page by page: up to 1,000 at a time, as they come;
    /// without the terminated ones.
    ///
    /// # Errors
    /// As any call.
    pub async fn each_page(
        &self,
        filter: Option<&Selector>,
        mut page: impl FnMut(Vec<Instance>),
    ) -> Result<(), Error> {
        let queries = match filter {
            Some(selector) => together(std::slice::from_ref(selector)),
            None => vec![Query::of(&[])],
        };
        for query in &queries {
            self.pages(query, |found| {
                page(sorted(found));
                Vec::new()
            })
            .await?;
        }
        Ok(())
    }

    async fn matching(&self, selector: &Selector) -> Result<Vec<Instance>, Error> {
        if let Selector::Id(id) = selector {
            return self.by_id(id).await.map(|instance| vec![instance]);
        }
        let found = self.describe_all(&queries(selector)).await?;
        if !found.is_empty() {
            return Ok(sorted(found));
        }
        match self.describe_all(&further_queries(selector)).await {
            // An emulator of EC2 may know only the commoner filters, and break over the others.
            Err(error @ (Error::Service { .. } | Error::Response { .. })) => {
                tracing::debug!(%selector, %error, "no look among secondary addresses");
                Ok(Vec::new())
            }
            found => found.map(sorted),
        }
    }

    async fn by_id(&self, id: &InstanceId) -> Result<Instance, Error> {
        let unknown = || Error::InstanceNotFound {
            selector: Selector::Id(id.clone()),
        };
        let found = self.describe(&Query::by_id(id)).await;
        let found = found.map_err(|error| match error {
            Error::Service { code, .. } if is_unknown_id(&code) => unknown(),
            error => error,
        })?;
        let instance = found
            .into_iter()
            .find(|instance| instance.id == *id)
            .ok_or_else(unknown)?;
        if instance.state.is_gone() {
            return Err(Error::InstanceGone {
                id: instance.id,
                state: instance.state,
            });
        }
        Ok(instance)
    }

    async fn describe_all(&self, queries: &[Query]) -> Result<Vec<Instance>, Error> {
        let found = try_join_all(queries.iter().map(|query| self.describe(query))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn describe(&self, query: &Query) -> Result<Vec<Instance>, Error> {
        self.pages(query, |page| page).await
    }

    /// Reads all pages and keeps of each what `keep` returns.
    async fn pages(
        &self,
        query: &Query,
        mut keep: impl FnMut(Vec<Instance>) -> Vec<Instance>,
    ) -> Result<Vec<Instance>, Error> {
        let call = self.call("DescribeInstances", "ec2:DescribeInstances");
        self.inner.credentials.get().await?;
        let mut pages = Pages::of(call.operation);
        while let Some(token) = pages.ask() {
            let request = self
                .clients()
                .ec2
                .describe_instances()
                .set_next_token(token);
            let request =
                request.set_instance_ids(Some(query.ids.clone()).filter(|ids| !ids.is_empty()));
            // The call cannot have both ids and a page's size.
            let size = query.ids.is_empty().then_some(PAGE);
            let request = request.set_max_results(size);
            let answer = request.set_filters(query.filters()).send().await;
            let answer = answer.map_err(|error| call.failure(error))?;
            let instances = answer.reservations().iter().flat_map(|reservation| {
                let found = reservation.instances().iter();
                found.filter_map(|found| instance(found, reservation.owner_id()))
            });
            pages.add(keep(instances.collect()), answer.next_token())?;
        }
        Ok(pages.into_items())
    }
}

pub(super) fn is_unknown_id(code: &str) -> bool {
    matches!(
        code,
        "InvalidInstanceID.NotFound" | "InvalidInstanceID.Malformed" | "InvalidInstanceID"
    )
}

/// Each instance once, by name and id, without those that are gone.
fn sorted(mut instances: Vec<Instance>) -> Vec<Instance> {
    instances.retain(|instance| !instance.state.is_gone());
    instances.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    instances.dedup_by(|a, b| a.id == b.id);
    instances
}

/// An instance in our words; one without an id is of no use. Emulators of EC2 leave fields out or empty.
fn instance(found: &types::Instance, owner_id: Option<&str>) -> Option<Instance> {
    let mut instance = Instance::new(InstanceId::new(found.instance_id()?).ok()?);
    let state = found.state().and_then(|state| state.name());
    instance.tags = tags(found.tags());
    instance.name = instance.tags.get("Name").cloned();
    instance.name.take_if(|name| name.is_empty());
    instance.state = InstanceState::from(state.map_or("", |state| state.as_str()));
    instance.addresses = addresses(found);
    instance.vpc_id = text(found.vpc_id());
    instance.subnet_id = text(found.subnet_id());
    instance.availability_zone = text(
        found
            .placement()
            .and_then(|placement| placement.availability_zone()),
    );
    instance.owner_id = text(owner_id);
    instance.platform =
        text(found.platform_details()).or(text(found.platform().map(|p| p.as_str())));
    Some(instance)
}

fn addresses(found: &types::Instance) -> Addresses {
    let interfaces = found.network_interfaces().iter();
    let v6 = interfaces
        .flat_map(|interface| interface.ipv6_addresses())
        .find_map(|a| parse(a.ipv6_address()));
    Addresses {
        public_ipv4: parse(found.public_ip_address()),
        private_ipv4: parse(found.private_ip_address()),
        ipv6: parse(found.ipv6_address()).or(v6),
        public_dns_name: text(found.public_dns_name()),
        private_dns_name: text(found.private_dns_name()),
    }
}

fn tags(tags: &[types::Tag]) -> BTreeMap<String, String> {
    let tag = |tag: &types::Tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()));
    tags.iter().filter_map(tag).collect()
}

fn parse<T: std::str::FromStr>(address: Option<&str>) -> Option<T> {
    address?.parse().ok()
}

fn text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_fields_missing() {
        assert_eq!(instance(&types::Instance::builder().build(), None), None);
        assert_eq!(
            instance(&types::Instance::builder().instance_id("x").build(), None),
            None
        );
        let bare = types::Instance::builder()
            .instance_id("i-01234567")
            .public_ip_address("")
            .build();
        let ours = instance(&bare, Some("123456789012")).unwrap();
        assert_eq!(ours.state, InstanceState::Unknown(String::new()));
        assert_eq!(ours.addresses, Addresses::default());
        assert_eq!(ours.owner_id.as_deref(), Some("123456789012"));
    }

    #[test]
    fn an_ipv6_address_of_an_interface_counts() {
        let address = types::InstanceIpv6Address::builder()
            .ipv6_address("2001:db8::7")
            .build();
        let interface = types::InstanceNetworkInterface::builder()
            .ipv6_addresses(address)
            .build();
        let found = types::Instance::builder()
            .instance_id("i-01234567")
            .network_interfaces(interface)
            .build();
        let ours = instance(&found, None).unwrap();
        assert_eq!(ours.addresses.ipv6, Some("2001:db8::7".parse().unwrap()));
    }

    #[test]
    fn sorted_and_each_once() {
        let one = |id: &str, name: Option<&str>, state| {
            let mut instance = Instance::new(InstanceId::new(id).unwrap());
            (instance.name, instance.state) = (name.map(str::to_owned), state);
            instance
        };
        let all = vec![
            one("i-00000003", Some("b"), InstanceState::Running),
            one("i-00000002", Some("b"), InstanceState::Stopped),
            one("i-00000003", Some("b"), InstanceState::Running),
            one("i-00000004", None, InstanceState::Running),
            one("i-00000001", Some("a"), InstanceState::Terminated),
        ];
        let ids: Vec<_> = sorted(all)
            .into_iter()
            .map(|instance| instance.id.to_string())
            .collect();
        assert_eq!(ids, ["i-00000004", "i-00000002", "i-00000003"]);
    }
}
