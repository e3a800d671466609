//! Windows: the bytes of a VT terminal are shown as they are, on the console or in a pipe.

use std::future::Future;
use std::io;
use std::os::windows::io::{AsHandle, OwnedHandle};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use windows_sys::Win32::Foundation::ERROR_PIPE_NOT_CONNECTED;

use super::encoding::Utf8;
use super::system;

/// Standard output or standard error.
#[derive(Debug)]
pub struct Screen(Sink);

enum Sink {
    Console(Written),
    Pipe(Box<dyn AsyncWrite + Send + Sync + Unpin>),
}

impl Screen {
    /// Returns standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self(console(&io::stdout()).unwrap_or_else(|| Sink::Pipe(Box::new(tokio::io::stdout()))))
    }

    /// Returns standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self(console(&io::stderr()).unwrap_or_else(|| Sink::Pipe(Box::new(tokio::io::stderr()))))
    }
}

impl AsyncWrite for Screen {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Sink::Console(console) => {
                ready!(console.poll_written(cx))?;
                console.write(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            Sink::Pipe(pipe) => Pin::new(pipe).poll_write(cx, bytes).map_err(closed),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Sink::Console(console) => console.poll_written(cx),
            Sink::Pipe(pipe) => Pin::new(pipe).poll_flush(cx).map_err(closed),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// A console and what is being written to it: one whose text is being selected takes none meanwhile.
struct Written {
    console: Arc<OwnedHandle>,
    decoder: Utf8,
    writing: Option<tokio::task::JoinHandle<io::Result<()>>>,
}

impl Written {
    fn write(&mut self, bytes: &[u8]) {
        let (console, text) = (self.console.clone(), self.decoder.decode(bytes));
        let write = move || system::write(&console, &text);
        self.writing = Some(tokio::task::spawn_blocking(write));
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(writing) = &mut self.writing {
            let written = ready!(Pin::new(writing).poll(cx));
            self.writing = None;
            written??;
        }
        Poll::Ready(Ok(()))
    }
}

/// A pipe that its reader has closed can be disconnected, which the standard library has no kind for.
fn closed(error: io::Error) -> io::Error {
    let disconnected = i32::try_from(ERROR_PIPE_NOT_CONNECTED).ok();
    if error.raw_os_error() == disconnected {
        return io::ErrorKind::BrokenPipe.into();
    }
    error
}

fn console(of: &impl AsHandle) -> Option<Sink> {
    let handle = of.as_handle().try_clone_to_owned().ok()?;
    system::mode(&handle)?;
    Some(Sink::Console(Written {
        console: Arc::new(handle),
        decoder: Utf8::default(),
        writing: None,
    }))
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Console(_) => "Console",
            Self::Pipe(_) => "Pipe",
        })
    }
}
