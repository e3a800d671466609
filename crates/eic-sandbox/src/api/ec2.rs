use data_encoding::BASE64;

use super::form::{Filter, Form};
use super::page::{Page, PageRequest};
use super::xml::Element;
use super::{Call, Reply, instances};
use crate::fleet::{EndpointEntry, is_id};
use crate::sigv4::{self, Denial, Scope};
use crate::state::State;
use crate::timestamp;

const ACTIONS: [&str; 3] = [
    "DescribeInstances",
    "DescribeInstanceConnectEndpoints",
    "GetConsoleOutput",
];

/// An error as EC2 words it:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
#[derive(Debug)]
pub(super) struct Ec2Error {
    status: u16,
    code: &'static str,
    message: String,
}

impl Ec2Error {
    /// An error in the caller's request.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code,
            message: message.into(),
        }
    }
}

/// Answers a call to EC2's query API.
pub(super) fn answer(state: &State, call: &Call<'_>) -> Reply {
    let (status, element) = match respond(state, call) {
        Ok(element) => (200, element),
        Err(error) => (error.status, error_element(&error, call.id)),
    };
    Reply {
        status,
        content_type: "text/xml;charset=UTF-8",
        body: element.document(),
    }
}

fn respond(state: &State, call: &Call<'_>) -> Result<Element, Ec2Error> {
    let body = String::from_utf8_lossy(call.request.body);
    let form = Form::parse(&format!("{}&{body}", call.request.query));
    let action = form.get("Action").unwrap_or_default();
    let known = ACTIONS.iter().find(|known| **known == action);
    let Some(&action) = known else {
        let message = format!("The action {action} is not valid for this web service.");
        return Err(Ec2Error::new("InvalidAction", message));
    };
    state.counters.count_call(action);
    if state.throttles_call() {
        let error = Ec2Error::new("RequestLimitExceeded", "Request limit exceeded.");
        return Err(Ec2Error {
            status: 503,
            ..error
        });
    }
    authorize(state, call, action)?;
    match action {
        "DescribeInstances" => instances::describe(state, call, &form),
        "DescribeInstanceConnectEndpoints" => describe_endpoints(state, call, &form),
        _ => console_output(state, call, &form),
    }
}

fn error_element(error: &Ec2Error, id: &str) -> Element {
    let inner = Element::new("Error")
        .text("Code", error.code)
        .text("Message", &error.message);
    Element::new("Response")
        .with(Element::new("Errors").with(inner))
        .text("RequestID", id)
}

fn authorize(state: &State, call: &Call<'_>, action: &str) -> Result<(), Ec2Error> {
    let scope = Scope {
        key: &state.access_key,
        region: &state.fleet.region,
        service: "ec2",
        now: call.now,
    };
    if state.faults.expired_credentials {
        return Err(Ec2Error::new("RequestExpired", "Request has expired."));
    }
    sigv4::verify_headers(&call.request, &scope).map_err(denied)?;
    let action = format!("ec2:{action}");
    if !state.faults.denies(&action) {
        return Ok(());
    }
    let message = format!(
        "You are not authorized to perform this operation. User: {} is not authorized to perform: \
         {action} because no identity-based policy allows the {action} action",
        state.user_arn()
    );
    Err(Ec2Error {
        status: 403,
        ..Ec2Error::new("UnauthorizedOperation", message)
    })
}

fn denied(denial: Denial) -> Ec2Error {
    let unauthorized = |code, message| Ec2Error {
        status: 401,
        ..Ec2Error::new(code, message)
    };
    match denial {
        Denial::Missing => Ec2Error::new(
            "MissingParameter",
            "The request must contain the parameter AWSAccessKeyId",
        ),
        Denial::Incomplete(part) => Ec2Error::new(
            "IncompleteSignature",
            format!("The signature lacks a valid {part}"),
        ),
        Denial::Expired { .. } => Ec2Error::new("RequestExpired", "Request has expired."),
        Denial::WrongScope(expected) => unauthorized(
            "AuthFailure",
            format!("Credential should be scoped to `{expected}`"),
        ),
        Denial::Mismatch => Ec2Error {
            status: 403,
            ..Ec2Error::new("SignatureDoesNotMatch", Denial::MISMATCH)
        },
        Denial::UnknownKey => unauthorized(
            "AuthFailure",
            "AWS was not able to validate the provided access credentials".to_owned(),
        ),
    }
}

/// What a describe call may look at at once; the fault `page-size` makes it few.
pub(super) fn page<T>(
    state: &State,
    form: &Form,
    limits: (usize, usize),
    items: impl IntoIterator<Item = T>,
) -> Result<Page<T>, Ec2Error> {
    let asked = form
        .get("MaxResults")
        .map(|text| max_results(text, limits))
        .transpose()?;
    let size = state.faults.page_size.or(asked);
    let request = PageRequest {
        size,
        token: form.get("NextToken"),
    };
    request
        .cut(items)
        .ok_or_else(|| Ec2Error::new("InvalidNextToken", "The token is not valid."))
}

fn max_results(text: &str, (least, most): (usize, usize)) -> Result<usize, Ec2Error> {
    let wrong = |bound: String| {
        let message = format!(
            "Value ( {text} ) for parameter maxResults is invalid. Expecting a value {bound}."
        );
        Ec2Error::new("InvalidParameterValue", message)
    };
    match text.parse::<usize>() {
        Ok(n) if n < least => Err(wrong(format!("greater than {least}"))),
        Ok(n) if n > most => Err(wrong(format!("less than {most}"))),
        Ok(n) => Ok(n),
        Err(_) => Err(wrong("that is a number".to_owned())),
    }
}

/// Tells whether a resource passes all filters; `attribute` gives its values for a filter.
pub(super) fn passes(
    filters: &[Filter],
    attribute: impl Fn(&str) -> Option<Vec<String>>,
) -> Result<bool, Ec2Error> {
    for filter in filters {
        let values = attribute(&filter.name).ok_or_else(|| {
            let message = format!("The filter '{}' is invalid", filter.name);
            Ec2Error::new("InvalidParameterValue", message)
        })?;
        if !filter.matches(&values) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn describe_endpoints(state: &State, call: &Call<'_>, form: &Form) -> Result<Element, Ec2Error> {
    let ids = form.list("InstanceConnectEndpointId");
    for id in &ids {
        check_endpoint_id(state, id)?;
    }
    let asked = |endpoint: &&EndpointEntry| ids.is_empty() || ids.contains(&endpoint.id.as_str());
    let page = page(
        state,
        form,
        (1, 50),
        state.fleet.endpoints.iter().filter(asked),
    )?;
    let filters = form.filters();
    let mut items = Vec::new();
    for endpoint in page.items {
        if passes(&filters, |name| endpoint_attribute(state, endpoint, name))? {
            items.push(endpoint_element(state, endpoint));
        }
    }
    Ok(Element::root("DescribeInstanceConnectEndpointsResponse")
        .text("requestId", call.id)
        .list("instanceConnectEndpointSet", items)
        .optional("nextToken", page.next_token))
}

fn check_endpoint_id(state: &State, id: &str) -> Result<(), Ec2Error> {
    if !is_id(id, "eice-") {
        let message = format!("Invalid id: \"{id}\" (expecting \"eice-...\")");
        return Err(Ec2Error::new(
            "InvalidInstanceConnectEndpointId.Malformed",
            message,
        ));
    }
    if state
        .fleet
        .endpoints
        .iter()
        .all(|endpoint| endpoint.id != id)
    {
        let message = format!("The instance connect endpoint ID '{id}' does not exist");
        return Err(Ec2Error::new(
            "InvalidInstanceConnectEndpointId.NotFound",
            message,
        ));
    }
    Ok(())
}

fn endpoint_attribute(state: &State, endpoint: &EndpointEntry, name: &str) -> Option<Vec<String>> {
    let values = match name {
        "instance-connect-endpoint-id" => vec![endpoint.id.clone()],
        "state" => vec![endpoint_state(state, endpoint).to_owned()],
        "vpc-id" => vec![endpoint.vpc.clone()],
        "subnet-id" => vec![endpoint.subnet.clone()],
        "tag-key" => endpoint.tags.keys().cloned().collect(),
        "tag-value" => endpoint.tags.values().cloned().collect(),
        _ => endpoint
            .tags
            .get(name.strip_prefix("tag:")?)
            .cloned()
            .into_iter()
            .collect(),
    };
    Some(values)
}

fn endpoint_state<'a>(state: &'a State, endpoint: &'a EndpointEntry) -> &'a str {
    state
        .faults
        .endpoint_state
        .as_deref()
        .unwrap_or(&endpoint.state)
}

fn endpoint_element(state: &State, endpoint: &EndpointEntry) -> Element {
    let (region, account) = (&state.fleet.region, &state.fleet.account);
    let arn = format!(
        "arn:aws:ec2:{region}:{account}:instance-connect-endpoint/{}",
        endpoint.id
    );
    let port = state
        .endpoint_ports
        .get(&endpoint.id)
        .copied()
        .unwrap_or_default();
    let dns_name = format!("localhost:{port}");
    let fips = endpoint.fips.then_some(&dns_name);
    let names = |name| {
        Element::new(name)
            .text("dnsName", &dns_name)
            .optional("fipsDnsName", fips)
    };
    let tags = endpoint.tags.iter();
    Element::item()
        .text("ownerId", account)
        .text("instanceConnectEndpointId", &endpoint.id)
        .text("instanceConnectEndpointArn", arn)
        .text("state", endpoint_state(state, endpoint))
        .text("stateMessage", "")
        .text("dnsName", &dns_name)
        .optional("fipsDnsName", fips)
        .with(
            Element::new("publicDnsNames")
                .with(names("ipv4"))
                .with(names("dualstack")),
        )
        .list("networkInterfaceIdSet", [])
        .text("vpcId", &endpoint.vpc)
        .text("availabilityZone", &endpoint.zone)
        .text("createdAt", timestamp::extended(state.started))
        .text("subnetId", &endpoint.subnet)
        .text("preserveClientIp", "false")
        .list("securityGroupIdSet", [])
        .list(
            "tagSet",
            tags.map(|(k, v)| Element::item().text("key", k).text("value", v)),
        )
        .text("ipAddressType", "dualstack")
}

fn console_output(state: &State, call: &Call<'_>, form: &Form) -> Result<Element, Ec2Error> {
    let id = form.get("InstanceId").unwrap_or_default();
    let instance = instances::find(state, id)?;
    let text = state.consoles.get(&instance.id).map_or("", String::as_str);
    Ok(Element::root("GetConsoleOutputResponse")
        .text("requestId", call.id)
        .text("instanceId", &instance.id)
        .text("timestamp", timestamp::extended(state.started))
        .text("output", BASE64.encode(text.as_bytes())))
}
