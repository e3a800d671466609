//! The task that drains a channel, so that one that nobody reads cannot stall the others.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, oneshot};

use crate::child::{ExitStatus, Signal};
use crate::flow::{Intake, Seat, until};

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
    stream: Option<DuplexStream>,
    intake: Intake,
}

impl Sink {
    pub(crate) fn new(stream: DuplexStream, intake: Intake) -> Self {
        Self {
            stream: Some(stream),
            intake,
        }
    }

    async fn push(&mut self, bytes: Bytes) -> io::Result<()> {
        match self.stream {
            Some(_) => self.intake.push(bytes).await,
            None => Ok(()),
        }
    }

    fn is_empty(&self) -> bool {
        self.stream.is_none() || self.intake.is_empty()
    }

    /// Passes some of it on. One whose reader is gone swallows the rest, as a closed pipe would.
    async fn pass(stream: &mut Option<DuplexStream>, bytes: &[u8]) -> usize {
        let Some(open) = stream else {
            return bytes.len();
        };
        match open.write(bytes).await {
            Ok(count @ 1..) => count,
            Ok(0) | Err(_) => {
                *stream = None;
                bytes.len()
            }
        }
    }
}

/// Where both go.
pub(crate) struct Sinks {
    pub(crate) stdout: Sink,
    pub(crate) stderr: Sink,
    pub(crate) seat: Seat,
}

struct Pump {
    reader: ChannelReadHalf,
    sinks: Sinks,
    /// Whether nothing more comes.
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
        ended: false,
        status: None,
        closed: false,
    };
    tokio::spawn(async move {
        tokio::select! {
            run = pump.run() => {
                if run.is_err() {
                    writer.close().await.ok();
                    pump.closed = true;
                }
                ended.send(pump.end()).ok();
            }
            _ = dropped => drop(writer.close().await),
        }
    });
    (replies_reader, ended_reader)
}

impl Pump {
    /// Drains until the channel is gone: data may follow the exit status. What its reader does not take is put
    /// aside where others need the connection.
    async fn run(&mut self) -> io::Result<()> {
        let mut open = true;
        loop {
            let Sinks {
                stdout,
                stderr,
                seat,
            } = &mut self.sinks;
            if (self.ended || !open) && stdout.is_empty() && stderr.is_empty() {
                (stdout.stream, stderr.stream) = (None, None);
                if !open {
                    return Ok(());
                }
            }
            let alone = seat.is_alone();
            let both = [&stdout.intake, &stderr.intake];
            let takes_more = open && both.iter().all(|one| one.takes_more(alone));
            let deadline = both.iter().filter_map(|one| one.deadline(alone)).min();
            tokio::select! {
                count = Sink::pass(&mut stdout.stream, stdout.intake.front()), if !stdout.intake.is_empty() => {
                    stdout.intake.advance(count).await?;
                }
                count = Sink::pass(&mut stderr.stream, stderr.intake.front()), if !stderr.intake.is_empty() => {
                    stderr.intake.advance(count).await?;
                }
                message = self.reader.wait(), if takes_more => match message {
                    Some(message) => self.take(message).await?,
                    None => open = false,
                },
                () = seat.changed(), if open => {}
                () = until(deadline), if open => {
                    stdout.intake.lose_patience()?;
                    stderr.intake.lose_patience()?;
                }
            }
        }
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
