//! Where an X server listens, as `DISPLAY` has it.

use std::fmt;

use crate::forward::{Address, local_displays};

/// The port of display 0.
const FIRST_PORT: u16 = 6000;

/// An X server's address: `:0`, `unix:0.1`, `host:0`, or on macOS the path of a socket (X(7), DISPLAY NAMES).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Display {
    text: String,
    place: Place,
    screen: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// A socket by its path.
    Path(String),
    /// A display of this machine, by its number.
    Local(u16),
    /// One of a host, by its port.
    Tcp(String, u16),
}

impl Display {
    /// Reads `DISPLAY`; `None` where it names none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, rest) = text.rsplit_once(':')?;
        let (number, screen) = rest.split_once('.').unwrap_or((rest, "0"));
        let number: u16 = digits(number)?.try_into().ok()?;
        let place = match host {
            "" | "unix" => Place::Local(number),
            path if path.starts_with('/') => Place::Path(format!("{path}:{number}")),
            host if !is_name(host) => return None,
            host => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                Place::Tcp(host.to_owned(), FIRST_PORT.checked_add(number)?)
            }
        };
        Some(Self {
            text: text.to_owned(),
            place,
            screen: digits(screen)?,
        })
    }

    /// Returns the number of the screen.
    #[must_use]
    pub fn screen(&self) -> u32 {
        self.screen
    }

    /// Returns the name that xauth(1) knows it by: a display that `localhost` names is one of this machine.
    #[must_use]
    pub fn authority_name(&self) -> String {
        match self.text.strip_prefix("localhost:") {
            Some(rest) => format!("unix:{rest}"),
            None => self.text.clone(),
        }
    }

    /// Where to connect, the first that answers.
    pub(super) fn addresses(&self) -> Vec<Address> {
        match &self.place {
            Place::Path(path) => vec![Address::unix(path)],
            Place::Local(number) => local_displays(*number),
            Place::Tcp(host, port) => vec![Address::tcp(host, *port)],
        }
    }
}

/// A number without a sign.
fn digits(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn is_name(host: &str) -> bool {
    let is_part = |one: char| one.is_alphanumeric() || "-._[]:%".contains(one);
    host.chars().all(is_part)
}

impl fmt::Display for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_display() {
        for (text, expected) in [
            ("host:0", Some(("host:6000", 0))),
            ("localhost:10.2", Some(("localhost:6010", 2))),
            ("[::1]:1", Some(("[::1]:6001", 0))),
            ("10.0.0.1:3.1", Some(("10.0.0.1:6003", 1))),
            (
                "/private/tmp/com.apple.launchd.x/org.xquartz:0",
                Some(("/private/tmp/com.apple.launchd.x/org.xquartz:0", 0)),
            ),
            (
                "/tmp/launch-x/org.x:0.1",
                Some(("/tmp/launch-x/org.x:0", 1)),
            ),
            ("", None),
            ("0", None),
            ("host", None),
            ("host:", None),
            ("host:x", None),
            ("host:+1", None),
            ("host:0.", None),
            ("host:0.x", None),
            ("host:60000", None),
            ("`id`:0", None),
            ("a b:0", None),
        ] {
            let found = Display::parse(text).map(|display| {
                let addresses = display.addresses();
                assert_eq!(addresses.len(), 1, "{text}");
                (addresses[0].to_string(), display.screen())
            });
            let expected = expected.map(|(address, screen)| (address.to_owned(), screen));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn displays_of_this_machine() {
        for text in [":7", "unix:7", ":7.0"] {
            let display = Display::parse(text).unwrap();
            assert_eq!(display.addresses(), local_displays(7), "{text}");
            assert_eq!(display.authority_name(), text);
        }
        let near = Display::parse("localhost:10.0").unwrap();
        assert_eq!(near.authority_name(), "unix:10.0");
    }
}
