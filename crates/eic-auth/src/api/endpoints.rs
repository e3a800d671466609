//! DescribeInstanceConnectEndpoints.

use aws_sdk_ec2::types::{self, Filter};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Api;
use super::pages::Pages;
use crate::Error;
use crate::endpoint::{DnsNames, Endpoint, EndpointQuery, EndpointState};

impl Api {
    /// Lists the region's EC2 Instance Connect Endpoints, all pages of them
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceConnectEndpoints.html>).
    ///
    /// # Errors
    /// [`Error::EndpointNotFound`] if the query has an id that the region has not, and what any call can fail with.
    pub async fn list_endpoints(&self, query: &EndpointQuery) -> Result<Vec<Endpoint>, Error> {
        let operation = "DescribeInstanceConnectEndpoints";
        let call = self.call(operation, "ec2:DescribeInstanceConnectEndpoints");
        self.inner.credentials.get().await?;
        let mut pages = Pages::of(operation);
        while let Some(token) = pages.ask() {
            let request = self
                .clients()
                .ec2
                .describe_instance_connect_endpoints()
                .set_next_token(token);
            let request =
                request.set_instance_connect_endpoint_ids(query.id.clone().map(|id| vec![id]));
            let answer = request.set_filters(vpc_filter(query)).send().await;
            let answer = answer.map_err(|error| match &query.id {
                Some(id) if error.code().is_some_and(is_unknown_id) => {
                    Error::EndpointNotFound { id: id.clone() }
                }
                _ => call.failure(error),
            })?;
            pages.add(
                answer.instance_connect_endpoints().to_vec(),
                answer.next_token(),
            )?;
        }
        let endpoints = pages.into_items();
        let endpoints: Vec<_> = endpoints.iter().filter_map(endpoint).collect();
        match &query.id {
            Some(id) if endpoints.is_empty() => Err(Error::EndpointNotFound { id: id.clone() }),
            _ => Ok(endpoints),
        }
    }
}

fn vpc_filter(query: &EndpointQuery) -> Option<Vec<Filter>> {
    let vpc_id = query.vpc_id.as_ref()?;
    Some(vec![
        Filter::builder().name("vpc-id").values(vpc_id).build(),
    ])
}

fn is_unknown_id(code: &str) -> bool {
    code.starts_with("InvalidInstanceConnectEndpointId")
        || code == "InvalidInstanceConnectEndpointID.NotFound"
}

/// An endpoint in our words; one without an id is of no use.
fn endpoint(found: &types::Ec2InstanceConnectEndpoint) -> Option<Endpoint> {
    let mut endpoint = Endpoint::new(found.instance_connect_endpoint_id()?);
    endpoint.state = EndpointState::from(found.state().map_or("", |state| state.as_str()));
    endpoint.vpc_id = found.vpc_id().map(str::to_owned);
    endpoint.subnet_id = found.subnet_id().map(str::to_owned);
    endpoint.availability_zone = found.availability_zone().map(str::to_owned);
    endpoint.owner_id = found.owner_id().map(str::to_owned);
    endpoint.names = names(found.dns_name(), found.fips_dns_name());
    endpoint.security_group_ids = found.security_group_ids().to_vec();
    endpoint.preserve_client_ip = found.preserve_client_ip().unwrap_or_default();
    if let Some(public) = found.public_dns_names() {
        endpoint.ipv4_names = public_names(public.ipv4());
        endpoint.dualstack_names = public_names(public.dualstack());
    }
    Some(endpoint)
}

fn public_names(found: Option<&types::InstanceConnectEndpointDnsNames>) -> DnsNames {
    found
        .map(|found| names(found.dns_name(), found.fips_dns_name()))
        .unwrap_or_default()
}

/// Names, of which AWS sends an empty one for none.
fn names(plain: Option<&str>, fips: Option<&str>) -> DnsNames {
    let name = |name: Option<&str>| name.filter(|name| !name.is_empty()).map(str::to_owned);
    DnsNames {
        plain: name(plain),
        fips: name(fips),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_our_words() {
        let names = |plain: &str| {
            types::InstanceConnectEndpointDnsNames::builder()
                .dns_name(plain)
                .build()
        };
        let public = types::InstanceConnectEndpointPublicDnsNames::builder()
            .ipv4(names("v4"))
            .dualstack(names("dual"))
            .build();
        let found = types::Ec2InstanceConnectEndpoint::builder()
            .instance_connect_endpoint_id("eice-1")
            .state(types::Ec2InstanceConnectEndpointState::UpdateInProgress)
            .dns_name("plain")
            .fips_dns_name("")
            .vpc_id("vpc-1")
            .public_dns_names(public)
            .build();
        let ours = endpoint(&found).unwrap();
        assert_eq!(ours.state, EndpointState::UpdateInProgress);
        assert_eq!(
            ours.names,
            DnsNames {
                plain: Some("plain".to_owned()),
                fips: None
            }
        );
        assert_eq!(ours.host(false, true).unwrap(), "dual");
        assert_eq!(ours.ipv4_names.get(false), Some("v4"));
        assert_eq!(ours.vpc_id.as_deref(), Some("vpc-1"));
    }

    #[test]
    fn with_fields_missing() {
        assert_eq!(
            endpoint(&types::Ec2InstanceConnectEndpoint::builder().build()),
            None
        );
        let found =
            types::Ec2InstanceConnectEndpoint::builder().instance_connect_endpoint_id("eice-1");
        assert!(!endpoint(&found.build()).unwrap().state.is_usable());
    }
}
