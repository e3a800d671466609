//! What the calls fail with.

use std::error::Error as _;
use std::time::{Duration, Instant};

use eic_auth::{
    Api, ApiConfig, EphemeralKey, Error, InstanceId, OsUser, TunnelError, TunnelRequest,
};
use tokio::io::AsyncWriteExt;

use super::aws::{Answer, Aws};
use super::server::{Authority, Server, for_ever, read_head};
use super::{api, config};

async fn push(api: &Api) -> Result<(), Error> {
    let key = EphemeralKey::generate().unwrap();
    let id = InstanceId::new("i-0123456789abcdef0").unwrap();
    api.send_ssh_public_key(&id, &OsUser::default(), key.public_key())
        .await
}

async fn load(config: ApiConfig) -> Api {
    Api::load(config).await.unwrap()
}

#[tokio::test]
async fn a_key_that_aws_takes() {
    let aws =
        Aws::answering(|_, _| Answer(200, r#"{"RequestId":"r","Success":true}"#.to_owned())).await;
    push(&api(&aws).await).await.unwrap();
    let calls = aws.calls();
    assert_eq!(calls[0].operation(), "SendSSHPublicKey");
    for part in [
        "\"i-0123456789abcdef0\"",
        "\"ec2-user\"",
        "\"ssh-ed25519 AAAA",
    ] {
        assert!(
            calls[0].body.contains(part),
            "no {part} in {}",
            calls[0].body
        );
    }
}

#[tokio::test]
async fn refusals() {
    for (code, kind) in [
        ("EC2InstanceNotFoundException", "InstanceNotFound"),
        ("EC2InstanceStateInvalidException", "InvalidInstance"),
        ("EC2InstanceUnavailableException", "InvalidInstance"),
        (
            "AccessDeniedException",
            "AccessDenied { action: \"ec2-instance-connect:SendSSHPublicKey\"",
        ),
        ("AuthException", "AccessDenied"),
        ("ExpiredTokenException", "ExpiredCredentials"),
        ("UnrecognizedClientException", "InvalidCredentials"),
        ("InvalidArgsException", "Service"),
    ] {
        let aws = Aws::answering(move |_, _| Answer::json_error(400, code, "words")).await;
        let error = push(&api(&aws).await).await.unwrap_err();
        let shown = format!("{error:?}");
        assert!(shown.starts_with(kind), "{code}: {shown}");
        assert_eq!(aws.calls().len(), 1, "{code}");
        if !matches!(error, Error::InstanceNotFound { .. }) {
            assert!(shown.contains("words"), "{code}: {shown}");
        }
        if matches!(error, Error::Service { .. } | Error::AccessDenied { .. }) {
            assert!(
                shown.contains("request_id: Some(\"req-1\")"),
                "{code}: {shown}"
            );
        }
    }
}

#[tokio::test]
async fn two_throttled_calls_are_nothing() {
    let aws = Aws::answering(|_, count| match count {
        1 | 2 => Answer::json_error(400, "ThrottlingException", "Rate exceeded"),
        _ => Answer(200, r#"{"RequestId":"r","Success":true}"#.to_owned()),
    })
    .await;
    push(&api(&aws).await).await.unwrap();
    assert_eq!(aws.calls().len(), 3);
}

#[tokio::test]
async fn throttled_for_good() {
    let aws =
        Aws::answering(|_, _| Answer::json_error(400, "ThrottlingException", "Rate exceeded"))
            .await;
    let error = push(&api(&aws).await).await.unwrap_err();
    assert!(
        matches!(&error, Error::Throttled { code, .. } if code == "ThrottlingException"),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "AWS throttles SendSSHPublicKey (ThrottlingException): Rate exceeded"
    );
    assert_eq!(aws.calls().len(), 5);
}

#[tokio::test]
async fn a_throttled_call_can_be_left_to_the_caller() {
    let aws = Aws::answering(|_, count| match count {
        1 => Answer(503, String::new()),
        _ => Answer::json_error(400, "ThrottlingException", "Rate exceeded"),
    })
    .await;
    let api = api(&aws).await.without_throttling_retries();
    let error = push(&api).await.unwrap_err();
    assert!(matches!(&error, Error::Throttled { .. }), "{error:?}");
    // What else may pass is still made again.
    assert_eq!(aws.calls().len(), 2);
}

#[tokio::test]
async fn silence_ends_at_the_limit() {
    const LIMIT: Duration = Duration::from_millis(500);
    let silent = Server::tcp(async |_stream| for_ever().await).await;
    let api = load(config(&format!("http://{}", silent.address)).timeout(LIMIT)).await;
    let start = Instant::now();
    let error = push(&api).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(
        matches!(
            error,
            Error::Timeout {
                step: "SendSSHPublicKey",
                limit: LIMIT
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn nobody_there() {
    let error = push(&load(config("http://127.0.0.1:1")).await)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Connect {
                operation: "SendSSHPublicKey",
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.source().is_some());
}

#[tokio::test]
async fn answers_that_are_none() {
    for (status, body) in [
        (200, "<html>login</html>"),
        (200, "{"),
        (502, "<html>Bad Gateway</html>"),
    ] {
        let aws = Aws::answering(move |_, _| Answer(status, body.to_owned())).await;
        let error = push(&api(&aws).await).await.unwrap_err();
        assert!(matches!(error, Error::Response { .. }), "{body}: {error:?}");
        let source = error.source().unwrap().to_string();
        assert!(source.contains(&status.to_string()), "{source}");
    }
    #[cfg(feature = "ec2")]
    {
        let aws = Aws::answering(|_, _| Answer(200, "<html>login</html>".to_owned())).await;
        let error = api(&aws).await.list_instances(None).await.unwrap_err();
        assert!(matches!(error, Error::Response { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn certificates() {
    let (ours, other) = (Authority::new(), Authority::for_names(&["aws.example"]));
    for (authority, trusted) in [(&ours, &other), (&other, &other)] {
        let server = authority.serve(async |_| ()).await;
        let url = format!("https://localhost:{}", server.address.port());
        let api = load(config(&url).ca_bundle(trusted.bundle())).await;
        let error = push(&api).await.unwrap_err();
        assert!(matches!(error, Error::Certificate { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_useless_bundle() {
    let error = Api::load(config("http://127.0.0.1:1").ca_bundle("/no/such/bundle.pem"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot use the CA bundle /no/such/bundle.pem"
    );
}

#[tokio::test]
async fn settings_that_contradict_each_other() {
    let error = push(&load(config("not a url")).await).await.unwrap_err();
    assert!(matches!(error, Error::Request { .. }), "{error:?}");
}

#[test]
fn every_call_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    fn check(api: &Api, id: &InstanceId, user: &OsUser, request: &TunnelRequest) {
        is_send(Api::load(ApiConfig::default()));
        is_send(api.credentials());
        is_send(api.send_ssh_public_key(id, user, ""));
        is_send(api.open_tunnel(request));
    }
    let _ = check;
}

#[tokio::test]
async fn a_tunnel_with_the_apis_settings() {
    let authority = Authority::new();
    let endpoint = authority
        .serve(async |mut stream| {
            let head = read_head(&mut stream).await.unwrap();
            let query = "GET /openTunnel?instanceConnectEndpointId=eice-1&remotePort=22&privateIpAddress=10.0.0.7&";
            assert!(head.starts_with(query) && head.contains("%2Feu-west-1%2Fec2-instance-connect%2F"), "{head}");
            let body = r#"{"ErrorCode":"AccessDenied","Message":"no"}"#;
            let answer = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            for_ever().await;
        })
        .await;
    let api = load(config("http://127.0.0.1:1").ca_bundle(authority.bundle())).await;
    let request = TunnelRequest {
        endpoint_id: "eice-1".to_owned(),
        host: format!("localhost:{}", endpoint.address.port()),
        address: [10, 0, 0, 7].into(),
        port: 22,
        max_duration: None,
    };
    let error = api.open_tunnel(&request).await.unwrap_err();
    let Error::Tunnel(TunnelError::Refused {
        status: 403, code, ..
    }) = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(code.as_deref(), Some("AccessDenied"));
}
