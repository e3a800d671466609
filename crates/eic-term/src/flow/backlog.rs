//! What one channel has received and its reader has not taken.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::spool::{CHUNK, Chunk, Spool};

/// A queue of bytes: the first in memory, the next on the disk, the last in memory until they fill a chunk.
pub(crate) struct Backlog {
    spool: Arc<Spool>,
    /// How much waits in memory before anything goes to the disk, in bytes.
    memory: usize,
    first: VecDeque<Bytes>,
    /// How many bytes are in `first`.
    in_memory: usize,
    aside: VecDeque<Chunk>,
    last: Vec<u8>,
}

impl Backlog {
    pub(crate) fn new(spool: Arc<Spool>, memory: usize) -> Self {
        Self {
            spool,
            memory,
            first: VecDeque::new(),
            in_memory: 0,
            aside: VecDeque::new(),
            last: Vec::new(),
        }
    }

    /// Returns whether there is room in memory.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_aside() && self.in_memory < self.memory
    }

    /// Returns whether part of it is put aside: then all that follows goes there too, until it is taken.
    pub(crate) fn is_aside(&self) -> bool {
        !self.aside.is_empty() || !self.last.is_empty()
    }

    /// Returns whether nothing more can be put aside.
    pub(crate) fn is_full(&self) -> bool {
        self.last.len() >= CHUNK && self.spool.is_full()
    }

    /// Returns how many bytes wait.
    pub(crate) fn len(&self) -> usize {
        let aside: usize = self.aside.iter().map(Chunk::len).sum();
        self.in_memory + aside + self.last.len()
    }

    /// Returns what is to be taken next; empty where nothing waits.
    pub(crate) fn front(&self) -> &[u8] {
        self.first.front().map_or(&[], |bytes| bytes)
    }

    /// Adds what has arrived, in memory where there is room, else on the disk.
    pub(crate) async fn push(&mut self, bytes: Bytes) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.has_room() {
            self.in_memory += bytes.len();
            self.first.push_back(bytes);
            return Ok(());
        }
        self.last.extend_from_slice(&bytes);
        self.put_aside().await
    }

    /// Writes the last bytes to the disk, a chunk at a time.
    async fn put_aside(&mut self) -> io::Result<()> {
        while self.last.len() >= CHUNK && !self.spool.is_full() {
            let rest = self.last.split_off(CHUNK);
            let chunk = std::mem::replace(&mut self.last, rest);
            let spool = self.spool.clone();
            match spawn_blocking(move || spool.put(chunk)).await?? {
                Ok(chunk) => self.aside.push_back(chunk),
                // Another channel was quicker.
                Err(mut chunk) => {
                    chunk.append(&mut self.last);
                    self.last = chunk;
                }
            }
        }
        Ok(())
    }

    /// Forgets so many bytes of the front, which were taken, and brings back what follows.
    pub(crate) async fn advance(&mut self, count: usize) -> io::Result<()> {
        if let Some(front) = self.first.front_mut() {
            let taken = front.split_to(count.min(front.len()));
            self.in_memory -= taken.len();
            if front.is_empty() {
                self.first.pop_front();
            }
        }
        if self.first.is_empty() {
            self.bring_back().await?;
        }
        Ok(())
    }

    async fn bring_back(&mut self) -> io::Result<()> {
        let next = match self.aside.pop_front() {
            Some(chunk) => spawn_blocking(move || chunk.take()).await??,
            None => std::mem::take(&mut self.last),
        };
        if !next.is_empty() {
            self.in_memory = next.len();
            self.first.push_back(next.into());
        }
        self.put_aside().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: usize = 512 << 10;

    /// Takes up to `count` bytes.
    async fn take(backlog: &mut Backlog, count: usize, taken: &mut Vec<u8>) {
        let before = taken.len();
        while taken.len() - before < count && !backlog.front().is_empty() {
            let left = count - (taken.len() - before);
            let some = backlog.front().len().min(left);
            taken.extend_from_slice(&backlog.front()[..some]);
            backlog.advance(some).await.unwrap();
        }
    }

    #[tokio::test]
    async fn bytes_keep_their_order_wherever_they_wait() {
        for (packet, pushes, taken_between) in [
            (100, 50, 0),
            (32 << 10, 200, 0),
            (32 << 10, 200, 10_000),
            (32 << 10, 300, 32 << 10),
            (70_000, 100, 69_999),
        ] {
            let mut backlog = Backlog::new(Arc::default(), MEMORY);
            let (mut sent, mut taken) = (Vec::new(), Vec::new());
            for number in 0..pushes {
                let bytes: Vec<u8> = (0..packet).map(|at| (at * 7 + number) as u8).collect();
                sent.extend_from_slice(&bytes);
                backlog.push(bytes.into()).await.unwrap();
                take(&mut backlog, taken_between, &mut taken).await;
                assert_eq!(backlog.len(), sent.len() - taken.len());
            }
            take(&mut backlog, usize::MAX, &mut taken).await;
            assert_eq!(backlog.len(), 0);
            assert!(backlog.has_room() && taken == sent, "{packet} {pushes}");
        }
    }

    #[tokio::test]
    async fn memory_is_used_first_and_again_when_all_is_taken() {
        let mut backlog = Backlog::new(Arc::default(), MEMORY);
        while backlog.has_room() {
            backlog.push(vec![0; 32 << 10].into()).await.unwrap();
        }
        assert_eq!((backlog.len(), backlog.is_aside()), (MEMORY, false));
        backlog.push(vec![0; CHUNK + 1].into()).await.unwrap();
        assert!(backlog.is_aside() && !backlog.is_full());
        take(&mut backlog, usize::MAX, &mut Vec::new()).await;
        assert!(backlog.has_room());
    }
}
