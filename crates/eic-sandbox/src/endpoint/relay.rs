use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};

use crate::counters::Counter;
use crate::link::allowed;

/// The most bytes that the endpoint puts into one message.
const MESSAGE: usize = 32 * 1024;

const PING: Duration = Duration::from_secs(10);

/// How long a client may take to answer a close.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// What holds for one tunnel.
pub(super) struct Rules<'a> {
    pub(super) life: Duration,
    pub(super) fragment: Option<usize>,
    pub(super) drop_after: Option<u64>,
    pub(super) bytes: &'a Counter,
}

/// Why a tunnel ends.
enum Ending {
    /// The client closed it or is gone.
    Client,
    /// The host closed its connection.
    Host,
    /// The client sent what no client of an endpoint sends.
    Misuse,
    /// It has lived as long as it may.
    Expired,
    /// It is cut on purpose.
    Cut,
}

/// Carries bytes between a client and a host until one of them ends it.
pub(super) async fn relay<S, H>(socket: WebSocketStream<S>, host: H, rules: &Rules<'_>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: AsyncRead + AsyncWrite,
{
    let (mut sink, mut stream) = socket.split();
    let (from_host, to_host) = tokio::io::split(host);
    let ending = tokio::select! {
        ending = to_target(&mut stream, to_host, rules) => ending,
        ending = to_client(&mut sink, from_host, rules) => ending,
        () = sleep(rules.life) => Ending::Expired,
    };
    let frame = match ending {
        Ending::Cut => return,
        Ending::Client => None,
        Ending::Host => Some((CloseCode::Normal, "")),
        Ending::Misuse => Some((CloseCode::Unsupported, "Text frames are not supported")),
        Ending::Expired => Some((CloseCode::Policy, "Maximum tunnel duration reached")),
    };
    close(sink, stream, frame).await;
}

/// Tells the client that its target cannot be reached.
pub(super) async fn refuse<S>(socket: WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (sink, stream) = socket.split();
    let frame = (CloseCode::Error, "Unable to connect to target");
    close(sink, stream, Some(frame)).await;
}

/// Says why the tunnel ends, where the client has not said so itself, and waits for the
/// client's part of the farewell.
async fn close<S>(
    mut sink: SplitSink<WebSocketStream<S>, Message>,
    mut stream: SplitStream<WebSocketStream<S>>,
    frame: Option<(CloseCode, &'static str)>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let farewell = async {
        if let Some((code, reason)) = frame {
            let reason = reason.into();
            let _ = sink
                .send(Message::Close(Some(CloseFrame { code, reason })))
                .await;
        }
        while let Some(Ok(_)) = stream.next().await {}
        if let Ok(socket) = sink.reunite(stream) {
            let _ = socket.into_inner().shutdown().await;
        }
    };
    let _ = timeout(CLOSE_LIMIT, farewell).await;
}

async fn to_target<S>(
    stream: &mut SplitStream<WebSocketStream<S>>,
    mut host: impl AsyncWrite + Unpin,
    rules: &Rules<'_>,
) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = stream.next().await {
        match message {
            Ok(Message::Binary(bytes)) => {
                rules.bytes.add(bytes.len() as u64);
                // What comes for a host that is gone is let go; its last words still pass.
                let _ = host.write_all(&bytes).await;
            }
            Ok(Message::Text(_)) => return Ending::Misuse,
            Ok(Message::Close(_)) | Err(_) => return Ending::Client,
            Ok(_) => {}
        }
    }
    Ending::Client
}

async fn to_client<S>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    mut host: impl AsyncRead + Unpin,
    rules: &Rules<'_>,
) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut pings = interval(PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.reset();
    let mut allowance = rules.drop_after;
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(MESSAGE);
        let messages = tokio::select! {
            _ = pings.tick() => vec![Message::Ping(Bytes::new())],
            read = host.read_buf(&mut buffer) => match read {
                Ok(0) | Err(_) => return Ending::Host,
                Ok(_) => {
                    let bytes = buffer.split().freeze();
                    let passing = allowed(&bytes, &mut allowance).len();
                    rules.bytes.add(passing as u64);
                    messages(bytes.slice(..passing), rules.fragment)
                }
            },
        };
        if send(sink, messages).await.is_err() {
            return Ending::Client;
        }
        if allowance == Some(0) {
            return Ending::Cut;
        }
    }
}

async fn send<S>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    messages: Vec<Message>,
) -> Result<(), tokio_tungstenite::tungstenite::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for message in messages {
        sink.feed(message).await?;
    }
    sink.flush().await
}

/// One binary message, in frames of a given size with pings between them (RFC 6455 section 5.4).
fn messages(bytes: Bytes, fragment: Option<usize>) -> Vec<Message> {
    let Some(size) = fragment.filter(|size| *size < bytes.len()) else {
        return vec![Message::Binary(bytes)];
    };
    let last = bytes.len().saturating_sub(1) / size;
    let mut frames = Vec::new();
    for (number, chunk) in bytes.chunks(size).enumerate() {
        let kind = if number == 0 {
            Data::Binary
        } else {
            Data::Continue
        };
        let chunk = bytes.slice_ref(chunk);
        let frame = Frame::message(chunk, OpCode::Data(kind), number == last);
        frames.push(Message::Frame(frame));
        frames.push(Message::Ping(Bytes::from_static(b"between fragments")));
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_make_up_the_message() {
        let bytes = Bytes::from_static(b"0123456789abcdef");
        assert_eq!(
            messages(bytes.clone(), None),
            [Message::Binary(bytes.clone())]
        );
        assert_eq!(
            messages(bytes.clone(), Some(16)),
            [Message::Binary(bytes.clone())]
        );
        let frames = messages(bytes.clone(), Some(8));
        let mut whole = Vec::new();
        let mut finals = Vec::new();
        for frame in &frames {
            if let Message::Frame(frame) = frame {
                whole.extend_from_slice(frame.payload());
                finals.push(frame.header().is_final);
            }
        }
        assert_eq!(whole, bytes);
        assert_eq!(finals, [false, true]);
        assert_eq!(frames.len(), 4);
    }
}
