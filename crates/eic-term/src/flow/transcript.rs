//! What a command has said, kept to be read later.

use std::io;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::spool::{CHUNK, Chunk, Spool};

/// Room for what many commands say: the last 256 KiB of each in memory, the rest in one temporary file, encrypted with
/// a key that is only in memory, 64 GiB at most.
#[derive(Clone)]
pub struct Transcripts(Arc<Spool>);

impl Default for Transcripts {
    fn default() -> Self {
        Self(Arc::new(Spool::with_chunks(1 << 18)))
    }
}

impl Transcripts {
    /// Begins one more.
    #[must_use]
    pub fn begin(&self) -> Transcript {
        Transcript {
            spool: self.0.clone(),
            aside: Vec::new(),
            last: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Transcripts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transcripts")
    }
}

/// What a command has said so far. Dropping it gives its room back.
pub struct Transcript {
    spool: Arc<Spool>,
    /// Each a [`CHUNK`] long.
    aside: Vec<Arc<Chunk>>,
    last: Vec<u8>,
}

impl Transcript {
    /// Adds to it.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::StorageFull`] where the room is used up.
    pub async fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.last.extend_from_slice(bytes);
        while self.last.len() >= CHUNK {
            let rest = self.last.split_off(CHUNK);
            let chunk = std::mem::replace(&mut self.last, rest);
            let spool = self.spool.clone();
            match spawn_blocking(move || spool.put(chunk)).await?? {
                Ok(chunk) => self.aside.push(Arc::new(chunk)),
                Err(mut chunk) => {
                    chunk.append(&mut self.last);
                    self.last = chunk;
                    return Err(io::ErrorKind::StorageFull.into());
                }
            }
        }
        Ok(())
    }

    /// Returns how much it is, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.aside.len() * CHUNK + self.last.len()
    }

    /// Returns whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns some of what stands from `offset` on, 256 KiB at most; nothing at the end.
    ///
    /// # Errors
    /// The system's.
    pub async fn read(&self, offset: usize) -> io::Result<Vec<u8>> {
        let (index, skip) = (offset / CHUNK, offset % CHUNK);
        let Some(chunk) = self.aside.get(index).cloned() else {
            let start = offset.saturating_sub(self.aside.len() * CHUNK);
            return Ok(self.last.get(start..).unwrap_or_default().to_vec());
        };
        let mut bytes = spawn_blocking(move || chunk.read()).await??;
        bytes.drain(..skip);
        Ok(bytes)
    }
}

impl std::fmt::Debug for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transcript({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_read_as_it_was_written_from_anywhere() {
        let all = Transcripts::default();
        let (mut one, mut other) = (all.begin(), all.begin());
        let bytes: Vec<u8> = (0..CHUNK * 2 + 1000).map(|at| (at * 7) as u8).collect();
        for piece in bytes.chunks(10_007) {
            one.push(piece).await.unwrap();
            other.push(b"x").await.unwrap();
        }
        assert_eq!(one.len(), bytes.len());
        for start in [0, 1, CHUNK - 1, CHUNK, CHUNK * 2 + 999, CHUNK * 2 + 1000] {
            let mut read = Vec::new();
            while let some = one.read(start + read.len()).await.unwrap()
                && !some.is_empty()
            {
                read.extend(some);
            }
            assert!(read == bytes[start..], "from {start}");
        }
        assert!(
            other
                .read(0)
                .await
                .unwrap()
                .iter()
                .all(|byte| *byte == b'x')
        );
    }
}
