//! OpenSSH's command line and configuration: any text is read or refused, and what is read can be printed. The first
//! paragraph of the input is the command line, a word a line; the rest is the configuration.
#![no_main]

use std::ffi::OsString;
use std::io;
use std::net::IpAddr;

use eic_term::ssh_config::{Local, System, resolve};
use libfuzzer_sys::fuzz_target;

/// A machine whose every file is the same.
struct Machine<'a> {
    local: Local,
    file: &'a str,
}

impl System for Machine<'_> {
    fn local(&self) -> &Local {
        &self.local
    }

    fn read(&self, _: &str) -> io::Result<String> {
        Ok(self.file.to_owned())
    }

    fn is_trusted(&self, _: &str) -> bool {
        true
    }

    fn find(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn glob(&self, pattern: &str) -> Vec<String> {
        // A file that includes itself twice at each of 16 depths is never read to its end, by ssh(1) neither.
        let once = self.file.to_ascii_lowercase().matches("include").count() < 2;
        if once { vec![pattern.to_owned()] } else { Vec::new() }
    }

    fn run(&self, command: &str) -> io::Result<Option<i32>> {
        Ok(Some(i32::try_from(command.len() % 2).unwrap_or_default()))
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/me".to_owned())
    }

    fn home_of(&self, user: &str) -> Option<String> {
        (user == "you").then(|| "/home/you".to_owned())
    }

    fn service_port(&self, _: &str) -> Option<u16> {
        None
    }

    fn addresses(&self) -> Vec<IpAddr> {
        vec![IpAddr::from([10, 0, 0, 7])]
    }

    fn resolves(&self, _: &str) -> bool {
        true
    }
}

fuzz_target!(|text: &str| {
    let (words, file) = text.split_once("\n\n").unwrap_or((text, ""));
    let local = Local {
        user: "me".to_owned(),
        uid: "1000".to_owned(),
        home: "/home/me".to_owned(),
        host_name: "here.example.com".to_owned(),
        user_config: "/home/me/.ssh/config".to_owned(),
        system_config: "/etc/ssh/ssh_config".to_owned(),
        system_folder: "/etc/ssh".to_owned(),
    };
    let words: Vec<OsString> = words.lines().map(OsString::from).collect();
    // Neither outcome is wrong.
    let _ = resolve(&words, &Machine { local, file });
});
