use russh::keys::{Algorithm, PublicKey};
use serde::Deserialize;
use serde_json::json;

use super::{Call, Reply};
use crate::sigv4::{self, Denial, Scope};
use crate::state::State;
use crate::timestamp;

/// An error of EC2 Instance Connect's API.
#[derive(Debug)]
struct ConnectError {
    status: u16,
    code: &'static str,
    message: String,
}

impl ConnectError {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code,
            message: message.into(),
        }
    }
}

/// <https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendSshPublicKey {
    instance_id: Option<String>,
    #[serde(rename = "InstanceOSUser")]
    instance_os_user: Option<String>,
    #[serde(rename = "SSHPublicKey")]
    ssh_public_key: Option<String>,
    availability_zone: Option<String>,
}

/// Answers a call to EC2 Instance Connect's JSON API; the target names the operation.
pub(super) fn answer(state: &State, call: &Call<'_>, target: &str) -> Reply {
    let (status, body) = match respond(state, call, target) {
        Ok(()) => (200, json!({ "RequestId": call.id, "Success": true })),
        Err(e) => (e.status, json!({ "__type": e.code, "Message": e.message })),
    };
    Reply {
        status,
        content_type: "application/x-amz-json-1.1",
        body: body.to_string(),
    }
}

fn respond(state: &State, call: &Call<'_>, target: &str) -> Result<(), ConnectError> {
    if target != "AWSEC2InstanceConnectService.SendSSHPublicKey" {
        return Err(ConnectError::new("UnknownOperationException", ""));
    }
    state.counters.count_call("SendSSHPublicKey");
    if state.throttles_call() {
        return Err(ConnectError::new("ThrottlingException", "Rate exceeded"));
    }
    authenticate(state, call)?;
    let request = serde_json::from_slice(call.request.body)
        .map_err(|error| ConnectError::new("SerializationException", error.to_string()))?;
    send_ssh_public_key(state, &request)
}

fn authenticate(state: &State, call: &Call<'_>) -> Result<(), ConnectError> {
    let scope = Scope {
        key: &state.access_key,
        region: &state.fleet.region,
        service: "ec2-instance-connect",
        now: call.now,
    };
    if state.faults.expired_credentials {
        let message = "The security token included in the request is expired";
        return Err(ConnectError::new("ExpiredTokenException", message));
    }
    let denied = |denial| match denial {
        Denial::Missing => ConnectError::new(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        Denial::Incomplete(part) => ConnectError::new(
            "IncompleteSignatureException",
            format!("Authorization header requires a valid '{part}' parameter."),
        ),
        Denial::UnknownKey => ConnectError::new(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        Denial::WrongScope(expected) => ConnectError::new(
            "InvalidSignatureException",
            format!("Credential should be scoped to `{expected}`"),
        ),
        Denial::Expired { signed } => ConnectError::new(
            "InvalidSignatureException",
            format!(
                "Signature expired: {} is more than 5 minutes from {}",
                timestamp::basic(signed),
                timestamp::basic(call.now)
            ),
        ),
        Denial::Mismatch => ConnectError::new("InvalidSignatureException", Denial::MISMATCH),
    };
    sigv4::verify_headers(&call.request, &scope).map_err(denied)
}

fn send_ssh_public_key(state: &State, request: &SendSshPublicKey) -> Result<(), ConnectError> {
    let missing = |member: &str| invalid("null", member, "Member must not be null");
    let id = request
        .instance_id
        .as_deref()
        .ok_or_else(|| missing("instanceId"))?;
    let user = request
        .instance_os_user
        .as_deref()
        .ok_or_else(|| missing("instanceOSUser"))?;
    let key = request
        .ssh_public_key
        .as_deref()
        .ok_or_else(|| missing("sSHPublicKey"))?;
    check_instance_id(id)?;
    check_os_user(user)?;
    check_length(key, "sSHPublicKey", 80, 4096)?;
    let key = parse_key(key)?;
    authorize(state, id, user)?;
    let not_found = |reason| {
        let message = format!("The specified instance {id} was not found{reason}.");
        ConnectError::new("EC2InstanceNotFoundException", message)
    };
    let instance = state.instance(id).ok_or_else(|| not_found(String::new()))?;
    if let Some(zone) = request
        .availability_zone
        .as_deref()
        .filter(|z| *z != instance.zone)
    {
        return Err(not_found(format!(" in Availability Zone {zone}")));
    }
    if instance.state != "running" {
        let message = "Unable to connect because the instance is not in a valid state. Connecting \
            to a stopped or terminated instance is not supported. If the instance is stopped, \
            start your instance, and try to connect again.";
        return Err(ConnectError::new(
            "EC2InstanceStateInvalidException",
            message,
        ));
    }
    state.push_key(id, user, key);
    Ok(())
}

fn invalid(value: &str, member: &str, constraint: &str) -> ConnectError {
    let value = if value == "null" {
        "null".to_owned()
    } else {
        format!("'{value}'")
    };
    let message = format!(
        "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: \
         {constraint}"
    );
    ConnectError::new("InvalidArgsException", message)
}

fn check_length(value: &str, member: &str, least: usize, most: usize) -> Result<(), ConnectError> {
    let bound = match value.len() {
        n if n < least => format!("Member must have length greater than or equal to {least}"),
        n if n > most => format!("Member must have length less than or equal to {most}"),
        _ => return Ok(()),
    };
    Err(invalid(value, member, &bound))
}

fn check_instance_id(id: &str) -> Result<(), ConnectError> {
    let digits = id.strip_prefix("i-").unwrap_or_default();
    let hex = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if digits.is_empty() || !digits.bytes().all(hex) {
        let constraint = "Member must satisfy regular expression pattern: ^i-[a-f0-9]+$";
        return Err(invalid(id, "instanceId", constraint));
    }
    check_length(id, "instanceId", 10, 32)
}

/// The two forms of the service model (2018-04-02, as of botocore 1.43): a name that begins
/// with a letter or underscore, or digits with something else after them.
const OS_USER: &str = "(^[A-Za-z_][A-Za-z0-9\\@\\._-]{0,30}[A-Za-z0-9\\$_-]?$)|\
    (^(?=.{2,32}$)[0-9]{1,32}[A-Za-z\\@\\._-][A-Za-z0-9\\@\\._-]*[A-Za-z0-9\\$_-]?$)";

fn check_os_user(user: &str) -> Result<(), ConnectError> {
    if user.is_empty() || user.len() > 32 {
        return check_length(user, "instanceOSUser", 1, 32);
    }
    let digits = user.trim_start_matches(|c: char| c.is_ascii_digit());
    let begins = match digits.chars().next() {
        Some(first) if digits.len() == user.len() => first.is_ascii_alphabetic() || first == '_',
        Some(first) => first.is_ascii_alphabetic() || "@._-".contains(first),
        None => false,
    };
    let (middle, last) = match digits.char_indices().next_back() {
        Some((at, last)) => (digits.get(..at).unwrap_or_default(), last),
        None => ("", '_'),
    };
    let inside = |c: char| c.is_ascii_alphanumeric() || "@._-".contains(c);
    // A dollar sign may end a name (as those of Windows' machine accounts), and only that.
    let ends = inside(last) || last == '$';
    if begins && middle.chars().all(inside) && ends {
        return Ok(());
    }
    let constraint = format!("Member must satisfy regular expression pattern: {OS_USER}");
    Err(invalid(user, "instanceOSUser", &constraint))
}

/// RSA and Ed25519 keys are taken, without anything else on the line but a comment.
fn parse_key(text: &str) -> Result<PublicKey, ConnectError> {
    let wrong = |kind: &str| {
        let message = format!(
            "Invalid input parameter received for Illegal argument exception: {kind}SSH Public \
             key is invalid"
        );
        ConnectError::new("InvalidArgsException", message)
    };
    let key = PublicKey::from_openssh(text.trim()).map_err(|_| wrong(""))?;
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Rsa { .. } => Ok(key),
        _ => Err(wrong("")),
    }
}

/// IAM's part: the action as such, and the users that the policy allows (`ec2:osuser`).
fn authorize(state: &State, id: &str, user: &str) -> Result<(), ConnectError> {
    const ACTION: &str = "ec2-instance-connect:SendSSHPublicKey";
    let allowed = state
        .instance(id)
        .and_then(|instance| instance.os_users.as_ref());
    let denied = allowed.is_some_and(|users| !users.iter().any(|allowed| allowed == user));
    if !denied && !state.faults.denies(ACTION) {
        return Ok(());
    }
    let resource = format!(
        "arn:aws:ec2:{}:{}:instance/{id}",
        state.fleet.region, state.fleet.account
    );
    let message = format!(
        "User: {} is not authorized to perform: {ACTION} on resource: {resource} because no \
         identity-based policy allows the {ACTION} action",
        state.user_arn()
    );
    Err(ConnectError::new("AccessDeniedException", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_users() {
        let longest = "a".repeat(32);
        for user in [
            "ec2-user",
            "root",
            "_apt",
            "user@example.com",
            "WIN$",
            "1a",
            "1@",
            "a",
            &longest,
        ] {
            assert!(check_os_user(user).is_ok(), "{user}");
        }
        let too_long = "a".repeat(33);
        for user in [
            "",
            "-oProxyCommand=x",
            "1",
            "12",
            "a b",
            "a/b",
            ".x",
            "$a",
            "a$b",
            "..",
            &too_long,
        ] {
            assert!(check_os_user(user).is_err(), "{user}");
        }
    }

    #[test]
    fn instance_ids() {
        for id in [
            "i-01234567",
            "i-0123456789abcdef0",
            &format!("i-{}", "0".repeat(30)),
        ] {
            assert!(check_instance_id(id).is_ok(), "{id}");
        }
        for id in [
            "",
            "i-",
            "i-0123456",
            "mi-012345678",
            "i-0123456G",
            &format!("i-{}", "0".repeat(31)),
        ] {
            assert!(check_instance_id(id).is_err(), "{id}");
        }
    }

    #[test]
    fn keys() {
        let ed25519 =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
        assert!(parse_key(ed25519).is_ok());
        assert!(parse_key(&format!("{ed25519} someone@somewhere\n")).is_ok());
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";
        for key in [
            ecdsa,
            "ssh-ed25519 AAAA",
            "",
            &format!("command=\"x\" {ed25519}"),
        ] {
            assert!(parse_key(key).is_err(), "{key}");
        }
    }
}
