//! A machine for tests.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use super::system::{Local, System};

/// Files and variables in memory.
pub(super) struct Fake {
    local: Local,
    files: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

impl Default for Fake {
    fn default() -> Self {
        let local = Local {
            user: "me".to_owned(),
            uid: "1000".to_owned(),
            home: "/home/me".to_owned(),
            host_name: "here.example.com".to_owned(),
            user_config: "/home/me/.ssh/config".to_owned(),
            system_config: "/etc/ssh/ssh_config".to_owned(),
            system_folder: "/etc/ssh".to_owned(),
        };
        Self {
            local,
            files: BTreeMap::new(),
            variables: BTreeMap::new(),
        }
    }
}

impl Fake {
    pub(super) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn with_file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }
}

impl System for Fake {
    fn local(&self) -> &Local {
        &self.local
    }

    fn read(&self, path: &str) -> io::Result<String> {
        let file = self.files.get(path).cloned();
        file.ok_or_else(|| io::Error::from_raw_os_error(2))
    }

    fn is_trusted(&self, path: &str) -> bool {
        !path.contains("unsafe")
    }

    fn find(&self, path: &str) -> io::Result<()> {
        self.read(path).map(drop)
    }

    fn glob(&self, pattern: &str) -> Vec<String> {
        let paths = self.files.keys();
        let matching = paths.filter(|path| crate::pattern::matches(pattern, path));
        matching.cloned().collect()
    }

    fn run(&self, command: &str) -> io::Result<Option<i32>> {
        Ok(match command {
            "killed" => None,
            command => Some(i32::from(!command.starts_with("true"))),
        })
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn home_of(&self, user: &str) -> Option<String> {
        (user == "you").then(|| "/home/you".to_owned())
    }

    fn service_port(&self, name: &str) -> Option<u16> {
        (name == "http").then_some(80)
    }

    fn addresses(&self) -> Vec<IpAddr> {
        vec![IpAddr::from([10, 0, 0, 7])]
    }

    fn resolves(&self, name: &str) -> bool {
        name.ends_with(".example.com.")
    }
}
