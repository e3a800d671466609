//! What can go wrong between a target and its shell.

use std::net::SocketAddr;
use std::time::Duration;

use eic_auth::{InstanceId, InstanceState, TunnelError};

use crate::forward::Address;
use crate::route::ConnectionType;
use crate::timeline::Step;
use crate::trust::HostKeyError;

/// An underlying cause whose type is not part of this API.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failed step; each variant is named after the step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An AWS call or the endpoint's tunnel failed. The message is `eic-auth`'s own.
    #[error(transparent)]
    Aws(#[from] eic_auth::Error),

    /// The instance exists but does not run. Start it, then try again.
    #[error("instance {id} is {state}")]
    NotRunning {
        /// The instance.
        id: InstanceId,
        /// Its state.
        state: InstanceState,
    },

    /// The instance has no address that the connection type can use.
    #[error("instance {id} has no address for connection type `{connection_type}`")]
    NoAddress {
        /// The instance.
        id: InstanceId,
        /// What was asked for.
        connection_type: ConnectionType,
    },

    /// No endpoint leads to the instance. Create one in its VPC.
    #[error("no usable EC2 Instance Connect Endpoint for {id} in {}", vpc_id.as_deref().unwrap_or("its VPC"))]
    NoEndpoint {
        /// The instance.
        id: InstanceId,
        /// Its VPC, where known.
        vpc_id: Option<String>,
    },

    /// The endpoint exists but cannot be used now.
    #[error("endpoint {id} is {state}")]
    EndpointState {
        /// The endpoint.
        id: String,
        /// Its state in AWS's words.
        state: String,
    },

    /// An endpoint leads to ports 22 and 3389 only.
    #[error("an endpoint does not lead to port {port}")]
    EndpointPort {
        /// The port asked for.
        port: u16,
    },

    /// The TCP connection failed.
    #[error("cannot connect to {address}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },

    /// The stream to the instance, which the caller opens, could not be opened.
    #[error("cannot reach {peer} by way of other hosts")]
    Way {
        /// The instance.
        peer: String,
        /// Why not.
        source: Cause,
    },

    /// A step outlasted its limit.
    #[error("`{step}` got no answer within {} s", limit.as_secs_f32())]
    Timeout {
        /// The step.
        step: Step,
        /// Its limit.
        limit: Duration,
    },

    /// The endpoint's tunnel ended on the way to the session or in the middle of it.
    #[error("the tunnel to {peer} was lost after {}", words(*after))]
    Tunnel {
        /// The instance.
        peer: String,
        /// How long the connection through it had lasted.
        after: Duration,
        /// How it ended: closed by AWS with a reason, or cut off.
        source: TunnelError,
    },

    /// The endpoint closed the tunnel when its time was up: an hour, or what was asked for. Connect again.
    #[error("the tunnel to {peer} had reached its maximum duration, {}", words(*after))]
    TunnelExpired {
        /// The instance.
        peer: String,
        /// How long the connection through it had lasted.
        after: Duration,
        /// The endpoint's word on it.
        source: TunnelError,
    },

    /// SSH versions, key exchange or encryption failed before the login.
    #[error("the SSH key exchange with {peer} failed")]
    Handshake {
        /// The instance or address.
        peer: String,
        /// The protocol's reason.
        source: Cause,
    },

    /// The server knows none of the algorithms offered for one purpose (RFC 4253 §7.1). Old servers may know what
    /// [`SessionBuilder::legacy`](crate::SessionBuilder::legacy) offers.
    #[error("{peer} knows no {kind} that is safe enough, only {}", known.join(", "))]
    Algorithms {
        /// The instance or address.
        peer: String,
        /// The purpose.
        kind: &'static str,
        /// What the server knows.
        known: Vec<String>,
    },

    /// The host key is not the one expected.
    #[error(transparent)]
    HostKey(#[from] HostKeyError),

    /// The private key cannot be used.
    #[error("cannot use the private key")]
    Identity {
        /// Why not.
        source: Cause,
    },

    /// The private key is encrypted: its passphrase is wanted, or another.
    #[error("{}", if *given { "the passphrase is not the key's" } else { "the key is encrypted, and no passphrase is given" })]
    Passphrase {
        /// Whether one was given.
        given: bool,
    },

    /// The ssh-agent cannot be used.
    #[error("cannot use the ssh-agent")]
    Agent {
        /// Why not.
        source: Cause,
    },

    /// The person who was asked for something gave up.
    #[error("cancelled")]
    Cancelled,

    /// The server refused every credential.
    #[error("login as `{user}` on {peer} was refused")]
    Login {
        /// The user.
        user: String,
        /// The instance or address.
        peer: String,
        /// Whether the key was pushed by EC2 Instance Connect (else it is the caller's own).
        pushed: bool,
        /// The authentication methods that the server still offers (RFC 4252 §5.1).
        methods: Vec<String>,
    },

    /// The server refused a channel or a request on it (RFC 4254 §5, §6).
    #[error("the server refused to {request}")]
    Refused {
        /// What was asked for.
        request: &'static str,
    },

    /// A local address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: Address,
        /// The system's reason.
        source: std::io::Error,
    },

    /// The server does not listen where it was asked to (RFC 4254 §7.1): the port is taken, or forwarding is not
    /// allowed.
    #[error("the server refused to listen on {address}")]
    ListenRemote {
        /// The address on the host.
        address: Address,
    },

    /// The server cannot, or may not, connect a forwarded connection to where it should go (RFC 4254 §5.1).
    #[error("the host cannot connect to {address}: {}", crate::visible(reason))]
    ConnectRemote {
        /// The address as the host sees it.
        address: Address,
        /// The server's reason.
        reason: String,
    },

    /// A local address cannot be connected to, for a connection that came on the host.
    #[error("cannot connect to {address}")]
    ConnectLocal {
        /// The address.
        address: Address,
        /// The system's reason.
        source: std::io::Error,
    },

    /// A program on the host was not let in to the X server here.
    #[error("a program on the host may not use the display: {reason}")]
    Display {
        /// Why not.
        reason: &'static str,
    },

    /// The process that holds a shared session cannot be reached, or has ended.
    #[error("cannot use the shared connection at {path}")]
    Shared {
        /// Where it listens.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },

    /// The process that holds a shared session refused something, or has lost its connection. The message is its own.
    #[error("{}", crate::visible(reason))]
    Holder {
        /// Its reason.
        reason: String,
    },

    /// The connection ended before its work was done.
    #[error("the connection to {peer} was lost after {}", words(*after))]
    Disconnected {
        /// The instance or address.
        peer: String,
        /// How long it had lasted.
        after: Duration,
        /// What ended it, where known.
        source: Option<Cause>,
    },
}

/// A duration as people say it, in its two largest units.
fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{:.1} s", duration.as_secs_f64()),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_in_words() {
        for (millis, expected) in [
            (1_234, "1.2 s"),
            (59_000, "59.0 s"),
            (61_000, "1 min 1 s"),
            (3_600_000, "1 h 0 min"),
            (90_000_000, "25 h 0 min"),
        ] {
            assert_eq!(words(Duration::from_millis(millis)), expected);
        }
    }
}
