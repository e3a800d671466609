use std::env;
use std::process::{Command, ExitStatus};

use eic_sandbox::Region;
use tokio::runtime::{Builder, Runtime};

use super::report::Failure;

#[cfg_attr(unix, path = "signals_unix.rs")]
#[cfg_attr(windows, path = "signals_windows.rs")]
mod signals;

pub(crate) use signals::{exit_code, interrupted};

/// Names by which proxies are set, and the loopback names that are not for a proxy.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const LOOPBACK: &str = "localhost,127.0.0.1,::1";

/// Runs a command inside the region and gives its exit code.
///
/// The terminal's signals go to the command, which decides what they mean; we wait for it.
pub(crate) fn run(region: &Region, mut command: Command) -> Result<u8, Failure> {
    region.configure(&mut command);
    if PROXIES.iter().any(|name| env::var_os(name).is_some()) {
        for name in ["NO_PROXY", "no_proxy"] {
            let others = env::var(name)
                .map(|others| format!("{others},"))
                .unwrap_or_default();
            command.env(name, format!("{others}{LOOPBACK}"));
        }
    }
    let status = runtime()?.block_on(wait(command))?;
    Ok(exit_code(status))
}

/// A runtime for waiting.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|source| Failure::Signals { source })
}

async fn wait(command: Command) -> Result<ExitStatus, Failure> {
    let program = command.get_program().to_owned();
    let mut signals = signals::Signals::new().map_err(|source| Failure::Signals { source })?;
    let mut child = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| Failure::Spawn {
            program: program.clone(),
            source,
        })?;
    loop {
        tokio::select! {
            status = child.wait() => {
                return status.map_err(|source| Failure::Wait { program, source });
            }
            signal = signals.next() => signals::pass_on(signal, &mut child),
        }
    }
}
