use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::json;

use crate::fleet::EndpointEntry;
use crate::sigv4::{self, Denial, Scope, find};
use crate::state::State;

/// A tunnel that a client may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TunnelRequest {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) max_duration: Duration,
}

/// Why there is no tunnel. AWS documents the code of a wrong port only; the others are in its
/// manner.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// All connections that the endpoint may have are in use.
    pub(super) fn too_many(limit: usize) -> Self {
        let message = format!("The endpoint has reached its limit of {limit} connections.");
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "ServiceQuotaExceeded",
            message,
        )
    }

    /// The body of the answer to the upgrade.
    pub(super) fn body(&self) -> String {
        json!({ "ErrorCode": self.code, "Message": self.message }).to_string()
    }
}

impl TunnelRequest {
    /// Reads a request to open a tunnel and judges whether it is granted.
    pub(super) fn read(
        state: &State,
        endpoint: &EndpointEntry,
        request: &sigv4::Request<'_>,
        now: SystemTime,
    ) -> Result<Self, Refusal> {
        if request.path != "/openTunnel" {
            let message = format!("There is no {}.", request.path);
            return Err(Refusal::new(
                StatusCode::NOT_FOUND,
                "UnknownOperationException",
                message,
            ));
        }
        authenticate(state, request, now)?;
        let tunnel = Self::parse(&endpoint.id, request.query)?;
        authorize(state, endpoint)?;
        Ok(tunnel)
    }

    fn parse(endpoint: &str, query: &str) -> Result<Self, Refusal> {
        let pairs = sigv4::query_pairs(query);
        let invalid =
            |message: String| Refusal::new(StatusCode::BAD_REQUEST, "InvalidParameter", message);
        let wrong = |name: &str| {
            invalid(format!(
                "The specified {name} is not valid. Correct it and retry your request."
            ))
        };
        if find(&pairs, "instanceConnectEndpointId") != Some(endpoint) {
            return Err(wrong("InstanceConnectEndpointId"));
        }
        let address = find(&pairs, "privateIpAddress").and_then(|text| text.parse().ok());
        let address = address.ok_or_else(|| wrong("PrivateIpAddress"))?;
        let port = match find(&pairs, "remotePort") {
            Some("22") => 22,
            Some("3389") => 3389,
            _ => return Err(invalid(WRONG_PORT.to_owned())),
        };
        let seconds = match find(&pairs, "maxTunnelDuration") {
            None => Some(LONGEST),
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| (1..=LONGEST).contains(seconds)),
        };
        let seconds = seconds.ok_or_else(|| wrong("MaxTunnelDuration"))?;
        Ok(Self {
            address,
            port,
            max_duration: Duration::from_secs(seconds),
        })
    }
}

const WRONG_PORT: &str = "The specified RemotePort is not valid. Specify either 22 or 3389 as the \
    RemotePort and retry your request.";

/// Seconds that a tunnel lives at most, and unless it asks for less.
const LONGEST: u64 = 3600;

fn authenticate(
    state: &State,
    request: &sigv4::Request<'_>,
    now: SystemTime,
) -> Result<(), Refusal> {
    let forbidden = |code, message: &str| Refusal::new(StatusCode::FORBIDDEN, code, message);
    if state.faults.expired_credentials {
        let message = "The security token included in the request is expired";
        return Err(forbidden("ExpiredTokenException", message));
    }
    let scope = Scope {
        key: &state.access_key,
        region: &state.fleet.region,
        service: "ec2-instance-connect",
        now,
    };
    sigv4::verify_query(request, &scope).map_err(|denial| match denial {
        Denial::Missing => forbidden(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        Denial::Incomplete(part) => forbidden(
            "IncompleteSignatureException",
            &format!("{part} is missing or not valid"),
        ),
        Denial::UnknownKey => forbidden(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        Denial::WrongScope(expected) => forbidden(
            "InvalidSignatureException",
            &format!("Credential should be scoped to `{expected}`"),
        ),
        Denial::Expired { .. } => forbidden(
            "InvalidSignatureException",
            "Signature expired: the URL is too old",
        ),
        Denial::Mismatch => forbidden("InvalidSignatureException", Denial::MISMATCH),
    })
}

fn authorize(state: &State, endpoint: &EndpointEntry) -> Result<(), Refusal> {
    const ACTION: &str = "ec2-instance-connect:OpenTunnel";
    if !state.faults.denies(ACTION) {
        return Ok(());
    }
    let message = format!(
        "User: {} is not authorized to perform: {ACTION} on resource: \
         arn:aws:ec2:{}:{}:instance-connect-endpoint/{} because no identity-based policy allows \
         the {ACTION} action",
        state.user_arn(),
        state.fleet.region,
        state.fleet.account,
        endpoint.id
    );
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "AccessDeniedException",
        message,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "eice-01234567";

    #[test]
    fn what_is_granted() {
        let cases = [
            (
                "remotePort=22&privateIpAddress=10.0.1.20",
                "10.0.1.20",
                22,
                3600,
            ),
            (
                "remotePort=3389&privateIpAddress=%3A%3A1&maxTunnelDuration=1",
                "::1",
                3389,
                1,
            ),
        ];
        for (query, address, port, seconds) in cases {
            let query = format!("instanceConnectEndpointId={ID}&{query}");
            let expected = TunnelRequest {
                address: address.parse().unwrap(),
                port,
                max_duration: Duration::from_secs(seconds),
            };
            assert_eq!(TunnelRequest::parse(ID, &query), Ok(expected));
        }
    }

    #[test]
    fn what_is_not() {
        let cases = [
            (
                "eice-00000000",
                "remotePort=22&privateIpAddress=10.0.1.20",
                "InstanceConnectEndpointId",
            ),
            (
                ID,
                "remotePort=2222&privateIpAddress=10.0.1.20",
                "Specify either 22 or 3389",
            ),
            (
                ID,
                "privateIpAddress=10.0.1.20",
                "Specify either 22 or 3389",
            ),
            (
                ID,
                "remotePort=22&privateIpAddress=db-1",
                "PrivateIpAddress",
            ),
            (
                ID,
                "remotePort=22&privateIpAddress=10.0.1.20&maxTunnelDuration=0",
                "MaxTunnelDuration",
            ),
            (
                ID,
                "remotePort=22&privateIpAddress=10.0.1.20&maxTunnelDuration=3601",
                "MaxTunnelDuration",
            ),
        ];
        for (id, query, message) in cases {
            let query = format!("instanceConnectEndpointId={id}&{query}");
            let refusal = TunnelRequest::parse(ID, &query).unwrap_err();
            assert_eq!(refusal.code, "InvalidParameter");
            assert!(refusal.body().contains(message), "{}", refusal.body());
        }
    }
}
