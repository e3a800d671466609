//! Windows: the console's records become bytes; `screen.rs` shows those of the host.
//!
//! Text passes as UTF-16, so that the console's code pages play no part. Keys are read as records, not
//! as a stream: the records carry the bytes of VT sequences one by one, wake us when the window is resized,
//! and can be waited for together with the end of the session.

use std::io::{self, IsTerminal};
use std::os::windows::io::{AsHandle, OwnedHandle};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Stdin};
use tokio::signal::windows::{
    self as signal, CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown,
};
use tokio::sync::{mpsc, watch};
use windows_sys::Win32::System::Console::{
    DISABLE_NEWLINE_AUTO_RETURN, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT,
    ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_INPUT, ENABLE_VIRTUAL_TERMINAL_PROCESSING,
    ENABLE_WINDOW_INPUT,
};

use super::encoding::Utf16;
use super::keys::Key;
pub use super::screen::Screen;
use super::system::Wake;
use super::{Console, system};
use crate::pty::WindowSize;

/// How much is read at once from a pipe, in bytes.
const BUFFER: usize = 64 << 10;
/// How many reads of keys wait in memory for the network.
const READS: usize = 16;
/// How long to wait for the network to take keys before looking again whether the session has ended.
const PAUSE: Duration = Duration::from_millis(20);
/// How long after a record the window may still be resized.
const SETTLING: Duration = Duration::from_millis(100);

/// The numbers of the signals that console events stand for, for the exit code.
const HANG_UP: u8 = 1;
const INTERRUPT: u8 = 2;
const TERMINATE: u8 = 15;

pub(super) fn open() -> io::Result<Console> {
    let (resized, sizes) = watch::channel(super::size());
    let (keyboard, raw) = if io::stdin().is_terminal() {
        let (typed, keys) = mpsc::channel(READS);
        let raw = RawTerminal::enter(Events { typed, resized })?;
        (Keyboard(Source::Console(keys)), Some(raw))
    } else {
        (Keyboard(Source::Pipe(tokio::io::stdin())), None)
    };
    Ok(Console {
        keyboard,
        screen: Screen::stdout(),
        resizes: Resizes(sizes),
        raw,
    })
}

pub(super) fn size() -> Option<WindowSize> {
    let (columns, rows) = system::window(io::stdout().as_handle())
        .or_else(|| system::window(io::stderr().as_handle()))?;
    Some(WindowSize {
        columns,
        rows,
        width: 0,
        height: 0,
    })
}

/// A terminal that obeys VT sequences, until this is dropped.
#[derive(Debug)]
pub struct Obedient {
    _mode: Option<Mode>,
}

pub(super) fn obey_sequences() -> Obedient {
    Obedient {
        _mode: Mode::change(&io::stderr(), &[vt_output]).ok(),
    }
}

pub(super) fn input() -> Box<dyn AsyncRead + Send + Unpin> {
    Box::new(tokio::io::stdin())
}

pub(super) fn output() -> Box<dyn AsyncWrite + Send + Unpin> {
    Box::new(tokio::io::stdout())
}

/// A console has none of a Unix terminal's modes; the server's own hold then.
pub(super) fn modes() -> Vec<(u8, u32)> {
    Vec::new()
}

/// A console's handles are gone with it, those that are kept, too.
pub(super) fn detach(keep_stdout: bool, keep_stderr: bool) -> io::Result<()> {
    system::Stream::Input.close()?;
    if !keep_stdout {
        system::Stream::Output.close()?;
    }
    if !keep_stderr {
        system::Stream::Error.close()?;
    }
    system::leave_console()
}

pub(super) fn withhold_streams() -> io::Result<()> {
    system::withhold(&io::stdin())?;
    system::withhold(&io::stdout())?;
    system::withhold(&io::stderr())
}

/// The console in raw mode; dropping it restores the modes it had before, a panic's unwinding included.
#[derive(Debug)]
pub struct RawTerminal {
    // Dropped in this order: nothing reads any more when the modes change back.
    _reader: Reader,
    _output: Option<Mode>,
    _input: Mode,
}

impl RawTerminal {
    fn enter(events: Events) -> io::Result<Self> {
        let keys = io::stdin().as_handle().try_clone_to_owned()?;
        let input = Mode::change(&io::stdin(), &[raw_input])?;
        let output = if io::stdout().is_terminal() {
            // The flag for newlines is younger than the one for sequences.
            Some(Mode::change(&io::stdout(), &[raw_output, vt_output])?)
        } else {
            None
        };
        Ok(Self {
            _reader: Reader::start(keys, events)?,
            _output: output,
            _input: input,
        })
    }

    /// Suspends nothing: Windows has no job control.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`].
    pub async fn suspend(&mut self) -> io::Result<()> {
        Err(unsupported("Windows cannot suspend a program"))
    }
}

fn raw_input(mode: u32) -> u32 {
    let cooked = ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT | ENABLE_PROCESSED_INPUT;
    mode & !cooked | ENABLE_VIRTUAL_TERMINAL_INPUT | ENABLE_WINDOW_INPUT
}

fn vt_output(mode: u32) -> u32 {
    mode | ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING
}

fn raw_output(mode: u32) -> u32 {
    vt_output(mode) | DISABLE_NEWLINE_AUTO_RETURN
}

/// A console handle whose mode was changed; dropping it changes it back.
#[derive(Debug)]
struct Mode {
    handle: OwnedHandle,
    before: u32,
}

impl Mode {
    /// Tries the changes in turn.
    fn change(of: &impl AsHandle, changes: &[fn(u32) -> u32]) -> io::Result<Self> {
        let handle = of.as_handle().try_clone_to_owned()?;
        // mintty's terminals are pipes, which the standard library knows by their names.
        let before = system::mode(&handle).ok_or_else(|| {
            unsupported("this terminal is a pipe, as mintty's are, and no Windows console")
        })?;
        let changed = changes
            .iter()
            .any(|change| system::set_mode(&handle, change(before)));
        if changed {
            Ok(Self { handle, before })
        } else {
            Err(unsupported(
                "this console knows no VT sequences, which Windows 10 version 1809 brought",
            ))
        }
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        // Nothing is left to do where the console is gone.
        system::set_mode(&self.handle, self.before);
    }
}

fn unsupported(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why)
}

/// Where the console's events go.
#[derive(Debug)]
struct Events {
    typed: mpsc::Sender<Vec<u8>>,
    resized: watch::Sender<WindowSize>,
}

/// The thread that reads the console; dropping it stops it.
#[derive(Debug)]
struct Reader {
    stop: Arc<OwnedHandle>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn start(keys: OwnedHandle, events: Events) -> io::Result<Self> {
        let stop = Arc::new(system::event()?);
        let stopped = stop.clone();
        let thread = thread::Builder::new()
            .name("keyboard".to_owned())
            .spawn(move || events.read(&keys, &stopped))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if system::set(&self.stop)
            && let Some(thread) = self.thread.take()
        {
            thread.join().ok();
        }
    }
}

impl Events {
    fn read(&self, keys: &OwnedHandle, stop: &OwnedHandle) {
        let mut decoder = Utf16::default();
        let mut limit = None;
        loop {
            let typed = match system::wait_for_input(keys, stop, limit) {
                Wake::End => return,
                Wake::Quiet => {
                    limit = None;
                    Vec::new()
                }
                Wake::Input => {
                    limit = Some(SETTLING);
                    let Ok(records) = system::read(keys) else {
                        return;
                    };
                    decoder.decode(records.into_iter().flat_map(Key::units))
                }
            };
            // Any record is an occasion to look, and the quiet after it: the one for resizes says only when the buffer
            // behind the window changes, and a classic console's window can change alone, or later.
            self.look_at_size();
            if !typed.is_empty() && !self.send(typed, stop) {
                return;
            }
        }
    }

    fn look_at_size(&self) {
        let now = super::size();
        self.resized
            .send_if_modified(|last| std::mem::replace(last, now) != now);
    }

    /// Sends keys; returns false once the session has ended.
    fn send(&self, mut typed: Vec<u8>, stop: &OwnedHandle) -> bool {
        while let Err(mpsc::error::TrySendError::Full(back)) = self.typed.try_send(typed) {
            if system::wait(stop, PAUSE) {
                return false;
            }
            typed = back;
        }
        true
    }
}

/// What is typed.
#[derive(Debug)]
pub struct Keyboard(Source);

#[derive(Debug)]
enum Source {
    Console(mpsc::Receiver<Vec<u8>>),
    Pipe(Stdin),
}

impl Keyboard {
    /// Waits for what is typed next; `None` at the end of input.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        match &mut self.0 {
            Source::Console(keys) => keys.recv().await,
            Source::Pipe(pipe) => {
                let mut typed = Vec::with_capacity(BUFFER);
                match pipe.read_buf(&mut typed).await {
                    Ok(1..) => Some(typed),
                    Ok(0) | Err(_) => None,
                }
            }
        }
    }
}

/// The console's resizes.
#[derive(Debug)]
pub struct Resizes(watch::Receiver<WindowSize>);

impl Resizes {
    /// Waits for the next resize; several that came meanwhile are one.
    pub async fn next(&mut self) -> WindowSize {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        *self.0.borrow_and_update()
    }
}

/// Requests from outside to end this process.
#[derive(Debug)]
pub struct Terminations {
    interrupted: CtrlC,
    broken: CtrlBreak,
    closed: CtrlClose,
    logged_off: CtrlLogoff,
    shut_down: CtrlShutdown,
}

impl Terminations {
    /// Starts listening for Ctrl-C, which raw mode leaves to the remote side, for Ctrl-Break, and for the
    /// closing of the window, the end of the login and of the system. After the last three Windows
    /// waits some seconds for the process to end by itself.
    ///
    /// # Errors
    /// The system's.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupted: signal::ctrl_c()?,
            broken: signal::ctrl_break()?,
            closed: signal::ctrl_close()?,
            logged_off: signal::ctrl_logoff()?,
            shut_down: signal::ctrl_shutdown()?,
        })
    }

    /// Waits for the next one and returns the number of the signal that it stands for.
    pub async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupted.recv() => INTERRUPT,
            _ = self.broken.recv() => INTERRUPT,
            _ = self.closed.recv() => HANG_UP,
            _ = self.logged_off.recv() => HANG_UP,
            _ = self.shut_down.recv() => TERMINATE,
        }
    }
}
