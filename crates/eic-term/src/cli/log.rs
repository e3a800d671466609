//! Logs: `-vv` the libraries', `-vvv` the wire's.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;

/// Crates that would log signatures or presigned URLs at `trace` stay at a level that does not.
const DEBUG: &str = "warn,eic_auth=debug,eic_term=debug,russh=info,aws_config=info";
const WIRE: &str = "debug,eic_auth=trace,eic_term=trace,russh=trace,tungstenite=info,tokio_tungstenite=info,aws_sigv4=info,aws_runtime=info,aws_smithy_runtime=info,aws_smithy_runtime_api=info,aws_smithy_http_client=debug,hyper=info,hyper_util=debug,rustls=debug,h2=info";

/// Starts logging, to a file where there is one; below `-vv` nothing is logged.
pub(crate) fn start(verbose: u8, to: Option<Arc<File>>) {
    let filter = match verbose {
        0 | 1 => return,
        2 => DEBUG,
        _ => WIRE,
    };
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter));
    match to {
        Some(file) => log.with_writer(file).with_ansi(false).init(),
        None => {
            let colours = io::stderr().is_terminal();
            log.with_writer(io::stderr).with_ansi(colours).init();
        }
    }
}
