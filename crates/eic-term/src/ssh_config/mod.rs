//! OpenSSH's command line and its client configuration, resolved as ssh(1) does it (ssh_config(5), OpenSSH 9.2;
//! keywords up to 10.x).
//!
//! [`resolve`] takes a command line and a [`System`], which answers what the configuration asks of the machine, and
//! gives what is asked for: [`ResolvedOptions`] for a connection. Nothing here reads a file or the environment.
//!
//! It differs from OpenSSH in this: `CanonicalizePermittedCNAMEs` is read but aliases in DNS are not followed, and `StreamLocalBindMask` and `SyslogFacility` hold only where their block applies.

mod address;
mod algorithm;
mod choices;
mod command_line;
mod criteria;
mod defaults;
mod expand;
#[cfg(test)]
mod fake;
mod finish;
mod forward;
mod hostname;
mod jump;
mod keyword;
mod kind;
mod lexer;
mod log;
mod network;
mod number;
mod options;
mod print;
#[cfg(test)]
mod properties;
mod reader;
mod resolve;
mod settings;
mod special;
mod switch;
mod system;
mod typed;
mod value;
mod words;

pub use address::is_safe_host as may_be_host;
pub use choices::{
    AddKeysToAgent, AddressFamily, ControlCommand, ControlMaster, ControlPersist, ForwardAgent,
    IdentityAgent, LogLevel, RequestTty, SessionType, StrictHostKeyChecking, UpdateHostKeys,
};
pub use forward::{Forward, Listen, Target};
pub use jump::Hop;
pub use log::{Messages, Refused};
pub use options::ResolvedOptions;
pub use resolve::{Request, Resolution, resolve};
pub use system::{Local, System};

/// The OpenSSH whose command line and configuration these are.
pub const VERSION: &str = "OpenSSH_9.2";
