//! Pins: host keys believed before, a file in known_hosts format keyed by instance id.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::policy::{HostKey, HostKeyError};
use super::shared_file;

/// A pin file larger than this is refused rather than read into memory.
const LARGEST: u64 = 16 << 20;

/// A file of pinned host keys.
///
/// Lines have the form of sshd(8)'s known_hosts, `NAME ALGORITHM BASE64`. Writers replace the file
/// under a lock; every other line stays as it is, byte for byte. A missing file holds no pins; one
/// that cannot be read is an error.
///
/// ```
/// let pins = eic_term::PinFile::new("/var/lib/example/known_hosts");
/// ```
#[derive(Debug, Clone)]
pub struct PinFile {
    path: PathBuf,
}

/// A pinned key.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pin {
    /// Whose it is: an instance id, mostly.
    pub name: String,
    /// The key.
    pub key: HostKey,
    /// When it was pinned and what spoke for it; empty where the file does not say.
    pub note: String,
    /// Its line in the file, counted from 1.
    pub line: usize,
}

impl Pin {
    /// Reads all pins of a text in known_hosts format; other lines are passed over.
    #[must_use]
    pub fn read_all(text: &[u8]) -> Vec<Self> {
        pins(text).collect()
    }
}

impl PinFile {
    /// Names the file; nothing is read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the keys pinned for `name`.
    pub(crate) fn keys(&self, name: &str) -> Result<Vec<HostKey>, HostKeyError> {
        let text = self.content()?;
        Ok(pins(&text)
            .filter(|pin| pin.name == name)
            .map(|pin| pin.key)
            .collect())
    }

    /// Returns all pins, in the order of the file.
    ///
    /// # Errors
    /// [`HostKeyError::File`].
    pub fn pins(&self) -> Result<Vec<Pin>, HostKeyError> {
        Ok(pins(&self.content()?).collect())
    }

    /// Pins a key, unless it is; `how` says what spoke for it, in one word.
    ///
    /// # Errors
    /// [`HostKeyError::Changed`] where another key is pinned, [`HostKeyError::File`].
    pub fn pin(&self, name: &str, key: &HostKey, how: &str) -> Result<(), HostKeyError> {
        let _lock = self.lock().map_err(|source| self.error(source))?;
        // Another login may have pinned it meanwhile.
        let text = self.content()?;
        if self.is_pinned(&text, name, key)? {
            return Ok(());
        }
        let when = humantime::format_rfc3339_seconds(SystemTime::now());
        let line = format!("{name} {} {when} {how}\n", key.to_line());
        self.append(text, &line)
            .map_err(|source| self.error(source))
    }

    /// Pins all of these, or none: what is pinned already stays as it is. Returns how many were new.
    ///
    /// # Errors
    /// [`HostKeyError::Changed`] where another key is pinned, [`HostKeyError::File`].
    pub fn import(&self, keys: &[(String, HostKey)], how: &str) -> Result<usize, HostKeyError> {
        let _lock = self.lock().map_err(|source| self.error(source))?;
        let text = self.content()?;
        let when = humantime::format_rfc3339_seconds(SystemTime::now());
        let mut lines = String::new();
        let mut new = 0;
        for (name, key) in keys {
            let of_name = pins(&text).filter(|pin| pin.name == *name);
            let known: Vec<_> = of_name.map(|pin| pin.key).collect();
            // A host has a key of each kind; they belong together if one of them is known.
            let agrees = |(other, key): &(String, HostKey)| other == name && known.contains(key);
            if !known.is_empty() && !keys.iter().any(agrees) {
                self.is_pinned(&text, name, key)?;
            }
            if !known.contains(key) {
                new += 1;
                lines.push_str(&format!("{name} {} {when} {how}\n", key.to_line()));
            }
        }
        if new > 0 {
            self.append(text, &lines)
                .map_err(|source| self.error(source))?;
        }
        Ok(new)
    }

    /// Takes out every key pinned for `name` alone; returns how many.
    ///
    /// # Errors
    /// [`HostKeyError::File`].
    pub fn forget(&self, name: &str) -> Result<usize, HostKeyError> {
        let _lock = self.lock().map_err(|source| self.error(source))?;
        let text = self.content()?;
        let gone: Vec<_> = pins(&text)
            .filter(|pin| pin.name == name)
            .map(|pin| pin.line)
            .collect();
        let lines = text.split_inclusive(|byte| *byte == b'\n').enumerate();
        let kept = lines.filter(|(index, _)| !gone.contains(&(index + 1)));
        let kept: Vec<u8> = kept.flat_map(|(_, line)| line).copied().collect();
        if !gone.is_empty() {
            self.replace(&kept).map_err(|source| self.error(source))?;
        }
        Ok(gone.len())
    }

    /// The file's content; nothing where there is none.
    pub(crate) fn content(&self) -> Result<Vec<u8>, HostKeyError> {
        self.read().map_err(|source| self.error(source))
    }

    /// Whether this key is pinned; another one is an error.
    pub(crate) fn has(&self, name: &str, key: &HostKey) -> Result<bool, HostKeyError> {
        self.is_pinned(&self.content()?, name, key)
    }

    /// Accepts the pinned key, pins a first one, refuses a changed one.
    pub(crate) fn check_or_pin(&self, name: &str, key: &HostKey) -> Result<(), HostKeyError> {
        if self.has(name, key)? {
            return Ok(());
        }
        self.pin(name, key, "first-use")
    }

    fn is_pinned(&self, text: &[u8], name: &str, key: &HostKey) -> Result<bool, HostKeyError> {
        let pins: Vec<_> = pins(text).filter(|pin| pin.name == name).collect();
        if pins.iter().any(|pin| pin.key == *key) {
            return Ok(true);
        }
        match pins.into_iter().next() {
            None => Ok(false),
            Some(pin) => Err(HostKeyError::Changed {
                name: name.to_owned(),
                pinned: Box::new(pin),
                presented: key.to_string(),
                path: self.path.clone(),
            }),
        }
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let file = match shared_file::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        let mut text = Vec::new();
        let read = file.take(LARGEST + 1).read_to_end(&mut text)?;
        if read as u64 > LARGEST {
            return Err(io::Error::other("it is larger than 16 MiB"));
        }
        Ok(text)
    }

    /// Locks a file beside the pins (they themselves are replaced); released when dropped.
    fn lock(&self) -> io::Result<File> {
        fs::create_dir_all(self.folder())?;
        let lock = File::create(self.path.with_extension("lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    fn append(&self, mut text: Vec<u8>, line: &str) -> io::Result<()> {
        if text.last().is_some_and(|last| *last != b'\n') {
            text.push(b'\n');
        }
        text.extend_from_slice(line.as_bytes());
        self.replace(&text)
    }

    fn replace(&self, text: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(self.folder())?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        shared_file::replace(&self.path, file)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    fn error(&self, source: io::Error) -> HostKeyError {
        HostKeyError::File {
            path: self.path.clone(),
            source,
        }
    }
}

/// Every line that is a pin, once for each of its names.
fn pins(text: &[u8]) -> impl Iterator<Item = Pin> + '_ {
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    lines.flat_map(|(index, line)| {
        let line = std::str::from_utf8(line).unwrap_or_default();
        let (names, key) = line.trim().split_once([' ', '\t']).unwrap_or_default();
        // Markers such as `@revoked` are no pins.
        let parsed = HostKey::parse(key).filter(|_| !names.starts_with('@'));
        let note: Vec<_> = key.split_whitespace().skip(2).collect();
        let note = note.join(" ");
        parsed.into_iter().flat_map(move |key| {
            let pin = |name: &str| Pin {
                name: name.to_owned(),
                key: key.clone(),
                note: note.clone(),
                line: index + 1,
            };
            names.split(',').map(pin).collect::<Vec<_>>()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const TWO: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn key(line: &str) -> HostKey {
        HostKey::parse(line).unwrap()
    }

    #[test]
    fn imported_keys_come_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let pins = PinFile::new(folder.path().join("known_hosts"));
        let pair = |name: &str, line| (name.to_owned(), key(line));
        let both = [pair("i-1", ONE), pair("i-1", TWO), pair("i-2", ONE)];
        assert_eq!(pins.import(&both, "imported").unwrap(), 3);
        assert_eq!(pins.import(&both, "imported").unwrap(), 0);
        let wrong = [pair("i-3", ONE), pair("i-2", TWO)];
        assert!(pins.import(&wrong, "imported").is_err());
        assert_eq!(pins.pins().unwrap().len(), 3);
    }

    #[test]
    fn first_key_is_pinned_a_second_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pins = PinFile::new(folder.path().join("data/known_hosts"));
        pins.check_or_pin("i-1", &key(ONE)).unwrap();
        pins.check_or_pin("i-1", &key(ONE)).unwrap();
        pins.check_or_pin("i-2", &key(TWO)).unwrap();
        let error = pins.check_or_pin("i-1", &key(TWO)).unwrap_err();
        assert!(
            matches!(&error, HostKeyError::Changed { pinned, .. } if pinned.line == 1),
            "{error}"
        );
        assert_eq!(pins.keys("i-1").unwrap(), [key(ONE)]);
    }

    #[test]
    fn other_lines_stay_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        let before =
            b"# mine\r\n\xff\xfe broken\n@revoked x y\ni-9 ssh-ed25519 no-newline".to_vec();
        fs::write(&path, &before).unwrap();
        PinFile::new(&path).check_or_pin("i-1", &key(ONE)).unwrap();
        let after = fs::read(&path).unwrap();
        assert!(after.starts_with(&before));
        let last = String::from_utf8_lossy(&after[before.len()..]).into_owned();
        assert!(last.starts_with(&format!("\ni-1 {ONE} 2")), "{last}");
        assert!(last.ends_with("Z first-use\n"), "{last}");
        assert_eq!(PinFile::new(&path).forget("i-1").unwrap(), 1);
        assert_eq!(PinFile::new(&path).forget("i-1").unwrap(), 0);
        let mut kept = before;
        kept.push(b'\n');
        assert_eq!(fs::read(&path).unwrap(), kept);
    }

    #[test]
    fn an_unreadable_file_is_an_error_not_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = PinFile::new(folder.path()).check_or_pin("i-1", &key(ONE));
        assert!(matches!(error, Err(HostKeyError::File { .. })));
    }

    #[test]
    fn logins_at_once_pin_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let pins = PinFile::new(folder.path().join("known_hosts"));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| pins.check_or_pin("i-1", &key(ONE)).unwrap());
            }
        });
        assert_eq!(pins.keys("i-1").unwrap().len(), 1);
    }
}
