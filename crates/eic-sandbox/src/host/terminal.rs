use std::convert::Infallible;
use std::future::pending;
use std::io::{self, Read, Write};
use std::time::Duration;

use bytes::Bytes;
use portable_pty::{Child, ChildKiller, MasterPty, PtySize, native_pty_system};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::backlog::Backlog;
use super::platform;
use super::process::{Control, Exit, Input, Program};

/// How long the last output of a program may take that has left others behind in its terminal.
const DRAIN: Duration = Duration::from_secs(1);

/// A terminal as RFC 4254 section 6.2 asks for it.
#[derive(Debug)]
pub(super) struct Terminal {
    pub(super) term: String,
    pub(super) columns: u16,
    pub(super) rows: u16,
}

/// Runs a program in a new terminal until it has ended. Dropping the future hangs up.
///
/// # Errors
/// When there is no terminal or the program cannot be started, or the client no longer takes
/// its output.
pub(super) async fn run(
    program: &Program,
    terminal: &Terminal,
    input: Input,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<Exit> {
    let size = size(terminal.columns, terminal.rows);
    let mut pair = native_pty_system()
        .openpty(size)
        .map_err(io::Error::other)?;
    let command = platform::terminal_command(program, &terminal.term);
    let child = pair
        .slave
        .spawn_command(command)
        .map_err(io::Error::other)?;
    drop(pair.slave);
    let _hang_up = HangUp(child.clone_killer());
    let mut shown = read(pair.master.try_clone_reader().map_err(io::Error::other)?);
    let keyboard = write(pair.master.take_writer().map_err(io::Error::other)?);
    let mut show = async |shown: &mut mpsc::Receiver<Bytes>| {
        while let Some(bytes) = shown.recv().await {
            output.write_all(&bytes).await?;
        }
        io::Result::Ok(())
    };
    let exit = tokio::select! {
        exit = wait(child) => exit?,
        never = async { show(&mut shown).await?; pending().await } => return never,
        never = feed(&input.backlog, &keyboard) => match never {},
        never = resize(input.control, &mut pair.master) => match never {},
    };
    // Where processes are left in the terminal, its end never comes; on Windows not before
    // the terminal is closed.
    drop(pair.master);
    let _ = tokio::time::timeout(DRAIN, show(&mut shown)).await;
    // Only now: its writer types a newline and an end-of-file when dropped, which would show.
    drop(keyboard);
    Ok(exit)
}

/// Hangs up on a program when dropped.
struct HangUp(Box<dyn ChildKiller + Send + Sync>);

impl Drop for HangUp {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

async fn wait(child: Box<dyn Child + Send + Sync>) -> io::Result<Exit> {
    spawn_blocking(|| platform::wait(child))
        .await
        .map_err(io::Error::other)?
}

/// The terminal's output; the thread that reads it ends with the terminal.
fn read(mut reader: Box<dyn Read + Send>) -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(16);
    spawn_blocking(move || {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = reader.read(&mut buffer) {
            let bytes = Bytes::copy_from_slice(buffer.get(..n).unwrap_or_default());
            if sender.blocking_send(bytes).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The terminal's input; the thread that writes it ends with the sender.
fn write(mut writer: Box<dyn Write + Send>) -> mpsc::Sender<Bytes> {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(16);
    spawn_blocking(move || {
        while let Some(bytes) = receiver.blocking_recv() {
            if writer
                .write_all(&bytes)
                .and_then(|()| writer.flush())
                .is_err()
            {
                return;
            }
        }
    });
    sender
}

/// Types the input and never returns; its end means nothing to a terminal, as with sshd.
async fn feed(backlog: &Backlog, keyboard: &mpsc::Sender<Bytes>) -> Infallible {
    while let Ok(Some(bytes)) = backlog.pop().await {
        let _ = keyboard.send(bytes).await;
    }
    pending().await
}

async fn resize(
    mut control: mpsc::Receiver<Control>,
    terminal: &mut Box<dyn MasterPty + Send>,
) -> Infallible {
    while let Some(message) = control.recv().await {
        if let Control::Resize { columns, rows } = message {
            let _ = terminal.resize(size(columns, rows));
        }
    }
    pending().await
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}
