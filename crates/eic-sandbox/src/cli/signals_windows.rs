use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::process::ExitStatus;

use futures_util::FutureExt;
use tokio::process::Child;
use tokio::signal::windows::{CtrlC, ctrl_c};

/// As on other systems: 128 and SIGINT's number.
const INTERRUPTED: u8 = 130;

/// The console's interrupt, which goes to the command too.
pub(crate) struct Signals(CtrlC);

impl Signals {
    /// Takes the interrupt.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(ctrl_c()?))
    }

    /// Takes interrupts and leaves them to the command.
    pub(crate) async fn next(&mut self) -> Infallible {
        while self.0.recv().await.is_some() {}
        pending().await
    }

    /// Waits for the next interrupt and gives the exit code that tells of it.
    pub(crate) async fn any(&mut self) -> u8 {
        self.0.recv().await;
        INTERRUPTED
    }

    /// An interrupt that has come already, as [`Signals::any`] tells it.
    pub(crate) async fn pending(&mut self) -> Option<u8> {
        self.any().now_or_never()
    }
}

/// Never called: there is nothing to pass on.
pub(crate) fn pass_on(signal: Infallible, _child: &mut Child) {
    match signal {}
}

/// Windows' codes have 32 bits; what does not fit is a failure all the same.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    u8::try_from(status.code().unwrap_or(255)).unwrap_or(255)
}
