//! An endpoint on loopback, and how a tunnel to it is opened.

use std::time::Duration;

use eic_auth::{Roots, SignedUrl, TunnelConfig};
use tokio_tungstenite::WebSocketStream;

use super::server::{Authority, Server, Tls};

/// The longest that any test waits for something that should happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) type Socket = WebSocketStream<Tls>;

/// A configuration that trusts one authority only, with limits for tests.
pub(crate) fn trusting(authority: &Authority) -> TunnelConfig {
    let roots = Roots::none().with_bundle(authority.bundle()).unwrap();
    TunnelConfig::new(&roots)
        .unwrap()
        .connect_timeout(SOON)
        .handshake_timeout(SOON)
}

/// The URL of a tunnel through a server.
pub(crate) fn url(server: &Server) -> SignedUrl {
    format!(
        "wss://localhost:{}/openTunnel?a=b%2Fc",
        server.address.port()
    )
    .into()
}

/// Serves each connection as a WebSocket.
pub(crate) async fn serve_socket<F, Fut>(authority: &Authority, serve: F) -> Server
where
    F: Fn(Socket) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let serve = move |stream| {
        let serve = serve.clone();
        async move {
            let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            serve(socket).await;
        }
    };
    authority.serve(serve).await
}
