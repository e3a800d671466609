//! What an interactive session shows: the host's output, and between it what we have to say ourselves.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use eic_term::terminal::{Leftovers, Screen};
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::recording::Recording;

/// How long the output has been quiet when we say something of our own: not in the middle of a sequence.
const QUIET: Duration = Duration::from_millis(50);

/// Where the host's output goes. Before there is a screen it takes nothing.
pub(crate) struct Display {
    awaited: oneshot::Receiver<Screen>,
    screen: Option<Screen>,
    shown: Shown,
    recording: Option<Recording>,
}

/// Gives a display its screen, which the terminal's raw mode comes before.
pub(crate) struct Opening {
    screen: oneshot::Sender<Screen>,
    shown: Shown,
}

impl Display {
    pub(crate) fn new(recording: Option<Recording>) -> (Self, Opening) {
        let (screen, awaited) = oneshot::channel();
        let shown = Shown::default();
        let opening = Opening {
            screen,
            shown: shown.clone(),
        };
        let display = Self {
            awaited,
            screen: None,
            shown,
            recording,
        };
        (display, opening)
    }

    /// Fails where the terminal cannot be had.
    fn poll_screen(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut Screen>> {
        let screen = match self.screen.take() {
            Some(screen) => screen,
            None => ready!(Pin::new(&mut self.awaited).poll(cx))
                .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?,
        };
        Poll::Ready(Ok(self.screen.insert(screen)))
    }
}

impl Opening {
    pub(crate) fn open(self, screen: Screen) -> Shown {
        // A session that has ended already shows nothing more.
        self.screen.send(screen).ok();
        self.shown
    }
}

impl AsyncWrite for Display {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let screen = ready!(self.poll_screen(cx))?;
        let written = Pin::new(screen).poll_write(cx, bytes);
        let Poll::Ready(Ok(count)) = written else {
            self.shown.state().stuck = written.is_pending();
            return written;
        };
        let shown = bytes.get(..count).unwrap_or_default();
        self.shown.follow(shown);
        if let Some(recording) = &self.recording {
            recording.output(shown);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(ready!(self.poll_screen(cx))?).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// What was shown, and when.
#[derive(Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    leftovers: Leftovers,
    last: Option<Instant>,
    /// Whether the terminal takes no more for now.
    stuck: bool,
}

impl Shown {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, shown: &[u8]) {
        let mut state = self.state();
        state.leftovers.follow(shown);
        (state.last, state.stuck) = (Some(Instant::now()), false);
    }

    /// What to show to switch off what the host has left on.
    pub(crate) fn undo(&self) -> Vec<u8> {
        self.state().leftovers.undo()
    }

    /// Says what is told, each time that the output is quiet, until nobody can tell more.
    pub(crate) async fn say(self, mut told: mpsc::Receiver<String>) {
        while let Some(mut text) = told.recv().await {
            // The answer to the key before may be on its way.
            sleep(QUIET).await;
            while let Some(left) = self.unquiet() {
                sleep(left).await;
            }
            while let Ok(more) = told.try_recv() {
                text += &more;
            }
            // A terminal that is gone shows nothing.
            Screen::stdout().show(text.as_bytes()).await.ok();
        }
    }

    /// How long to wait until it may be quiet; `None` where it is.
    fn unquiet(&self) -> Option<Duration> {
        let state = self.state();
        if state.stuck {
            return Some(QUIET);
        }
        let left = QUIET.checked_sub(state.last?.elapsed())?;
        (!left.is_zero()).then_some(left)
    }
}
