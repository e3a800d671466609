//! What the configuration asks of the machine it is read on; the caller answers, so that reading it stays pure.

use std::io;
use std::net::IpAddr;

/// Who runs the program, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Local {
    /// The user's name (`%u`).
    pub user: String,
    /// The user's numeric id (`%i`).
    pub uid: String,
    /// The user's home folder (`%d`, `~`).
    pub home: String,
    /// This machine's name (`%l`; up to the first dot, `%L`).
    pub host_name: String,
    /// The user's configuration file, e.g. `/home/me/.ssh/config`.
    pub user_config: String,
    /// The system's configuration file, e.g. `/etc/ssh/ssh_config`.
    pub system_config: String,
    /// The folder that the system's `Include` lines are relative to, e.g. `/etc/ssh`.
    pub system_folder: String,
}

/// The machine: its files, its environment, its shell.
pub trait System {
    /// Who runs the program, and where.
    fn local(&self) -> &Local;

    /// A file's text.
    ///
    /// # Errors
    /// As the file system says; a file that is not there is [`io::ErrorKind::NotFound`].
    fn read(&self, path: &str) -> io::Result<String>;

    /// Whether only root or the user can have written a file.
    fn is_trusted(&self, path: &str) -> bool;

    /// Whether a file can be seen.
    ///
    /// # Errors
    /// Why not.
    fn find(&self, path: &str) -> io::Result<()>;

    /// The files whose names match a shell pattern, in order.
    fn glob(&self, pattern: &str) -> Vec<String>;

    /// Runs a command in the user's shell; its exit status, `None` where a signal ended it.
    ///
    /// # Errors
    /// Where it cannot be started.
    fn run(&self, command: &str) -> io::Result<Option<i32>>;

    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;

    /// Another user's home folder (`~name`).
    fn home_of(&self, user: &str) -> Option<String>;

    /// The TCP port of a service, e.g. 80 for `http`.
    fn service_port(&self, name: &str) -> Option<u16>;

    /// The addresses of this machine's network interfaces that are up.
    fn addresses(&self) -> Vec<IpAddr>;

    /// Whether a host name, which ends in a dot, has an address.
    fn resolves(&self, name: &str) -> bool;
}
