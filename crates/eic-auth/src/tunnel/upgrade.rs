//! The handshake that turns a connection into a WebSocket (RFC 6455 §4.1).
//!
//! tungstenite's own drops the connection with a refusal whose body has not arrived yet, and AWS says in the
//! body why it refuses.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use http::Uri;
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::config::TunnelConfig;
use super::dial::{Host, Secured, within};
use super::error::TunnelError;
use super::http1::{self, Answer};

/// The largest frame, and message, that is taken; AWS's own have at most 65,000 bytes.
pub(super) const MAX_FRAME: usize = 1024 * 1024;

/// How long to wait for the rest of a refusal's body: it follows its head at once, or never.
const BODY_LIMIT: Duration = Duration::from_secs(2);

/// Asks the endpoint to switch to the WebSocket protocol.
pub(super) async fn upgrade(
    mut stream: Secured,
    uri: &Uri,
    host: &Host,
    config: &TunnelConfig,
) -> Result<WebSocketStream<Secured>, TunnelError> {
    let key = generate_key();
    let request = request(uri, &key, &config.user_agent);
    let asked = async {
        let answer = http1::exchange(&mut stream, &request).await;
        answer.map_err(|source| TunnelError::Upgrade {
            host: host.to_string(),
            source,
        })
    };
    let answer = within("the endpoint's answer", config.handshake_timeout, asked).await?;
    if answer.status != 101 {
        return Err(refusal(&mut stream, &answer).await);
    }
    check(&answer, &key).map_err(|fault| TunnelError::Upgrade {
        host: host.to_string(),
        source: Error::new(ErrorKind::InvalidData, fault),
    })?;
    Ok(
        WebSocketStream::from_partially_read(stream, answer.tail, Role::Client, Some(limits()))
            .await,
    )
}

fn request(uri: &Uri, key: &str, user_agent: &str) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nUser-Agent: {user_agent}\r\n\r\n"
    )
}

/// Checks an agreement as RFC 6455 §4.1 demands of a client that asked for no extension and no subprotocol.
fn check(answer: &Answer, key: &str) -> Result<(), &'static str> {
    if !answer.lists("upgrade", "websocket") || !answer.lists("connection", "upgrade") {
        return Err("it switches to another protocol");
    }
    if answer.header("sec-websocket-accept") != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Err("its Sec-WebSocket-Accept is wrong");
    }
    if answer.headers.contains_key("sec-websocket-extensions")
        || answer.headers.contains_key("sec-websocket-protocol")
    {
        return Err("it wants an extension or a subprotocol");
    }
    Ok(())
}

pub(super) fn limits() -> WebSocketConfig {
    // A frame is written when it is given, so no more than one ever waits in the buffer.
    WebSocketConfig::default()
        // As much is cleared before each read, and TLS brings a record at most.
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_FRAME)
        .max_frame_size(Some(MAX_FRAME))
        .max_message_size(Some(MAX_FRAME))
}

async fn refusal(stream: &mut Secured, answer: &Answer) -> TunnelError {
    let mut body = Vec::new();
    // What has come when the limit is over, or the connection breaks, is what there is to say.
    let _ = timeout(BODY_LIMIT, http1::read_body(stream, answer, &mut body)).await;
    refused(answer, &http1::content(answer, &body))
}

/// AWS's refusal in words: `{"ErrorCode": …, "Message": …}`, or in the forms of AWS's other services.
fn refused(answer: &Answer, body: &[u8]) -> TunnelError {
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| parsed.get(name)?.as_str())
            .map(str::to_owned)
    };
    let plain = || String::from_utf8_lossy(body).trim().to_owned();
    let message = text(&["Message", "message", "errorMessage"]).unwrap_or_else(plain);
    TunnelError::Refused {
        status: answer.status,
        code: text(&["ErrorCode", "errorCode", "Code", "code", "__type"]),
        message: if message.is_empty() {
            status_words(answer)
        } else {
            message
        },
        request_id: answer.header("x-amzn-requestid").map(str::to_owned),
    }
}

fn status_words(answer: &Answer) -> String {
    format!("HTTP status {} {}", answer.status, answer.reason)
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Answer {
            status,
            reason: "Words".to_owned(),
            headers: map,
            tail: Vec::new(),
        }
    }

    #[test]
    fn the_request() {
        let uri: Uri = "wss://eice.example:8443/openTunnel?a=b%2Fc"
            .parse()
            .unwrap();
        let text = request(&uri, "KEY", "agent/1");
        assert!(
            text.starts_with("GET /openTunnel?a=b%2Fc HTTP/1.1\r\nHost: eice.example:8443\r\n"),
            "{text}"
        );
        assert!(
            text.ends_with("Sec-WebSocket-Key: KEY\r\nUser-Agent: agent/1\r\n\r\n"),
            "{text}"
        );
    }

    #[test]
    fn agreements() {
        // The example of RFC 6455 §1.3.
        const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
        const ACCEPT: (&str, &str) = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        const UPGRADE: (&str, &str) = ("upgrade", "WebSocket");
        const CONNECTION: (&str, &str) = ("connection", "keep-alive, Upgrade");
        for (headers, good) in [
            (&[ACCEPT, UPGRADE, CONNECTION] as &[_], true),
            (&[UPGRADE, CONNECTION], false),
            (&[ACCEPT, CONNECTION], false),
            (&[ACCEPT, UPGRADE], false),
            (&[("sec-websocket-accept", "x"), UPGRADE, CONNECTION], false),
            (
                &[ACCEPT, UPGRADE, CONNECTION, ("sec-websocket-protocol", "x")],
                false,
            ),
            (
                &[
                    ACCEPT,
                    UPGRADE,
                    CONNECTION,
                    ("sec-websocket-extensions", "permessage-deflate"),
                ],
                false,
            ),
        ] {
            assert_eq!(
                check(&answer(101, headers), KEY).is_ok(),
                good,
                "{headers:?}"
            );
        }
    }

    #[test]
    fn refusals() {
        let id = [(
            "x-amzn-RequestId".to_ascii_lowercase().leak() as &'static str,
            "r-1",
        )];
        for (body, code, message) in [
            (
                r#"{"ErrorCode":"InvalidParameter","Message":"bad port"}"#,
                Some("InvalidParameter"),
                "bad port",
            ),
            (r#"{"errorCode":"X","message":"low"}"#, Some("X"), "low"),
            (r#"{"message":"Forbidden"}"#, None, "Forbidden"),
            (
                r#"{"__type":"AccessDeniedException","Message":"no"}"#,
                Some("AccessDeniedException"),
                "no",
            ),
            ("plain words\n", None, "plain words"),
            ("", None, "HTTP status 403 Words"),
            ("[1]", None, "[1]"),
        ] {
            match refused(&answer(403, &id), body.as_bytes()) {
                TunnelError::Refused {
                    status: 403,
                    code: c,
                    message: m,
                    request_id,
                } => {
                    assert_eq!((c.as_deref(), m.as_str()), (code, message), "{body}");
                    assert_eq!(request_id.as_deref(), Some("r-1"));
                }
                other => panic!("{other}"),
            }
        }
    }
}
