//! Files of keys that are not to be trusted (ssh_config(5), `RevokedHostKeys`): lists of public keys, and OpenSSH's key
//! revocation lists (PROTOCOL.krl).

use std::io;
use std::path::Path;

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use russh::keys::ssh_encoding::{self, Decode};
use russh::keys::{Certificate, PublicKey};

use super::certificate;
use super::known::Shown;

/// How a key revocation list begins.
const MAGIC: &[u8] = b"SSHKRL\n\0";
/// A file larger than this, in bytes, is refused rather than read into memory.
const LARGEST: u64 = 64 << 20;

/// What a file revokes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RevokedKeys {
    /// Keys in the protocol's form.
    keys: Vec<Vec<u8>>,
    /// Hashes of such keys.
    sha1: Vec<Vec<u8>>,
    sha256: Vec<Vec<u8>>,
    certificates: Vec<Certificates>,
}

/// Certificates of one authority.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Certificates {
    /// Whose; empty for any.
    authority: Vec<u8>,
    /// First and last serial numbers.
    serials: Vec<(u64, u64)>,
    /// A serial number, and the bits for it and those after it: the lowest is the last byte's lowest.
    bitmaps: Vec<(u64, Vec<u8>)>,
    ids: Vec<String>,
}

impl RevokedKeys {
    /// Reads a file; without it nothing can be believed.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        if std::fs::metadata(path)?.len() > LARGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Self::parse(&std::fs::read(path)?)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn parse(bytes: &[u8]) -> Result<Self, ssh_encoding::Error> {
        match bytes.strip_prefix(MAGIC) {
            Some(rest) => Self::parse_krl(rest),
            None => Ok(Self::parse_list(bytes)),
        }
    }

    /// A certificate in the list stands for the key in it.
    fn parse_list(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let key = |line: &str| {
            let certified = || Some(Certificate::from_openssh(line).ok()?.public_key().clone());
            let plain = PublicKey::from_openssh(line).ok();
            let key = plain.or_else(|| certified().map(PublicKey::from))?;
            key.to_bytes().ok()
        };
        Self {
            keys: text.lines().map(str::trim).filter_map(key).collect(),
            ..Self::default()
        }
    }

    /// Reads what follows the magic; signatures, which nobody checks, end it.
    fn parse_krl(mut bytes: &[u8]) -> Result<Self, ssh_encoding::Error> {
        let rest = &mut bytes;
        if u32::decode(rest)? != 1 {
            return Err(ssh_encoding::Error::Length);
        }
        // The list's number, its date and its flags.
        for _ in 0..3 {
            u64::decode(rest)?;
        }
        // Reserved, and a comment.
        for _ in 0..2 {
            Vec::<u8>::decode(rest)?;
        }
        let mut revoked = Self::default();
        while !rest.is_empty() {
            let kind = u8::decode(rest)?;
            let section = Vec::<u8>::decode(rest)?;
            let section = &mut section.as_slice();
            match kind {
                1 => revoked.certificates.push(Certificates::parse(section)?),
                2 => strings(section, &mut revoked.keys)?,
                3 => strings(section, &mut revoked.sha1)?,
                4 => break,
                5 => strings(section, &mut revoked.sha256)?,
                255 => extension(section)?,
                _ => return Err(ssh_encoding::Error::Length),
            }
        }
        Ok(revoked)
    }

    /// Whether the key that is shown is revoked, or its certificate, or who certified it.
    pub(crate) fn revokes(&self, shown: &Shown) -> bool {
        let certified = shown.certificate.as_ref();
        let authority = certified.map(|one| certificate::authority(one).to_bytes());
        self.has(&shown.key.to_bytes())
            || authority.is_some_and(|key| self.has(&key))
            || certified.is_some_and(|one| self.certificates.iter().any(|all| all.has(one)))
    }

    fn has(&self, key: &[u8]) -> bool {
        let hashed = |algorithm| digest::digest(algorithm, key).as_ref().to_vec();
        self.keys.iter().any(|one| one == key)
            || self.sha256.contains(&hashed(&SHA256))
            || self.sha1.contains(&hashed(&SHA1_FOR_LEGACY_USE_ONLY))
    }
}

impl Certificates {
    fn parse(rest: &mut &[u8]) -> Result<Self, ssh_encoding::Error> {
        let mut found = Self {
            authority: Vec::decode(rest)?,
            ..Self::default()
        };
        Vec::<u8>::decode(rest)?;
        while !rest.is_empty() {
            let kind = u8::decode(rest)?;
            let section = Vec::<u8>::decode(rest)?;
            let section = &mut section.as_slice();
            match kind {
                0x20 => {
                    while !section.is_empty() {
                        let serial = u64::decode(section)?;
                        found.serials.push((serial, serial));
                    }
                }
                0x21 => {
                    let range = (u64::decode(section)?, u64::decode(section)?);
                    found.serials.push(range);
                }
                0x22 => {
                    let first = u64::decode(section)?;
                    found.bitmaps.push((first, Vec::decode(section)?));
                }
                0x23 => {
                    while !section.is_empty() {
                        found.ids.push(String::decode(section)?);
                    }
                }
                0x39 => extension(section)?,
                _ => return Err(ssh_encoding::Error::Length),
            }
        }
        Ok(found)
    }

    /// A serial number of 0 is none.
    fn has(&self, certificate: &Certificate) -> bool {
        let authority = certificate::authority(certificate).to_bytes();
        if !self.authority.is_empty() && self.authority != authority {
            return false;
        }
        let serial = certificate.serial();
        let mut ranges = self.serials.iter();
        let mut bitmaps = self.bitmaps.iter();
        let by_serial = ranges.any(|(first, last)| (*first..=*last).contains(&serial))
            || bitmaps.any(|(first, bits)| has_bit(bits, serial.checked_sub(*first)));
        (serial != 0 && by_serial) || self.ids.iter().any(|id| id == certificate.key_id())
    }
}

fn has_bit(bits: &[u8], at: Option<u64>) -> bool {
    let byte = at.and_then(|at| usize::try_from(at / 8).ok());
    let byte = byte.and_then(|byte| bits.iter().rev().nth(byte));
    at.zip(byte)
        .is_some_and(|(at, byte)| byte >> (at % 8) & 1 == 1)
}

fn strings(rest: &mut &[u8], into: &mut Vec<Vec<u8>>) -> Result<(), ssh_encoding::Error> {
    while !rest.is_empty() {
        into.push(Vec::decode(rest)?);
    }
    Ok(())
}

/// None is known: one that must be understood ends it.
fn extension(rest: &mut &[u8]) -> Result<(), ssh_encoding::Error> {
    String::decode(rest)?;
    match u8::decode(rest)? {
        0 => Ok(()),
        _ => Err(ssh_encoding::Error::Length),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::trust::HostKey;

    fn keygen(folder: &Path, line: &str) {
        let mut command = Command::new("ssh-keygen");
        command.current_dir(folder).args(line.split(' '));
        assert!(command.output().unwrap().status.success(), "{line}");
    }

    /// Two keys, `a` with certificates of two serial numbers and ids, and an authority.
    fn prepared() -> Option<tempfile::TempDir> {
        if Command::new("ssh-keygen").arg("-?").output().is_err() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for key in ["a", "b", "ca"] {
            keygen(folder.path(), &format!("-q -t ed25519 -N  -f {key}"));
        }
        for (serial, id) in [("7", "seven"), ("0", "none")] {
            keygen(
                folder.path(),
                &format!("-q -h -s ca -z {serial} -I {id} -n web a.pub"),
            );
            let (from, to) = ("a-cert.pub", format!("{id}.pub"));
            std::fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
        }
        Some(folder)
    }

    fn shown(folder: &Path, file: &str) -> Shown {
        let line = std::fs::read_to_string(folder.join(file)).unwrap();
        let certificate = Certificate::from_openssh(&line).ok();
        let key = certificate
            .as_ref()
            .map(|one| HostKey::new(PublicKey::from(one.public_key().clone())));
        Shown {
            key: key.or_else(|| HostKey::parse(&line)).unwrap(),
            certificate,
        }
    }

    /// What each list revokes of: key a, key b, the certificates `seven` and `none`.
    #[test]
    fn lists_as_ssh_keygen_makes_them() {
        let Some(folder) = prepared() else {
            return;
        };
        let path = folder.path();
        for (name, specification, expected) in [
            ("empty", "", [false; 4]),
            ("key", "key: {a}", [true, false, true, true]),
            ("authority", "key: {ca}", [false, false, true, true]),
            ("sha1", "sha1: {a}", [true, false, true, true]),
            ("sha256", "hash: {fingerprint}", [true, false, true, true]),
            ("serial", "serial: 7", [false, false, true, false]),
            ("range", "serial: 5-9", [false, false, true, false]),
            (
                "bits",
                "serial: 1\nserial: 3\nserial: 5\nserial: 7",
                [false, false, true, false],
            ),
            ("others", "serial: 8", [false; 4]),
            ("id", "id: none", [false, false, false, true]),
        ] {
            let key = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
            let specification = specification
                .replace("{a}", key("a.pub").trim())
                .replace("{ca}", key("ca.pub").trim())
                .replace("{fingerprint}", &shown(path, "a.pub").key.fingerprint());
            std::fs::write(path.join("specification"), specification + "\n").unwrap();
            keygen(
                path,
                &format!("-q -k -f {name}.krl -s ca.pub specification"),
            );
            let revoked = RevokedKeys::read(&path.join(format!("{name}.krl"))).unwrap();
            let found = ["a.pub", "b.pub", "seven.pub", "none.pub"]
                .map(|file| revoked.revokes(&shown(path, file)));
            assert_eq!(found, expected, "{name}");
        }
        let text = format!(
            "# old\n\n{}",
            std::fs::read_to_string(path.join("seven.pub")).unwrap()
        );
        let list = RevokedKeys::parse(text.as_bytes()).unwrap();
        assert!(list.revokes(&shown(path, "a.pub")));
        assert!(!list.revokes(&shown(path, "b.pub")));
    }

    #[test]
    fn a_broken_list_is_no_list() {
        let head = [MAGIC, &[0, 0, 0, 1], &[0; 24], &[0; 8]].concat();
        assert_eq!(RevokedKeys::parse(&head), Ok(RevokedKeys::default()));
        for more in [&[2][..], &[2, 0, 0, 0, 9], &[77, 0, 0, 0, 0]] {
            assert!(RevokedKeys::parse(&[&head, more].concat()).is_err());
        }
        let newer = [MAGIC, &[0, 0, 0, 2], &[0; 32]].concat();
        assert!(RevokedKeys::parse(&newer).is_err());
    }
}
