//! The wire between a client and the region: delay, cuts, and the count of round trips.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::round_trips::{Depth, RoundTrips, Trace};

/// The most bytes taken from a socket at once.
const SEGMENT: usize = 64 * 1024;

/// The most segments in flight one way: 64 MiB, or 1.6 GB/s at a one-way delay of 40 ms.
const IN_FLIGHT: usize = 1024;

/// What every connection to a listener passes through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire {
    pub(crate) rtt: Duration,
    /// The connection is cut after this many bytes to the client.
    pub(crate) drop_after: Option<u64>,
    pub(crate) round_trips: Arc<RoundTrips>,
}

impl Wire {
    /// Carries one accepted connection until both sides are done, while `serve` speaks with
    /// the client over the stream it is given.
    ///
    /// Bytes pass in half a round-trip time, whatever their number. The TCP handshake, which
    /// the kernel answers at once, is made up for: the client's first bytes leave one round
    /// trip after its SYN, and the server sees the connection half a round trip later.
    pub(crate) async fn carry<F>(&self, client: TcpStream, serve: impl FnOnce(DuplexStream) -> F)
    where
        F: Future<Output = ()>,
    {
        // A delayed ACK must not meet Nagle's algorithm here: the link has its own delay.
        let _ = client.set_nodelay(true);
        let link = Link {
            wire: self,
            trace: Trace::open(&self.round_trips),
            opened: Instant::now() + self.rtt,
            client_finished: AtomicBool::new(false),
        };
        let (near, far) = tokio::io::duplex(4 * SEGMENT);
        let server = async {
            wait_until(link.opened).await;
            link.trace.opened();
            wait_until(link.opened + self.rtt / 2).await;
            serve(near).await;
        };
        let ((), result) = tokio::join!(server, link.run(client, far));
        if let Err(error) = result {
            tracing::debug!(%error, "connection ended");
        }
    }
}

struct Link<'a> {
    wire: &'a Wire,
    trace: Trace<'a>,
    opened: Instant,
    client_finished: AtomicBool,
}

/// Bytes under way, and when they arrive; empty ones are the end of the stream.
struct Segment {
    arrives: Instant,
    depth: Depth,
    bytes: Bytes,
}

impl Link<'_> {
    /// Ends when both ways have ended, or one has failed: then the other is cut with it.
    async fn run(&self, client: TcpStream, server: DuplexStream) -> io::Result<()> {
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = tokio::io::split(server);
        tokio::try_join!(
            self.to_server(from_client, to_server),
            self.to_client(from_server, to_client),
        )?;
        Ok(())
    }

    async fn to_server(
        &self,
        client: impl AsyncRead + Unpin,
        mut server: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (sender, mut under_way) = mpsc::channel::<Segment>(IN_FLIGHT);
        let depart = || (Instant::now().max(self.opened), self.trace.client_sends());
        let deliver = async {
            while let Some(segment) = under_way.recv().await {
                wait_until(segment.arrives).await;
                self.trace.server_sees(segment.depth);
                if segment.bytes.is_empty() {
                    return server.shutdown().await;
                }
                server.write_all(&segment.bytes).await?;
            }
            Ok(())
        };
        let finished = || self.client_finished.store(true, Ordering::SeqCst);
        tokio::try_join!(self.collect(client, sender, depart, finished), deliver)?;
        Ok(())
    }

    async fn to_client(
        &self,
        server: impl AsyncRead + Unpin,
        mut client: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (sender, mut under_way) = mpsc::channel::<Segment>(IN_FLIGHT);
        let depart = || (Instant::now(), self.trace.server_sends());
        let deliver = async {
            let mut allowance = self.wire.drop_after;
            while let Some(segment) = under_way.recv().await {
                wait_until(segment.arrives).await;
                // What a server says to a client that has finished is no round trip: it may
                // be gone, and waits for nothing.
                if !self.client_finished.load(Ordering::SeqCst) {
                    self.trace.client_sees(segment.depth);
                }
                if segment.bytes.is_empty() {
                    return client.shutdown().await;
                }
                client
                    .write_all(allowed(&segment.bytes, &mut allowance))
                    .await?;
                if allowance == Some(0) {
                    return Err(io::Error::other("cut by the fault drop-after"));
                }
            }
            Ok(())
        };
        tokio::try_join!(self.collect(server, sender, depart, || ()), deliver)?;
        Ok(())
    }

    /// Reads until the end of the stream and sends segments on their way.
    async fn collect(
        &self,
        mut reader: impl AsyncRead + Unpin,
        sender: mpsc::Sender<Segment>,
        depart: impl Fn() -> (Instant, Depth),
        finished: impl Fn(),
    ) -> io::Result<()> {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(SEGMENT);
            reader.read_buf(&mut buffer).await?;
            let (departs, depth) = depart();
            let bytes = buffer.split().freeze();
            let last = bytes.is_empty();
            if last {
                finished();
            }
            let arrives = departs + self.wire.rtt / 2;
            let sent = sender
                .send(Segment {
                    arrives,
                    depth,
                    bytes,
                })
                .await;
            if last || sent.is_err() {
                return Ok(());
            }
        }
    }
}

/// As much of the bytes as the allowance lets pass.
pub(crate) fn allowed<'a>(bytes: &'a [u8], allowance: &mut Option<u64>) -> &'a [u8] {
    let Some(left) = allowance else { return bytes };
    let passing = usize::try_from(*left)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    *left -= passing as u64;
    bytes.get(..passing).unwrap_or(bytes)
}

async fn wait_until(time: Instant) {
    if time > Instant::now() {
        sleep_until(time).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Answers each byte with itself.
    async fn echo(stream: DuplexStream) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
        let _ = writer.shutdown().await;
    }

    /// Connects to an echo server through a wire, and gives both ends.
    async fn connected(wire: Wire) -> (TcpStream, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let server = accepted.unwrap().0;
        let task = tokio::spawn(async move { wire.carry(server, echo).await });
        (client.unwrap(), task)
    }

    fn wire(rtt: Duration, drop_after: Option<u64>) -> Wire {
        Wire {
            rtt,
            drop_after,
            ..Wire::default()
        }
    }

    #[tokio::test]
    async fn each_exchange_takes_and_counts_one_round_trip() {
        let wire = wire(Duration::from_millis(30), None);
        let start = Instant::now();
        let (mut client, _server) = connected(wire.clone()).await;
        for _ in 0..3 {
            client.write_all(b"x").await.unwrap();
            client.read_exact(&mut [0]).await.unwrap();
        }
        assert_eq!(wire.round_trips.count(), 4);
        assert!(start.elapsed() >= 4 * wire.rtt);
    }

    #[tokio::test]
    async fn much_in_one_burst_is_one_round_trip() {
        let wire = wire(Duration::from_millis(500), None);
        let (mut client, _server) = connected(wire.clone()).await;
        let sent: Vec<u8> = (0..100_000).map(|i| i as u8).collect();
        client.write_all(&sent).await.unwrap();
        let mut received = vec![0; sent.len()];
        client.read_exact(&mut received).await.unwrap();
        assert!(received == sent);
        assert_eq!(wire.round_trips.count(), 2);
    }

    #[tokio::test]
    async fn the_end_of_the_stream_passes_both_ways() {
        let (mut client, server) = connected(wire(Duration::from_millis(1), None)).await;
        client.write_all(b"last words").await.unwrap();
        client.shutdown().await.unwrap();
        let mut received = String::new();
        client.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "last words");
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_cut_lets_so_many_bytes_pass() {
        let (mut client, server) = connected(wire(Duration::ZERO, Some(5))).await;
        client.write_all(b"last words").await.unwrap();
        let mut received = Vec::new();
        // A reset or an end, as the kernel likes.
        let _ = client.read_to_end(&mut received).await;
        assert_eq!(received, b"last ");
        server.await.unwrap();
    }
}
