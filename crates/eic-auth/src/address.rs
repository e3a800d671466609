//! Which texts are addresses, and which are DNS names of instances.

use std::net::{IpAddr, Ipv6Addr};

use crate::target::TargetError;

/// The address that a text is, an error if it looks like one but is none, nothing if it doesn't.
pub(crate) fn address(text: &str) -> Option<Result<IpAddr, TargetError>> {
    let fault = || TargetError::Address {
        text: text.to_owned(),
    };
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner
            .strip_suffix(']')
            .and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        return Some(inner.map(IpAddr::V6).ok_or_else(fault));
    }
    match text.parse() {
        Ok(address) => Some(Ok(address)),
        Err(_) if looks_like_v4(text) || looks_like_v6(text) => Some(Err(fault())),
        Err(_) => None,
    }
}

fn looks_like_v4(text: &str) -> bool {
    text.split('.').count() == 4
        && text
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

fn looks_like_v6(text: &str) -> bool {
    text.matches(':').count() >= 2
        && text
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
}

/// The zones of the DNS names that EC2 gives to instances, in all of AWS's partitions
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html>).
const EC2_ZONES: [&str; 5] = [
    ".ec2.internal",
    ".compute.internal",
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
];

/// The DNS name of an instance that a text is, in lower case, without the last dot.
pub(crate) fn dns_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_host = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    let in_zone = EC2_ZONES
        .iter()
        .any(|zone| name.len() > zone.len() && name.ends_with(zone));
    (is_host && in_zone).then_some(name)
}
