//! A file of 5 GiB: what lies past 4 GiB goes where it belongs.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use eic_sandbox::Config;

use super::support::{Sandbox, noise, peer};
use super::{cp, leftovers, succeeds, there};

const SIZE: u64 = 5 << 30;
const BORDER: u64 = 4 << 30;
/// Where there is something; all else are holes.
const FILLED: [u64; 4] = [0, BORDER - (3 << 20), BORDER - 70_000, SIZE - 500_000];

/// Makes the first `length` bytes of it.
fn make(path: &Path, length: u64) {
    let file = File::create(path).unwrap();
    for start in FILLED {
        let data = noise(400_000);
        let fits = usize::try_from(length.saturating_sub(start).min(data.len() as u64)).unwrap();
        file.write_all_at(&data[..fits], start).unwrap();
    }
    file.set_len(length).unwrap();
}

/// Whether a file has these bytes and no others; holes need not be read.
fn is_whole(path: &Path, length: u64) -> bool {
    let file = File::open(path).unwrap();
    let metadata = file.metadata().unwrap();
    let same = FILLED
        .into_iter()
        .filter(|start| *start < length)
        .all(|start| {
            let mut found = vec![0; 400_000];
            file.read_exact_at(&mut found, start).unwrap();
            found == noise(400_000)
        });
    // Anything written elsewhere would take room.
    same && metadata.len() == length && metadata.blocks() * 512 < 24 << 20
}

#[test]
fn a_file_of_5_gib_goes_both_ways() {
    if !peer("sshd") {
        return;
    }
    // Without sha256sum there the last bytes are compared, which reads no gigabytes.
    let sandbox = Sandbox::with(
        Config::default()
            .sshd(true)
            .sshd_option("SetEnv PATH=/nowhere"),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["far", "near"] {
        std::fs::create_dir(path(name)).unwrap();
    }
    // Across the border of 32 bits, and at the end.
    for (length, cut) in [
        (BORDER + (2 << 20), BORDER - (2 << 20)),
        (SIZE, SIZE - (2 << 20)),
    ] {
        let source = path("large");
        make(&source, length);
        for (from, to, folder) in [
            (OsString::from(&source), there(path("far")), path("far")),
            (there(&source), path("near").into(), path("near")),
        ] {
            make(&folder.join(".large.eic-part"), cut);
            let outcome = cp(&sandbox, ["--resume".into(), "--json".into(), from, to]);
            succeeds(&outcome);
            let end = outcome.text().lines().last().unwrap().to_owned();
            let end: serde_json::Value = serde_json::from_str(&end).unwrap();
            assert_eq!(end["bytes"], length - cut, "{length}: {end}");
            assert!(
                is_whole(&folder.join("large"), length),
                "{length} {folder:?}"
            );
            assert_eq!(leftovers(&folder), [""; 0]);
            std::fs::remove_file(folder.join("large")).unwrap();
        }
    }
}
