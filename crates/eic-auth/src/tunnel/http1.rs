//! The little of HTTP/1.1 (RFC 9112) that a WebSocket upgrade and a CONNECT need: send a request's head,
//! read an answer's, and the body of one that says no.

use std::io::{Error, ErrorKind, Result};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest head that is read; AWS's and common proxies' have below 2 KiB.
pub(super) const MAX_HEAD: usize = 16 * 1024;

/// The most header lines that are read.
const MAX_HEADERS: usize = 64;

/// The longest body that is read; AWS's refusals have some hundred bytes.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// The head of an answer, and what came along behind it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) headers: HeaderMap,
    pub(super) tail: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether a header is, or lists, a word.
    pub(super) fn lists(&self, name: &str, word: &str) -> bool {
        let values = self
            .headers
            .get_all(name)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(word))
    }
}

/// Sends the head of a request and reads the head of its answer.
pub(super) async fn exchange<S>(stream: &mut S, request: &str) -> Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut received = Vec::with_capacity(1024);
    loop {
        if received.len() >= MAX_HEAD {
            return Err(Error::new(
                ErrorKind::InvalidData,
                "the answer's head is too long",
            ));
        }
        if (&mut *stream)
            .take(MAX_HEAD.saturating_sub(received.len()) as u64)
            .read_buf(&mut received)
            .await?
            == 0
        {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                "it closed the connection without an answer",
            ));
        }
        if let Some(answer) = parse_head(&received)? {
            return Ok(answer);
        }
    }
}

/// Reads what there is of a body into a buffer, which keeps it if the caller stops waiting.
pub(super) async fn read_body<S>(stream: &mut S, answer: &Answer, body: &mut Vec<u8>) -> Result<()>
where
    S: AsyncRead + Unpin,
{
    body.extend_from_slice(&answer.tail);
    while body.len() < MAX_BODY && !is_whole(answer, body) {
        if (&mut *stream).take(4096).read_buf(body).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// The content of a body as it was received, out of its chunks if it came in chunks.
pub(super) fn content(answer: &Answer, body: &[u8]) -> Vec<u8> {
    if answer.lists("transfer-encoding", "chunked") {
        dechunk(body).0
    } else {
        body.to_vec()
    }
}

fn is_whole(answer: &Answer, body: &[u8]) -> bool {
    if answer.lists("transfer-encoding", "chunked") {
        return dechunk(body).1;
    }
    let length = answer
        .header("content-length")
        .and_then(|length| length.trim().parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}

/// The chunks received so far (RFC 9112 §7.1), and whether the last one is among them.
fn dechunk(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    while let Some(end) = body.windows(2).position(|pair| pair == b"\r\n") {
        let (line, rest) = body.split_at(end);
        let Some(size) = chunk_size(line) else { break };
        if size == 0 {
            return (content, true);
        }
        let data = rest.get(2..).unwrap_or_default();
        content.extend_from_slice(data.get(..size).unwrap_or(data));
        body = data.get(size.saturating_add(2)..).unwrap_or_default();
    }
    (content, false)
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok()?;
    let size = line.split(';').next().unwrap_or_default().trim();
    usize::from_str_radix(size, 16).ok()
}

fn parse_head(received: &[u8]) -> Result<Option<Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    match head
        .parse(received)
        .map_err(|error| Error::new(ErrorKind::InvalidData, error))?
    {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(length) => Ok(Some(Answer {
            status: head.code.unwrap_or_default(),
            reason: head.reason.unwrap_or_default().to_owned(),
            headers: header_map(head.headers),
            tail: received.get(length..).unwrap_or_default().to_vec(),
        })),
    }
}

fn header_map(headers: &[httparse::Header<'_>]) -> HeaderMap {
    let pair = |header: &httparse::Header<'_>| {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(header.value).ok()?))
    };
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter().filter_map(pair) {
        map.append(name, value);
    }
    map
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::script::Script;
    use super::*;

    async fn answer_to(server: &'static [&'static [u8]]) -> Result<(Answer, Vec<u8>)> {
        let (mut ours, mut theirs) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let mut request = [0; 18];
            theirs.read_exact(&mut request).await.unwrap();
            for part in server {
                theirs.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let answer = exchange(&mut ours, "GET / HTTP/1.1\r\n\r\n").await?;
        let mut body = Vec::new();
        read_body(&mut ours, &answer, &mut body).await?;
        let content = content(&answer, &body);
        Ok((answer, content))
    }

    #[tokio::test]
    async fn answers() {
        let (answer, body) = answer_to(&[
            b"HTTP/1.1 400 Bad",
            b" Request\r\nContent-Length: 5\r\nX-Amzn-RequestId: r1\r\nConnection: keep-alive, Upgrade\r\n\r",
            b"\nhe",
            b"llo",
        ])
        .await
        .unwrap();
        assert_eq!(
            (answer.status, answer.reason.as_str()),
            (400, "Bad Request")
        );
        assert_eq!(answer.header("x-amzn-requestid"), Some("r1"));
        assert!(answer.lists("connection", "upgrade") && !answer.lists("connection", "keep"));
        assert_eq!(body, b"hello");
    }

    #[tokio::test]
    async fn a_body_without_a_length_ends_with_the_connection() {
        let (_, body) = answer_to(&[b"HTTP/1.1 403 \r\n\r\n{", b"}"]).await.unwrap();
        assert_eq!(body, b"{}");
    }

    #[tokio::test]
    async fn a_chunked_body() {
        let parts: &[&[u8]] = &[
            b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r",
            b"\n4;x=y\r\ndefg\r\n0\r\n\r\n",
        ];
        let (_, body) = answer_to(parts).await.unwrap();
        assert_eq!(body, b"abcdefg");
    }

    #[tokio::test]
    async fn what_is_no_answer() {
        for (parts, why) in [
            (&[b"" as &[u8]] as &[&[u8]], "without an answer"),
            (&[b"HTTP/1.1 200"], "without an answer"),
            (&[b"SSH-2.0-OpenSSH_9.2\r\n"], "HTTP version"),
        ] {
            let error = answer_to(parts).await.unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[tokio::test]
    async fn an_endless_head_is_cut_short() {
        let (mut ours, mut theirs) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let _ = theirs.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while theirs.write_all(b"a: b\r\n").await.is_ok() {}
        });
        assert!(exchange(&mut ours, "GET / HTTP/1.1\r\n\r\n").await.is_err());
    }

    #[test]
    fn chunks() {
        for (body, content, whole) in [
            (b"" as &[u8], b"" as &[u8], false),
            (b"3\r\nab", b"ab", false),
            (b"3\r\nabc\r\n", b"abc", false),
            (b"0\r\n\r\n", b"", true),
            (b"zz\r\nabc", b"", false),
            (b"ffffffffffffffff\r\nabc", b"abc", false),
        ] {
            assert_eq!(dechunk(body), (content.to_vec(), whole), "{body:?}");
        }
    }

    /// Reads an answer that comes in parts of at most this size; what follows it in the stream included.
    fn read_in_parts(bytes: &[u8], part: usize) -> (Result<(Answer, Vec<u8>)>, usize) {
        let mut stream = Script::new(bytes, part);
        let answer = exchange(&mut stream, "").now_or_never().unwrap();
        let read = answer.map(|answer| {
            let rest = [&answer.tail, stream.rest()].concat();
            (answer, rest)
        });
        (read, stream.read)
    }

    /// Heads, whole ones and others, some longer than the limit.
    fn head() -> impl Strategy<Value = Vec<u8>> {
        let header = "[a-zA-Z-]{1,12}: ?[ -~]{0,30}\r\n";
        let fine = (
            "HTTP/1.1 [0-9]{3} [a-z ]{0,9}\r\n",
            vec(header, 0..6),
            "[ -~\r\n]{0,40}",
        )
            .prop_map(|(status, headers, rest)| format!("{status}{}\r\n{rest}", headers.concat()));
        let long = (0..2 * MAX_HEAD)
            .prop_map(|length| format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\nrest", "x".repeat(length)));
        let other = vec(any::<u8>(), 0..100);
        prop_oneof![
            4 => fine.prop_map(String::into_bytes),
            1 => long.prop_map(String::into_bytes),
            1 => other,
        ]
    }

    proptest! {
        #[test]
        fn an_answer_is_the_same_in_whatever_parts_it_comes(bytes in head(), part in 1..3000_usize) {
            let (whole, _) = read_in_parts(&bytes, usize::MAX);
            let (parts, read) = read_in_parts(&bytes, part);
            prop_assert!(read <= MAX_HEAD, "read {} bytes", read);
            match (whole, parts) {
                (Ok((one, rest)), Ok((other, same))) => {
                    prop_assert_eq!((one.status, one.reason, one.headers), (other.status, other.reason, other.headers));
                    prop_assert_eq!(rest, same);
                }
                (Err(one), Err(other)) => prop_assert_eq!(one.to_string(), other.to_string()),
                (one, other) => prop_assert!(false, "{:?} and {:?}", one, other),
            }
        }

        #[test]
        fn chunks_never_break(body in vec(any::<u8>(), 0..60), lines in "([0-9a-f]{1,3}\r\n[a-z]{0,9}\r\n){0,5}") {
            dechunk(&body);
            let (content, _) = dechunk(lines.as_bytes());
            prop_assert!(content.len() <= lines.len());
        }
    }
}
