//! Pins: host keys believed before, a file in known_hosts format keyed by instance id.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::policy::{HostKey, HostKeyError};

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

/// A pinned key and its line, counted from 1.
struct Pin {
    line: usize,
    key: HostKey,
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
        let text = self.read().map_err(|source| self.error(source))?;
        Ok(pins(&text, name).into_iter().map(|pin| pin.key).collect())
    }

    /// Accepts the pinned key, pins a first one, refuses a changed one.
    pub(crate) fn check_or_pin(&self, name: &str, key: &HostKey) -> Result<(), HostKeyError> {
        let text = self.read().map_err(|source| self.error(source))?;
        if self.is_pinned(&text, name, key)? {
            return Ok(());
        }
        let _lock = self.lock().map_err(|source| self.error(source))?;
        // Another login may have pinned it between the look and the lock.
        let text = self.read().map_err(|source| self.error(source))?;
        if self.is_pinned(&text, name, key)? {
            return Ok(());
        }
        self.append(text, name, key)
            .map_err(|source| self.error(source))
    }

    fn is_pinned(&self, text: &[u8], name: &str, key: &HostKey) -> Result<bool, HostKeyError> {
        let pins = pins(text, name);
        if pins.iter().any(|pin| pin.key == *key) {
            return Ok(true);
        }
        match pins.first() {
            None => Ok(false),
            Some(pin) => Err(HostKeyError::Changed {
                name: name.to_owned(),
                pinned: pin.key.to_string(),
                presented: key.to_string(),
                path: self.path.clone(),
                line: pin.line,
            }),
        }
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let file = match File::open(&self.path) {
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

    fn append(&self, mut text: Vec<u8>, name: &str, key: &HostKey) -> io::Result<()> {
        if text.last().is_some_and(|last| *last != b'\n') {
            text.push(b'\n');
        }
        text.extend_from_slice(format!("{name} {}\n", key.to_line()).as_bytes());
        let mut file = tempfile::NamedTempFile::new_in(self.folder())?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
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

fn pins(text: &[u8], name: &str) -> Vec<Pin> {
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter_map(|(index, line)| {
            let line = std::str::from_utf8(line).ok()?;
            let (names, key) = line.trim().split_once([' ', '\t'])?;
            let named = names.split(',').any(|one| one == name);
            let key = named.then(|| HostKey::parse(key)).flatten()?;
            Some(Pin {
                line: index + 1,
                key,
            })
        })
        .collect()
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
    fn first_key_is_pinned_a_second_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pins = PinFile::new(folder.path().join("data/known_hosts"));
        pins.check_or_pin("i-1", &key(ONE)).unwrap();
        pins.check_or_pin("i-1", &key(ONE)).unwrap();
        pins.check_or_pin("i-2", &key(TWO)).unwrap();
        let error = pins.check_or_pin("i-1", &key(TWO)).unwrap_err();
        assert!(
            matches!(error, HostKeyError::Changed { line: 1, .. }),
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
        assert!(after.ends_with(format!("\ni-1 {ONE}\n").as_bytes()));
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
