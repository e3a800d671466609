//! `eic-term tunnel TARGET`: an endpoint's tunnel on stdio, or on a local port.

use std::net::SocketAddr;
use std::process::ExitCode;

use eic_auth::Tunnel as Stream;
use eic_term::terminal::Terminations;
use eic_term::{Connector, Destination};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::args::{Common, Tunnel};
use super::report::Failure;
use super::settings::Settings;
use super::streams;
use super::ui::Ui;

pub(crate) async fn run(common: &Common, args: &Tunnel, ui: &Ui) -> Result<ExitCode, Failure> {
    let settings = Settings::load(common, Some(&args.target))?;
    let timeline = settings.options.timeline.clone();
    let connector = settings.connector(ui).await?;
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

/// Joins the tunnel to stdin and stdout. It has no half-close: at the end of input it is closed and drained.
async fn on_stdio(tunnel: Stream) -> Result<ExitCode, Failure> {
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
                    if let Err(error) = copy_bidirectional(&mut local, &mut tunnel).await {
                        ui.failure(&Failure::io("a tunnel was lost", error));
                    }
                }
                Err(error) => ui.failure(&Failure::from(error)),
            }
        }
    }
}
