//! The signed URL that opens a tunnel.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningParams,
    SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;

use crate::Error;
use crate::error::Cause;

/// The service that a tunnel's URL is signed for.
const SERVICE: &str = "ec2-instance-connect";

/// How long a signed URL can be used; AWS CLI asks for the same.
const EXPIRES: Duration = Duration::from_secs(60);

/// What a tunnel is asked for: through which endpoint, to which address and port.
///
/// ```
/// use eic_auth::TunnelRequest;
///
/// let request = TunnelRequest {
///     endpoint_id: "eice-0123456789abcdef0".to_owned(),
///     host: "eice-0123.ec2-instance-connect-endpoint.eu-west-1.amazonaws.com".to_owned(),
///     address: [10, 0, 0, 7].into(),
///     port: 22,
///     max_duration: None,
/// };
/// # let _ = request;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelRequest {
    /// The endpoint's id.
    pub endpoint_id: String,
    /// The endpoint's host, see [`Endpoint::host`](crate::Endpoint::host); `host:port` for another port than 443.
    pub host: String,
    /// The instance's address inside the VPC, IPv4 or IPv6.
    pub address: IpAddr,
    /// The instance's port; AWS takes 22 and 3389 only.
    pub port: u16,
    /// When AWS shall end the tunnel at the latest: 1 to 3600 seconds, an hour if not given.
    pub max_duration: Option<Duration>,
}

/// AWS credentials, for who signs without an [`Api`](crate::Api). `Debug` shows the access key id only.
///
/// ```
/// let credentials = eic_auth::Credentials::new("AKIDEXAMPLE", "secret", None);
/// assert!(!format!("{credentials:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Credentials {
    /// Credentials from their parts; temporary ones have a session token.
    #[must_use]
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: Option<String>,
    ) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token,
        }
    }

    /// The same in the SDK's type.
    pub(crate) fn to_sdk(&self) -> aws_credential_types::Credentials {
        let (id, secret) = (self.access_key_id.as_str(), self.secret_access_key.as_str());
        let token = self.session_token.clone();
        aws_credential_types::Credentials::new(id, secret, token, None, SERVICE)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// A signed `wss://` URL: for a minute, whoever has it can open the tunnel. `Debug` leaves the query out.
///
/// ```
/// let url = eic_auth::SignedUrl::from("wss://eice.example/openTunnel?X-Amz-Signature=0123".to_owned());
/// assert_eq!(format!("{url:?}"), "SignedUrl(\"wss://eice.example/openTunnel?…\")");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl(String);

impl SignedUrl {
    /// The whole URL, signature and all.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes a URL that was signed elsewhere.
impl From<String> for SignedUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self.0.split_once('?') {
            Some((place, _)) => format!("{place}?…"),
            None => self.0.clone(),
        };
        f.debug_tuple("SignedUrl").field(&shown).finish()
    }
}

/// Signs the URL that opens a tunnel: SigV4 in the query, good for 60 s from `now`, one URL a tunnel
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
///
/// The result is, character for character, what AWS CLI's signer makes of the same input.
///
/// ```
/// use eic_auth::{Credentials, TunnelRequest, presign};
///
/// let request = TunnelRequest {
///     endpoint_id: "eice-0123456789abcdef0".to_owned(),
///     host: "eice.example".to_owned(),
///     address: [10, 0, 0, 7].into(),
///     port: 22,
///     max_duration: None,
/// };
/// let credentials = Credentials::new("AKIDEXAMPLE", "secret", None);
/// let url = presign(&request, &credentials, "eu-west-1", std::time::SystemTime::now())?;
/// assert!(url.as_str().starts_with("wss://eice.example/openTunnel?instanceConnectEndpointId=eice-"));
/// # Ok::<(), eic_auth::Error>(())
/// ```
///
/// # Errors
/// [`Error::Presign`] if the request's host is no host.
pub fn presign(
    request: &TunnelRequest,
    credentials: &Credentials,
    region: &str,
    now: SystemTime,
) -> Result<SignedUrl, Error> {
    let url = unsigned_url(request);
    check_host(&url, &request.host).map_err(fault)?;
    let parameters = signature(&url, credentials, region, now).map_err(fault)?;
    Ok(SignedUrl(format!("{url}&{}", query(&parameters))))
}

fn fault(source: Cause) -> Error {
    Error::Presign { source }
}

fn unsigned_url(request: &TunnelRequest) -> String {
    let mut parameters = vec![
        ("instanceConnectEndpointId", request.endpoint_id.clone()),
        ("remotePort", request.port.to_string()),
        ("privateIpAddress", request.address.to_string()),
    ];
    if let Some(limit) = request.max_duration {
        parameters.push(("maxTunnelDuration", limit.as_secs().to_string()));
    }
    format!("wss://{}/openTunnel?{}", request.host, query(&parameters))
}

/// A host with a path, a query or a user in it would sign, and ask, something else than it says.
fn check_host(url: &str, host: &str) -> Result<(), Cause> {
    let uri: http::Uri = url.parse()?;
    let is_host = uri
        .authority()
        .is_some_and(|a| a.as_str() == host && !a.host().is_empty());
    let is_host = is_host && !host.contains('@');
    is_host
        .then_some(())
        .ok_or_else(|| format!("`{}` is no host", crate::text::Printable(host)).into())
}

/// The parameters that sign the URL, in the order of AWS CLI.
fn signature(
    url: &str,
    credentials: &Credentials,
    region: &str,
    now: SystemTime,
) -> Result<Vec<(&'static str, String)>, Cause> {
    let identity = credentials.to_sdk().into();
    let parameters: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(now)
        .settings(settings())
        .build()?
        .into();
    let request = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::empty())?;
    let (instructions, _) = aws_sigv4::http_request::sign(request, &parameters)?.into_parts();
    let mut signed: Vec<_> = instructions
        .into_parts()
        .1
        .into_iter()
        .map(|(name, value)| (name, value.into_owned()))
        .collect();
    signed.sort_by_key(|(name, _)| *name == "X-Amz-Signature");
    Ok(signed)
}

fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(EXPIRES);
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

fn query(parameters: &[(&'static str, String)]) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}

/// Percent-encodes all but RFC 3986's unreserved characters, as SigV4 wants it.
fn encode(value: &str) -> String {
    value
        .bytes()
        .fold(String::with_capacity(value.len()), |mut encoded, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    encoded.push(char::from(byte))
                }
                _ => encoded.push_str(&format!("%{byte:02X}")),
            }
            encoded
        })
}
