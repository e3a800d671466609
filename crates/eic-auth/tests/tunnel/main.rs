//! The tunnel against endpoints and proxies on loopback that behave, and that do not.

#![cfg(test)]

mod endpoint;
mod opening;
mod proxy;
#[path = "../support/server.rs"]
mod server;
mod stream;
