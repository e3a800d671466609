//! Properties of the readers of what an endpoint sends, for fuzzing.

use futures_util::{FutureExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::http1::{MAX_BODY, MAX_HEAD, content, exchange, read_body};
use super::script::Script;
use super::upgrade::{MAX_FRAME, limits};

/// What was read of an answer: status, reason, headers and content, or the kind of the error.
type Read = Result<(u16, String, http::HeaderMap, Vec<u8>), std::io::ErrorKind>;

/// Reads an answer's head and body, whole and in parts: both ways give the same, within the limits.
pub fn answer(bytes: &[u8], part: usize) {
    let whole = read(bytes, usize::MAX);
    let parts = read(bytes, part);
    assert_eq!(whole, parts, "in parts of {part}");
}

fn read(bytes: &[u8], part: usize) -> Read {
    let mut stream = Script::new(bytes, part);
    let answer = exchange(&mut stream, "").now_or_never();
    let answer = answer.expect("it never waits").map_err(|e| e.kind())?;
    assert!(stream.read <= MAX_HEAD);
    let mut body = Vec::new();
    let read = read_body(&mut stream, &answer, &mut body).now_or_never();
    read.expect("it never waits").map_err(|e| e.kind())?;
    assert!(stream.read <= MAX_HEAD + MAX_BODY);
    let mut content = content(&answer, &body);
    // How much comes behind the end of a body depends on the parts.
    if let Some(length) = answer
        .header("content-length")
        .and_then(|n| n.trim().parse().ok())
    {
        content.truncate(length);
    }
    Ok((answer.status, answer.reason, answer.headers, content))
}

/// Reads frames until the first error or the end: no message is larger than the limit.
pub fn frames(bytes: &[u8], part: usize) {
    let stream = Script::new(bytes, part);
    let limits = Some(limits());
    let socket = WebSocketStream::from_partially_read(stream, Vec::new(), Role::Client, limits);
    let mut socket = socket.now_or_never().expect("it never waits");
    while let Some(Ok(message)) = socket.next().now_or_never().expect("it never waits") {
        assert!(message.len() <= MAX_FRAME);
    }
}
