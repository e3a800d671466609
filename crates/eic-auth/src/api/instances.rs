//! DescribeInstances.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use aws_sdk_ec2::types::{self, Filter};
use futures_util::future::try_join_all;

use super::Api;
use super::pages::Pages;
use crate::Error;
use crate::instance::{Addresses, Instance, InstanceId, InstanceState};
use crate::target::Selector;

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
        let query = Query {
            ids: vec![id.to_string()],
            filters: Vec::new(),
        };
        let found = self.describe(&query).await;
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

/// The most instances that AWS sends in a page.
const PAGE: i32 = 1000;
/// The most values that a filter takes
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).
const MOST_VALUES: usize = 200;

/// What one DescribeInstances is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Query {
    ids: Vec<String>,
    filters: Vec<(String, Vec<String>)>,
}

/// The states of instances that are not gone.
const STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

impl Query {
    /// The instances that pass these filters and are not gone.
    fn of(filters: &[(&str, &str)]) -> Self {
        let filters = filters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]));
        Self::filtered(filters)
    }

    fn filtered(filters: impl IntoIterator<Item = (String, Vec<String>)>) -> Self {
        let states = (
            "instance-state-name".to_owned(),
            STATES.map(str::to_owned).to_vec(),
        );
        Self {
            ids: Vec::new(),
            filters: filters.into_iter().chain([states]).collect(),
        }
    }

    /// The filters, without that of the states.
    fn asked(mut self) -> Vec<(String, Vec<String>)> {
        self.filters.pop();
        self.filters
    }

    fn filters(&self) -> Option<Vec<Filter>> {
        let filter = |(name, values): &(String, Vec<String>)| {
            Filter::builder()
                .name(name)
                .set_values(Some(values.clone()))
                .build()
        };
        (!self.filters.is_empty()).then(|| self.filters.iter().map(filter).collect())
    }
}

/// The queries that together find what a selector means; names as in
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>.
fn queries(selector: &Selector) -> Vec<Query> {
    match selector {
        Selector::Id(_) => Vec::new(),
        Selector::Name(name) => vec![Query::of(&[("tag:Name", name)])],
        Selector::Tag { key, value } => vec![Query::of(&[(&format!("tag:{key}"), value)])],
        Selector::Address(IpAddr::V4(address)) => {
            let mut names = vec!["private-ip-address"];
            names.extend((!is_private(*address)).then_some("ip-address"));
            any_of(&names, &address.to_string())
        }
        Selector::Address(IpAddr::V6(address)) => any_of(
            &["network-interface.ipv6-addresses.ipv6-address"],
            &address.to_string(),
        ),
        Selector::DnsName(name) => any_of(&["dns-name", "private-dns-name"], name),
    }
}

/// The fewest queries that find all that several selectors mean: the values of one filter are alternatives, its
/// filters are not.
fn together(selectors: &[Selector]) -> Vec<Query> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let single = |selector: &Selector| match selector {
        Selector::Id(id) => vec![Query::of(&[("instance-id", id.as_str())])],
        selector => queries(selector),
    };
    for (name, found) in selectors.iter().flat_map(single).flat_map(Query::asked) {
        values.entry(name).or_default().extend(found);
    }
    let queries = values.into_iter().flat_map(|(name, mut values)| {
        values.sort_unstable();
        values.dedup();
        let chunks = values.chunks(MOST_VALUES);
        let of = |chunk: &[String]| Query::filtered([(name.clone(), chunk.to_vec())]);
        chunks.map(of).collect::<Vec<_>>()
    });
    queries.collect()
}

/// The queries to make when the first ones find nothing: an address may be a secondary one.
fn further_queries(selector: &Selector) -> Vec<Query> {
    let Selector::Address(IpAddr::V4(address)) = selector else {
        return Vec::new();
    };
    let mut names = vec!["network-interface.addresses.private-ip-address"];
    names.extend(
        (!is_private(*address)).then_some("network-interface.addresses.association.public-ip"),
    );
    any_of(&names, &address.to_string())
}

/// A query a filter: EC2 itself knows no "or" between filters.
fn any_of(names: &[&str], value: &str) -> Vec<Query> {
    names
        .iter()
        .map(|name| Query::of(&[(name, value)]))
        .collect()
}

/// Whether an address can be no public one (RFC 1918, RFC 3927, RFC 6598). The other way round nothing is
/// certain: a VPC may use any range.
fn is_private(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private() || address.is_link_local() || (first == 100 && (64..128).contains(&second))
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

    fn names(queries: &[Query]) -> Vec<String> {
        let filter = |query: &Query| {
            let (name, values) = &query.filters[0];
            assert_eq!(query.filters[1].0, "instance-state-name");
            format!("{name}={}", values.join(","))
        };
        queries.iter().map(filter).collect()
    }

    #[test]
    fn what_is_asked() {
        for (target, first, then) in [
            ("web-*", &["tag:Name=web-*"] as &[&str], &[] as &[&str]),
            ("tag:Role=db", &["tag:Role=db"], &[]),
            (
                "10.0.0.7",
                &["private-ip-address=10.0.0.7"],
                &["network-interface.addresses.private-ip-address=10.0.0.7"],
            ),
            (
                "52.1.2.3",
                &["private-ip-address=52.1.2.3", "ip-address=52.1.2.3"],
                &[
                    "network-interface.addresses.private-ip-address=52.1.2.3",
                    "network-interface.addresses.association.public-ip=52.1.2.3",
                ],
            ),
            (
                "2001:DB8::0:7",
                &["network-interface.ipv6-addresses.ipv6-address=2001:db8::7"],
                &[],
            ),
            (
                "ip-10-0-0-7.ec2.internal",
                &[
                    "dns-name=ip-10-0-0-7.ec2.internal",
                    "private-dns-name=ip-10-0-0-7.ec2.internal",
                ],
                &[],
            ),
        ] {
            let selector: Selector = target.parse().unwrap();
            assert_eq!(names(&queries(&selector)), first, "{target}");
            assert_eq!(names(&further_queries(&selector)), then, "{target}");
        }
    }

    #[test]
    fn several_are_asked_for_together() {
        let selectors = [
            "web-*",
            "i-01234567",
            "db-1",
            "tag:Role=x",
            "i-89abcdef",
            "db-1",
        ];
        let selectors = selectors.map(|text| text.parse().unwrap());
        assert_eq!(
            names(&together(&selectors)),
            [
                "instance-id=i-01234567,i-89abcdef",
                "tag:Name=db-1,web-*",
                "tag:Role=x"
            ]
        );
        let many = (0..401).map(|n| Selector::Name(format!("n{n}")));
        assert_eq!(together(&many.collect::<Vec<_>>()).len(), 3);
    }

    #[test]
    fn private_ranges() {
        for (address, private) in [
            ("10.0.0.1", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("169.254.1.1", true),
            ("127.0.0.1", false),
            ("8.8.8.8", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), private, "{address}");
        }
    }

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
