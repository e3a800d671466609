//! Through HTTP CONNECT proxies.

use eic_auth::{Proxy, Tunnel, TunnelError};
use futures_util::SinkExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::endpoint::{Socket, serve_socket, trusting, url};
use super::server::{Authority, Server, read_head};

async fn hello(mut socket: Socket) {
    socket.send(Message::binary("hello")).await.unwrap();
    socket.close(None).await.unwrap();
}

/// Passes a connection on if it has the credentials `user:pass word`.
async fn pass_on(mut client: impl AsyncRead + AsyncWrite + Unpin) {
    let head = read_head(&mut client).await.unwrap();
    let target = head
        .strip_prefix("CONNECT ")
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();
    assert!(head.contains(&format!("\r\nHost: {target}\r\n")), "{head}");
    if !head.contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n") {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        return client.write_all(refusal.as_bytes()).await.unwrap();
    }
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await
        .unwrap();
    let mut server = TcpStream::connect(target).await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

async fn read_all(mut tunnel: Tunnel) -> String {
    let mut text = String::new();
    tunnel.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn with_credentials() {
    let authority = Authority::new();
    let (endpoint, proxy) = (
        serve_socket(&authority, hello).await,
        Server::tcp(pass_on).await,
    );
    let proxy = Proxy::new(&format!("http://user:pass%20word@{}", proxy.address), "").unwrap();
    let tunnel = Tunnel::open(&url(&endpoint), &trusting(&authority).proxy(proxy))
        .await
        .unwrap();
    assert_eq!(read_all(tunnel).await, "hello");
}

#[tokio::test]
async fn over_tls() {
    let authority = Authority::new();
    let (endpoint, proxy) = (
        serve_socket(&authority, hello).await,
        authority.serve(pass_on).await,
    );
    let proxy_url = format!(
        "https://user:pass%20word@localhost:{}",
        proxy.address.port()
    );
    let config = trusting(&authority).proxy(Proxy::new(&proxy_url, "").unwrap());
    let tunnel = Tunnel::open(&url(&endpoint), &config).await.unwrap();
    assert_eq!(read_all(tunnel).await, "hello");
}

#[tokio::test]
async fn not_for_the_exceptions() {
    let authority = Authority::new();
    let endpoint = serve_socket(&authority, hello).await;
    let proxy = Proxy::new("http://127.0.0.1:1", "localhost").unwrap();
    let tunnel = Tunnel::open(&url(&endpoint), &trusting(&authority).proxy(proxy))
        .await
        .unwrap();
    assert_eq!(read_all(tunnel).await, "hello");
}

#[tokio::test]
async fn without_credentials() {
    let authority = Authority::new();
    let (endpoint, proxy) = (
        serve_socket(&authority, hello).await,
        Server::tcp(pass_on).await,
    );
    let config = trusting(&authority).proxy(Proxy::new(&proxy.address.to_string(), "").unwrap());
    let error = Tunnel::open(&url(&endpoint), &config).await.unwrap_err();
    assert!(
        matches!(error, TunnelError::ProxyRefused { status: 407, .. }),
        "{error:?}"
    );
    let words = format!(
        "the proxy {} refuses: 407 Proxy Authentication Required",
        proxy.address
    );
    assert_eq!(error.to_string(), words);
}

#[tokio::test]
async fn that_are_none() {
    let authority = Authority::new();
    let endpoint = serve_socket(&authority, hello).await;
    let closing = Server::tcp(async |_| ()).await;
    let talking = Server::tcp(async |mut stream: TcpStream| {
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        read_head(&mut stream).await;
    })
    .await;
    for proxy in [closing, talking] {
        let config =
            trusting(&authority).proxy(Proxy::new(&proxy.address.to_string(), "").unwrap());
        let error = Tunnel::open(&url(&endpoint), &config).await.unwrap_err();
        assert!(matches!(error, TunnelError::Proxy { .. }), "{error:?}");
    }
    let config = trusting(&authority).proxy(Proxy::new("http://127.0.0.1:1", "").unwrap());
    let error = Tunnel::open(&url(&endpoint), &config).await.unwrap_err();
    assert!(
        matches!(&error, TunnelError::Connect { host, .. } if host == "127.0.0.1:1"),
        "{error:?}"
    );
}
