//! What carries the packets: a channel of a session, or any other pair of streams.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::SftpError;
use crate::session::Session;
use crate::visible::visible_line;

/// How much of a server's standard error is kept, in bytes.
const MOST_STDERR: usize = 1 << 10;
/// How much is read from a stream at once, in bytes.
const CHUNK: usize = 64 << 10;

/// Where packets come from.
pub(super) enum Source {
    Channel(Incoming),
    Stream(Box<dyn AsyncRead + Send + Unpin>),
}

/// A channel's own side of it.
pub(super) struct Incoming {
    session: Session,
    reader: ChannelReadHalf,
    stderr: Vec<u8>,
    refused: bool,
    closed: bool,
}

/// Where packets go.
pub(super) enum Sink {
    Channel(Arc<ChannelWriteHalf<Msg>>),
    Stream(Box<dyn AsyncWrite + Send + Unpin>),
}

impl Source {
    pub(super) fn channel(session: Session, reader: ChannelReadHalf) -> Self {
        Self::Channel(Incoming {
            session,
            reader,
            stderr: Vec::new(),
            refused: false,
            closed: false,
        })
    }

    /// Adds what comes next; `false` at the end.
    pub(super) async fn next(&mut self, arrived: &mut BytesMut) -> bool {
        match self {
            Self::Channel(channel) => channel.next(arrived).await,
            Self::Stream(stream) => {
                arrived.reserve(CHUNK);
                matches!(stream.read_buf(arrived).await, Ok(1..))
            }
        }
    }

    /// Why it ended.
    pub(super) async fn end(&mut self) -> SftpError {
        match self {
            Self::Channel(channel) if channel.refused => SftpError::NoSubsystem,
            Self::Channel(channel) if !channel.closed => channel.session.peer().lost().await.into(),
            Self::Channel(Incoming { stderr, .. }) => {
                let stderr = visible_line(String::from_utf8_lossy(stderr).trim());
                SftpError::Ended { stderr }
            }
            Self::Stream(_) => SftpError::Ended {
                stderr: String::new(),
            },
        }
    }
}

impl Incoming {
    async fn next(&mut self, arrived: &mut BytesMut) -> bool {
        loop {
            match self.reader.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    arrived.extend_from_slice(&data);
                    return true;
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    let room = MOST_STDERR.saturating_sub(self.stderr.len());
                    self.stderr.extend(data.iter().take(room));
                }
                Some(ChannelMsg::Failure) => {
                    self.refused = true;
                    return false;
                }
                Some(ChannelMsg::Close) => {
                    self.closed = true;
                    return false;
                }
                Some(_) => {}
                None => return false,
            }
        }
    }
}

impl Sink {
    pub(super) async fn send(&mut self, packets: Bytes) -> bool {
        match self {
            Self::Channel(channel) => channel.data_bytes(packets).await.is_ok(),
            Self::Stream(stream) => {
                stream.write_all(&packets).await.is_ok() && stream.flush().await.is_ok()
            }
        }
    }

    pub(super) async fn close(&mut self) {
        match self {
            Self::Channel(channel) => channel.close().await.ok(),
            Self::Stream(stream) => stream.shutdown().await.ok(),
        };
    }
}
