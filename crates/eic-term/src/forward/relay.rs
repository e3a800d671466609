//! One forwarded connection: bytes both ways, and the end of each way on its own (RFC 4254 §5.3).

use std::future::pending;
use std::io;
use std::time::Duration;

use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::listener::Halves;
use super::open::Way;
use crate::flow::{Backlog, Seat};

/// How much is read at once, in bytes: a packet of most servers.
const PACKET: usize = 32 << 10;
/// How long a slow reader holds up the connection before what it does not take is put aside.
const PATIENCE: Duration = Duration::from_millis(20);
/// How long one that has stopped may hold up others, where nothing more can be put aside.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
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
        backlog: way.backlog,
        seat: way.seat,
        stuck: None,
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
    backlog: Backlog,
    seat: Seat,
    /// Since when the local side takes nothing although memory is full.
    stuck: Option<Instant>,
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
        while heard == Heard::Data || self.backlog.len() > 0 {
            let may_listen = heard == Heard::Data;
            let takes_more = may_listen && self.takes_more();
            let deadline = self.deadline();
            // Not biased: who takes much at last must not starve those who wait for the connection.
            tokio::select! {
                taken = self.local.write(self.backlog.front()), if self.backlog.len() > 0 => {
                    match taken? {
                        0 => return Err(io::ErrorKind::WriteZero.into()),
                        taken => self.backlog.advance(taken).await?,
                    }
                    self.stuck = None;
                }
                message = self.channel.wait(), if takes_more => {
                    heard = self.take(message).await?;
                }
                () = self.seat.changed(), if may_listen => {}
                () = until(deadline), if may_listen => self.lose_patience()?,
            }
            self.note_stuck();
        }
        Ok(heard)
    }

    async fn take(&mut self, message: Option<ChannelMsg>) -> io::Result<Heard> {
        match message {
            Some(ChannelMsg::Data { data }) => self.backlog.push(data).await?,
            Some(ChannelMsg::Eof) => return Ok(Heard::Eof),
            Some(ChannelMsg::Close) | None => return Ok(Heard::Close),
            Some(_) => {}
        }
        Ok(Heard::Data)
    }

    fn note_stuck(&mut self) {
        if self.backlog.has_room() {
            self.stuck = None;
        } else {
            self.stuck.get_or_insert_with(Instant::now);
        }
    }

    fn takes_more(&self) -> bool {
        let waited = self.stuck.is_some_and(|since| since.elapsed() >= PATIENCE);
        match what_next(&self.backlog, self.seat.is_alone(), waited) {
            Next::Take | Next::PutAside => true,
            Next::HoldUp | Next::HoldUpOthers => false,
        }
    }

    /// When to look again, or to give up.
    fn deadline(&self) -> Option<Instant> {
        let since = self.stuck?;
        match what_next(&self.backlog, self.seat.is_alone(), false) {
            Next::HoldUpOthers if self.backlog.is_full() => Some(since + LAST_PATIENCE),
            Next::HoldUpOthers => Some(since + PATIENCE).filter(|at| *at > Instant::now()),
            _ => None,
        }
    }

    fn lose_patience(&self) -> io::Result<()> {
        if !self.backlog.is_full() {
            return Ok(());
        }
        let waiting = self.backlog.len() >> 20;
        tracing::warn!(
            "a forwarded connection that nobody reads is closed: {waiting} MiB wait for it"
        );
        Err(io::ErrorKind::StorageFull.into())
    }
}

/// What to do with a channel's next bytes.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Take,
    PutAside,
    /// Nobody else needs the connection.
    HoldUp,
    HoldUpOthers,
}

fn what_next(backlog: &Backlog, alone: bool, waited: bool) -> Next {
    decide(
        backlog.has_room(),
        backlog.is_aside(),
        backlog.is_full(),
        alone,
        waited,
    )
}

/// The rule: memory first; a lone channel waits, as with ssh(1); beside others it waits a moment at most, unless
/// there is no room at all.
fn decide(room: bool, aside: bool, full: bool, alone: bool, waited: bool) -> Next {
    match (room, alone, full) {
        (true, _, _) => Next::Take,
        (false, true, _) => Next::HoldUp,
        (false, false, true) => Next::HoldUpOthers,
        (false, false, false) if aside || waited => Next::PutAside,
        (false, false, false) => Next::HoldUpOthers,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
