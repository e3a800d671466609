use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// How many bytes stay in memory.
const MEMORY: usize = 1024 * 1024;

/// How many bytes are read back from the file at once.
const CHUNK: usize = 64 * 1024;

/// Input that a process has not read yet.
///
/// russh opens its receive window again when bytes arrive, not when they are consumed, so a
/// client can send without end to a process that does not read; and to make the connection
/// wait would keep the window adjustments from arriving that the process's output waits for.
/// What exceeds the memory therefore goes to an unnamed temporary file.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    memory: VecDeque<Bytes>,
    in_memory: usize,
    spill: Option<Spill>,
    finished: bool,
}

/// A file that is written at its end and read from its middle.
#[derive(Debug)]
struct Spill {
    file: File,
    read: u64,
    written: u64,
}

impl Backlog {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// What the file system answers when there is no room for them.
    pub(crate) fn push(&self, bytes: Bytes) -> io::Result<()> {
        self.lock().push(bytes)?;
        self.changed.notify_one();
        Ok(())
    }

    /// Notes that nothing more will come.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.changed.notify_one();
    }

    /// Takes bytes from the front, waiting for them; `None` at the end.
    ///
    /// # Errors
    /// What the file system answers.
    pub(crate) async fn pop(&self) -> io::Result<Option<Bytes>> {
        loop {
            let changed = self.changed.notified();
            if let Some(next) = self.lock().next()? {
                return Ok(next);
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, bytes: Bytes) -> io::Result<()> {
        if let Some(spill) = &mut self.spill {
            return spill.push(&bytes);
        }
        if self.in_memory + bytes.len() > MEMORY {
            return self.spill.insert(Spill::new()?).push(&bytes);
        }
        self.in_memory += bytes.len();
        self.memory.push_back(bytes);
        Ok(())
    }

    /// `Some(None)` at the end, `None` when there is nothing yet.
    fn next(&mut self) -> io::Result<Option<Option<Bytes>>> {
        if let Some(bytes) = self.memory.pop_front() {
            self.in_memory -= bytes.len();
            return Ok(Some(Some(bytes)));
        }
        if let Some(spill) = &mut self.spill {
            let bytes = spill.pop()?;
            if spill.read == spill.written {
                self.spill = None;
            }
            return Ok(Some(Some(bytes)));
        }
        Ok(self.finished.then_some(None))
    }
}

impl Spill {
    fn new() -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            read: 0,
            written: 0,
        })
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.written))?;
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn pop(&mut self) -> io::Result<Bytes> {
        let mut chunk = Vec::with_capacity(CHUNK);
        self.file.seek(SeekFrom::Start(self.read))?;
        (&self.file).take(CHUNK as u64).read_to_end(&mut chunk)?;
        self.read += chunk.len() as u64;
        Ok(chunk.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everything_comes_out_in_order_through_memory_and_file() {
        let backlog = Backlog::default();
        let bytes: Vec<u8> = (0..3 * MEMORY).map(|i| (i / 1000) as u8).collect();
        for chunk in bytes.chunks(30_000) {
            backlog.push(Bytes::copy_from_slice(chunk)).unwrap();
        }
        backlog.finish();
        let mut out = Vec::new();
        while let Some(chunk) = backlog.pop().await.unwrap() {
            out.extend_from_slice(&chunk);
        }
        assert!(out == bytes);
        assert!(backlog.lock().spill.is_none());
    }

    #[tokio::test]
    async fn a_waiting_reader_sees_what_comes_later() {
        let backlog = Backlog::default();
        let (read, ()) = tokio::join!(backlog.pop(), async {
            tokio::task::yield_now().await;
            backlog.push(Bytes::from_static(b"late")).unwrap();
        });
        assert_eq!(read.unwrap().as_deref(), Some(&b"late"[..]));
    }
}
