//! A pretended AWS on loopback: answers each call with what a test says, and keeps what was asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{Server, read_head};

/// A call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Call {
    /// A parameter of the EC2 query protocol, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.body.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| decode(value))
    }

    /// The name of the call in either protocol.
    pub(crate) fn operation(&self) -> String {
        let target = "x-amz-target: AWSEC2InstanceConnectService.";
        match self.head.split(target).nth(1) {
            Some(rest) => rest.split("\r\n").next().unwrap().to_owned(),
            None => self.parameter("Action").unwrap(),
        }
    }
}

fn decode(value: &str) -> String {
    let mut parts = value.split('%');
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        text.push(char::from(u8::from_str_radix(&part[..2], 16).unwrap()));
        text.push_str(&part[2..]);
    }
    text
}

/// Marks an answer that gets its outermost element from the call.
const EC2: &str = "<?ec2?>";

/// An answer to a call.
pub(crate) struct Answer(pub(crate) u16, pub(crate) String);

impl Answer {
    /// A good answer of the EC2 query protocol, but for the outermost element.
    pub(crate) fn xml(body: &str) -> Self {
        Self(200, format!("{EC2}{body}"))
    }

    #[cfg(feature = "ec2")]
    pub(crate) fn ec2_error(status: u16, code: &str, message: &str) -> Self {
        Self(
            status,
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>req-1</RequestID></Response>"
            ),
        )
    }

    pub(crate) fn json_error(status: u16, code: &str, message: &str) -> Self {
        Self(
            status,
            format!(r#"{{"__type":"{code}","message":"{message}"}}"#),
        )
    }
}

/// The pretended AWS; dropping it ends it.
pub(crate) struct Aws {
    server: Server,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Aws {
    /// Answers over plain HTTP.
    pub(crate) async fn answering(
        answer: impl Fn(&Call, usize) -> Answer + Clone + Send + Sync + 'static,
    ) -> Self {
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let kept = Arc::clone(&calls);
        let server = Server::tcp(move |stream: TcpStream| {
            converse(stream, Arc::clone(&kept), answer.clone())
        })
        .await;
        Self { server, calls }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

/// Reads calls and answers them, to the end of the connection.
pub(crate) async fn converse<S>(
    mut stream: S,
    calls: Arc<Mutex<Vec<Call>>>,
    answer: impl Fn(&Call, usize) -> Answer,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(call) = next_call(&mut stream).await {
        let count = {
            let mut calls = calls.lock().unwrap();
            calls.push(call.clone());
            calls.len()
        };
        let Answer(status, body) = answer(&call, count);
        let body = match body.strip_prefix(EC2) {
            Some(content) => format!("<{0}Response>{content}</{0}Response>", call.operation()),
            None => body,
        };
        let head = format!(
            "HTTP/1.1 {status} Words\r\nx-amzn-RequestId: req-1\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        let _ = stream.flush().await;
    }
}

async fn next_call(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Option<Call> {
    let head = read_head(stream).await?;
    let length = head.to_ascii_lowercase();
    let length = length
        .split("content-length: ")
        .nth(1)?
        .split("\r\n")
        .next()?
        .parse()
        .ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Call {
        head,
        body: String::from_utf8(body).ok()?,
    })
}
