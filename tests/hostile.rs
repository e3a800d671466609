//! What a hostile server can do: every case ends in a clear error within its limit, or is ignored as the RFC says.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

#[path = "hostile/keys.rs"]
mod keys;
#[path = "hostile/login.rs"]
mod login;
#[path = "hostile/packet.rs"]
mod packet;
#[path = "hostile/program.rs"]
mod program;
#[path = "hostile/server.rs"]
mod server;
#[path = "hostile/session.rs"]
mod session;
#[path = "hostile/transport.rs"]
mod transport;
#[path = "hostile/versions.rs"]
mod versions;
