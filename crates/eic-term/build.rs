//! Gives the program's first thread on Windows a stack as large as elsewhere: it has 1 or 2 MiB there unless told otherwise,
//! which logins by way of other hosts take in unoptimized builds.

use std::env::var;

const STACK: u32 = 8 << 20;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if var("CARGO_CFG_TARGET_OS").as_deref() != Ok("windows") {
        return;
    }
    let argument = match var("CARGO_CFG_TARGET_ENV").as_deref() {
        Ok("msvc") => format!("/STACK:{STACK}"),
        _ => format!("-Wl,--stack,{STACK}"),
    };
    println!("cargo::rustc-link-arg-bins={argument}");
}
