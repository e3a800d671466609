//! Logs: `-vv` the libraries', `-vvv` the wire's.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What ssh(1) says at `-v` too: key exchanges and the like.
const STEPS: &str = "off,eic_term=info";
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

/// Starts logging as ssh(1) does, each line with its level before it: programs that started it look for them.
pub(crate) fn start_debug(verbose: u8, to: Option<Arc<File>>) {
    let filter = match verbose {
        0 => return,
        1 => STEPS,
        2 => DEBUG,
        _ => WIRE,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(false)
        .event_format(Debug);
    match to {
        Some(file) => log.with_writer(file).init(),
        None => log.with_writer(io::stderr).init(),
    }
}

/// `debug1: …`, as ssh(1) writes.
struct Debug;

impl<S, N> FormatEvent<S, N> for Debug
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::TRACE => 3,
            Level::DEBUG => 2,
            _ => 1,
        };
        write!(writer, "debug{level}: ")?;
        if level > 1 {
            write!(writer, "{}: ", event.metadata().target())?;
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
