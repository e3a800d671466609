//! This machine, as the configuration asks of it.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};

use eic_term::ssh_config::{Local, System};
use etcetera::home_dir;

use super::platform;
use crate::cli::report::Failure;

/// This machine.
#[derive(Debug)]
pub(super) struct Machine {
    local: Local,
}

impl Machine {
    pub(super) fn this() -> Result<Self, Failure> {
        let local = platform::local();
        let local = local.map_err(|source| Failure::new("cannot find out who you are", source))?;
        Ok(Self { local })
    }

    /// The same for our own commands, whose files are all below `$HOME`, where that is another folder than the user
    /// database names.
    pub(super) fn at_home() -> Result<Self, Failure> {
        let mut machine = Self::this()?;
        if let Ok(home) = home_dir() {
            let local = &mut machine.local;
            let home = home.to_string_lossy();
            local.home = match cfg!(windows) {
                true => home.replace('\\', "/"),
                false => home.into_owned(),
            };
            local.user_config = format!("{}/.ssh/config", local.home);
        }
        Ok(machine)
    }

    /// The user's configuration file, where it is another than [`this`](Self::this) reads.
    pub(super) fn other_config(&self) -> Option<String> {
        let usual = Self::this().ok()?.local.user_config;
        let other = Some(&self.local.user_config).filter(|path| **path != usual);
        other.filter(|path| self.find(path).is_ok()).cloned()
    }
}

impl System for Machine {
    fn local(&self) -> &Local {
        &self.local
    }

    fn read(&self, path: &str) -> io::Result<String> {
        let bytes = std::fs::read(path)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn is_trusted(&self, path: &str) -> bool {
        platform::is_trusted(path)
    }

    fn find(&self, path: &str) -> io::Result<()> {
        std::fs::metadata(path).map(drop)
    }

    fn glob(&self, pattern: &str) -> Vec<String> {
        super::glob::glob(pattern)
    }

    fn run(&self, command: &str) -> io::Result<Option<i32>> {
        let status = platform::shell(command)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .status()?;
        Ok(status.code())
    }

    fn variable(&self, name: &str) -> Option<String> {
        let value = std::env::var_os(name)?;
        Some(value.to_string_lossy().into_owned())
    }

    fn home_of(&self, user: &str) -> Option<String> {
        platform::home_of(user)
    }

    fn service_port(&self, name: &str) -> Option<u16> {
        service_port(&platform::services()?, name)
    }

    fn addresses(&self) -> Vec<IpAddr> {
        platform::addresses()
    }

    fn resolves(&self, name: &str) -> bool {
        let found = (name, 22).to_socket_addrs();
        found.is_ok_and(|mut addresses| addresses.next().is_some())
    }
}

/// The TCP port of a service, out of services(5).
fn service_port(services: &str, name: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let first = words.next()?;
        let port = words.next()?.strip_suffix("/tcp")?;
        let is_named = first == name || words.any(|alias| alias == name);
        is_named.then(|| port.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services() {
        let text = "# comment\nssh 22/tcp # login\nhttp\t80/tcp www\ndomain 53/udp\n";
        for (name, port) in [("ssh", Some(22)), ("www", Some(80)), ("domain", None)] {
            assert_eq!(service_port(text, name), port, "{name}");
        }
    }
}
