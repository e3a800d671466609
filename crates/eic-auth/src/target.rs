//! What a person types to name an instance, parsed once.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::address::{address, dns_name};
use crate::instance::{InstanceId, OsUser};
use crate::text::Printable;

/// An instance as a person names it: `[user@]` and a [`Selector`].
///
/// ```
/// use eic_auth::{Selector, Target};
///
/// let target: Target = "ubuntu@web-1".parse()?;
/// assert_eq!(target.user.unwrap().as_str(), "ubuntu");
/// assert_eq!(target.selector, Selector::Name("web-1".to_owned()));
/// # Ok::<(), eic_auth::TargetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The operating system user, if one was named.
    pub user: Option<OsUser>,
    /// The instance.
    pub selector: Selector,
}

impl FromStr for Target {
    type Err = TargetError;

    /// Parses `[user@]selector`. The user ends at the last `@`, or, in front of `tag:` and `Name:`, at the `@`
    /// before it, since a tag's value may hold an `@` of its own.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (user, selector) = match split_user(text) {
            Some((user, selector)) => (Some(user.parse()?), selector),
            None => (None, text),
        };
        Ok(Self {
            user,
            selector: selector.parse()?,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}", self.selector)
    }
}

/// Which instance is meant; what a filter of DescribeInstances will look for.
///
/// | text | means |
/// |---|---|
/// | `i-0123456789abcdef0` | that instance |
/// | `10.0.0.7`, `2001:db8::7`, `[2001:db8::7]` | the instance with that private or public address |
/// | `ip-10-0-0-7.ec2.internal`, `ec2-….amazonaws.com` | the instance with that private or public DNS name |
/// | `tag:Key=Value` | the instance with that tag |
/// | `Name:web-1`, `tag:Name=web-1` | the instance whose `Name` tag that is, whatever the name looks like |
/// | anything else | the same, without the prefix |
///
/// `i-` followed by letters and digits is an id, or an error if it is none, unless there is no digit among
/// them and a letter beyond `f`: `i-robot` and `i-love-lucy` are names. Four numbers with dots between are an
/// address. A DNS name counts as one if it ends as those of EC2 do; `app.example.com` is a `Name` tag.
///
/// In the value of a tag `*` stands for any text, `?` for one character, and a `\` before one of the three takes
/// it literally. EC2 itself does this, and compares all else exactly, upper and lower case told apart
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).
///
/// ```
/// use eic_auth::Selector;
///
/// assert_eq!("10.0.0.7".parse(), Ok(Selector::Address([10, 0, 0, 7].into())));
/// assert_eq!("Name:10.0.0.7".parse(), Ok(Selector::Name("10.0.0.7".to_owned())));
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The instance id.
    Id(InstanceId),
    /// The value of the `Name` tag; `*`, `?` and `\` are wildcards and escape.
    Name(String),
    /// A tag and its value; `*`, `?` and `\` are wildcards and escape in the value.
    Tag {
        /// The tag's key, compared exactly.
        key: String,
        /// The tag's value.
        value: String,
    },
    /// A private or public IPv4 or IPv6 address.
    Address(IpAddr),
    /// A private or public DNS name as EC2 gives out, in lower case.
    DnsName(String),
}

impl FromStr for Selector {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.trim().is_empty() {
            return Err(TargetError::Empty);
        }
        if let Some(name) = text.strip_prefix("Name:") {
            return name_selector(text, name);
        }
        if let Some(tag) = text.strip_prefix("tag:") {
            return tag_selector(text, tag);
        }
        if let Some(digits) = text.strip_prefix("i-").filter(|rest| looks_like_id(rest)) {
            return InstanceId::new(format!("i-{digits}")).map(Self::Id);
        }
        if let Some(address) = address(text) {
            return address.map(Self::Address);
        }
        match dns_name(text) {
            Some(name) => Ok(Self::DnsName(name)),
            None => name_selector(text, text),
        }
    }
}

/// What parses back to the same selector, in the shortest form.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) if !name.contains('@') && name.parse().as_ref() == Ok(self) => {
                f.write_str(name)
            }
            Self::Name(name) => write!(f, "Name:{name}"),
            Self::Tag { key, value } => write!(f, "tag:{key}={value}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::DnsName(name) => f.write_str(name),
        }
    }
}

/// Why a text names no instance.
///
/// ```
/// let error = "i-0123".parse::<eic_auth::Target>().unwrap_err();
/// assert!(error.to_string().contains("too short"));
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing was named.
    #[error(
        "no instance named; try an id, a Name tag or an address: `i-0123456789abcdef0`, `web-1`, `10.0.0.7`"
    )]
    Empty,
    /// What stands before the `@` is no user name.
    #[error("`{}` is no user name: {fault}; try `ec2-user`", Printable(text))]
    OsUser {
        /// What was given.
        text: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// It looks like an instance id but is none.
    #[error(
        "`{}` is no instance id: {fault}; an id looks like `i-0123456789abcdef0`, and `Name:{}` means the Name tag",
        Printable(text),
        Printable(text)
    )]
    InstanceId {
        /// What was given.
        text: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// It looks like an IP address but is none.
    #[error(
        "`{}` is no IP address; one looks like `10.0.0.7` or `2001:db8::7`, and `Name:{}` means the Name tag",
        Printable(text),
        Printable(text)
    )]
    Address {
        /// What was given.
        text: String,
    },
    /// A tag without a key, a value or an equals sign.
    #[error(
        "`{}` is no tag: {fault}; try `tag:Role=web` or `Name:web-1`",
        Printable(text)
    )]
    Tag {
        /// What was given.
        text: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A control character, which no tag can hold.
    #[error("`{}` holds a control character", Printable(text))]
    ControlCharacter {
        /// What was given.
        text: String,
    },
}

fn split_user(text: &str) -> Option<(&str, &str)> {
    let tag = ["tag:", "Name:"]
        .iter()
        .filter_map(|prefix| tag_start(text, prefix))
        .min();
    match tag {
        Some(0) => None,
        Some(start) => text
            .split_at_checked(start)
            .map(|(user, tag)| (user.strip_suffix('@').unwrap_or(user), tag)),
        None => text.rsplit_once('@'),
    }
}

/// Where a tag selector starts: at the start of the text or behind an `@`.
fn tag_start(text: &str, prefix: &str) -> Option<usize> {
    if text.starts_with(prefix) {
        return Some(0);
    }
    text.find(&format!("@{prefix}")).map(|at| at + 1)
}

fn name_selector(text: &str, name: &str) -> Result<Selector, TargetError> {
    check_text(text)?;
    if name.is_empty() {
        return Err(TargetError::Tag {
            text: text.to_owned(),
            fault: "the name is empty",
        });
    }
    Ok(Selector::Name(name.to_owned()))
}

fn tag_selector(text: &str, tag: &str) -> Result<Selector, TargetError> {
    check_text(text)?;
    let fault = |fault| TargetError::Tag {
        text: text.to_owned(),
        fault,
    };
    let (key, value) = tag
        .split_once('=')
        .ok_or_else(|| fault("it has no `=` after the key"))?;
    match (key, value) {
        ("", _) => Err(fault("the key is empty")),
        ("Name", "") => Err(fault("the name is empty")),
        ("Name", name) => Ok(Selector::Name(name.to_owned())),
        _ => Ok(Selector::Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        }),
    }
}

fn check_text(text: &str) -> Result<(), TargetError> {
    if text.chars().any(char::is_control) {
        return Err(TargetError::ControlCharacter {
            text: text.to_owned(),
        });
    }
    Ok(())
}

/// Whether what follows `i-` was meant as an id: letters and digits only, and either all of them hexadecimal
/// or a digit among them.
fn looks_like_id(rest: &str) -> bool {
    rest.bytes().all(|b| b.is_ascii_alphanumeric())
        && (rest.bytes().all(|b| b.is_ascii_hexdigit()) || rest.bytes().any(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv6Addr;

    fn name(text: &str) -> Selector {
        Selector::Name(text.to_owned())
    }

    fn tag(key: &str, value: &str) -> Selector {
        Selector::Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    fn id(text: &str) -> Selector {
        Selector::Id(InstanceId::new(text).unwrap())
    }

    fn dns(text: &str) -> Selector {
        Selector::DnsName(text.to_owned())
    }

    #[test]
    fn what_can_be_typed() {
        for (text, user, selector) in [
            ("i-0123456789abcdef0", None, id("i-0123456789abcdef0")),
            ("i-deadbeef", None, id("i-deadbeef")),
            (
                "root@i-0123456789abcdef0",
                Some("root"),
                id("i-0123456789abcdef0"),
            ),
            ("jane@corp@i-01234567", Some("jane@corp"), id("i-01234567")),
            ("i-love-lucy", None, name("i-love-lucy")),
            ("i-robot", None, name("i-robot")),
            ("i-0123*", None, name("i-0123*")),
            ("web-1", None, name("web-1")),
            ("web-?*", None, name("web-?*")),
            ("my web server", None, name("my web server")),
            ("app.example.com", None, name("app.example.com")),
            ("1.2.3", None, name("1.2.3")),
            ("a:b", None, name("a:b")),
            ("u@web", Some("u"), name("web")),
            ("Name:i-0123", None, name("i-0123")),
            ("Name:a@b", None, name("a@b")),
            ("u@Name:a@b", Some("u"), name("a@b")),
            ("tag:Name=x=y", None, name("x=y")),
            ("tag:Role=web", None, tag("Role", "web")),
            ("tag:Owner=a@b.example", None, tag("Owner", "a@b.example")),
            (
                "u@tag:Owner=a@b.example",
                Some("u"),
                tag("Owner", "a@b.example"),
            ),
            (
                "tag:aws:cloudformation:stack-name=s",
                None,
                tag("aws:cloudformation:stack-name", "s"),
            ),
            ("tag:Empty=", None, tag("Empty", "")),
            ("10.0.0.7", None, Selector::Address([10, 0, 0, 7].into())),
            (
                "u@10.0.0.7",
                Some("u"),
                Selector::Address([10, 0, 0, 7].into()),
            ),
            ("::1", None, Selector::Address(Ipv6Addr::LOCALHOST.into())),
            (
                "u@[::1]",
                Some("u"),
                Selector::Address(Ipv6Addr::LOCALHOST.into()),
            ),
            (
                "ip-10-0-0-7.ec2.internal",
                None,
                dns("ip-10-0-0-7.ec2.internal"),
            ),
            (
                "i-0123456789abcdef0.eu-west-1.compute.internal",
                None,
                dns("i-0123456789abcdef0.eu-west-1.compute.internal"),
            ),
            (
                "EC2-1-2-3-4.compute-1.amazonaws.com.",
                None,
                dns("ec2-1-2-3-4.compute-1.amazonaws.com"),
            ),
            (
                "u@ec2-1-2-3-4.cn-north-1.compute.amazonaws.com.cn",
                Some("u"),
                dns("ec2-1-2-3-4.cn-north-1.compute.amazonaws.com.cn"),
            ),
        ] {
            let target: Target = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(target.selector, selector, "{text}");
            assert_eq!(target.user.as_ref().map(OsUser::as_str), user, "{text}");
            assert_eq!(target.to_string().parse(), Ok(target), "{text}");
        }
    }

    #[test]
    fn what_cannot() {
        for (text, why) in [
            ("", "no instance named"),
            ("  ", "no instance named"),
            ("u@", "no instance named"),
            ("@web", "no user name: it is empty"),
            ("-x@web", "must start with"),
            ("i-", "too short"),
            ("i-0123", "too short"),
            ("i-beef", "too short"),
            ("i-0123456789ABCDEF0", "0-9 and a-f"),
            ("i-0123xyz", "0-9 and a-f"),
            ("10.0.0.256", "no IP address"),
            ("1.2.3.04", "no IP address"),
            ("[10.0.0.7]", "no IP address"),
            ("[::1", "no IP address"),
            ("1:2:3", "no IP address"),
            ("tag:Role", "no `=`"),
            ("tag:=web", "key is empty"),
            ("tag:Name=", "name is empty"),
            ("Name:", "name is empty"),
            ("web\u{7}", "control character"),
        ] {
            let message = text.parse::<Target>().unwrap_err().to_string();
            assert!(message.contains(why), "{text:?}: {message}");
            assert!(!message.contains('\u{7}'), "{message:?}");
        }
    }

    #[test]
    fn an_awkward_name_is_shown_with_its_prefix() {
        for (selector, text) in [
            (name("10.0.0.7"), "Name:10.0.0.7"),
            (name("i-0123"), "Name:i-0123"),
            (name("tag:x"), "Name:tag:x"),
            (name("web"), "web"),
        ] {
            assert_eq!(selector.to_string(), text);
            assert_eq!(text.parse(), Ok(selector));
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_is_displayed_as_what_parses_the_same(text in "[ -~]{0,24}|(i-|tag:|Name:|u@)[!-~]{0,24}") {
            if let Ok(target) = text.parse::<Target>() {
                let shown = target.to_string();
                prop_assert_eq!(shown.parse::<Target>(), Ok(target), "{} shown as {}", text, shown);
            }
        }

        #[test]
        fn any_text_parses_to_what_is_shown_the_same_or_is_refused_safely(text in any::<String>()) {
            match text.parse::<Target>() {
                Ok(target) => prop_assert_eq!(target.to_string().parse(), Ok(target)),
                Err(error) => prop_assert!(!error.to_string().contains(char::is_control)),
            }
        }
    }
}
