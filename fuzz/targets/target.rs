//! Targets: what parses is shown as what parses to the same, and no error drives a terminal.
#![no_main]

use eic_auth::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<Target>() {
        Ok(target) => assert_eq!(target.to_string().parse(), Ok(target)),
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
});
