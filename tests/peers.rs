//! Programs that are not ours: our client with an emulator of AWS, AWS's own clients and OpenSSH's with
//! the sandbox.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

#[path = "peers/aws_clients.rs"]
mod aws_clients;
#[path = "peers/key.rs"]
mod key;
#[path = "peers/moto.rs"]
mod moto;
#[path = "peers/mssh.rs"]
mod mssh;
#[path = "peers/openssh.rs"]
mod openssh;

/// Whether all of these peers are there; those missing are said.
fn peers(programs: &[&str]) -> bool {
    programs.iter().filter(|name| !support::peer(name)).count() == 0
}

/// The user of this machine that runs the tests: the one that a real sshd lets in.
fn current_user() -> String {
    support::run(std::process::Command::new("id").arg("-un"))
        .text()
        .trim()
        .to_owned()
}
