//! What the tasks of one transfer share: its options, its limits, and who is told of what.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::block::BLOCK;
use super::error::TransferError;
use super::host::Host;
use super::rate::Rate;
use super::{OnEvent, Summary, TransferEvent, TransferOptions};

/// How many bytes may be under way at once, in memory of ours.
const ROOM: usize = 16 << 20;
/// How many files are copied at once: their round trips overlap.
const FILES: usize = 64;
const LARGE_FILES: usize = 4;

pub(super) struct Work {
    pub(super) options: TransferOptions,
    on_event: Mutex<OnEvent>,
    room: Arc<Semaphore>,
    pub(super) files: Arc<Semaphore>,
    /// Of those, how many that have more than a block.
    pub(super) large: Semaphore,
    rate: Option<Rate>,
    bytes: AtomicU64,
    cancelled: CancellationToken,
    fatal: Mutex<Option<TransferError>>,
    summary: Mutex<Summary>,
}

impl Work {
    pub(super) fn new(options: TransferOptions, on_event: OnEvent) -> Self {
        Self {
            rate: options.limit_rate.map(Rate::new),
            room: Arc::new(Semaphore::new(room(&options))),
            options,
            on_event: Mutex::new(on_event),
            files: Arc::new(Semaphore::new(FILES)),
            large: Semaphore::new(LARGE_FILES),
            bytes: AtomicU64::new(0),
            cancelled: CancellationToken::new(),
            fatal: Mutex::default(),
            summary: Mutex::default(),
        }
    }

    pub(super) fn tell(&self, event: TransferEvent<'_>) {
        (self.on_event.lock().unwrap_or_else(PoisonError::into_inner))(event);
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Summary)) {
        change(&mut self.summary.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What has come of it so far.
    pub(super) fn summary(&self) -> Summary {
        let mut summary = self
            .summary
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        summary.bytes = self.bytes.load(Ordering::Relaxed);
        summary
    }

    /// Waits for room for a block.
    pub(super) async fn room(&self, bytes: u32) -> Option<OwnedSemaphorePermit> {
        self.room.clone().acquire_many_owned(bytes).await.ok()
    }

    /// Takes room for a block where there is some.
    pub(super) fn room_now(&self, bytes: u32) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_many_owned(bytes).ok()
    }

    /// Whether so many bytes may pass now.
    pub(super) async fn passes(&self, bytes: u32) -> bool {
        match &self.rate {
            Some(rate) => rate.passes(bytes).await,
            None => true,
        }
    }

    /// Waits until so many bytes may pass.
    pub(super) async fn pass(&self, bytes: u32) {
        if let Some(rate) = &self.rate {
            rate.pass(bytes).await;
        }
    }

    /// Notes that so many bytes are where they should be.
    pub(super) fn advanced(&self, bytes: u64, hosts: &[Option<&Host>; 2]) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        hosts.iter().flatten().for_each(|host| host.advanced());
        self.tell(TransferEvent::Advanced { bytes });
    }

    pub(super) fn copied(&self, path: &[u8], size: u64) {
        self.count(|summary| summary.files += 1);
        self.tell(TransferEvent::Copied { path, size });
    }

    /// Tells what would be copied.
    pub(super) fn planned(&self, path: &[u8], size: Option<u64>, is_link: bool) {
        match is_link {
            true => self.linked(path),
            false => self.copied(path, size.unwrap_or_default()),
        }
    }

    pub(super) fn linked(&self, path: &[u8]) {
        self.count(|summary| summary.links += 1);
        self.tell(TransferEvent::Linked { path });
    }

    pub(super) fn unchanged(&self, path: &[u8], size: Option<u64>) {
        self.count(|summary| summary.unchanged += 1);
        let size = size.unwrap_or_default();
        self.tell(TransferEvent::Unchanged { path, size });
    }

    /// Tells of what was not copied; what keeps all else from being copied, too, ends the work.
    pub(super) fn failed(&self, path: &[u8], error: TransferError) {
        if matches!(error, TransferError::Cancelled) {
            return;
        }
        if error.is_fatal() {
            let mut fatal = self.fatal.lock().unwrap_or_else(PoisonError::into_inner);
            fatal.get_or_insert(error);
            self.cancel();
            return;
        }
        self.count(|summary| summary.failed += 1);
        self.tell(TransferEvent::Failed {
            path,
            error: &error,
        });
    }

    /// What has ended the work.
    pub(super) fn fatal(&self) -> Option<TransferError> {
        let mut fatal = self.fatal.lock().unwrap_or_else(PoisonError::into_inner);
        fatal.take()
    }

    /// Stops what is under way.
    pub(super) fn cancel(&self) {
        self.cancelled.cancel();
        self.files.close();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    pub(super) async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// Notes that so many bytes need not be copied.
    pub(super) fn skipped(&self, bytes: u64) {
        if bytes > 0 {
            self.tell(TransferEvent::Skipped { bytes });
        }
    }

    /// The size of a block that all sides take.
    pub(super) async fn block(&self, hosts: &[Option<&Host>; 2]) -> Result<u32, TransferError> {
        let mut block = largest(&self.options);
        if let Some(rate) = &self.rate {
            block = block.min(rate.block());
        }
        for host in hosts.iter().flatten() {
            let limits = host.channel().await?.sftp.limits().await?;
            block = block.min(limits.read).min(limits.write);
        }
        Ok(block)
    }
}

/// The size of a block, as far as it is ours to say.
fn largest(options: &TransferOptions) -> u32 {
    options.block.map_or(BLOCK, |block| block.clamp(1, BLOCK))
}

/// How many bytes may be under way.
fn room(options: &TransferOptions) -> usize {
    let wanted = options.requests.map(|requests| {
        let blocks = u64::from(requests.max(1)) * u64::from(largest(options));
        usize::try_from(blocks).unwrap_or(ROOM)
    });
    wanted.map_or(ROOM, |wanted| wanted.min(ROOM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_their_size_bound_what_is_under_way() {
        for (block, requests, expected) in [
            (None, None, ROOM),
            (None, Some(2), 2 * BLOCK as usize),
            (Some(5), Some(1), 5),
            (Some(0), Some(0), 1),
            (Some(1 << 30), Some(u32::MAX), ROOM),
        ] {
            let options = TransferOptions {
                block,
                requests,
                ..TransferOptions::default()
            };
            assert_eq!(room(&options), expected, "{block:?} {requests:?}");
        }
    }
}
