//! Console output: what is read are keys, no more than a host has, and the same whatever the line ends.
#![no_main]

use eic_auth::ConsoleKeys;
use eic_term::HostKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let console = String::from_utf8_lossy(input);
    let read = ConsoleKeys::read(&console);
    assert_eq!(ConsoleKeys::read(&console.replace('\n', "\r\n")), read);
    if let ConsoleKeys::Keys(keys) = read {
        assert!((1..=32).contains(&keys.len()));
        assert!(keys.iter().all(|key| HostKey::parse(key).is_some()));
    }
});
