//! Instances, and the two identifiers AWS gives a pattern for, parsed once.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::target::TargetError;

/// An EC2 instance id: `i-` and 8 to 30 lower-case hexadecimal digits.
///
/// The pattern is the one of SendSSHPublicKey's `InstanceId`
/// (<https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html>).
///
/// ```
/// use eic_auth::InstanceId;
///
/// let id: InstanceId = "i-0123456789abcdef0".parse()?;
/// assert_eq!(id.as_str(), "i-0123456789abcdef0");
/// # Ok::<(), eic_auth::TargetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(String);

impl InstanceId {
    /// Parses an instance id.
    ///
    /// # Errors
    /// [`TargetError::InstanceId`] if the text does not follow AWS's pattern.
    pub fn new(id: impl Into<String>) -> Result<Self, TargetError> {
        let id = id.into();
        match id_fault(&id) {
            None => Ok(Self(id)),
            Some(fault) => Err(TargetError::InstanceId { text: id, fault }),
        }
    }

    /// The id as AWS writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstanceId {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::new(text)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what keeps a text from being an instance id, `None` if nothing does.
fn id_fault(text: &str) -> Option<&'static str> {
    let Some(digits) = text.strip_prefix("i-") else {
        return Some("it does not start with `i-`");
    };
    if !digits
        .bytes()
        .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    {
        return Some("after `i-` only the digits 0-9 and a-f may follow");
    }
    match digits.len() {
        0..8 => Some("it is too short: at least 8 digits follow `i-`"),
        8..=30 => None,
        _ => Some("it is too long: at most 30 digits follow `i-`"),
    }
}

/// The operating system user to log in as; `ec2-user` by default.
///
/// Follows SendSSHPublicKey's `InstanceOSUser`: 1 to 32 of `a-z A-Z 0-9 . _ - @`, a `$` only at the end,
/// starting with a letter, a digit or `_`, and not digits alone
/// (<https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html>).
///
/// ```
/// use eic_auth::OsUser;
///
/// assert_eq!(OsUser::default().as_str(), "ec2-user");
/// assert!("ubuntu".parse::<OsUser>().is_ok());
/// assert!("-oProxyCommand=x".parse::<OsUser>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OsUser(String);

impl OsUser {
    /// Parses a user name.
    ///
    /// # Errors
    /// [`TargetError::OsUser`] if AWS would not take the name.
    pub fn new(name: impl Into<String>) -> Result<Self, TargetError> {
        let name = name.into();
        match user_fault(&name) {
            None => Ok(Self(name)),
            Some(fault) => Err(TargetError::OsUser { text: name, fault }),
        }
    }

    /// The user name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for OsUser {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Default for OsUser {
    fn default() -> Self {
        Self("ec2-user".to_owned())
    }
}

impl FromStr for OsUser {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::new(text)
    }
}

impl fmt::Display for OsUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what keeps a text from being a user name, `None` if nothing does.
fn user_fault(text: &str) -> Option<&'static str> {
    let stem = text.strip_suffix('$').unwrap_or(text);
    let Some(first) = stem.bytes().next() else {
        return Some("it is empty");
    };
    if text.len() > 32 {
        return Some("it is longer than 32 characters");
    }
    if !(first.is_ascii_alphanumeric() || first == b'_') {
        return Some("it must start with a letter, a digit or `_`");
    }
    if !stem.bytes().all(is_user_byte) {
        return Some("only letters, digits, `.`, `_`, `-` and `@` may be in it");
    }
    if stem.bytes().all(|b| b.is_ascii_digit()) {
        return Some("it must not be digits alone");
    }
    None
}

fn is_user_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@')
}

/// The life-cycle state of an instance, displayed in AWS's words.
///
/// ```
/// use eic_auth::InstanceState;
///
/// assert_eq!(InstanceState::from("shutting-down").to_string(), "shutting-down");
/// assert!(InstanceState::Terminated.is_gone());
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum InstanceState {
    /// Being launched or started.
    Pending,
    /// Up.
    Running,
    /// On its way to terminated.
    ShuttingDown,
    /// Gone; AWS goes on listing it for about an hour.
    Terminated,
    /// On its way to stopped.
    Stopping,
    /// Stopped; it can be started again.
    Stopped,
    /// A state this version does not know, in AWS's words; empty if AWS sent none.
    Unknown(String),
}

impl InstanceState {
    /// Whether the instance will never run again.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }

    /// The state in AWS's words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Unknown(word) if word.is_empty() => "unknown",
            Self::Unknown(word) => word,
        }
    }
}

impl From<&str> for InstanceState {
    fn from(word: &str) -> Self {
        match word {
            "pending" => Self::Pending,
            "running" => Self::Running,
            "shutting-down" => Self::ShuttingDown,
            "terminated" => Self::Terminated,
            "stopping" => Self::Stopping,
            "stopped" => Self::Stopped,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an instance can be reached; an IPv6-only or a stopped instance lacks some or all.
///
/// ```
/// use eic_auth::Addresses;
///
/// let addresses = Addresses { private_ipv4: Some([10, 0, 0, 7].into()), ..Addresses::default() };
/// assert_eq!(addresses.first().map(|a| a.to_string()).as_deref(), Some("10.0.0.7"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Public or Elastic IPv4 address.
    pub public_ipv4: Option<Ipv4Addr>,
    /// Private IPv4 address of the primary network interface.
    pub private_ipv4: Option<Ipv4Addr>,
    /// IPv6 address; always globally routable in a VPC.
    pub ipv6: Option<Ipv6Addr>,
    /// Public DNS name.
    pub public_dns_name: Option<String>,
    /// Private DNS name.
    pub private_dns_name: Option<String>,
}

impl Addresses {
    /// The address to show for the instance: public IPv4, private IPv4, IPv6, whichever there is first.
    #[must_use]
    pub fn first(&self) -> Option<IpAddr> {
        let v4 = self.public_ipv4.or(self.private_ipv4).map(IpAddr::V4);
        v4.or(self.ipv6.map(IpAddr::V6))
    }
}

/// An EC2 instance, as far as reaching it needs.
///
/// Who knows all of this already can do without DescribeInstances:
///
/// ```
/// use eic_auth::{Instance, InstanceId};
///
/// let mut instance = Instance::new(InstanceId::new("i-0123456789abcdef0")?);
/// instance.addresses.private_ipv4 = Some([10, 0, 0, 7].into());
/// instance.vpc_id = Some("vpc-0a1b2c3d".to_owned());
/// # Ok::<(), eic_auth::TargetError>(())
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The instance id.
    pub id: InstanceId,
    /// The `Name` tag, if it has one.
    pub name: Option<String>,
    /// The life-cycle state.
    pub state: InstanceState,
    /// Its addresses.
    pub addresses: Addresses,
    /// The VPC it is in.
    pub vpc_id: Option<String>,
    /// The subnet of its primary network interface.
    pub subnet_id: Option<String>,
    /// Its Availability Zone.
    pub availability_zone: Option<String>,
    /// The AWS account that owns it.
    pub owner_id: Option<String>,
    /// The platform as AWS words it, such as `Linux/UNIX` or `Windows`.
    pub platform: Option<String>,
    /// All its tags, `Name` among them.
    pub tags: BTreeMap<String, String>,
}

impl Instance {
    /// An instance of which only the id is known: running, without addresses.
    #[must_use]
    pub fn new(id: InstanceId) -> Self {
        Self {
            id,
            name: None,
            state: InstanceState::Running,
            addresses: Addresses::default(),
            vpc_id: None,
            subnet_id: None,
            availability_zone: None,
            owner_id: None,
            platform: None,
            tags: BTreeMap::new(),
        }
    }
}

/// One line for a person: `i-0123456789abcdef0 (web-1, running, 10.0.0.7)`.
impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = crate::text::Printable(self.name.as_deref().unwrap_or("no name"));
        write!(f, "{} ({name}, {}, ", self.id, self.state)?;
        match self.addresses.first() {
            Some(address) => write!(f, "{address})"),
            None => f.write_str("no address)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_ids() {
        for good in [
            "i-01234567",
            "i-0123456789abcdef0",
            &format!("i-{}", "a".repeat(30)),
        ] {
            assert_eq!(InstanceId::new(good).unwrap().to_string(), good);
        }
        for (bad, why) in [
            ("", "start with `i-`"),
            ("I-01234567", "start with `i-`"),
            ("i-", "too short"),
            ("i-0123456", "too short"),
            (&format!("i-{}", "a".repeat(31)), "too long"),
            ("i-0123456G", "0-9 and a-f"),
            ("i-0123456A", "0-9 and a-f"),
            ("i-01234567\n", "0-9 and a-f"),
        ] {
            let message = InstanceId::new(bad).unwrap_err().to_string();
            assert!(message.contains(why), "{bad:?}: {message}");
        }
    }

    #[test]
    fn os_users() {
        let longest = "a".repeat(32);
        for good in [
            "ec2-user",
            "root",
            "_apt",
            "a",
            "j.doe",
            "jane@corp",
            "svc$",
            "1a",
            &longest,
        ] {
            assert_eq!(OsUser::new(good).unwrap().as_str(), good);
        }
        let too_long = "a".repeat(33);
        for (bad, why) in [
            ("", "empty"),
            ("$", "empty"),
            ("-l", "start"),
            (".x", "start"),
            ("a b", "only letters"),
            ("a$b", "only letters"),
            ("a\n", "only letters"),
            ("ünal", "start"),
            ("1000", "digits alone"),
            (&too_long, "32"),
        ] {
            let message = OsUser::new(bad).unwrap_err().to_string();
            assert!(message.contains(why), "{bad:?}: {message}");
        }
    }

    #[test]
    fn states_keep_awss_words() {
        for word in [
            "pending",
            "running",
            "shutting-down",
            "terminated",
            "stopping",
            "stopped",
            "hibernating",
        ] {
            assert_eq!(InstanceState::from(word).as_str(), word);
        }
        assert_eq!(InstanceState::from("").as_str(), "unknown");
    }

    #[test]
    fn one_line_for_a_person() {
        let mut instance = Instance::new(InstanceId::new("i-01234567").unwrap());
        assert_eq!(
            instance.to_string(),
            "i-01234567 (no name, running, no address)"
        );
        instance.name = Some("evil\u{1b}[2J".to_owned());
        instance.addresses.ipv6 = Some(Ipv6Addr::LOCALHOST);
        assert_eq!(
            instance.to_string(),
            "i-01234567 (evil\\u{1b}[2J, running, ::1)"
        );
    }
}
