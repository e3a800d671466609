//! Unix: the terminal is a byte stream already; resizes and ends arrive as signals.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::process::{Signal as Number, kill_current_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Console;
use crate::pty::WindowSize;

/// How much is read at once, in bytes.
const BUFFER: usize = 16 << 10;
/// How long a signal may take to stop or end us. Without job control a stop is ignored.
const STOP: Duration = Duration::from_millis(200);

pub(super) fn open() -> io::Result<Console> {
    // Raw mode comes last: what fails before it leaves nothing to restore.
    Ok(Console {
        keyboard: Keyboard::open(),
        screen: Screen::stdout(),
        resizes: Resizes::listen()?,
        raw: if io::stdin().is_terminal() {
            Some(RawTerminal::enter()?)
        } else {
            None
        },
    })
}

pub(super) fn size() -> Option<WindowSize> {
    if let Ok(size) = crossterm::terminal::window_size()
        && size.columns > 0
    {
        return Some(WindowSize {
            columns: size.columns,
            rows: size.rows,
            width: size.width,
            height: size.height,
        });
    }
    let (columns, rows) = crossterm::terminal::size().ok()?;
    Some(WindowSize {
        columns,
        rows,
        width: 0,
        height: 0,
    })
}

/// A terminal that obeys VT sequences, as each does here.
#[derive(Debug)]
pub struct Obedient;

pub(super) fn obey_sequences() -> Obedient {
    Obedient
}

pub(super) fn modes() -> Vec<(u8, u32)> {
    super::modes::current()
}

pub(super) fn detach(keep_stdout: bool, keep_stderr: bool) -> io::Result<()> {
    match rustix::process::setsid() {
        // It leads a session of its own already.
        Ok(_) | Err(rustix::io::Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    if !keep_stdout {
        rustix::stdio::dup2_stdout(&nothing)?;
    }
    if !keep_stderr {
        rustix::stdio::dup2_stderr(&nothing)?;
    }
    Ok(())
}

/// Other programs get only what they are given.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it has the signature of the other"
)]
pub(super) fn withhold_streams() -> io::Result<()> {
    Ok(())
}

/// The terminal in raw mode; dropping it restores the mode it had before, a panic's unwinding included.
#[derive(Debug)]
pub struct RawTerminal(());

impl RawTerminal {
    fn enter() -> io::Result<Self> {
        crossterm::terminal::enable_raw_mode()?;
        Ok(Self(()))
    }

    /// Stops this process and those it shares its terminal with, as Ctrl-Z would, in the mode that the terminal had
    /// before; returns in raw mode when the shell has continued it.
    ///
    /// # Errors
    /// The system's.
    pub async fn suspend(&mut self) -> io::Result<()> {
        crossterm::terminal::disable_raw_mode()?;
        stop().await?;
        crossterm::terminal::enable_raw_mode()
    }
}

/// Stops this process and those it shares its terminal with, as Ctrl-Z would; returns when the shell has continued it.
pub(super) async fn stop() -> io::Result<()> {
    let mut continued = continued()?;
    kill_current_process_group(Number::TSTP)?;
    tokio::time::timeout(STOP, continued.recv()).await.ok();
    Ok(())
}

/// Ends this process and those it shares its terminal with, as Ctrl-C would; returns where it listens for that itself.
pub(super) async fn interrupt() -> io::Result<()> {
    kill_current_process_group(Number::INT)?;
    tokio::time::sleep(STOP).await;
    Ok(())
}

/// The signal of a process that goes on after a stop.
fn continued() -> io::Result<Signal> {
    signal(SignalKind::from_raw(Number::CONT.as_raw()))
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Nothing is left to do where the terminal is gone.
        crossterm::terminal::disable_raw_mode().ok();
    }
}

/// What is typed.
pub struct Keyboard {
    from: Box<dyn AsyncRead + Send + Unpin>,
    buffer: Vec<u8>,
}

impl Keyboard {
    fn open() -> Self {
        let terminal = reopen(&io::stdin(), File::options().read(true));
        Self {
            from: match terminal.map(Receiver::from_file_unchecked) {
                Some(Ok(terminal)) => Box::new(terminal),
                _ => input(),
            },
            buffer: vec![0; BUFFER],
        }
    }

    /// Waits for what is typed next; `None` at the end of input.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        let count = self.from.read(&mut self.buffer).await.ok()?;
        let typed = self.buffer.get(..count)?;
        (!typed.is_empty()).then(|| typed.to_vec())
    }
}

impl std::fmt::Debug for Keyboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyboard")
    }
}

pub(super) fn input() -> Box<dyn AsyncRead + Send + Unpin> {
    match impatient(&io::stdin()).map(Receiver::from_file_unchecked) {
        Some(Ok(pipe)) => Box::new(pipe),
        _ => Box::new(tokio::io::stdin()),
    }
}

pub(super) fn output() -> Box<dyn AsyncWrite + Send + Unpin> {
    match impatient(&io::stdout()).map(Sender::from_file_unchecked) {
        Some(Ok(pipe)) => Box::new(pipe),
        _ => Box::new(tokio::io::stdout()),
    }
}

/// A pipe or socket that whoever started us has set to fail rather than to wait (`O_NONBLOCK`), as rsync does: the
/// system's event queue tells when it is ready.
fn impatient(stream: &impl AsFd) -> Option<File> {
    let flags = rustix::fs::fcntl_getfl(stream).ok()?;
    if !flags.contains(OFlags::NONBLOCK) {
        return None;
    }
    stream.as_fd().try_clone_to_owned().ok().map(File::from)
}

/// Opens a terminal once more, where that can be done: not to wait for it then concerns nobody else, and the
/// system's event queue tells when it is ready, which is sooner than a thread that waits. To the queue it is
/// what a named pipe is, a file that bytes come from or go to.
fn reopen(terminal: &impl AsFd, options: &mut OpenOptions) -> Option<File> {
    let path = rustix::termios::ttyname(terminal, Vec::new()).ok()?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let options = options.custom_flags(i32::try_from(flags.bits()).ok()?);
    options.open(OsStr::from_bytes(path.as_bytes())).ok()
}

/// Standard output or standard error.
pub struct Screen(Box<dyn AsyncWrite + Send + Sync + Unpin>);

impl Screen {
    /// Returns standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::open(&io::stdout(), tokio::io::stdout)
    }

    /// Returns standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::open(&io::stderr(), tokio::io::stderr)
    }

    fn open<S: AsyncWrite + Send + Sync + Unpin + 'static>(
        to: &impl AsFd,
        other: fn() -> S,
    ) -> Self {
        let terminal = reopen(to, File::options().write(true));
        match terminal.or_else(|| impatient(to)) {
            Some(terminal) => Self(Box::new(Impatient {
                terminal,
                queued: None,
            })),
            None => Self(Box::new(other())),
        }
    }
}

/// What fails rather than waits. Only when it takes no more the system's event queue is asked to tell when it does
/// again: in there it would wake us at every byte that it has taken.
struct Impatient {
    terminal: File,
    queued: Option<Sender>,
}

impl AsyncWrite for Impatient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(queued) = &mut self.queued {
                let written = ready!(Pin::new(queued).poll_write(cx, bytes));
                self.queued = None;
                return Poll::Ready(written);
            }
            match self.terminal.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let terminal = self.terminal.try_clone()?;
                    self.queued = Some(Sender::from_file_unchecked(terminal)?);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Nothing is kept back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Screen {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}

/// The terminal's resizes: `SIGWINCH`, and `SIGCONT` after a stop, during which it may have been resized.
#[derive(Debug)]
pub struct Resizes {
    resized: Signal,
    continued: Signal,
}

impl Resizes {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            resized: signal(SignalKind::window_change())?,
            continued: continued()?,
        })
    }

    /// Waits for the next resize; several that came meanwhile are one.
    pub async fn next(&mut self) -> WindowSize {
        tokio::select! {
            _ = self.resized.recv() => {}
            _ = self.continued.recv() => renew_raw_mode(),
        }
        super::size()
    }
}

/// Enters raw mode once more: who stopped us, or the shell, may have left another.
fn renew_raw_mode() {
    if crossterm::terminal::is_raw_mode_enabled().is_ok_and(|raw| raw) {
        // Where the terminal is gone, reading from it will tell.
        crossterm::terminal::disable_raw_mode().ok();
        crossterm::terminal::enable_raw_mode().ok();
    }
}

/// Requests from outside to end this process.
#[derive(Debug)]
pub struct Terminations {
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
}

impl Terminations {
    /// Starts listening for `SIGTERM`, `SIGHUP` and `SIGINT`, which then no longer kill the process.
    ///
    /// # Errors
    /// The system's.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one and returns its signal number.
    pub async fn next(&mut self) -> u8 {
        let (kind, _) = tokio::select! {
            got = self.terminate.recv() => (SignalKind::terminate(), got),
            got = self.hangup.recv() => (SignalKind::hangup(), got),
            got = self.interrupt.recv() => (SignalKind::interrupt(), got),
        };
        u8::try_from(kind.as_raw_value()).unwrap_or(u8::MAX)
    }
}
