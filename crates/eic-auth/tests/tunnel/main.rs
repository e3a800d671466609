//! The tunnel against endpoints and proxies on loopback that behave, and that do not.

#![cfg(test)]

mod opening;
mod proxy;
mod server;
mod stream;
