//! A local AWS region for demos and tests: EC2, EC2 Instance Connect, its endpoints, and SSH
//! hosts to log in to.
//!
//! Everything is on loopback, on ports of the system's choosing, and gone when the [`Region`]
//! is dropped. Real AWS clients work against it: requests are signed with Signature Version 4
//! and verified, and errors have AWS's codes and words.
//!
//! # What is there?
//!
//! - EC2's query API: `DescribeInstances`, `DescribeInstanceConnectEndpoints` and
//!   `GetConsoleOutput`, with filters and pages.
//! - EC2 Instance Connect: `SendSSHPublicKey`; keys live for 60 seconds.
//! - Endpoints: WebSockets over TLS that lead to private addresses of their VPC.
//! - Instances with SSH hosts: a built-in server with real terminals, or the machine's `sshd`. All run their programs
//!   on this machine, with the instance's id in `EIC_SANDBOX_INSTANCE`.
//!
//! # How do I point a client at it?
//!
//! [`Region::env`] has the variables that every AWS SDK reads. On the command line,
//! `eic-sandbox run -- CMD` sets them for a command.
//!
//! # How do I test what goes wrong?
//!
//! [`Config::fault`] adds a [`Fault`], and [`Config::rtt`] a round-trip time;
//! [`Region::round_trips`] then counts what a client makes the network wait for.

mod api;
mod certificates;
mod config;
mod counters;
mod credentials;
mod endpoint;
mod environment;
mod error;
mod faults;
mod fleet;
mod host;
mod keys;
mod launch;
mod link;
mod listener;
mod region;
mod round_trips;
mod sigv4;
mod state;
mod timestamp;
mod tls;
mod yard;

pub use config::Config;
pub use error::Error;
pub use faults::{Fault, parse_duration};
pub use fleet::Fleet;
pub use region::{Endpoint, Instance, Region};
