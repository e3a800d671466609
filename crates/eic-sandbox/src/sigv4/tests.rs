use super::*;
use http::HeaderMap;

// Signed by botocore 1.43 with the credentials of `key` at `TIME`.
const HEADER_SIGNATURE: &str = "0979bf56c772e264f6f38118a4e7aafee8d191cff9231615723070e5ab4dbff0";
const PRESIGNED: &str = "instanceConnectEndpointId=eice-01234567&remotePort=22\
    &privateIpAddress=2001%3Adb8%3A%3A1&maxTunnelDuration=60&X-Amz-Algorithm=AWS4-HMAC-SHA256\
    &X-Amz-Credential=ASIAEXAMPLE%2F20260102%2Fus-east-1%2Fec2-instance-connect%2Faws4_request\
    &X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
    &X-Amz-Security-Token=token%2F%2B%3DExample\
    &X-Amz-Signature=58b3af03af8f6d29abc7851cb65797707cc9767a283041a8611310b790131c1d";
const TIME: &str = "20260102T030405Z";

fn key() -> AccessKey {
    AccessKey {
        id: "ASIAEXAMPLE".to_owned(),
        secret: "secret/+Example".to_owned(),
        session_token: "token/+=Example".to_owned(),
    }
}

fn after(seconds: u64) -> SystemTime {
    timestamp::parse_basic(TIME).unwrap() + Duration::from_secs(seconds)
}

fn headers(changes: &[(&'static str, &str)]) -> HeaderMap {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20260102/us-east-1/ec2/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-two, \
         Signature={HEADER_SIGNATURE}"
    );
    let mut headers = HeaderMap::new();
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    for (name, value) in [
        ("authorization", authorization.as_str()),
        ("content-type", form),
        ("host", "localhost:4566"),
        ("x-amz-date", TIME),
        ("x-amz-security-token", "token/+=Example"),
        ("x-two", "  a   b  "),
    ]
    .iter()
    .chain(changes)
    {
        headers.insert(*name, value.parse().unwrap());
    }
    // A change to nothing removes the header.
    let filled = headers.into_iter().filter(|(_, value)| !value.is_empty());
    filled
        .filter_map(|(name, value)| Some((name?, value)))
        .collect()
}

const BODY: &[u8] = b"Action=DescribeInstances&Version=2016-11-15";

fn verify_post(
    headers: &HeaderMap,
    body: &[u8],
    key: &AccessKey,
    now: SystemTime,
) -> Result<(), Denial> {
    let (method, path, query) = ("POST", "/", "");
    let request = Request {
        method,
        path,
        query,
        headers,
        body,
    };
    let (region, service) = ("us-east-1", "ec2");
    verify_headers(
        &request,
        &Scope {
            key,
            region,
            service,
            now,
        },
    )
}

fn verify_get(query: &str, host: &str, now: SystemTime) -> Result<(), Denial> {
    let mut headers = HeaderMap::new();
    headers.insert("host", host.parse().unwrap());
    let (method, path, body) = ("GET", "/openTunnel", &b""[..]);
    let request = Request {
        method,
        path,
        query,
        headers: &headers,
        body,
    };
    let (region, service) = ("us-east-1", "ec2-instance-connect");
    verify_query(
        &request,
        &Scope {
            key: &key(),
            region,
            service,
            now,
        },
    )
}

#[test]
fn signatures_in_headers() {
    let verify = |changes: &[_], now| verify_post(&headers(changes), BODY, &key(), now);
    let expired = Err(Denial::Expired { signed: after(0) });
    let incomplete = |part| Err(Denial::Incomplete(part));
    let of_eu = "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20260102/eu-west-1/ec2/aws4_request, \
        SignedHeaders=host, Signature=00";
    let elsewhere = Denial::WrongScope("20260102/us-east-1/ec2/aws4_request".to_owned());
    assert_eq!(verify(&[], after(0)), Ok(()));
    assert_eq!(verify(&[], after(300)), Ok(()));
    assert_eq!(verify(&[], after(301)), expired);
    assert_eq!(verify(&[("x-two", "a b")], after(0)), Ok(()));
    assert_eq!(verify(&[("x-two", "a c")], after(0)), Err(Denial::Mismatch));
    assert_eq!(
        verify(&[("host", "localhost:1")], after(0)),
        Err(Denial::Mismatch)
    );
    assert_eq!(
        verify(&[("x-amz-security-token", "")], after(0)),
        Err(Denial::UnknownKey)
    );
    assert_eq!(
        verify(&[("x-amz-date", "")], after(0)),
        incomplete("X-Amz-Date")
    );
    assert_eq!(
        verify(&[("authorization", "")], after(0)),
        Err(Denial::Missing)
    );
    assert_eq!(
        verify(&[("authorization", "Basic abc")], after(0)),
        incomplete("AWS4-HMAC-SHA256")
    );
    assert_eq!(
        verify(&[("authorization", of_eu)], after(0)),
        Err(elsewhere)
    );
}

#[test]
fn a_signature_covers_the_body_and_needs_the_secret() {
    let other = AccessKey {
        secret: "another".to_owned(),
        ..key()
    };
    let stranger = AccessKey {
        id: "ASIASTRANGER".to_owned(),
        ..key()
    };
    let headers = headers(&[]);
    assert_eq!(
        verify_post(&headers, b"Action=Other", &key(), after(0)),
        Err(Denial::Mismatch)
    );
    assert_eq!(
        verify_post(&headers, BODY, &other, after(0)),
        Err(Denial::Mismatch)
    );
    assert_eq!(
        verify_post(&headers, BODY, &stranger, after(0)),
        Err(Denial::UnknownKey)
    );
}

#[test]
fn presigned_urls() {
    let host = "localhost:4567";
    let expired = Err(Denial::Expired { signed: after(0) });
    assert_eq!(verify_get(PRESIGNED, host, after(0)), Ok(()));
    assert_eq!(verify_get(PRESIGNED, host, after(60)), Ok(()));
    assert_eq!(verify_get(PRESIGNED, host, after(61)), expired);
    assert_eq!(
        verify_get(PRESIGNED, "localhost", after(0)),
        Err(Denial::Mismatch)
    );
    let changed = PRESIGNED.replace("remotePort=22", "remotePort=3389");
    assert_eq!(verify_get(&changed, host, after(0)), Err(Denial::Mismatch));
    let longer = PRESIGNED.replace("Expires=60", "Expires=600");
    assert_eq!(verify_get(&longer, host, after(0)), Err(Denial::Mismatch));
    let endless = PRESIGNED.replace("Expires=60", "Expires=604801");
    assert_eq!(
        verify_get(&endless, host, after(0)),
        Err(Denial::Incomplete("X-Amz-Expires"))
    );
    assert_eq!(
        verify_get("remotePort=22", host, after(0)),
        Err(Denial::Missing)
    );
}

#[test]
fn percent_encoding() {
    let cases = [
        ("a%20b", "a b"),
        ("%2F%zz%4", "/%zz%4"),
        ("%+1", "%+1"),
        ("é", "é"),
    ];
    for (text, decoded) in cases {
        assert_eq!(decode(text), decoded);
    }
    assert_eq!(encode("a b/é~".as_bytes()), "a%20b%2F%C3%A9~");
}

/// Presigns a query, for tests of what lies behind the signature.
pub(crate) fn presign(key: &AccessKey, host: &str, query: &str) -> String {
    let now = SystemTime::now();
    let (region, service) = ("us-east-1", "ec2-instance-connect");
    let scope = Scope {
        key,
        region,
        service,
        now,
    };
    let credential = format!("{}/{}", key.id, credential_scope(now, &scope));
    let query = format!(
        "{query}&X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={}&X-Amz-Date={}&X-Amz-Expires=60\
         &X-Amz-SignedHeaders=host&X-Amz-Security-Token={}",
        encode(credential.as_bytes()),
        timestamp::basic(now),
        encode(key.session_token.as_bytes())
    );
    let mut headers = HeaderMap::new();
    headers.insert("host", host.parse().unwrap());
    let (method, path, body) = ("GET", "/openTunnel", &b""[..]);
    let request = Request {
        method,
        path,
        query: &query,
        headers: &headers,
        body,
    };
    let claim = Claim::from_query(&query_pairs(&format!("{query}&X-Amz-Signature=none"))).unwrap();
    let signature = claim.expected_signature(&request, &scope, &query);
    format!("{query}&X-Amz-Signature={signature}")
}
