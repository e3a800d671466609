//! The name that a file has until it is whole.

use std::hash::{BuildHasher, RandomState};

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;

/// The longest name that a file system holds, in bytes, and what we add at most.
const LONGEST: usize = 255;
const ADDED: usize = 24;

/// One that nobody else has.
pub(super) fn fresh(name: &[u8]) -> Vec<u8> {
    let random = RandomState::new().hash_one(name);
    with(name, &format!("{:08x}", random >> 32))
}

/// One that is found again by the next copy of the same file.
pub(super) fn lasting(name: &[u8]) -> Vec<u8> {
    with(name, "part")
}

/// Hidden, beside the file, and no longer than a name may be.
fn with(name: &[u8], tag: &str) -> Vec<u8> {
    if name.len() + ADDED <= LONGEST {
        return [b".", name, b".eic-", tag.as_bytes()].concat();
    }
    let hash = HEXLOWER.encode(digest(&SHA256, name).as_ref());
    format!(".{hash}.eic-{tag}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_short_and_lasting_or_not() {
        assert_eq!(lasting(b"a\xff"), b".a\xff.eic-part");
        let (one, other) = (fresh(b"a"), fresh(b"a"));
        assert!(one.starts_with(b".a.eic-") && one.len() == 15 && one != other);
        let (long, longer) = (vec![b'x'; 255], vec![b'y'; 255]);
        assert!(lasting(&long).len() <= LONGEST);
        assert_ne!(lasting(&long), lasting(&longer));
        assert_eq!(lasting(&long), lasting(&long));
    }
}
