//! Which instances a selector means, told without asking AWS.

use std::net::IpAddr;

use crate::instance::Instance;
use crate::target::Selector;

impl Selector {
    /// Whether the selector is made to mean several instances: a tag, or a name with a wildcard.
    ///
    /// ```
    /// use eic_auth::Selector;
    ///
    /// let is_pattern = |text: &str| text.parse::<Selector>().unwrap().is_pattern();
    /// assert!(is_pattern("web-*") && is_pattern("tag:Role=web"));
    /// assert!(!is_pattern("web-1") && !is_pattern("10.0.0.7"));
    /// ```
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        match self {
            Self::Tag { .. } => true,
            Self::Name(name) => tokens(name).any(|token| !matches!(token, Token::Char(_))),
            Self::Id(_) | Self::Address(_) | Self::DnsName(_) => false,
        }
    }

    /// Whether the selector means this instance, as far as its description tells: secondary addresses are not in it.
    ///
    /// ```
    /// use eic_auth::{Instance, InstanceId, Selector};
    ///
    /// let mut instance = Instance::new(InstanceId::new("i-0123456789abcdef0")?);
    /// instance.name = Some("web-1".to_owned());
    /// assert!("web-?".parse::<Selector>()?.matches(&instance));
    /// # Ok::<(), eic_auth::TargetError>(())
    /// ```
    #[must_use]
    pub fn matches(&self, instance: &Instance) -> bool {
        let addresses = &instance.addresses;
        match self {
            Self::Id(id) => instance.id == *id,
            Self::Name(name) => instance.name.as_deref().is_some_and(|own| fits(name, own)),
            Self::Tag { key, value } => {
                let own = instance.tags.get(key);
                own.is_some_and(|own| fits(value, own))
            }
            Self::Address(IpAddr::V4(address)) => {
                let own = [addresses.private_ipv4, addresses.public_ipv4];
                own.contains(&Some(*address))
            }
            Self::Address(IpAddr::V6(address)) => addresses.ipv6 == Some(*address),
            Self::DnsName(name) => {
                let own = [&addresses.private_dns_name, &addresses.public_dns_name];
                let mut own = own.into_iter().flatten();
                own.any(|own| own.eq_ignore_ascii_case(name))
            }
        }
    }
}

/// A part of a filter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// `*`: any text.
    Any,
    /// `?`: any character.
    One,
    Char(char),
}

/// Takes a filter's value apart; a backslash takes the next character literally
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).
fn tokens(pattern: &str) -> impl Iterator<Item = Token> {
    let mut chars = pattern.chars();
    std::iter::from_fn(move || {
        Some(match chars.next()? {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Char(chars.next().unwrap_or('\\')),
            other => Token::Char(other),
        })
    })
}

/// Whether a filter's value matches a text: the usual two pointers, of which one goes back to the last `*`.
fn fits(pattern: &str, text: &str) -> bool {
    let pattern: Vec<Token> = tokens(pattern).collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut next) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(char) = text.get(at) {
        match pattern.get(next) {
            Some(Token::Any) => {
                retry = Some((next, at));
                next += 1;
            }
            Some(token) if *token == Token::One || *token == Token::Char(*char) => {
                (at, next) = (at + 1, next + 1);
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (at, next) = (from + 1, star + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(next).all(|token| *token == Token::Any)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::InstanceId;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("web-1", "web-1", true),
            ("web-1", "web-10", false),
            ("web-1", "WEB-1", false),
            ("web-*", "web-", true),
            ("*-1", "web-1-1", true),
            ("*a*b*c", "xxaxxbxxbxc", true),
            ("*a*b*c", "xxaxxcxxb", false),
            ("w?b", "web", true),
            ("w?b", "wb", false),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"a\", r"a\", true),
            ("*", "", true),
            ("?", "é", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_means_an_instance() {
        let mut instance = Instance::new(InstanceId::new("i-01234567").unwrap());
        instance.name = Some("web-1".to_owned());
        instance.tags.insert("Role".to_owned(), "web".to_owned());
        instance.addresses.private_ipv4 = Some([10, 0, 0, 7].into());
        instance.addresses.private_dns_name = Some("ip-10-0-0-7.ec2.internal".to_owned());
        for (text, expected) in [
            ("i-01234567", true),
            ("i-01234568", false),
            ("web-*", true),
            ("db-*", false),
            ("tag:Role=w*", true),
            ("tag:Role=db", false),
            ("tag:Other=web", false),
            ("10.0.0.7", true),
            ("10.0.0.8", false),
            ("::1", false),
            ("IP-10-0-0-7.ec2.internal", true),
        ] {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(selector.matches(&instance), expected, "{text}");
        }
    }
}
