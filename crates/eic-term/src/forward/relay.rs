//! One forwarded connection: bytes both ways, and the end of each way on its own (RFC 4254 §5.3).

use std::io;
use std::time::Duration;

use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::listener::Halves;
use super::open::Way;
use crate::flow::{Intake, NUDGE, Seat, until};
use crate::session::Session;

/// How much is read at once, in bytes: a packet of most servers.
const PACKET: usize = 32 << 10;
/// How much of a connection waits in memory for its local side, in bytes.
const MEMORY: usize = 512 << 10;
/// How long a slow reader holds up the connection before what it does not take is put aside.
const PATIENCE: Duration = Duration::from_millis(20);
/// A packet shorter than this, in bytes, may be followed by one that waits for its acknowledgement.
const SMALL: usize = 16 << 10;
/// How long a server may take to close a channel whose ways have both ended.
const LINGER: Duration = Duration::from_secs(10);

/// Joins a local connection and a channel until both ways have ended, or the channel is closed.
pub(crate) async fn relay(local: Halves, mut way: Way) -> io::Result<()> {
    let finished = Notify::new();
    let writer = way.closer.writer.clone();
    let up = async {
        let sent = send(local.reader, &writer).await;
        if let Err(error) = sent {
            return error;
        }
        finished.notified().await;
        sleep(LINGER).await;
        io::ErrorKind::TimedOut.into()
    };
    let down = Delivery {
        channel: way.reader,
        local: local.writer,
        intake: way.session.peer().flow.intake(MEMORY, PATIENCE),
        seat: way.seat,
        session: way.session,
        nudge: None,
    };
    tokio::select! {
        closed = down.run(&finished) => {
            way.closer.closed = closed.is_ok();
            closed
        }
        error = up => Err(error),
    }
}

/// Sends what the local side says, and then its end.
async fn send(
    mut local: impl AsyncRead + Unpin,
    channel: &ChannelWriteHalf<Msg>,
) -> io::Result<()> {
    loop {
        let mut packet = Vec::with_capacity(PACKET);
        if local.read_buf(&mut packet).await? == 0 {
            return channel.eof().await.map_err(io::Error::other);
        }
        channel.data_bytes(packet).await.map_err(io::Error::other)?;
    }
}

/// The way from the host to the local side.
struct Delivery<W> {
    channel: ChannelReadHalf,
    local: W,
    intake: Intake,
    seat: Seat,
    session: Session,
    /// When a silent server may be waiting for an acknowledgement.
    nudge: Option<Instant>,
}

/// What the host has said of the end.
#[derive(PartialEq, Eq)]
enum Heard {
    Data,
    Eof,
    Close,
}

impl<W: AsyncWrite + Unpin> Delivery<W> {
    /// Delivers until the host closes the channel; tells when it has ended its way.
    async fn run(mut self, finished: &Notify) -> io::Result<()> {
        let mut heard = self.deliver().await?;
        if heard == Heard::Eof {
            self.local.shutdown().await?;
            finished.notify_one();
        }
        while heard != Heard::Close {
            heard = match self.channel.wait().await {
                Some(ChannelMsg::Close) | None => Heard::Close,
                Some(_) => Heard::Eof,
            };
        }
        Ok(())
    }

    /// Delivers until the end of the host's way, and then what still waits.
    async fn deliver(&mut self) -> io::Result<Heard> {
        let mut heard = Heard::Data;
        while heard == Heard::Data || !self.intake.is_empty() {
            let listening = heard == Heard::Data;
            let alone = self.seat.is_alone();
            let takes_more = listening && self.intake.takes_more(alone);
            let deadline = self.intake.deadline(alone);
            // Not biased: who takes much at last must not starve those who wait for the connection.
            tokio::select! {
                taken = self.local.write(self.intake.front()), if !self.intake.is_empty() => {
                    match taken? {
                        0 => return Err(io::ErrorKind::WriteZero.into()),
                        taken => self.intake.advance(taken).await?,
                    }
                }
                message = self.channel.wait(), if takes_more => heard = self.take(message).await?,
                () = self.seat.changed(), if listening => {}
                () = until(deadline), if listening => self.intake.lose_patience()?,
                () = until(self.nudge), if listening => self.nudge(),
            }
        }
        Ok(heard)
    }

    async fn take(&mut self, message: Option<ChannelMsg>) -> io::Result<Heard> {
        match message {
            Some(ChannelMsg::Data { data }) => {
                self.nudge = (data.len() < SMALL).then(|| Instant::now() + NUDGE);
                self.intake.push(data).await?;
            }
            Some(ChannelMsg::Eof) => return Ok(Heard::Eof),
            Some(ChannelMsg::Close) | None => return Ok(Heard::Close),
            Some(_) => {}
        }
        Ok(Heard::Data)
    }

    fn nudge(&mut self) {
        self.nudge = None;
        self.session.peer().flow.nudges.nudge(&self.session);
    }
}
