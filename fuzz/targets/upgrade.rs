//! An endpoint's answer and its frames: the first byte says how large the parts are in which they come, the
//! lowest bit of it which of the two they are.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((part, bytes)) = input.split_first() else {
        return;
    };
    let size = usize::from(part >> 1) + 1;
    if part & 1 == 0 {
        eic_auth::fuzz::answer(bytes, size);
    } else {
        eic_auth::fuzz::frames(bytes, size);
    }
});
