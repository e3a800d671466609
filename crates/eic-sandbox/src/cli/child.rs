use std::env;
use std::process::Command;

use eic_sandbox::Region;
use tokio::runtime::{Builder, Runtime};

use super::report::Failure;

#[cfg_attr(unix, path = "signals_unix.rs")]
#[cfg_attr(windows, path = "signals_windows.rs")]
mod signals;

use signals::{Signals, exit_code};

/// Names by which proxies are set, and the loopback names that are not for a proxy.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const LOOPBACK: &str = "localhost,127.0.0.1,::1";

/// The signals that would end us. They are taken before a region starts, so that it is
/// cleared away whenever they come.
pub(crate) struct Guard {
    runtime: Runtime,
    signals: Signals,
}

impl Guard {
    /// Takes the signals; one that comes before it is waited for is kept.
    pub(crate) fn new() -> Result<Self, Failure> {
        let runtime = runtime()?;
        let signals = {
            let _context = runtime.enter();
            Signals::new().map_err(|source| Failure::Signals { source })?
        };
        Ok(Self { runtime, signals })
    }

    /// Waits until someone asks us to end.
    pub(crate) fn wait(mut self) {
        self.runtime.block_on(self.signals.any());
    }

    /// Runs a command inside the region and gives its exit code.
    ///
    /// The terminal's signals go to the command, which decides what they mean; we wait for
    /// it. One that came while the region started ends us instead.
    pub(crate) fn run(mut self, region: &Region, mut command: Command) -> Result<u8, Failure> {
        region.configure(&mut command);
        reach_loopback_directly(&mut command);
        self.runtime.block_on(async {
            match self.signals.pending().await {
                Some(signal) => Ok(signal),
                None => run(&mut self.signals, command).await,
            }
        })
    }
}

/// A runtime for waiting.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|source| Failure::Signals { source })
}

/// Keeps a proxy that the user has set out of the region.
fn reach_loopback_directly(command: &mut Command) {
    if PROXIES.iter().any(|name| env::var_os(name).is_some()) {
        for name in ["NO_PROXY", "no_proxy"] {
            let others = env::var(name)
                .map(|others| format!("{others},"))
                .unwrap_or_default();
            command.env(name, format!("{others}{LOOPBACK}"));
        }
    }
}

async fn run(signals: &mut Signals, command: Command) -> Result<u8, Failure> {
    let program = command.get_program().to_owned();
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
                let status = status.map_err(|source| Failure::Wait { program, source })?;
                return Ok(exit_code(status));
            }
            signal = signals.next() => signals::pass_on(signal, &mut child),
        }
    }
}
