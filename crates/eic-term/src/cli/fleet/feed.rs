//! What commands are given to read: a script, then standard input, to each in full.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use eic_term::terminal;
use eic_term::{ChildStdin, Transcript, Transcripts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, watch};
use tokio_util::task::AbortOnDropHandle;

/// How much of standard input is read at once, in bytes.
const BUFFER: usize = 64 << 10;

/// What each command reads; standard input is kept for those that come later, or read slower.
pub(crate) struct Feed {
    script: Bytes,
    input: Option<Input>,
}

struct Input {
    read: Arc<Mutex<Transcript>>,
    /// How much was read, and whether that is all.
    progress: watch::Receiver<(usize, bool)>,
    _reader: AbortOnDropHandle<()>,
}

impl Feed {
    /// Gives a script, and standard input after it where that is wanted.
    pub(crate) fn new(script: Bytes, with_input: bool) -> Self {
        let input = with_input.then(Input::begin);
        Self { script, input }
    }

    /// Gives a command all of it, as fast as it takes it. One that has ended takes no more.
    pub(crate) async fn give(&self, mut stdin: ChildStdin) {
        if let Err(error) = self.send(&mut stdin).await {
            tracing::debug!(%error, "the command's input ended early");
        }
        stdin.shutdown().await.ok();
    }

    async fn send(&self, stdin: &mut ChildStdin) -> io::Result<()> {
        stdin.write_all(&self.script).await?;
        let Some(input) = &self.input else {
            return Ok(());
        };
        let mut progress = input.progress.clone();
        let mut sent = 0;
        loop {
            let (length, done) = *progress.borrow_and_update();
            while sent < length {
                let bytes = input.read.lock().await.read(sent).await?;
                stdin.write_all(&bytes).await?;
                sent += bytes.len();
            }
            if done || progress.changed().await.is_err() {
                return Ok(());
            }
        }
    }
}

impl Input {
    fn begin() -> Self {
        let (sender, progress) = watch::channel((0, false));
        let read = Arc::new(Mutex::new(Transcripts::default().begin()));
        let kept = read.clone();
        let reader = tokio::spawn(async move {
            let mut input = terminal::input();
            let mut buffer = vec![0; BUFFER];
            while let Ok(count @ 1..) = input.read(&mut buffer).await {
                let mut kept = kept.lock().await;
                let bytes = buffer.get(..count).unwrap_or_default();
                if let Err(error) = kept.push(bytes).await {
                    tracing::warn!(%error, "standard input is cut: it cannot be kept for all");
                    break;
                }
                sender.send_replace((kept.len(), false));
            }
            let all = kept.lock().await.len();
            sender.send_replace((all, true));
        });
        Self {
            read,
            progress,
            _reader: AbortOnDropHandle::new(reader),
        }
    }
}
