//! A remote command's streams as those of a thread that may wait.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::files::transfer::work::Work;

/// How much is passed at once, in bytes.
const CHUNK: usize = 64 << 10;
/// How many of those wait.
const AHEAD: usize = 16;
/// How much of a command's standard error is kept, in bytes.
const MOST_STDERR: u64 = 4 << 10;

pub(super) struct Incoming {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

pub(super) struct Outgoing(mpsc::Sender<Bytes>);

/// What sends to the other end.
pub(super) type Feed = mpsc::Sender<io::Result<Bytes>>;

pub(super) fn incoming() -> (Feed, Incoming) {
    let (feed, chunks) = mpsc::channel(AHEAD);
    let chunk = Bytes::new();
    (feed, Incoming { chunks, chunk })
}

pub(super) fn outgoing() -> (Outgoing, mpsc::Receiver<Bytes>) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    (Outgoing(sender), receiver)
}

/// Passes a command's output on until its end, or until nobody wants it.
pub(super) async fn feed(mut from: impl AsyncRead + Unpin, to: Feed, work: Arc<Work>) {
    loop {
        let mut chunk = bytes::BytesMut::with_capacity(CHUNK);
        let read = from.read_buf(&mut chunk).await;
        let ends = !matches!(read, Ok(1..));
        let sent = match read {
            Ok(0) => return,
            Ok(count) => {
                work.pass(u32::try_from(count).unwrap_or(u32::MAX)).await;
                to.send(Ok(chunk.freeze())).await
            }
            Err(error) => to.send(Err(error)).await,
        };
        if ends || sent.is_err() {
            return;
        }
    }
}

/// Passes chunks on to a command's input.
pub(super) async fn drain(
    mut from: mpsc::Receiver<Bytes>,
    mut to: impl AsyncWrite + Unpin,
    work: Arc<Work>,
) -> io::Result<()> {
    while let Some(chunk) = from.recv().await {
        work.pass(u32::try_from(chunk.len()).unwrap_or(u32::MAX))
            .await;
        to.write_all(&chunk).await?;
    }
    to.shutdown().await
}

/// Keeps the start of a command's standard error, and reads over the rest.
pub(super) async fn stderr(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut said = Vec::new();
    if let Some(mut from) = from {
        let mut start = (&mut from).take(MOST_STDERR);
        start.read_to_end(&mut said).await.ok();
        tokio::io::copy(&mut from, &mut tokio::io::sink())
            .await
            .ok();
    }
    said
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.chunks.blocking_recv() {
                // Whatever it was, there is no more.
                Some(chunk) => {
                    self.chunk = chunk.map_err(|_| io::ErrorKind::UnexpectedEof)?;
                }
                None => return Ok(0),
            }
        }
        let count = self.chunk.len().min(buffer.len());
        let (room, _) = buffer.split_at_mut(count);
        self.chunk.copy_to_slice(room);
        Ok(count)
    }
}

impl Write for Outgoing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = bytes.get(..CHUNK).unwrap_or(bytes);
        let sent = self.0.blocking_send(Bytes::copy_from_slice(chunk));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
