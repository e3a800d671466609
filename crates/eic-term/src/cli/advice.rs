//! What to do about an error: one line each.

use std::io;

use eic_auth::{Error as Aws, InstanceId, TunnelError};
use eic_term::{Address, Cause, Error, HostKeyError, Step};

use super::ssh::ProxyFailed;

/// Advice on an error; `None` where its own words say it all.
pub(crate) fn on(error: &Error) -> Option<String> {
    match error {
        Error::Aws(aws) => on_aws(aws),
        Error::NotRunning { id, state } => Some(match state.to_string().as_str() {
            "pending" => "again in a moment, when it has started".to_owned(),
            _ => format!("`aws ec2 start-instances --instance-ids {id}`, then again"),
        }),
        Error::NoAddress { .. } => Some("another --connection-type, or --instance-ip".to_owned()),
        Error::NoEndpoint { vpc_id, .. } => Some(format!(
            "`aws ec2 create-instance-connect-endpoint --subnet-id` with a subnet of {}, or --connection-type direct from inside the network",
            vpc_id.as_deref().unwrap_or("its VPC")
        )),
        Error::EndpointState { .. } => Some("without --endpoint-id, which takes a usable one".to_owned()),
        Error::EndpointPort { .. } => {
            Some("port 22 or 3389, or --connection-type direct".to_owned())
        }
        Error::Connect { .. } => Some(
            "the instance's security group must allow this address, and sshd must run; --connection-type eice goes through an endpoint".to_owned(),
        ),
        Error::Timeout { step, .. } => on_timeout(*step),
        Error::Tunnel { source, .. } => on_tunnel(source),
        Error::TunnelExpired { .. } => Some("connect again; endpoints keep a tunnel for an hour at most, `tmux` keeps what runs in it".to_owned()),
        Error::Handshake { source, .. } if has_failed_proxy(source) => {
            Some("the command by hand; what it says of itself stands above".to_owned())
        }
        Error::Handshake { .. } => Some("is it an SSH server? `-vv` shows the exchange".to_owned()),
        Error::Algorithms { .. } => Some("a newer sshd there; --legacy, where it has to be, offers SHA-1 and CBC too".to_owned()),
        Error::HostKey(error) => on_host_key(error),
        Error::Agent { .. } => Some("SSH_AUTH_SOCK names its socket; `ssh-add -l` shows what it holds".to_owned()),
        Error::Login { methods, .. } if wants_a_person(methods) => {
            Some("it wants what only a person can answer: log in from a terminal".to_owned())
        }
        Error::Login { pushed: true, user, .. } => Some(format!(
            "is `{user}` an OS user there (ubuntu, admin, ec2-user…)? does the instance have the package ec2-instance-connect, and sshd its AuthorizedKeysCommand? else an own key: -i FILE"
        )),
        Error::Login { peer, .. } if !is_instance(peer) => {
            Some("another user, or another key: -i FILE, or `ssh-add FILE`".to_owned())
        }
        Error::Login { .. } => Some("another user or key, or without -i, so that EC2 Instance Connect pushes one".to_owned()),
        Error::Listen { address, .. } => Some(match address {
            Address::Tcp { .. } => "another port; 0 lets the system choose".to_owned(),
            Address::Unix(_) if cfg!(windows) => "a TCP port".to_owned(),
            Address::Unix(_) => "another path, or --replace-sockets".to_owned(),
        }),
        Error::ListenRemote { .. } => Some(
            "another port, 0 lets the host choose; `AllowTcpForwarding` and `GatewayPorts` in its sshd_config".to_owned(),
        ),
        Error::Shared { source, .. } => match source.kind() {
            io::ErrorKind::NotFound => Some("`-M -N -f` starts one there; ControlPath says where".to_owned()),
            io::ErrorKind::ConnectionRefused => Some("its process is gone: remove the socket, or -M, which replaces it".to_owned()),
            io::ErrorKind::UnexpectedEof => Some("again: the next one makes a connection anew".to_owned()),
            _ => Some("another ControlPath, or -S none".to_owned()),
        },
        Error::Disconnected { .. } => Some("again; `-vv` shows what was said".to_owned()),
        _ => None,
    }
}

/// Whether it was the `ProxyCommand` that failed.
fn has_failed_proxy(source: &Cause) -> bool {
    let error: Option<&io::Error> = source.downcast_ref();
    let cause = error.and_then(io::Error::get_ref);
    cause.is_some_and(|cause| cause.is::<ProxyFailed>())
}

/// Whether a key alone is no use any more.
fn wants_a_person(methods: &[String]) -> bool {
    let key = "publickey".to_owned();
    !methods.is_empty() && !methods.contains(&key)
}

/// Whether a name is an instance's, and not that of a host like any other.
fn is_instance(name: &str) -> bool {
    name.parse::<InstanceId>().is_ok()
}

fn on_timeout(step: Step) -> Option<String> {
    Some(match step {
        Step::Connect => "the instance's security group must allow this address; --connection-type eice goes through an endpoint; --connect-timeout (ssh: -o ConnectTimeout) waits longer".to_owned(),
        Step::Handshake => "whatever listens there does not speak SSH; --connect-timeout (ssh: -o ConnectTimeout) waits longer".to_owned(),
        Step::OpenTunnel => "the network between here and the endpoint, and HTTPS_PROXY; --connect-timeout (ssh: -o ConnectTimeout) waits longer".to_owned(),
        _ => "--connect-timeout (ssh: -o ConnectTimeout) waits longer".to_owned(),
    })
}

fn on_host_key(error: &HostKeyError) -> Option<String> {
    match error {
        HostKeyError::Changed { name, path, pinned, .. } if !is_instance(name) => Some(format!(
            "if the host was set up anew, take line {} out of {}; if not, somebody may be impersonating it",
            pinned.line,
            path.display()
        )),
        HostKeyError::Unverified { name, .. } if !is_instance(name) => Some(
            "compare the fingerprint with the host's own, then log in from a terminal and answer yes, or -o StrictHostKeyChecking=accept-new".to_owned(),
        ),
        HostKeyError::Changed { name, .. } => Some(format!(
            "if the instance was rebuilt, `eic-term trust forget {name}`; if not, somebody may be impersonating it"
        )),
        HostKeyError::NotOnConsole { name, .. } => Some(format!(
            "somebody may be impersonating the host; `eic-term trust verify {name}` shows both; keys made anew since its first boot can be pinned: `eic-term trust import FILE {name}`"
        )),
        HostKeyError::ConsoleConflict { name, .. } => Some(format!(
            "the host was rebuilt, or somebody writes to its console: look at `aws ec2 get-console-output`; keys that you have from the host itself can be pinned: `eic-term trust import FILE {name}`"
        )),
        HostKeyError::Short { .. } => Some("a longer key for the host (`ssh-keygen -A` makes 3072 bits), or an ed25519 one; `-o RequiredRSASize` of `ssh` says what is enough, from 1024 on".to_owned()),
        HostKeyError::Revoked { .. } => Some("do not log in; if that is old, take the line out".to_owned()),
        HostKeyError::Unverified { .. } => Some("compare the fingerprint with the host's own, then log in from a terminal and answer yes, or --host-key accept-new".to_owned()),
        HostKeyError::Unknown { .. } => Some("somebody may be impersonating the host".to_owned()),
        HostKeyError::File { .. } => {
            Some("its permissions, or another folder in EIC_TERM_DATA_DIR".to_owned())
        }
        _ => None,
    }
}

fn on_aws(error: &Aws) -> Option<String> {
    Some(match error {
        Aws::NoRegion => "--region, AWS_REGION, or a region in the profile".to_owned(),
        Aws::NoCredentials { .. } => {
            "`aws configure`, `aws sso login`, --profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned()
        }
        Aws::ExpiredCredentials { .. } => "`aws sso login`, or fresh credentials".to_owned(),
        Aws::InvalidCredentials { .. } => "another --profile, and the clock of this machine".to_owned(),
        Aws::AccessDenied { action, .. } if action.ends_with("SendSSHPublicKey") => {
            "a user that your policy allows (its condition is ec2:osuser), e.g. `eic-term ec2-user@…`".to_owned()
        }
        Aws::AccessDenied { action, .. } => format!("ask for {action} in your IAM policy, or another --profile"),
        Aws::Throttled { .. } => "again in a minute; other clients of this account use up its rate".to_owned(),
        Aws::Timeout { .. } | Aws::Connect { .. } => {
            "the network, HTTPS_PROXY, and whether --region is right".to_owned()
        }
        Aws::Certificate { .. } => "AWS_CA_BUNDLE, where a proxy or a private authority signs".to_owned(),
        Aws::CaBundle { .. } => "a PEM file in AWS_CA_BUNDLE, or none".to_owned(),
        Aws::InstanceNotFound { .. } => "`eic-term list` shows what is in this region and account; --region, --profile".to_owned(),
        Aws::InstanceGone { .. } => "`eic-term list` shows what is there".to_owned(),
        Aws::Ambiguous { .. } => "one of these ids".to_owned(),
        Aws::EndpointNotFound { .. } => "without --endpoint-id, or another --region".to_owned(),
        Aws::InvalidInstance { .. } => "again once it runs; EC2 Instance Connect knows Linux only".to_owned(),
        Aws::NoEndpointHost { fips: true, .. } => "without AWS_USE_FIPS_ENDPOINT".to_owned(),
        Aws::Tunnel(error) => return on_tunnel(error),
        _ => return None,
    })
}

/// Advice on a tunnel's error.
pub(crate) fn on_tunnel(error: &TunnelError) -> Option<String> {
    Some(match error {
        TunnelError::Closed { code: Some(_), .. } => {
            "the instance's security group must allow the endpoint's, and something must listen on the port".to_owned()
        }
        TunnelError::Closed { .. } => "again".to_owned(),
        TunnelError::Tls { .. } => "AWS_CA_BUNDLE, where a proxy or a private authority signs".to_owned(),
        TunnelError::ProxyRefused { status: 407, .. } => "HTTPS_PROXY with a name and password: http://NAME:PASSWORD@HOST:PORT".to_owned(),
        TunnelError::ProxyRefused { .. } | TunnelError::Proxy { .. } => "HTTPS_PROXY and NO_PROXY".to_owned(),
        TunnelError::Connect { .. } | TunnelError::Timeout { .. } | TunnelError::Upgrade { .. } => {
            "the network between here and the endpoint, and HTTPS_PROXY".to_owned()
        }
        TunnelError::Refused { status: 403, .. } => {
            "ask for ec2-instance-connect:OpenTunnel on the endpoint in your IAM policy; one that caps the duration wants --max-tunnel-duration".to_owned()
        }
        _ => return None,
    })
}
