//! The task that drains a channel, so that one that nobody reads cannot stall the others.

use std::sync::Arc;

use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, oneshot};

use crate::child::{ExitStatus, Signal};

/// `SSH_EXTENDED_DATA_STDERR` (RFC 4254 §5.2).
const STDERR: u32 = 1;
/// At most a terminal and a command are asked for on one channel.
const MOST_REPLIES: usize = 4;

/// The server's answer to a channel request (RFC 4254 §5.4).
pub(crate) enum Reply {
    Success,
    Failure,
}

/// The answers, in the order of the requests.
pub(crate) type Replies = mpsc::Receiver<Reply>;

/// Where output goes; `None` once its reader is gone or it has ended.
pub(crate) struct Sinks {
    stdout: Option<DuplexStream>,
    stderr: Option<DuplexStream>,
}

impl Sinks {
    pub(crate) fn new(stdout: DuplexStream, stderr: DuplexStream) -> Self {
        Self {
            stdout: Some(stdout),
            stderr: Some(stderr),
        }
    }
}

struct Pump {
    reader: ChannelReadHalf,
    sinks: Sinks,
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
        status: None,
        closed: false,
    };
    tokio::spawn(async move {
        tokio::select! {
            () = pump.run() => drop(ended.send(pump.end())),
            _ = dropped => drop(writer.close().await),
        }
    });
    (replies_reader, ended_reader)
}

impl Pump {
    /// Drains until the channel is gone: data may follow the exit status.
    async fn run(&mut self) {
        while let Some(message) = self.reader.wait().await {
            self.take(message).await;
        }
        self.sinks.stdout = None;
        self.sinks.stderr = None;
    }

    async fn take(&mut self, message: ChannelMsg) {
        match message {
            ChannelMsg::Data { data } => write(&mut self.sinks.stdout, &data).await,
            ChannelMsg::ExtendedData { data, ext: STDERR } => {
                write(&mut self.sinks.stderr, &data).await;
            }
            ChannelMsg::Eof => {
                self.sinks.stdout = None;
                self.sinks.stderr = None;
            }
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

/// Writes to a sink; one whose reader is gone swallows the rest, as a closed pipe would.
async fn write(sink: &mut Option<DuplexStream>, data: &[u8]) {
    if let Some(stream) = sink
        && stream.write_all(data).await.is_err()
    {
        *sink = None;
    }
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
