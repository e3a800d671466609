//! Opening a tunnel, and all the ways in which that fails.

use std::time::{Duration, Instant};

use eic_auth::{SignedUrl, Tunnel, TunnelError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::endpoint::{trusting, url};
use super::server::{Authority, Server, Tls, for_ever, read_head};

async fn refused_with(parts: &'static [&'static str]) -> TunnelError {
    let authority = Authority::new();
    let server = authority
        .serve(move |mut stream: Tls| async move {
            read_head(&mut stream).await;
            for part in parts {
                stream.write_all(part.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            for_ever().await;
        })
        .await;
    Tunnel::open(&url(&server), &trusting(&authority))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn the_request_is_what_aws_expects() {
    let authority = Authority::new();
    let (heads, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let server = authority
        .serve(move |mut stream: Tls| {
            let heads = heads.clone();
            async move { heads.send(read_head(&mut stream).await.unwrap()).unwrap() }
        })
        .await;
    let config = trusting(&authority).user_agent("test/1\r\nX-Evil: yes");
    Tunnel::open(&url(&server), &config).await.unwrap_err();
    let head = seen.recv().await.unwrap();
    let port = server.address.port();
    assert!(
        head.starts_with("GET /openTunnel?a=b%2Fc HTTP/1.1\r\n"),
        "{head}"
    );
    for line in [
        &format!("Host: localhost:{port}"),
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "User-Agent: test/1X-Evil: yes",
    ] {
        assert!(
            head.contains(&format!("\r\n{line}\r\n")),
            "no {line} in {head}"
        );
    }
    assert!(
        !head.contains("Extensions") && !head.contains("Protocol:"),
        "{head}"
    );
}

#[tokio::test]
async fn a_refusal_is_told_in_full_though_its_body_comes_late() {
    let error = refused_with(&[
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n",
        "Content-Length: 68\r\nx-amzn-RequestId: 5e2b\r\n\r\n",
        r#"{"ErrorCode":"InvalidParameter","#,
        r#""Message":"The RemotePort is bad.\n"}"#,
    ])
    .await;
    let TunnelError::Refused {
        status,
        code,
        message,
        request_id,
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!((*status, code.as_deref()), (400, Some("InvalidParameter")));
    assert_eq!(
        (message.as_str(), request_id.as_deref()),
        ("The RemotePort is bad.\n", Some("5e2b"))
    );
    let words = "the endpoint refuses: InvalidParameter: The RemotePort is bad.\\n";
    assert_eq!(error.to_string(), words);
}

#[tokio::test]
async fn a_refusal_whose_body_never_ends_is_told_all_the_same() {
    let start = Instant::now();
    let error = refused_with(&[
        "HTTP/1.1 403 Forbidden\r\n\r\n",
        r#"{"message":"Forbidden"}"#,
    ])
    .await;
    assert!(
        matches!(&error, TunnelError::Refused { status: 403, message, .. } if message == "Forbidden")
    );
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_answer_that_is_none() {
    const WRONG_KEY: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n";
    for (answer, why) in [
        (&[WRONG_KEY] as &'static [_], "Sec-WebSocket-Accept"),
        (&["220 smtp.example ESMTP\r\n"], "HTTP version"),
    ] {
        let error = refused_with(answer).await;
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(matches!(error, TunnelError::Upgrade { .. }), "{error:?}");
        assert!(source.contains(why), "{source}");
    }
    let authority = Authority::new();
    let hanging_up = authority.serve(async |_| ()).await;
    let error = Tunnel::open(&url(&hanging_up), &trusting(&authority))
        .await
        .unwrap_err();
    assert!(matches!(error, TunnelError::Upgrade { .. }), "{error:?}");
}

#[tokio::test]
async fn data_right_behind_the_answer_is_not_lost() {
    let authority = Authority::new();
    let server = authority
        .serve(async |mut stream: Tls| {
            let head = read_head(&mut stream).await.unwrap();
            let key = head
                .split("Sec-WebSocket-Key: ")
                .nth(1)
                .unwrap()
                .split("\r\n")
                .next()
                .unwrap();
            let accept = derive_accept_key(key.as_bytes());
            let mut answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\
                 Connection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .into_bytes();
            answer.extend(b"\x82\x05hello\x88\x02\x03\xe8");
            stream.write_all(&answer).await.unwrap();
            for_ever().await;
        })
        .await;
    let mut tunnel = Tunnel::open(&url(&server), &trusting(&authority))
        .await
        .unwrap();
    let mut text = String::new();
    tunnel.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello");
}

#[tokio::test]
async fn silence_ends_at_the_limit() {
    const LIMIT: Duration = Duration::from_secs(1);
    let authority = Authority::new();
    let no_tls = Server::tcp(async |_stream| for_ever().await).await;
    let no_answer = authority.serve(async |_stream| for_ever().await).await;
    for (server, waited_for) in [
        (no_tls, "the TLS handshake"),
        (no_answer, "the endpoint's answer"),
    ] {
        let config = trusting(&authority).handshake_timeout(LIMIT);
        match Tunnel::open(&url(&server), &config).await.unwrap_err() {
            TunnelError::Timeout { step, limit } => assert_eq!((step, limit), (waited_for, LIMIT)),
            error => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn certificates() {
    let (ours, other) = (Authority::new(), Authority::for_names(&["eice.example"]));
    let trusted = ours.serve(async |_| ()).await;
    let misnamed = other.serve(async |_| ()).await;
    for (server, config) in [(&trusted, trusting(&other)), (&misnamed, trusting(&other))] {
        let error = Tunnel::open(&url(server), &config).await.unwrap_err();
        assert!(
            matches!(error, TunnelError::Tls { .. }) && error.is_certificate(),
            "{error:?}"
        );
    }
    let no_tls =
        Server::tcp(async |mut stream| stream.write_all(b"SSH-2.0-x\r\n").await.unwrap()).await;
    let error = Tunnel::open(&url(&no_tls), &trusting(&ours))
        .await
        .unwrap_err();
    assert!(
        matches!(error, TunnelError::Tls { .. }) && !error.is_certificate(),
        "{error:?}"
    );
}

#[tokio::test]
async fn places_that_are_none() {
    let config = trusting(&Authority::new());
    let open = async |url: &str| {
        Tunnel::open(&SignedUrl::from(url.to_owned()), &config)
            .await
            .unwrap_err()
    };
    let refused = open("wss://127.0.0.1:1/").await;
    assert!(
        matches!(&refused, TunnelError::Connect { host, .. } if host == "127.0.0.1:1"),
        "{refused:?}"
    );
    for url in [
        "ws://localhost/",
        "https://localhost/",
        "localhost",
        "wss:///x",
        "",
    ] {
        let error = open(url).await;
        assert!(matches!(error, TunnelError::Url { .. }), "{url}: {error:?}");
    }
}
