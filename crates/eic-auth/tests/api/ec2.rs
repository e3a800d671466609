//! DescribeInstances, DescribeInstanceConnectEndpoints, GetConsoleOutput.

#![cfg(feature = "ec2")]

use eic_auth::{Api, EndpointQuery, Error, InstanceState, Selector};

use super::api;
use super::aws::{Answer, Aws};

fn instance(id: &str, name: &str, state: &str) -> String {
    format!(
        "<item><ownerId>123456789012</ownerId><instancesSet><item><instanceId>{id}</instanceId>\
         <instanceState><code>16</code><name>{state}</name></instanceState>\
         <privateDnsName>ip-10-0-0-7.ec2.internal</privateDnsName><dnsName/>\
         <placement><availabilityZone>eu-west-1a</availabilityZone></placement>\
         <subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><privateIpAddress>10.0.0.7</privateIpAddress>\
         <platformDetails>Linux/UNIX</platformDetails>\
         <tagSet><item><key>Name</key><value>{name}</value></item></tagSet>\
         <networkInterfaceSet><item><ipv6AddressesSet><item><ipv6Address>2001:db8::7</ipv6Address></item>\
         </ipv6AddressesSet></item></networkInterfaceSet></item></instancesSet></item>"
    )
}

fn reservations(items: &[String], next: &str) -> Answer {
    let items = items.concat();
    Answer::xml(&format!(
        "<reservationSet>{items}</reservationSet><nextToken>{next}</nextToken>"
    ))
}

fn selector(text: &str) -> Selector {
    text.parse().unwrap()
}

#[tokio::test]
async fn one_instance_by_name_on_the_second_of_two_short_pages() {
    let aws = Aws::answering(|call, _| match call.parameter("NextToken") {
        None => reservations(&[], "page-2"),
        Some(_) => reservations(&[instance("i-00000001", "web-1", "running")], ""),
    })
    .await;
    let found = api(&aws)
        .await
        .find_instance(&selector("web-1"))
        .await
        .unwrap();
    assert_eq!(
        (found.id.as_str(), found.name.as_deref()),
        ("i-00000001", Some("web-1"))
    );
    assert_eq!(found.state, InstanceState::Running);
    assert_eq!(found.addresses.private_ipv4, Some([10, 0, 0, 7].into()));
    assert_eq!(found.addresses.public_ipv4, None);
    assert_eq!(found.addresses.ipv6, Some("2001:db8::7".parse().unwrap()));
    assert_eq!(found.addresses.public_dns_name, None);
    assert_eq!(found.vpc_id.as_deref(), Some("vpc-1"));
    assert_eq!(found.subnet_id.as_deref(), Some("subnet-1"));
    assert_eq!(found.availability_zone.as_deref(), Some("eu-west-1a"));
    assert_eq!(found.owner_id.as_deref(), Some("123456789012"));
    assert_eq!(found.platform.as_deref(), Some("Linux/UNIX"));

    let calls = aws.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        calls[0].parameter("Filter.1.Name").as_deref(),
        Some("tag:Name")
    );
    assert_eq!(
        calls[0].parameter("Filter.1.Value.1").as_deref(),
        Some("web-1")
    );
    assert_eq!(
        calls[0].parameter("Filter.2.Name").as_deref(),
        Some("instance-state-name")
    );
    assert_eq!(calls[1].parameter("NextToken").as_deref(), Some("page-2"));
}

#[tokio::test]
async fn several_or_none_of_a_name() {
    let aws = Aws::answering(
        |call, _| match call.parameter("Filter.1.Value.1").as_deref() {
            Some("twin") => reservations(
                &[
                    instance("i-00000002", "twin", "stopped"),
                    instance("i-00000001", "twin", "running"),
                ],
                "",
            ),
            _ => reservations(&[], ""),
        },
    )
    .await;
    let api = api(&aws).await;
    let error = api.find_instance(&selector("twin")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`twin` matches 2 instances: i-00000001 (twin, running, 10.0.0.7), i-00000002 (twin, stopped, 10.0.0.7)"
    );
    let error = api.find_instance(&selector("nobody")).await.unwrap_err();
    assert!(matches!(error, Error::InstanceNotFound { .. }), "{error:?}");
    assert_eq!(error.to_string(), "no instance matches `nobody`");
}

#[tokio::test]
async fn by_id() {
    let aws = Aws::answering(|call, _| {
        assert_eq!(call.parameter("Filter.1.Name"), None);
        match call.parameter("InstanceId.1").as_deref() {
            Some("i-00000001") => reservations(&[instance("i-00000001", "web", "running")], ""),
            Some("i-00000002") => reservations(&[instance("i-00000002", "old", "terminated")], ""),
            Some("i-00000003") => Answer::ec2_error(400, "InvalidInstanceID.NotFound", "no such"),
            _ => reservations(&[], ""),
        }
    })
    .await;
    let api = api(&aws).await;
    assert!(api.find_instance(&selector("i-00000001")).await.is_ok());
    let gone = api
        .find_instance(&selector("i-00000002"))
        .await
        .unwrap_err();
    assert_eq!(gone.to_string(), "instance i-00000002 is terminated");
    for unknown in ["i-00000003", "i-00000004"] {
        let error = api.find_instance(&selector(unknown)).await.unwrap_err();
        assert!(matches!(error, Error::InstanceNotFound { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_address_may_be_public_private_or_secondary() {
    let aws = Aws::answering(|call, _| {
        let filter = call.parameter("Filter.1.Name").unwrap();
        let address = call.parameter("Filter.1.Value.1").unwrap();
        match (filter.as_str(), address.as_str()) {
            ("ip-address", "52.0.0.1")
            | ("network-interface.addresses.private-ip-address", "10.0.0.9") => {
                reservations(&[instance("i-00000001", "web", "running")], "")
            }
            ("network-interface.addresses.private-ip-address", "10.0.0.10") => {
                Answer::ec2_error(400, "InvalidParameterValue", "no such filter")
            }
            _ => reservations(&[], ""),
        }
    })
    .await;
    let api = api(&aws).await;
    for address in ["52.0.0.1", "10.0.0.9"] {
        assert!(
            api.find_instance(&selector(address)).await.is_ok(),
            "{address}"
        );
    }
    for address in ["52.0.0.2", "10.0.0.10"] {
        let error = api.find_instance(&selector(address)).await.unwrap_err();
        assert!(
            matches!(error, Error::InstanceNotFound { .. }),
            "{address}: {error:?}"
        );
    }
}

#[tokio::test]
async fn endpoints() {
    let item = "<item><instanceConnectEndpointId>eice-1</instanceConnectEndpointId>\
        <state>create-complete</state><dnsName>eice-1.example:8443</dnsName><vpcId>vpc-1</vpcId>\
        <subnetId>subnet-1</subnetId><preserveClientIp>true</preserveClientIp>\
        <securityGroupIdSet><item>sg-1</item></securityGroupIdSet><publicDnsNames><dualstack>\
        <dnsName>dual.example</dnsName><fipsDnsName>dual-fips.example</fipsDnsName></dualstack></publicDnsNames></item>";
    let aws = Aws::answering(move |call, _| {
        match call.parameter("InstanceConnectEndpointId.1").as_deref() {
            Some("eice-9") => Answer::ec2_error(400, "InvalidInstanceConnectEndpointId.NotFound", "no"),
            Some("eice-8") => Answer::xml("<instanceConnectEndpointSet/>"),
            _ if call.parameter("NextToken").is_some() => Answer::xml("<instanceConnectEndpointSet/>"),
            _ => Answer::xml(&format!(
                "<instanceConnectEndpointSet>{item}</instanceConnectEndpointSet><nextToken>x</nextToken>"
            )),
        }
    })
    .await;
    let api = api(&aws).await;
    let in_vpc = EndpointQuery {
        vpc_id: Some("vpc-1".to_owned()),
        ..EndpointQuery::default()
    };
    let found = api.list_endpoints(&in_vpc).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].host(false, false).unwrap(), "eice-1.example:8443");
    assert_eq!(found[0].host(true, false).unwrap(), "dual-fips.example");
    assert_eq!(found[0].security_group_ids, ["sg-1"]);
    assert!(found[0].state.is_usable() && found[0].preserve_client_ip);
    assert_eq!(
        aws.calls()[0].parameter("Filter.1.Value.1").as_deref(),
        Some("vpc-1")
    );
    for id in ["eice-9", "eice-8"] {
        let query = EndpointQuery {
            id: Some(id.to_owned()),
            ..EndpointQuery::default()
        };
        let error = api.list_endpoints(&query).await.unwrap_err();
        assert!(
            matches!(&error, Error::EndpointNotFound { id: unknown } if unknown == id),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn console_output() {
    let aws = Aws::answering(|call, _| match call.parameter("InstanceId").as_deref() {
        Some("i-00000001") => {
            assert_eq!(call.parameter("Latest").as_deref(), Some("true"));
            Answer::xml("<output>aGVs\r\nbG8=\n</output>")
        }
        Some("i-00000002") => Answer::xml("<output/>"),
        _ => Answer::ec2_error(400, "InvalidInstanceID.NotFound", "no such"),
    })
    .await;
    let api = api(&aws).await;
    let output = async |id: &str| api.console_output(&id.parse().unwrap(), true).await;
    assert_eq!(
        output("i-00000001").await.unwrap().as_deref(),
        Some("hello")
    );
    assert_eq!(output("i-00000002").await.unwrap(), None);
    assert!(matches!(
        output("i-00000003").await,
        Err(Error::InstanceNotFound { .. })
    ));
}

#[test]
fn every_call_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    fn check(api: &Api, selector: &Selector, query: &EndpointQuery) {
        is_send(api.find_instance(selector));
        is_send(api.list_instances(None));
        is_send(api.list_endpoints(query));
    }
    let _ = check;
}
