//! Channels that carry forwarded connections, opened and closed.

use std::net::SocketAddr;
use std::sync::Arc;

use russh::client::Msg;
use russh::{Channel, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::oneshot;

use super::address::Address;
use crate::error::Error;
use crate::flow::Seat;
use crate::session::Session;

/// A channel whose other end is connected. Dropping it closes it.
pub(crate) struct Way {
    pub(crate) reader: ChannelReadHalf,
    pub(crate) closer: Closer,
    pub(crate) seat: Seat,
    pub(crate) session: Session,
    /// Counts it.
    _forwarded: Seat,
}

impl Way {
    /// Takes a channel; its session is held as long as it lives.
    pub(crate) fn new(channel: Channel<Msg>, session: Session) -> Self {
        let (reader, writer) = channel.split();
        let flow = &session.peer().flow;
        let (seat, forwarded) = (flow.crowd.enter(), flow.forwarded.enter());
        Self {
            reader,
            closer: Closer {
                writer: Arc::new(writer),
                closed: false,
            },
            seat,
            session,
            _forwarded: forwarded,
        }
    }
}

/// Closes a channel when it is dropped, unless the server has.
pub(crate) struct Closer {
    pub(crate) writer: Arc<ChannelWriteHalf<Msg>>,
    pub(crate) closed: bool,
}

impl Drop for Closer {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if !self.closed {
            let writer = self.writer.clone();
            // It ends with the session at the latest, whose queue is all that it waits for.
            runtime.spawn(async move { writer.close().await.ok() });
        }
    }
}

/// Asks the host to connect somewhere (RFC 4254 §7.2, OpenSSH's PROTOCOL §2.4). It takes as long as the host does.
pub(crate) async fn open(
    session: &Session,
    to: &Address,
    from: Option<SocketAddr>,
) -> Result<Way, Error> {
    let (answer, answered) = oneshot::channel();
    let (asking, wanted) = (session.clone(), to.clone());
    // Where nobody waits for it any more, the channel is closed as soon as it is open.
    tokio::spawn(async move {
        // Whoever holds the connection up alone must make way for the answer.
        let flow = &asking.peer().flow;
        let seats = (flow.crowd.enter(), flow.forwarded.enter());
        let channel = request(&asking, &wanted, from).await;
        let way = channel.map(|channel| Way::new(channel, asking));
        answer.send(way).ok();
        drop(seats);
    });
    match session.peer().or_lost(answered.await).await? {
        Err(russh::Error::ChannelOpenFailure(reason)) => Err(Error::ConnectRemote {
            address: to.clone(),
            reason: words(&reason).to_owned(),
        }),
        way => session.peer().or_lost(way).await,
    }
}

async fn request(
    session: &Session,
    to: &Address,
    from: Option<SocketAddr>,
) -> Result<Channel<Msg>, russh::Error> {
    let handle = session.handle();
    // A Unix socket's client has no address; OpenSSH says this then.
    let from = from.unwrap_or_else(|| ([127, 0, 0, 1], 65535).into());
    match to {
        Address::Tcp { host, port } => {
            let (address, from_port) = (from.ip().to_string(), from.port().into());
            let port = (*port).into();
            handle
                .channel_open_direct_tcpip(host, port, address, from_port)
                .await
        }
        Address::Unix(path) => handle.channel_open_direct_streamlocal(path).await,
    }
}

/// The server's reason code in words (RFC 4254 §5.1); its own text does not reach us.
fn words(reason: &ChannelOpenFailure) -> &'static str {
    match reason {
        ChannelOpenFailure::AdministrativelyProhibited => "the server does not allow it",
        ChannelOpenFailure::ConnectFailed => "the connection failed there",
        ChannelOpenFailure::UnknownChannelType => "the server does not know how",
        ChannelOpenFailure::ResourceShortage => "the server lacks resources",
        _ => "the server gave no reason",
    }
}
