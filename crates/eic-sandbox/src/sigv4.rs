//! AWS Signature Version 4, from the side that verifies.
//!
//! Written from the specification alone, so that it is an independent judge of clients:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::time::{Duration, SystemTime};

use aws_lc_rs::{constant_time, digest, hmac};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use http::HeaderMap;

use crate::credentials::AccessKey;
use crate::timestamp;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far a header-signed request's clock may be off.
const SKEW: Duration = Duration::from_secs(300);

/// The parts of a request that a signature covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// The query as it was sent, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// Whose signature is accepted, and for what.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) key: &'a AccessKey,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) now: SystemTime,
}

/// Why a signature was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The request carries no signature.
    Missing,
    /// The signature lacks a part, or one cannot be read.
    Incomplete(&'static str),
    /// The access key id or the session token is not one of this region's.
    UnknownKey,
    /// The signature is for another region, service or day.
    WrongScope(String),
    /// The signature is too old, or from the future.
    Expired { signed: SystemTime },
    /// The signature is not the one that the secret key gives.
    Mismatch,
}

impl Denial {
    /// AWS's words for [`Denial::Mismatch`].
    pub(crate) const MISMATCH: &str = "The request signature we calculated does not match the \
        signature you provided. Check your AWS Secret Access Key and signing method. Consult the \
        service documentation for details.";
}

/// Verifies a signature in the `Authorization` header.
pub(crate) fn verify_headers(request: &Request<'_>, scope: &Scope<'_>) -> Result<(), Denial> {
    let authorization = header(request.headers, "authorization").ok_or(Denial::Missing)?;
    let claim = Claim::from_authorization(&authorization, request.headers)?;
    claim.check_key(scope)?;
    let distance = |a: SystemTime, b: SystemTime| a.duration_since(b).unwrap_or_default();
    let off = distance(scope.now, claim.signed).max(distance(claim.signed, scope.now));
    if off > SKEW {
        return Err(Denial::Expired {
            signed: claim.signed,
        });
    }
    claim.check_signature(request, scope, request.query)
}

/// Verifies a signature in the query (a presigned URL), which tells its own life.
pub(crate) fn verify_query(request: &Request<'_>, scope: &Scope<'_>) -> Result<(), Denial> {
    let pairs = query_pairs(request.query);
    let claim = Claim::from_query(&pairs)?;
    claim.check_key(scope)?;
    let life = find(&pairs, "X-Amz-Expires").and_then(|v| v.parse::<u64>().ok());
    let life = life.filter(|seconds| (1..=604_800).contains(seconds));
    let life = life.ok_or(Denial::Incomplete("X-Amz-Expires"))?;
    let early = claim.signed > scope.now + SKEW;
    if early || scope.now > claim.signed + Duration::from_secs(life) {
        return Err(Denial::Expired {
            signed: claim.signed,
        });
    }
    let signature = |part: &&str| part.split('=').next() == Some("X-Amz-Signature");
    let rest: Vec<_> = request
        .query
        .split('&')
        .filter(|part| !signature(part))
        .collect();
    claim.check_signature(request, scope, &rest.join("&"))
}

/// What a request says about its own signature.
struct Claim {
    key_id: String,
    /// `date/region/service/aws4_request`
    credential_scope: String,
    signed: SystemTime,
    signed_headers: String,
    signature: String,
    session_token: Option<String>,
}

impl Claim {
    fn from_authorization(authorization: &str, headers: &HeaderMap) -> Result<Self, Denial> {
        let rest = authorization.strip_prefix(ALGORITHM);
        let rest = rest.ok_or(Denial::Incomplete("AWS4-HMAC-SHA256"))?;
        let part = |name: &'static str| {
            let mut parts = rest.split(',').map(str::trim);
            parts
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
                .ok_or(Denial::Incomplete(name))
        };
        let date = header(headers, "x-amz-date").ok_or(Denial::Incomplete("X-Amz-Date"))?;
        let token = header(headers, "x-amz-security-token");
        Self::new(
            part("Credential")?,
            &date,
            part("SignedHeaders")?,
            part("Signature")?,
            token,
        )
    }

    fn from_query(pairs: &[(String, String)]) -> Result<Self, Denial> {
        let algorithm = find(pairs, "X-Amz-Algorithm").ok_or(Denial::Missing)?;
        if algorithm != ALGORITHM {
            return Err(Denial::Incomplete("X-Amz-Algorithm"));
        }
        let part = |name: &'static str| find(pairs, name).ok_or(Denial::Incomplete(name));
        Self::new(
            part("X-Amz-Credential")?,
            part("X-Amz-Date")?,
            part("X-Amz-SignedHeaders")?,
            part("X-Amz-Signature")?,
            find(pairs, "X-Amz-Security-Token").map(str::to_owned),
        )
    }

    fn new(
        credential: &str,
        date: &str,
        signed_headers: &str,
        signature: &str,
        session_token: Option<String>,
    ) -> Result<Self, Denial> {
        let parts = credential.split_once('/');
        let (key_id, credential_scope) = parts.ok_or(Denial::Incomplete("Credential"))?;
        if !signed_headers.split(';').any(|name| name == "host") {
            return Err(Denial::Incomplete("host in SignedHeaders"));
        }
        Ok(Self {
            key_id: key_id.to_owned(),
            credential_scope: credential_scope.to_owned(),
            signed: timestamp::parse_basic(date).ok_or(Denial::Incomplete("X-Amz-Date"))?,
            signed_headers: signed_headers.to_owned(),
            signature: signature.to_owned(),
            session_token,
        })
    }

    fn check_key(&self, scope: &Scope<'_>) -> Result<(), Denial> {
        let token = self.session_token.as_deref() == Some(&scope.key.session_token);
        if self.key_id != scope.key.id || !token {
            return Err(Denial::UnknownKey);
        }
        let expected = credential_scope(self.signed, scope);
        if self.credential_scope != expected {
            return Err(Denial::WrongScope(expected));
        }
        Ok(())
    }

    fn check_signature(
        &self,
        request: &Request<'_>,
        scope: &Scope<'_>,
        query: &str,
    ) -> Result<(), Denial> {
        let expected = self.expected_signature(request, scope, query);
        constant_time::verify_slices_are_equal(expected.as_bytes(), self.signature.as_bytes())
            .map_err(|_| Denial::Mismatch)
    }

    fn expected_signature(&self, request: &Request<'_>, scope: &Scope<'_>, query: &str) -> String {
        let canonical = canonical_request(request, &self.signed_headers, query);
        let to_sign = format!(
            "{ALGORITHM}\n{}\n{}\n{}",
            timestamp::basic(self.signed),
            self.credential_scope,
            sha256_hex(canonical.as_bytes())
        );
        let key = signing_key(self.signed, scope);
        HEXLOWER.encode(hmac(&key, to_sign.as_bytes()).as_ref())
    }
}

fn canonical_request(request: &Request<'_>, signed_headers: &str, query: &str) -> String {
    let headers: String = signed_headers
        .split(';')
        .map(|name| {
            format!(
                "{name}:{}\n",
                header(request.headers, name).unwrap_or_default()
            )
        })
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{signed_headers}\n{}",
        request.method,
        canonical_path(request.path),
        canonical_query(query),
        sha256_hex(request.body)
    )
}

/// The path, encoded once more on top of what was sent (every service but S3 does so).
fn canonical_path(path: &str) -> String {
    let segments: Vec<_> = path
        .split('/')
        .map(|part| encode(part.as_bytes()))
        .collect();
    segments.join("/")
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<_> = query_pairs(query)
        .iter()
        .map(|(name, value)| (encode(name.as_bytes()), encode(value.as_bytes())))
        .collect();
    pairs.sort();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

fn credential_scope(signed: SystemTime, scope: &Scope<'_>) -> String {
    format!(
        "{}/{}/{}/aws4_request",
        day(signed),
        scope.region,
        scope.service
    )
}

fn signing_key(signed: SystemTime, scope: &Scope<'_>) -> Vec<u8> {
    let secret = format!("AWS4{}", scope.key.secret);
    let day = day(signed);
    let parts = [day.as_str(), scope.region, scope.service, "aws4_request"];
    parts.iter().fold(secret.into_bytes(), |key, part| {
        hmac(&key, part.as_bytes()).as_ref().to_vec()
    })
}

fn day(time: SystemTime) -> String {
    timestamp::basic(time)
        .split('T')
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn hmac(key: &[u8], data: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data)
}

fn sha256_hex(data: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, data).as_ref())
}

/// A header's values, joined by commas, with runs of spaces made one.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let clean = |value: &http::HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    };
    Some(values.map(clean).collect::<Vec<_>>().join(","))
}

/// Splits a query into decoded names and values.
pub(crate) fn query_pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The value of the first pair of that name.
pub(crate) fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = pairs.iter().filter(|(n, _)| n == name);
    found.next().map(|(_, value)| value.as_str())
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Decodes percent-encoding; what is not valid stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| first == b'%');
        let value = hex.and_then(|hex| HEXLOWER_PERMISSIVE.decode(hex).ok()?.first().copied());
        bytes.push(value.unwrap_or(first));
        rest = if value.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
pub(crate) mod tests;
