//! EC2 Instance Connect Endpoints: WebSockets over TLS that lead to private addresses.

mod relay;
mod request;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::handshake::server;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::credentials::request_id;
use crate::fleet::EndpointEntry;
use crate::host::Host;
use crate::sigv4;
use crate::state::State;
use relay::Rules;
use request::{Refusal, TunnelRequest};

/// AWS's limit on concurrent connections of one endpoint:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/eice-quotas.html>
const CONNECTIONS: usize = 20;

/// How long a client may take for its upgrade request.
const UPGRADE_LIMIT: Duration = Duration::from_secs(30);

/// The most bytes that a client may put into one frame.
const FRAME_LIMIT: usize = 128 * 1024;

/// One endpoint of the fleet.
pub(crate) struct Endpoint {
    entry: EndpointEntry,
    state: Arc<State>,
    connections: Arc<Semaphore>,
}

/// A tunnel that is granted, and its place among the endpoint's connections.
struct Tunnel {
    request: TunnelRequest,
    _permit: OwnedSemaphorePermit,
}

impl Endpoint {
    pub(crate) fn new(entry: EndpointEntry, state: Arc<State>) -> Self {
        Self {
            entry,
            state,
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// Serves one client's connection until its end.
    pub(crate) async fn serve<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        match timeout(UPGRADE_LIMIT, self.upgrade(stream)).await {
            Ok(Ok(Some((socket, tunnel)))) => self.tunnel(socket, &tunnel.request).await,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "no upgrade to a tunnel"),
            Err(_) => tracing::debug!("no upgrade request in time"),
        }
    }

    async fn upgrade<S>(
        &self,
        stream: S,
    ) -> Result<Option<(WebSocketStream<S>, Tunnel)>, tungstenite::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let id = request_id();
        let mut admitted = None;
        #[expect(
            clippy::result_large_err,
            reason = "tungstenite fixes this callback's type"
        )]
        let callback = |request: &server::Request, mut response: server::Response| {
            match self.admit(request) {
                Ok(tunnel) => admitted = Some(tunnel),
                Err(refusal) => return Err(refused(&refusal, &id)),
            }
            set_request_id(response.headers_mut(), &id);
            Ok(response)
        };
        // As much is cleared before each read, and TLS brings a record at most.
        let config = WebSocketConfig::default()
            .read_buffer_size(16 * 1024)
            .max_message_size(Some(FRAME_LIMIT))
            .max_frame_size(Some(FRAME_LIMIT));
        let socket =
            tokio_tungstenite::accept_hdr_async_with_config(stream, callback, Some(config)).await?;
        Ok(admitted.map(|tunnel| (socket, tunnel)))
    }

    fn admit(&self, request: &server::Request) -> Result<Tunnel, Refusal> {
        let signed = sigv4::Request {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers: request.headers(),
            body: b"",
        };
        self.state.counters.count_call("openTunnel");
        let request = TunnelRequest::read(&self.state, &self.entry, &signed, SystemTime::now())?;
        let permit = Arc::clone(&self.connections).try_acquire_owned();
        let permit = permit.map_err(|_| Refusal::too_many(CONNECTIONS))?;
        Ok(Tunnel {
            request,
            _permit: permit,
        })
    }

    async fn tunnel<S>(&self, socket: WebSocketStream<S>, request: &TunnelRequest)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(host) = self.target(request).filter(|host| host.accepts()) else {
            return relay::refuse(socket).await;
        };
        self.state.counters.tunnels.add(1);
        let (near, far) = tokio::io::duplex(256 * 1024);
        let rules = Rules {
            life: request.max_duration,
            fragment: self.state.faults.fragment,
            drop_after: self.state.faults.drop_after,
            bytes: &self.state.counters.tunnel_bytes,
        };
        tokio::join!(host.serve(far), relay::relay(socket, near, &rules));
    }

    /// The host at that address and port in the endpoint's VPC. SSH is all that there is.
    fn target(&self, request: &TunnelRequest) -> Option<&Host> {
        let mut instances = self.state.fleet.instances.iter();
        let instance = instances.find(|instance| {
            let private = instance.private_ip.map(Into::into) == Some(request.address);
            let ipv6 = instance.ipv6.map(Into::into) == Some(request.address);
            let running = instance.state == "running" && instance.vpc == self.entry.vpc;
            running && (private || ipv6)
        })?;
        self.state
            .hosts
            .get(&instance.id)
            .filter(|_| request.port == 22)
            .map(|host| &**host)
    }
}

fn refused(refusal: &Refusal, id: &str) -> server::ErrorResponse {
    let body = refusal.body();
    let mut response = Response::new(None);
    *response.status_mut() = refusal.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    set_request_id(headers, id);
    *response.body_mut() = Some(body);
    response
}

fn set_request_id(headers: &mut http::HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-amzn-RequestId", id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::DuplexStream;
    use tokio_tungstenite::client_async;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
    use tokio_tungstenite::tungstenite::{Error, Message};

    use crate::faults::{Fault, Faults};
    use crate::sigv4::tests::presign;

    type Client = WebSocketStream<DuplexStream>;

    /// An endpoint of the built-in fleet, whose `db-1` accepts and never speaks.
    fn endpoint(fault: Option<Fault>) -> Arc<Endpoint> {
        let mut state = State::for_tests(fault.into_iter().collect::<Faults>());
        let host = Arc::new(Host::Mute);
        state.hosts.insert("i-0e1c0000000000002".to_owned(), host);
        let entry = state.fleet.endpoints[0].clone();
        Arc::new(Endpoint::new(entry, Arc::new(state)))
    }

    async fn open(endpoint: &Arc<Endpoint>, address: &str) -> Result<Client, Error> {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let serving = Arc::clone(endpoint);
        tokio::spawn(async move { serving.serve(far).await });
        let query = format!(
            "instanceConnectEndpointId={}&remotePort=22&privateIpAddress={address}",
            endpoint.entry.id
        );
        let query = presign(&endpoint.state.access_key, "localhost:443", &query);
        let url = format!("wss://localhost:443/openTunnel?{query}");
        client_async(url, near).await.map(|(client, _)| client)
    }

    async fn close_code(client: &mut Client) -> CloseCode {
        loop {
            if let Message::Close(frame) = client.next().await.unwrap().unwrap() {
                return frame.unwrap().code;
            }
        }
    }

    #[tokio::test]
    async fn twenty_tunnels_and_no_more() {
        let endpoint = endpoint(None);
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(open(&endpoint, "10.0.1.20").await.unwrap());
        }
        let Err(Error::Http(refused)) = open(&endpoint, "10.0.1.20").await else {
            panic!("not refused");
        };
        assert_eq!(refused.status(), 429);
        assert!(refused.headers().contains_key("x-amzn-requestid"));
        clients[0].close(None).await.unwrap();
        while clients[0].next().await.is_some() {}
        while open(&endpoint, "10.0.1.20").await.is_err() {}
    }

    #[tokio::test]
    async fn a_target_that_refuses_and_a_text_frame() {
        let endpoint = endpoint(None);
        let mut client = open(&endpoint, "10.0.1.60").await.unwrap();
        assert_eq!(close_code(&mut client).await, CloseCode::Error);
        let mut client = open(&endpoint, "10.0.1.20").await.unwrap();
        client.send(Message::text("hello")).await.unwrap();
        assert_eq!(close_code(&mut client).await, CloseCode::Unsupported);
    }

    #[tokio::test]
    async fn iam_and_expired_credentials_refuse_the_upgrade() {
        for fault in [
            "deny=ec2-instance-connect:OpenTunnel",
            "expired-credentials",
        ] {
            let endpoint = endpoint(Some(fault.parse().unwrap()));
            let Err(Error::Http(refused)) = open(&endpoint, "10.0.1.20").await else {
                panic!("not refused");
            };
            assert_eq!(refused.status(), 403, "{fault}");
        }
    }
}
