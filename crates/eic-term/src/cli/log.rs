//! Logs on standard error: `-vv` the libraries', `-vvv` the wire's.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Crates that would log signatures or presigned URLs at `trace` stay at a level that does not.
const DEBUG: &str = "warn,eic_auth=debug,eic_term=debug,russh=info,aws_config=info";
const WIRE: &str = "debug,eic_auth=trace,eic_term=trace,russh=trace,tungstenite=info,tokio_tungstenite=info,aws_sigv4=info,aws_runtime=info,aws_smithy_runtime=info,aws_smithy_runtime_api=info,aws_smithy_http_client=debug,hyper=info,hyper_util=debug,rustls=debug,h2=info";

/// Starts logging; below `-vv` nothing is logged.
pub(crate) fn start(verbose: u8) {
    let filter = match verbose {
        0 | 1 => return,
        2 => DEBUG,
        _ => WIRE,
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}
