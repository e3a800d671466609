//! `eic-term tunnel TARGET`: an endpoint's tunnel on stdio, or on a local port.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use eic_auth::Target;
use eic_term::terminal::Terminations;
use eic_term::{Connector, Destination, Via};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::args::{Common, Tunnel};
use super::report::Failure;
use super::send_key;
use super::settings::Settings;
use super::ssh::Stream;
use super::streams::{self, BUFFER};
use super::ui::Ui;

pub(crate) async fn run(common: &Common, args: &Tunnel, ui: &Ui) -> Result<ExitCode, Failure> {
    let settings = Settings::load(common, Some(&args.target))?;
    let timeline = settings.options.timeline.clone();
    let (port, limit) = (settings.options.port, settings.options.limit);
    let connector = settings.connector(ui).await?;
    if let Some(file) = &args.public_key {
        let key = send_key::read(file)?;
        let made = make_way(&connector, &args.target, &key, port, limit).await;
        ui.timeline(&timeline);
        return on_stdio(made?).await;
    }
    match args.listen {
        None => {
            let tunnel = connector.open_tunnel(&args.target, args.port).await;
            ui.timeline(&timeline);
            on_stdio(tunnel?).await
        }
        Some(address) => {
            let listener = Listener::bind(connector, args, address).await?;
            ui.notice(&format!("listening on {}", listener.address));
            listener.serve(ui).await
        }
    }
}

/// A stream to the SSH server, by the way that a login would take, while the key is pushed.
async fn make_way(
    connector: &Connector,
    target: &Target,
    key: &str,
    port: u16,
    limit: Duration,
) -> Result<Box<dyn Stream>, Failure> {
    let push = async { Ok(connector.send_key(target, key).await?) };
    let open = async {
        let to = connector.find(&target.selector).await?;
        Ok::<Box<dyn Stream>, Failure>(match to.via {
            Via::Endpoint { .. } => Box::new(connector.open_tunnel_to(&to, port).await?),
            Via::Direct => Box::new(dial((to.address, port).into(), limit).await?),
        })
    };
    let (_, stream) = tokio::try_join!(push, open)?;
    Ok(stream)
}

async fn dial(address: SocketAddr, limit: Duration) -> Result<TcpStream, Failure> {
    let what = format!("cannot connect to {address}");
    let connect = tokio::time::timeout(limit, TcpStream::connect(address)).await;
    let connected = connect.map_err(|_| Failure::caused(&what, "it did not answer in time"))?;
    let stream = connected.map_err(|source| Failure::new(&what, source))?;
    stream
        .set_nodelay(true)
        .map_err(|source| Failure::new(&what, source))?;
    Ok(stream)
}

/// Joins the tunnel to stdin and stdout. It has no half-close: at the end of input it is closed and drained.
async fn on_stdio(
    tunnel: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<ExitCode, Failure> {
    let joined = streams::join_stream(tunnel).await;
    joined.map_err(|source| Failure::io("the tunnel was lost", source))?;
    Ok(ExitCode::SUCCESS)
}

/// A local port, each connection to which becomes a tunnel of its own.
struct Listener {
    connector: Connector,
    destination: Destination,
    port: u16,
    most: usize,
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    async fn bind(connector: Connector, args: &Tunnel, on: SocketAddr) -> Result<Self, Failure> {
        let failed = |source| Failure::new(format!("cannot listen on {on}"), source);
        let socket = TcpListener::bind(on).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let destination = connector.find_for_tunnel(&args.target.selector).await?;
        Ok(Self {
            connector,
            destination,
            port: args.port,
            most: args.max_connections.into(),
            socket,
            address,
        })
    }

    /// Accepts until a signal ends it; all tunnels end with it.
    async fn serve(self, ui: &Ui) -> Result<ExitCode, Failure> {
        let failed = |source| Failure::new("cannot listen for signals", source);
        let mut terminations = Terminations::listen().map_err(failed)?;
        let mut tunnels = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.socket.accept(), if tunnels.len() < self.most => {
                    // An accept that fails is the peer's or the file table's; the next may do.
                    match accepted {
                        Ok((stream, _)) => drop(tunnels.spawn(self.forward(stream, ui.clone()))),
                        Err(error) => ui.notice(&format!("cannot accept: {error}")),
                    }
                }
                Some(_) = tunnels.join_next() => {}
                signal = terminations.next() => return Ok(ExitCode::from(128 + signal)),
            }
        }
    }

    /// One connection's life. A failed tunnel is said, and closes its connection only.
    fn forward(&self, mut local: TcpStream, ui: Ui) -> impl Future<Output = ()> + Send + 'static {
        let (connector, to, port) = (self.connector.clone(), self.destination.clone(), self.port);
        async move {
            local.set_nodelay(true).ok();
            match connector.open_tunnel_to(&to, port).await {
                Ok(mut tunnel) => {
                    let (local, tunnel) = (&mut local, &mut tunnel);
                    let joined = copy_bidirectional_with_sizes(local, tunnel, BUFFER, BUFFER);
                    if let Err(error) = joined.await {
                        ui.failure(&Failure::io("a tunnel was lost", error));
                    }
                }
                Err(error) => ui.failure(&Failure::from(error)),
            }
        }
    }
}
