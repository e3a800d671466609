//! The open tunnel as a byte stream.

use std::io::ErrorKind;
use std::time::Duration;

use eic_auth::{Tunnel, TunnelError};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::endpoint::{SOON, Socket, serve_socket, trusting, url};
use super::server::{Authority, Server, for_ever};

const MIB: usize = 1024 * 1024;

/// Bytes that show when some are lost, doubled or out of order.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

async fn open<F, Fut>(serve: F) -> (Tunnel, Server)
where
    F: Fn(Socket) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let authority = Authority::new();
    let server = serve_socket(&authority, serve).await;
    let tunnel = Tunnel::open(&url(&server), &trusting(&authority)).await;
    (tunnel.unwrap(), server)
}

async fn send_all(socket: &mut Socket, messages: impl IntoIterator<Item = Message>) {
    for message in messages {
        socket.send(message).await.unwrap();
    }
}

fn close(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame {
        code: CloseCode::from(code),
        reason: reason.into(),
    }))
}

/// What a tunnel's reading ends with.
async fn outcome(mut tunnel: Tunnel) -> Result<Vec<u8>, std::io::Error> {
    let mut data = Vec::new();
    timeout(SOON, tunnel.read_to_end(&mut data))
        .await
        .unwrap()?;
    Ok(data)
}

fn cause(error: &std::io::Error) -> &TunnelError {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref())
        .unwrap_or_else(|| panic!("{error:?}"))
}

async fn echo(mut socket: Socket) {
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(data) => {
                assert!(data.len() <= 65_000, "a frame of {} bytes", data.len());
                socket.send(Message::Binary(data)).await.unwrap();
            }
            Message::Close(_) => break,
            other => panic!("{other:?}"),
        }
    }
    let _ = socket.close(None).await;
}

#[tokio::test]
async fn a_mebibyte_both_ways() {
    let (tunnel, _server) = open(echo).await;
    let (mut reading, mut writing) = tokio::io::split(tunnel);
    let sent = pattern(MIB);
    let expected = sent.clone();
    let write = async {
        writing.write_all(&sent).await.unwrap();
        writing.flush().await.unwrap();
    };
    let read = async {
        let mut received = vec![0; MIB];
        reading.read_exact(&mut received).await.unwrap();
        received
    };
    let ((), received) = timeout(SOON, async { tokio::join!(write, read) })
        .await
        .unwrap();
    assert!(received == expected);
    writing.shutdown().await.unwrap();
    assert_eq!(
        timeout(SOON, reading.read(&mut [0]))
            .await
            .unwrap()
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn ten_byte_fragments_with_pings_in_between() {
    let (mut tunnel, _server) = open(async |mut socket: Socket| {
        let data = pattern(1000);
        for (i, part) in data.chunks(10).enumerate() {
            let opcode = if i % 5 == 0 {
                Data::Binary
            } else {
                Data::Continue
            };
            let part = Bytes::copy_from_slice(part);
            let frame = Frame::message(part, OpCode::Data(opcode), i % 5 == 4);
            socket.send(Message::Frame(frame)).await.unwrap();
            socket
                .send(Message::Ping(Bytes::from(i.to_string())))
                .await
                .unwrap();
        }
        // Answers to pings that came together may be one, to the last (RFC 6455 §5.5.3).
        while socket.next().await.unwrap().unwrap() != Message::Pong(Bytes::from_static(b"99")) {}
        socket.close(None).await.unwrap();
    })
    .await;
    let mut received = Vec::new();
    timeout(SOON, tunnel.read_to_end(&mut received))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(received, pattern(1000));
}

#[tokio::test]
async fn reading_alone_answers_pings() {
    let (tunnel, _server) = open(async |mut socket: Socket| {
        for i in 0..3_u8 {
            socket
                .send(Message::Ping(Bytes::from(vec![i])))
                .await
                .unwrap();
            assert_eq!(
                socket.next().await.unwrap().unwrap(),
                Message::Pong(Bytes::from(vec![i]))
            );
        }
        send_all(&mut socket, [Message::binary("done"), close(1000, "")]).await;
    })
    .await;
    assert_eq!(outcome(tunnel).await.unwrap(), b"done");
}

#[tokio::test]
async fn the_end_in_order() {
    for ending in [close(1000, ""), close(1000, "bye"), Message::Close(None)] {
        let (tunnel, _server) = open(move |mut socket: Socket| {
            let ending = ending.clone();
            async move {
                send_all(
                    &mut socket,
                    [Message::binary("data"), Message::binary(""), ending],
                )
                .await;
                // The client answers the Close frame.
                assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
            }
        })
        .await;
        assert_eq!(outcome(tunnel).await.unwrap(), b"data");
    }
}

#[tokio::test]
async fn a_close_with_a_reason() {
    let (mut tunnel, _server) = open(async |mut socket: Socket| {
        send_all(
            &mut socket,
            [close(1011, "Unable to connect to target\u{7}")],
        )
        .await;
        while socket.next().await.is_some() {}
    })
    .await;
    let error = timeout(SOON, tunnel.read(&mut [0]))
        .await
        .unwrap()
        .unwrap_err();
    let TunnelError::Closed {
        code: Some(1011),
        reason,
    } = cause(&error)
    else {
        panic!("{error:?}")
    };
    assert_eq!(reason, "Unable to connect to target\u{7}");
    let words = "the endpoint closed the tunnel (1011): Unable to connect to target\\u{7}";
    assert_eq!(error.to_string(), words);
    let again = [
        tunnel.read(&mut [0]).await.unwrap_err(),
        tunnel.write(b"x").await.unwrap_err(),
    ];
    for error in again {
        assert!(
            matches!(
                cause(&error),
                TunnelError::Closed {
                    code: Some(1011),
                    ..
                }
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn cut_off() {
    let (mut tunnel, _server) = open(async |mut socket: Socket| {
        send_all(&mut socket, [Message::binary("half")]).await;
        if let Some(Ok(Message::Binary(_))) = socket.next().await {
            socket.into_inner().shutdown().await.unwrap();
        }
    })
    .await;
    let mut half = [0; 4];
    tunnel.read_exact(&mut half).await.unwrap();
    tunnel.write_all(b"hang up").await.unwrap();
    let error = outcome(tunnel).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(
        matches!(cause(&error), TunnelError::Closed { code: None, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn cut_off_in_the_middle_of_a_frame() {
    let (tunnel, _server) = open(async |socket: Socket| {
        let mut stream = socket.into_inner();
        stream.write_all(b"\x82\x0ahalf").await.unwrap();
        stream.flush().await.unwrap();
        // Without TLS's own goodbye: the TCP connection just ends.
        drop(stream.into_inner());
    })
    .await;
    let error = outcome(tunnel).await.unwrap_err();
    assert!(
        matches!(cause(&error), TunnelError::Closed { code: None, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_an_endpoint_must_not_send() {
    for (message, why) in [
        (Message::text("{}"), "a text frame"),
        (Message::Binary(Bytes::from(vec![0; MIB + 1])), "too long"),
    ] {
        let (tunnel, _server) = open(move |mut socket: Socket| {
            let message = message.clone();
            async move {
                let _ = socket.send(message).await;
                for_ever().await;
            }
        })
        .await;
        let error = outcome(tunnel).await.unwrap_err();
        let TunnelError::Protocol { reason } = cause(&error) else {
            panic!("{error:?}")
        };
        assert!(reason.contains(why), "{reason}");
    }
}

#[tokio::test]
async fn a_frame_of_a_mebibyte() {
    let (tunnel, _server) = open(async |mut socket: Socket| {
        send_all(
            &mut socket,
            [Message::Binary(pattern(MIB).into()), close(1000, "")],
        )
        .await;
    })
    .await;
    assert!(outcome(tunnel).await.unwrap() == pattern(MIB));
}

#[tokio::test]
async fn shutdown_says_so_and_reads_the_rest() {
    let (mut tunnel, _server) = open(async |mut socket: Socket| {
        assert_eq!(
            socket.next().await.unwrap().unwrap(),
            Message::binary("last words")
        );
        // Already under way when the client's Close frame is read.
        send_all(&mut socket, (0..3).map(|i| Message::binary(vec![i; 1000]))).await;
        let Some(Ok(Message::Close(Some(frame)))) = socket.next().await else {
            panic!()
        };
        assert_eq!(frame.code, CloseCode::Normal);
        while socket.next().await.is_some() {}
    })
    .await;
    tunnel.write_all(b"last words").await.unwrap();
    tunnel.shutdown().await.unwrap();
    assert_eq!(
        tunnel.write(b"more").await.unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
    assert_eq!(outcome(tunnel).await.unwrap().len(), 3000);
}

#[tokio::test]
async fn after_shutdown_an_endpoint_may_hang_up_but_not_be_silent() {
    let (mut tunnel, _server) = open(async |mut socket: Socket| {
        let _ = socket.next().await;
        socket.into_inner().shutdown().await.unwrap();
    })
    .await;
    tunnel.shutdown().await.unwrap();
    // The server's library answers the Close frame when it reads it; either end is in order.
    assert_eq!(outcome(tunnel).await.unwrap(), b"");

    let authority = Authority::new();
    let silent = serve_socket(&authority, async |_socket: Socket| for_ever().await).await;
    let config = trusting(&authority).close_timeout(Duration::from_millis(300));
    let mut tunnel = Tunnel::open(&url(&silent), &config).await.unwrap();
    tunnel.shutdown().await.unwrap();
    let error = outcome(tunnel).await.unwrap_err();
    assert!(
        matches!(cause(&error), TunnelError::Timeout { .. }),
        "{error:?}"
    );
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn an_endpoint_that_does_not_read_holds_the_writer_back() {
    const MUCH: usize = 64 * MIB;
    let (go, went) = tokio::sync::watch::channel(false);
    let (mut tunnel, _server) = open(move |mut socket: Socket| {
        let mut went = went.clone();
        async move {
            went.wait_for(|went| *went).await.unwrap();
            let mut received = 0;
            while let Some(Ok(Message::Binary(data))) = socket.next().await {
                assert!(
                    data.iter()
                        .enumerate()
                        .all(|(i, b)| *b == ((received + i) % 251) as u8)
                );
                received += data.len();
            }
            assert!(received >= MIB);
        }
    })
    .await;
    let data = pattern(MUCH);
    let mut written = 0;
    while let Ok(count) = timeout(Duration::from_millis(300), tunnel.write(&data[written..])).await
    {
        written += count.unwrap();
        assert!(written < MUCH, "never held back");
    }
    go.send(true).unwrap();
    timeout(SOON, tunnel.write_all(&data[written..written + MIB]))
        .await
        .unwrap()
        .unwrap();
    timeout(SOON, tunnel.shutdown()).await.unwrap().unwrap();
    assert_eq!(outcome(tunnel).await.unwrap(), b"");
}
