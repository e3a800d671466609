//! known_hosts files: the first line of the input is the name that is looked up in the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let line = input.iter().position(|byte| *byte == b'\n');
    let (name, text) = input.split_at(line.unwrap_or(0));
    let name = String::from_utf8_lossy(name);
    eic_term::fuzz::known_hosts(text, &name);
    let hosts = String::from_utf8_lossy(text);
    let pattern = hosts.split_whitespace().next().unwrap_or_default();
    eic_term::fuzz::pattern(pattern, &name);
});
