//! The task that drains a channel, so that one that nobody reads cannot stall the others.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

use crate::child::{ExitStatus, Signal};
use crate::flow::{Intake, Lane, Outlet, Seat, until};

/// `SSH_EXTENDED_DATA_STDERR` (RFC 4254 §5.2).
const STDERR: u32 = 1;
/// At most X11, a terminal and a command are asked for on one channel.
const MOST_REPLIES: usize = 4;

/// The server's answer to a channel request (RFC 4254 §5.4).
pub(crate) enum Reply {
    Success,
    Failure,
}

/// The answers, in the order of the requests.
pub(crate) type Replies = mpsc::Receiver<Reply>;

/// Where one stream of output goes.
pub(crate) struct Sink {
    /// `None` once its reader is gone or it has ended.
    stream: Option<Outlet>,
    /// The short way to it.
    lane: Option<Lane>,
    intake: Intake,
}

impl Sink {
    pub(crate) fn new(stream: Outlet, intake: Intake) -> Self {
        Self {
            stream: Some(stream),
            lane: None,
            intake,
        }
    }

    /// One that the session's task writes to as well.
    pub(crate) fn beside(lane: Lane, intake: Intake) -> Self {
        Self {
            lane: Some(lane.clone()),
            ..Self::new(Box::new(lane), intake)
        }
    }

    /// Passes on what its reader takes at once, and keeps the rest for later.
    async fn push(&mut self, mut bytes: Bytes) -> io::Result<()> {
        if let Some(lane) = &self.lane {
            lane.receive(&mut bytes);
        }
        if self.is_empty() && !bytes.is_empty() {
            let passed = poll_fn(|cx| Poll::Ready(Self::poll_pass(&mut self.stream, cx, &bytes)));
            if let Poll::Ready(count) = passed.await {
                bytes.advance(count);
            }
        }
        match self.stream {
            Some(_) if !bytes.is_empty() => self.intake.push(bytes).await,
            _ => Ok(()),
        }
    }

    fn is_empty(&self) -> bool {
        self.stream.is_none() || self.intake.is_empty()
    }

    /// Passes some of it on. One whose reader is gone swallows the rest, as a closed pipe would.
    async fn pass(stream: &mut Option<Outlet>, bytes: &[u8]) -> usize {
        poll_fn(|cx| Self::poll_pass(stream, cx, bytes)).await
    }

    fn poll_pass(stream: &mut Option<Outlet>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<usize> {
        if let Some(open) = stream
            && let Ok(count @ 1..) = ready!(Pin::new(open).poll_write(cx, bytes))
        {
            return Poll::Ready(count);
        }
        *stream = None;
        Poll::Ready(bytes.len())
    }

    /// Ends it, when all of it is with its reader.
    async fn end(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.flush().await.ok();
            self.stream = None;
        }
        if let Some(lane) = self.lane.take() {
            lane.close();
        }
    }
}

/// Where both go.
pub(crate) struct Sinks {
    pub(crate) stdout: Sink,
    pub(crate) stderr: Sink,
    pub(crate) seat: Seat,
}

impl Sinks {
    fn are_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty()
    }

    async fn end(&mut self) {
        self.stdout.end().await;
        self.stderr.end().await;
    }
}

struct Pump {
    reader: ChannelReadHalf,
    sinks: Sinks,
    /// Whether more messages come.
    open: bool,
    /// Whether no more output comes.
    ended: bool,
    replies: mpsc::Sender<Reply>,
    status: Option<ExitStatus>,
    closed: bool,
}

/// Starts draining; the task ends with the channel, or when `dropped` fires and it has closed the channel.
///
/// The second receiver gets the exit status, or `None` where the connection was lost before.
pub(crate) fn start(
    reader: ChannelReadHalf,
    writer: Arc<ChannelWriteHalf<Msg>>,
    sinks: Sinks,
    dropped: oneshot::Receiver<()>,
) -> (Replies, oneshot::Receiver<Option<ExitStatus>>) {
    let (replies, replies_reader) = mpsc::channel(MOST_REPLIES);
    let (ended, ended_reader) = oneshot::channel();
    let mut pump = Pump {
        reader,
        sinks,
        replies,
        open: true,
        ended: false,
        status: None,
        closed: false,
    };
    tokio::spawn(async move {
        tokio::select! {
            // Nothing is shown after it.
            biased;
            _ = dropped => drop(writer.close().await),
            run = pump.run() => {
                if run.is_err() {
                    writer.close().await.ok();
                    pump.closed = true;
                }
                ended.send(pump.end()).ok();
            }
        }
    });
    (replies_reader, ended_reader)
}

impl Pump {
    /// Drains until the channel is gone: data may follow the exit status.
    async fn run(&mut self) -> io::Result<()> {
        while self.open || !self.sinks.are_empty() {
            if self.sinks.are_empty() {
                self.receive().await?;
            } else {
                self.pass_on().await?;
            }
        }
        self.sinks.end().await;
        Ok(())
    }

    /// Waits for the next message.
    async fn receive(&mut self) -> io::Result<()> {
        if self.ended {
            self.sinks.end().await;
        }
        match self.reader.wait().await {
            Some(message) => self.take(message).await?,
            None => self.open = false,
        }
        Ok(())
    }

    /// Passes on some of what waits, or takes more. What its reader does not take is put aside where others need the
    /// connection.
    async fn pass_on(&mut self) -> io::Result<()> {
        let Sinks {
            stdout,
            stderr,
            seat,
        } = &mut self.sinks;
        let (open, alone) = (self.open, seat.is_alone());
        let both = [&stdout.intake, &stderr.intake];
        let takes_more = open && both.iter().all(|one| one.takes_more(alone));
        let deadline = both.iter().filter_map(|one| one.deadline(alone)).min();
        tokio::select! {
            // What can be passed on at once needs no look at the rest.
            biased;
            count = Sink::pass(&mut stdout.stream, stdout.intake.front()), if !stdout.intake.is_empty() => {
                stdout.intake.advance(count).await?;
            }
            count = Sink::pass(&mut stderr.stream, stderr.intake.front()), if !stderr.intake.is_empty() => {
                stderr.intake.advance(count).await?;
            }
            message = self.reader.wait(), if takes_more => match message {
                Some(message) => self.take(message).await?,
                None => self.open = false,
            },
            () = seat.changed(), if open => {}
            () = until(deadline), if open => {
                stdout.intake.lose_patience()?;
                stderr.intake.lose_patience()?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, message: ChannelMsg) -> io::Result<()> {
        match message {
            ChannelMsg::Data { data } => self.sinks.stdout.push(data).await?,
            ChannelMsg::ExtendedData { data, ext: STDERR } => self.sinks.stderr.push(data).await?,
            ChannelMsg::Eof => self.ended = true,
            ChannelMsg::Success => self.reply(Reply::Success),
            ChannelMsg::Failure => self.reply(Reply::Failure),
            ChannelMsg::ExitStatus { exit_status } => {
                self.end_with(ExitStatus::Exited(exit_status));
            }
            ChannelMsg::ExitSignal {
                signal_name,
                core_dumped,
                ..
            } => self.end_with(ExitStatus::Signaled {
                signal: Signal::new(name(&signal_name)),
                core_dumped,
            }),
            ChannelMsg::Close => self.closed = true,
            _ => {}
        }
        Ok(())
    }

    /// Answers that nobody waits for, a hostile server's flood included, are dropped.
    fn reply(&self, reply: Reply) {
        self.replies.try_send(reply).ok();
    }

    /// The first status counts.
    fn end_with(&mut self, status: ExitStatus) {
        self.status.get_or_insert(status);
    }

    fn end(self) -> Option<ExitStatus> {
        match (self.status, self.closed) {
            (Some(status), _) => Some(status),
            (None, true) => Some(ExitStatus::Missing),
            (None, false) => None,
        }
    }
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
