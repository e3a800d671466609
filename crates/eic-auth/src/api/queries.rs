//! What DescribeInstances is asked for.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use aws_sdk_ec2::types::Filter;

use crate::instance::InstanceId;
use crate::target::Selector;

/// The most values that a filter takes
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).
const MOST_VALUES: usize = 200;

/// What one DescribeInstances is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) ids: Vec<String>,
    filters: Vec<(String, Vec<String>)>,
}

/// The states of instances that are not gone.
const STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

impl Query {
    pub(super) fn by_id(id: &InstanceId) -> Self {
        Self {
            ids: vec![id.to_string()],
            filters: Vec::new(),
        }
    }

    /// The instances that pass these filters and are not gone.
    pub(super) fn of(filters: &[(&str, &str)]) -> Self {
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

    /// The filters in the SDK's words.
    pub(super) fn filters(&self) -> Option<Vec<Filter>> {
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
pub(super) fn queries(selector: &Selector) -> Vec<Query> {
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
pub(super) fn together(selectors: &[Selector]) -> Vec<Query> {
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
pub(super) fn further_queries(selector: &Selector) -> Vec<Query> {
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
}
