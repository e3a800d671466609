use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::Error;

/// Something that goes wrong on purpose; written as the `--fault` option has it.
///
/// ```
/// use eic_sandbox::Fault;
/// # fn main() -> Result<(), eic_sandbox::Error> {
/// let fault: Fault = "delayed-key=2s".parse()?;
/// assert_eq!(fault, Fault::DelayedKey(std::time::Duration::from_secs(2)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `throttle=N`: the first N API calls are throttled.
    Throttle(u64),
    /// `throttle-forever`: every API call is throttled.
    ThrottleForever,
    /// `throttle-rate=N`: API calls past the Nth in one second are throttled.
    ThrottleRate(u64),
    /// `drop-after=N`: every SSH connection, direct or through an endpoint, is cut after
    /// N bytes of SSH have reached the client.
    DropAfter(u64),
    /// `delayed-key=2s`: a pushed key becomes visible on the instance that much later.
    DelayedKey(Duration),
    /// `ignored-key`: a push succeeds, and the key never becomes visible.
    IgnoredKey,
    /// `fragment=N`: the endpoint sends its messages in frames of N bytes with pings in between.
    Fragment(usize),
    /// `page-size=N`: describe calls look at N resources a page. As at AWS, a page on which
    /// nothing passes the filter is empty, and still names a next one.
    PageSize(usize),
    /// `expired-credentials`: every signature is answered as one of an expired session.
    ExpiredCredentials,
    /// `wrong-certificate`: the endpoint's certificate is for another name.
    WrongCertificate,
    /// `untrusted-certificate`: the endpoint's certificate is from an unknown authority.
    UntrustedCertificate,
    /// `mute-endpoint`: the endpoint accepts connections and never speaks.
    MuteEndpoint,
    /// `deny=ACTION`: IAM denies the action, e.g. `ec2:DescribeInstances`.
    Deny(String),
    /// `endpoint-state=STATE`: every endpoint is in that state, e.g. `create-failed`.
    EndpointState(String),
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(option: &str) -> Result<Self, Error> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        let wrong = |reason: &str| Error::Fault {
            option: option.to_owned(),
            reason: reason.to_owned(),
        };
        let number = || value.and_then(|v| v.parse::<u64>().ok());
        let size = || {
            value
                .and_then(|v| v.parse().ok())
                .filter(|n: &usize| *n > 0)
        };
        let word = || value.filter(|v| !v.is_empty()).map(str::to_owned);
        let fault = match name {
            "throttle" => number().map(Self::Throttle),
            "throttle-rate" => number().map(Self::ThrottleRate),
            "drop-after" => number().map(Self::DropAfter),
            "delayed-key" => value.and_then(parse_duration).map(Self::DelayedKey),
            "fragment" => size().map(Self::Fragment),
            "page-size" => size().map(Self::PageSize),
            "deny" => word().map(Self::Deny),
            "endpoint-state" => word().map(Self::EndpointState),
            _ => return Self::without_value(name, value).ok_or_else(|| wrong(KNOWN)),
        };
        fault.ok_or_else(|| wrong(&format!("needs a value, e.g. `{}`", example(name))))
    }
}

impl Fault {
    fn without_value(name: &str, value: Option<&str>) -> Option<Self> {
        let fault = match name {
            "throttle-forever" => Self::ThrottleForever,
            "ignored-key" => Self::IgnoredKey,
            "expired-credentials" => Self::ExpiredCredentials,
            "wrong-certificate" => Self::WrongCertificate,
            "untrusted-certificate" => Self::UntrustedCertificate,
            "mute-endpoint" => Self::MuteEndpoint,
            _ => return None,
        };
        value.is_none().then_some(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttle(n) => write!(f, "throttle={n}"),
            Self::ThrottleForever => f.write_str("throttle-forever"),
            Self::ThrottleRate(n) => write!(f, "throttle-rate={n}"),
            Self::DropAfter(n) => write!(f, "drop-after={n}"),
            Self::DelayedKey(delay) => write!(f, "delayed-key={}ms", delay.as_millis()),
            Self::IgnoredKey => f.write_str("ignored-key"),
            Self::Fragment(n) => write!(f, "fragment={n}"),
            Self::PageSize(n) => write!(f, "page-size={n}"),
            Self::ExpiredCredentials => f.write_str("expired-credentials"),
            Self::WrongCertificate => f.write_str("wrong-certificate"),
            Self::UntrustedCertificate => f.write_str("untrusted-certificate"),
            Self::MuteEndpoint => f.write_str("mute-endpoint"),
            Self::Deny(action) => write!(f, "deny={action}"),
            Self::EndpointState(state) => write!(f, "endpoint-state={state}"),
        }
    }
}

const KNOWN: &str = "unknown; there are throttle=N, throttle-forever, throttle-rate=N, drop-after=N, delayed-key=2s, \
    ignored-key, fragment=N, page-size=N, expired-credentials, wrong-certificate, \
    untrusted-certificate, mute-endpoint, deny=ACTION and endpoint-state=STATE";

fn example(name: &str) -> String {
    let value = match name {
        "delayed-key" => "2s",
        "deny" => "ec2:DescribeInstances",
        "endpoint-state" => "create-failed",
        "drop-after" => "1000",
        _ => "2",
    };
    format!("{name}={value}")
}

/// A duration as people write it: `80ms`, `2s`, `1.5s`, or a bare `0`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let seconds = if let Some(number) = text.strip_suffix("ms") {
        number.parse::<f64>().ok()? / 1000.0
    } else if let Some(number) = text.strip_suffix('s') {
        number.parse::<f64>().ok()?
    } else {
        (text == "0").then_some(0.0)?
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// All faults of a region, in the form in which they are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    pub(crate) throttled_calls: u64,
    pub(crate) calls_a_second: Option<u64>,
    pub(crate) drop_after: Option<u64>,
    pub(crate) key_delay: Duration,
    pub(crate) ignored_key: bool,
    pub(crate) fragment: Option<usize>,
    pub(crate) page_size: Option<usize>,
    pub(crate) expired_credentials: bool,
    pub(crate) wrong_certificate: bool,
    pub(crate) untrusted_certificate: bool,
    pub(crate) mute_endpoint: bool,
    pub(crate) denied: Vec<String>,
    pub(crate) endpoint_state: Option<String>,
}

impl Faults {
    pub(crate) fn denies(&self, action: &str) -> bool {
        self.denied.iter().any(|denied| denied == action)
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        let mut all = Self::default();
        for fault in faults {
            match fault {
                Fault::Throttle(n) => all.throttled_calls = n,
                Fault::ThrottleForever => all.throttled_calls = u64::MAX,
                Fault::ThrottleRate(n) => all.calls_a_second = Some(n),
                Fault::DropAfter(n) => all.drop_after = Some(n),
                Fault::DelayedKey(delay) => all.key_delay = delay,
                Fault::IgnoredKey => all.ignored_key = true,
                Fault::Fragment(n) => all.fragment = Some(n),
                Fault::PageSize(n) => all.page_size = Some(n),
                Fault::ExpiredCredentials => all.expired_credentials = true,
                Fault::WrongCertificate => all.wrong_certificate = true,
                Fault::UntrustedCertificate => all.untrusted_certificate = true,
                Fault::MuteEndpoint => all.mute_endpoint = true,
                Fault::Deny(action) => all.denied.push(action),
                Fault::EndpointState(state) => all.endpoint_state = Some(state),
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_reads_back_as_written() {
        let options = [
            "throttle=2",
            "throttle-forever",
            "throttle-rate=10",
            "drop-after=0",
            "delayed-key=2000ms",
            "ignored-key",
            "fragment=10",
            "page-size=1",
            "expired-credentials",
            "wrong-certificate",
            "untrusted-certificate",
            "mute-endpoint",
            "deny=ec2:DescribeInstances",
            "endpoint-state=create-failed",
        ];
        for option in options {
            let fault: Fault = option.parse().unwrap();
            assert_eq!(fault.to_string(), option);
        }
    }

    #[test]
    fn what_is_not_a_fault() {
        let options = [
            "",
            "nonsense",
            "throttle",
            "throttle=x",
            "fragment=0",
            "deny=",
            "ignored-key=yes",
            "delayed-key=2",
            "delayed-key=-1s",
        ];
        for option in options {
            assert!(option.parse::<Fault>().is_err(), "{option}");
        }
    }

    #[test]
    fn durations() {
        let cases = [
            ("80ms", Some(Duration::from_millis(80))),
            ("2s", Some(Duration::from_secs(2))),
            ("1.5s", Some(Duration::from_millis(1500))),
            ("0", Some(Duration::ZERO)),
            ("2", None),
            ("-1s", None),
            ("soon", None),
        ];
        for (text, duration) in cases {
            assert_eq!(parse_duration(text), duration, "{text}");
        }
    }
}
