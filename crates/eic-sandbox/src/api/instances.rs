use super::Call;
use super::ec2::{Ec2Error, page, passes};
use super::form::Form;
use super::xml::Element;
use crate::fleet::{InstanceEntry, STATES, is_id};
use crate::state::State;
use crate::timestamp;

/// Answers DescribeInstances:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
pub(super) fn describe(state: &State, call: &Call<'_>, form: &Form) -> Result<Element, Ec2Error> {
    let ids = form.list("InstanceId");
    for id in &ids {
        find(state, id)?;
    }
    if !ids.is_empty() && form.get("MaxResults").is_some() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(Ec2Error::new("InvalidParameterCombination", message));
    }
    let asked = |instance: &&InstanceEntry| ids.is_empty() || ids.contains(&instance.id.as_str());
    let page = page(
        state,
        form,
        (5, 1000),
        state.fleet.instances.iter().filter(asked),
    )?;
    let filters = form.filters();
    let mut reservations = Vec::new();
    for instance in page.items {
        if passes(&filters, |name| attribute(state, instance, name))? {
            reservations.push(reservation(state, instance));
        }
    }
    Ok(Element::root("DescribeInstancesResponse")
        .text("requestId", call.id)
        .list("reservationSet", reservations)
        .optional("nextToken", page.next_token))
}

/// The instance of that id.
pub(super) fn find<'a>(state: &'a State, id: &str) -> Result<&'a InstanceEntry, Ec2Error> {
    if !is_id(id, "i-") {
        let message = format!("Invalid id: \"{id}\"");
        return Err(Ec2Error::new("InvalidInstanceID.Malformed", message));
    }
    state.instance(id).ok_or_else(|| {
        let message = format!("The instance ID '{id}' does not exist");
        Ec2Error::new("InvalidInstanceID.NotFound", message)
    })
}

/// The values that a filter of this name looks at; `None` where there is no such filter.
fn attribute(state: &State, instance: &InstanceEntry, name: &str) -> Option<Vec<String>> {
    let region = &state.fleet.region;
    let text = |text: &str| vec![text.to_owned()];
    let values = match name {
        "instance-id" => text(&instance.id),
        "instance-state-name" => text(&instance.state),
        "instance-state-code" => vec![state_code(&instance.state).to_string()],
        "vpc-id" | "network-interface.vpc-id" => text(&instance.vpc),
        "subnet-id" | "network-interface.subnet-id" => text(&instance.subnet),
        "availability-zone" => text(&instance.zone),
        "owner-id" => text(&state.fleet.account),
        "dns-name" => text(&instance.public_dns_name(region)),
        "private-dns-name" => text(&instance.private_dns_name(region)),
        "ip-address" | "network-interface.association.public-ip" => strings(instance.public_ip),
        "private-ip-address"
        | "network-interface.addresses.private-ip-address"
        | "network-interface.private-ip-address" => strings(instance.private_ip),
        "ipv6-address" | "network-interface.ipv6-addresses.ipv6-address" => strings(instance.ipv6),
        "tag-key" => instance.tags().map(|(key, _)| key.to_owned()).collect(),
        _ => {
            let key = name.strip_prefix("tag:")?;
            let tags = instance.tags().filter(|(k, _)| *k == key);
            tags.map(|(_, value)| value.to_owned()).collect()
        }
    };
    Some(values)
}

fn strings(value: Option<impl ToString>) -> Vec<String> {
    value.iter().map(ToString::to_string).collect()
}

fn state_code(state: &str) -> u8 {
    STATES
        .iter()
        .find(|(_, name)| *name == state)
        .map_or(0, |(code, _)| *code)
}

fn reservation(state: &State, instance: &InstanceEntry) -> Element {
    Element::item()
        .text("reservationId", instance.id.replacen("i-", "r-", 1))
        .text("ownerId", &state.fleet.account)
        .list("groupSet", [])
        .list("instancesSet", [element(state, instance)])
}

fn element(state: &State, instance: &InstanceEntry) -> Element {
    let region = &state.fleet.region;
    let instance_state = Element::new("instanceState")
        .text("code", state_code(&instance.state).to_string())
        .text("name", &instance.state);
    let placement = Element::new("placement")
        .text("availabilityZone", &instance.zone)
        .text("tenancy", "default");
    let tags = instance
        .tags()
        .map(|(k, v)| Element::item().text("key", k).text("value", v));
    let running = instance.state != "terminated";
    Element::item()
        .text("instanceId", &instance.id)
        .text("imageId", "ami-0e1c0000000000001")
        .with(instance_state)
        .text("privateDnsName", instance.private_dns_name(region))
        .text("dnsName", instance.public_dns_name(region))
        .text("instanceType", "t4g.nano")
        .text("launchTime", timestamp::extended(state.started))
        .with(placement)
        .optional("subnetId", running.then_some(&instance.subnet))
        .optional("vpcId", running.then_some(&instance.vpc))
        .optional("privateIpAddress", instance.private_ip)
        .optional("ipAddress", instance.public_ip)
        .optional("ipv6Address", instance.ipv6)
        .text("architecture", "arm64")
        .text("platformDetails", "Linux/UNIX")
        .list("tagSet", tags)
        .list(
            "networkInterfaceSet",
            running.then(|| network_interface(state, instance)),
        )
}

fn network_interface(state: &State, instance: &InstanceEntry) -> Element {
    let region = &state.fleet.region;
    let v6 = |ip| Element::item().text("ipv6Address", format!("{ip}"));
    let v4 = |ip| {
        Element::item()
            .text("privateIpAddress", format!("{ip}"))
            .text("primary", "true")
    };
    let interface = Element::item()
        .text("networkInterfaceId", instance.id.replacen("i-", "eni-", 1))
        .text("subnetId", &instance.subnet)
        .text("vpcId", &instance.vpc)
        .text("ownerId", &state.fleet.account)
        .text("status", "in-use")
        .optional("privateIpAddress", instance.private_ip)
        .list("ipv6AddressesSet", instance.ipv6.map(v6))
        .list("privateIpAddressesSet", instance.private_ip.map(v4));
    let Some(ip) = instance.public_ip else {
        return interface;
    };
    let association = Element::new("association")
        .text("publicIp", ip.to_string())
        .text("publicDnsName", instance.public_dns_name(region))
        .text("ipOwnerId", "amazon");
    interface.with(association)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Faults;

    #[test]
    fn filters() {
        let state = State::for_tests(Faults::default());
        let matching = |name: &str, value: &str| {
            let form = Form::parse(&format!("Filter.1.Name={name}&Filter.1.Value.1={value}"));
            let passing = state.fleet.instances.iter().filter(|instance| {
                passes(&form.filters(), |name| attribute(&state, instance, name)).unwrap()
            });
            let digits = passing.filter_map(|instance| instance.id.chars().last());
            digits.collect::<String>()
        };
        let cases = [
            ("instance-id", "i-0e1c0000000000002", "2"),
            ("tag:Name", "web-1", "1c"),
            ("tag:Name", "t*n", "89"),
            ("tag:Role", "d?", "2"),
            ("tag-key", "Role", "12"),
            ("ip-address", "127.0.1.10", "1"),
            ("private-ip-address", "10.0.1.20", "2"),
            (
                "network-interface.addresses.private-ip-address",
                "10.0.1.20",
                "2",
            ),
            ("network-interface.ipv6-addresses.ipv6-address", "::1", "3"),
            ("dns-name", "ec2-127-0-1-10.compute-1.amazonaws.com", "1"),
            ("private-dns-name", "ip-10-0-1-20.ec2.internal", "2"),
            ("private-dns-name", "i-0e1c0000000000003.ec2.internal", "3"),
            ("vpc-id", "vpc-0e1c0000000000002", "5"),
            ("instance-state-name", "stopped", "4"),
            ("instance-state-code", "48", "c"),
            ("tag:Name", "nobody", ""),
        ];
        for (name, value, expected) in cases {
            assert_eq!(matching(name, value), expected, "{name}={value}");
        }
    }
}
