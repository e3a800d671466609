//! The blocks of one file, many of which are under way together.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::block::{Arriving, Leaving, Reader, Writer};
use super::error::TransferError;
use super::host::Host;
use super::work::Work;

/// The blocks of one file that are under way.
pub(super) struct Pipe<'a> {
    pub(super) work: &'a Work,
    pub(super) hosts: &'a [Option<&'a Host>; 2],
    pub(super) sparse: bool,
    /// Whether what was passed on last was not written, and the file may be shorter than it should be.
    pub(super) ends_in_hole: bool,
    /// Where the next block to ask for begins.
    pub(super) next: u64,
    /// How many bytes are announced.
    pub(super) size: Option<u64>,
    /// Where the file turned out to end.
    pub(super) ended: Option<u64>,
    pub(super) arriving: VecDeque<(u64, u32, Arriving, OwnedSemaphorePermit)>,
    pub(super) leaving: VecDeque<(u64, Leaving, OwnedSemaphorePermit)>,
    pub(super) block: u32,
}

impl Pipe<'_> {
    pub(super) async fn run(
        &mut self,
        reader: &mut Reader,
        writer: &mut Writer,
        written: &mut u64,
    ) -> Result<(), TransferError> {
        let done = self.pump(reader, writer, written).await;
        if done.as_ref().is_err_and(TransferError::is_lost) {
            self.salvage(writer, written).await;
        }
        done
    }

    /// Takes what had come, or was answered, before a connection was lost, up to the first gap: channels lose more or less.
    async fn salvage(&mut self, writer: &mut Writer, written: &mut u64) {
        while let Some((offset, length, block, permit)) = self.arriving.pop_front() {
            let end = self.leaving.back().map_or(*written, |(end, ..)| *end);
            let Ok(data) = block.wait().await else { break };
            if offset != end || data.len() < length as usize {
                break;
            }
            let Ok(block) = writer.begin(offset, data).await else {
                break;
            };
            let end = offset + u64::from(length);
            self.leaving.push_back((end, block, permit));
        }
        while let Some((end, block, permit)) = self.leaving.pop_front() {
            let follows = end.checked_sub(permit.num_permits() as u64) == Some(*written);
            if block.wait().await.is_err() || !follows {
                break;
            }
            self.work.advanced(end.saturating_sub(*written), self.hosts);
            *written = end;
        }
    }

    async fn pump(
        &mut self,
        reader: &mut Reader,
        writer: &mut Writer,
        written: &mut u64,
    ) -> Result<(), TransferError> {
        let most = writer.most();
        loop {
            self.ask(reader).await?;
            if let Some((offset, length, block, permit)) = self.arriving.pop_front() {
                let data = block.wait().await?;
                self.pass_on(reader, writer, (offset, length), data, permit)
                    .await?;
            } else if self.leaving.is_empty() {
                return Ok(());
            }
            while (self.leaving.len() > most || self.arriving.is_empty())
                && let Some((end, block, _permit)) = self.leaving.pop_front()
            {
                block.wait().await.map_err(TransferError::writing)?;
                self.work.advanced(end.saturating_sub(*written), self.hosts);
                *written = end;
                if self.arriving.is_empty() && self.wants_more() {
                    break;
                }
            }
        }
    }

    fn wants_more(&self) -> bool {
        self.ended.is_none() && self.size.is_none_or(|size| self.next < size)
    }

    /// Asks for more blocks, as far as there is room for them.
    async fn ask(&mut self, reader: &mut Reader) -> Result<(), TransferError> {
        while self.wants_more() {
            // Without a size one block at a time finds the end.
            let idle = self.arriving.is_empty();
            if !idle && self.size.is_none() {
                break;
            }
            let left = self.size.map_or(u64::MAX, |size| size - self.next);
            // Blocks stay in their lanes.
            let lane = u64::from(self.block) - self.next % u64::from(self.block);
            let length = u32::try_from(left.min(lane)).unwrap_or(self.block);
            let permit = match idle && self.leaving.is_empty() {
                true => self.work.room(length).await,
                false => self.work.room_now(length),
            };
            let Some(permit) = permit else { break };
            if idle && self.leaving.is_empty() {
                self.work.pass(length).await;
            } else if !self.work.passes(length).await {
                // What is under way goes on meanwhile.
                break;
            }
            let block = reader.begin(self.next, length).await?;
            self.arriving.push_back((self.next, length, block, permit));
            self.next += u64::from(length);
        }
        Ok(())
    }

    /// Writes a block, after what a short read has left of it has come, too.
    async fn pass_on(
        &mut self,
        reader: &mut Reader,
        writer: &mut Writer,
        (offset, length): (u64, u32),
        data: Bytes,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), TransferError> {
        let data = fill(reader, offset, length, data).await?;
        let end = offset + data.len() as u64;
        if data.len() < length as usize {
            self.ended = Some(end);
            self.arriving.clear();
        }
        let hole = self.sparse && data.iter().all(|byte| *byte == 0);
        self.ends_in_hole = hole;
        let block = match hole {
            true => Leaving::Gone,
            false => {
                let begun = writer.begin(offset, data).await;
                begun.map_err(TransferError::writing)?
            }
        };
        self.leaving.push_back((end, block, permit));
        Ok(())
    }
}

/// Reads until a block is whole, or to the end of the file.
pub(super) async fn fill(
    reader: &mut Reader,
    offset: u64,
    length: u32,
    first: Bytes,
) -> Result<Bytes, TransferError> {
    if first.is_empty() || first.len() == length as usize {
        return Ok(first);
    }
    let mut data = first.to_vec();
    while data.len() < length as usize {
        let count = data.len() as u64;
        let missing = u32::try_from(u64::from(length).saturating_sub(count)).unwrap_or(length);
        let more = reader.begin(offset + count, missing).await?.wait().await?;
        if more.is_empty() {
            break;
        }
        data.extend_from_slice(&more);
    }
    Ok(data.into())
}
