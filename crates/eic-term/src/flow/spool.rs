//! A temporary file for what lagging readers have not taken, without a name and encrypted.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// How much is written or read at once, in bytes.
pub(crate) const CHUNK: usize = 256 << 10;
/// What the seal adds to a chunk, in bytes.
const TAG: usize = 16;
/// How many chunks may wait: 1 GiB a connection.
const MOST_CHUNKS: u32 = 4096;

/// Room on the disk for what the readers of one connection have not taken. The file comes to be when it is needed.
#[derive(Default)]
pub(crate) struct Spool {
    store: Mutex<Store>,
}

struct Store {
    file: Option<Sealed>,
    /// How many chunks may wait.
    most: u32,
    /// Chunks that were given back.
    free: Vec<u32>,
    /// How many places the file has.
    places: u32,
}

/// A file that only this process can read: its key is nowhere else.
struct Sealed {
    file: File,
    key: LessSafeKey,
    /// A nonce is never used twice, also where a place is.
    next_nonce: u64,
}

/// A chunk on the disk; dropping it gives its place back.
pub(crate) struct Chunk {
    spool: Arc<Spool>,
    place: u32,
    nonce: u64,
    length: usize,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            file: None,
            most: MOST_CHUNKS,
            free: Vec::new(),
            places: 0,
        }
    }
}

impl Spool {
    /// With room for so many.
    pub(crate) fn with_chunks(most: u32) -> Self {
        let store = Store {
            most,
            ..Store::default()
        };
        Self {
            store: Mutex::new(store),
        }
    }

    /// Returns whether nothing more can be put aside.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().is_full()
    }

    /// Puts at most a [`CHUNK`] aside; gives it back where there is no room. It blocks.
    pub(crate) fn put(self: &Arc<Self>, bytes: Vec<u8>) -> io::Result<Result<Chunk, Vec<u8>>> {
        let mut store = self.lock();
        let Some(place) = store.take_place() else {
            return Ok(Err(bytes));
        };
        let length = bytes.len();
        match store.write(place, bytes) {
            Ok(nonce) => Ok(Ok(Chunk {
                spool: self.clone(),
                place,
                nonce,
                length,
            })),
            Err(error) => {
                store.give_back(place);
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chunk {
    /// Reads it back, which gives its place back. It blocks.
    pub(crate) fn take(self) -> io::Result<Vec<u8>> {
        self.read()
    }

    /// Reads it. It blocks.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        self.spool.lock().read(self.place, self.nonce, self.length)
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.spool.lock().give_back(self.place);
    }
}

impl Store {
    fn is_full(&self) -> bool {
        self.free.is_empty() && self.places == self.most
    }

    fn take_place(&mut self) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        Some(self.free.pop().unwrap_or_else(|| {
            self.places += 1;
            self.places - 1
        }))
    }

    /// When nothing waits any more the disk gets its room back.
    fn give_back(&mut self, place: u32) {
        self.free.push(place);
        if self.free.len() == self.places as usize {
            (self.free, self.places) = (Vec::new(), 0);
            if let Some(sealed) = &self.file {
                sealed.file.set_len(0).ok();
            }
        }
    }

    fn write(&mut self, place: u32, bytes: Vec<u8>) -> io::Result<u64> {
        let sealed = match &mut self.file {
            Some(sealed) => sealed,
            empty => empty.insert(Sealed::create()?),
        };
        sealed.write(place, bytes)
    }

    fn read(&mut self, place: u32, nonce: u64, length: usize) -> io::Result<Vec<u8>> {
        let sealed = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        sealed.read(place, nonce, length)
    }
}

impl Sealed {
    fn create() -> io::Result<Self> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(io::Error::other)?;
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(io::Error::other)?;
        Ok(Self {
            file: temporary_file()?,
            key: LessSafeKey::new(key),
            next_nonce: 0,
        })
    }

    fn write(&mut self, place: u32, mut bytes: Vec<u8>) -> io::Result<u64> {
        let used = self.next_nonce;
        self.next_nonce += 1;
        let sealed = self
            .key
            .seal_in_place_append_tag(nonce(used), Aad::empty(), &mut bytes);
        sealed.map_err(io::Error::other)?;
        self.file.seek(position(place))?;
        self.file.write_all(&bytes)?;
        Ok(used)
    }

    fn read(&mut self, place: u32, used: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length + TAG];
        self.file.seek(position(place))?;
        self.file.read_exact(&mut bytes)?;
        let opened = self
            .key
            .open_in_place(nonce(used), Aad::empty(), &mut bytes);
        opened.map_err(io::Error::other)?;
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn position(place: u32) -> SeekFrom {
    SeekFrom::Start(u64::from(place) * (CHUNK + TAG) as u64)
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    for (byte, digit) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte = digit;
    }
    Nonce::assume_unique_for_key(bytes)
}

/// `/tmp` is memory on many systems, `/var/tmp` on none (file-hierarchy(7)).
fn temporary_file() -> io::Result<File> {
    let disk = Path::new("/var/tmp");
    if disk.is_dir()
        && let Ok(file) = tempfile::tempfile_in(disk)
    {
        return Ok(file);
    }
    tempfile::tempfile()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_back_as_they_were_and_places_are_used_again() {
        let spool = Arc::new(Spool::default());
        let first = spool.put(vec![1; CHUNK]).unwrap().unwrap();
        let second = spool.put(vec![2; 10]).unwrap().unwrap();
        assert_eq!(first.take().unwrap(), vec![1; CHUNK]);
        let third = spool.put(vec![3; 20]).unwrap().unwrap();
        assert_eq!(third.place, 0);
        assert_eq!(second.take().unwrap(), [2; 10]);
        assert_eq!(third.take().unwrap(), [3; 20]);
        assert_eq!(spool.lock().places, 0);
        let file = &spool.lock().file.as_ref().unwrap().file.metadata().unwrap();
        assert_eq!(file.len(), 0);
    }

    #[test]
    fn what_is_on_the_disk_cannot_be_read_there() {
        let spool = Arc::new(Spool::default());
        let secret = b"a secret that passed through a forward".to_vec();
        let chunk = spool.put(secret.clone()).unwrap().unwrap();
        let mut raw = Vec::new();
        {
            let mut store = spool.lock();
            let file = &mut store.file.as_mut().unwrap().file;
            file.seek(SeekFrom::Start(0)).unwrap();
            file.read_to_end(&mut raw).unwrap();
        }
        assert_eq!(raw.len(), secret.len() + TAG);
        assert!(!raw.windows(6).any(|window| window == b"secret"));
        drop(chunk);
    }

    #[test]
    fn a_full_spool_takes_nothing_more() {
        let mut store = Store::default();
        for place in 0..MOST_CHUNKS {
            assert_eq!(store.take_place(), Some(place));
        }
        assert_eq!(store.take_place(), None);
        store.give_back(7);
        assert_eq!(store.take_place(), Some(7));
    }
}
