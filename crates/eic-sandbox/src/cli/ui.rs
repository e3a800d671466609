//! The only place that prints.

use std::error::Error;
use std::io::{self, Write};

use super::report::Failure;

/// Prints to the standard output; a reader that has gone is not an error.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Tells the user something beside the output.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Passes another program's messages on.
pub(crate) fn pass_on(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}

/// Tells what failed, why, and what to do about it.
pub(crate) fn report(failure: &Failure) {
    say(&format!("error: {failure}"));
    let mut cause = failure.source();
    while let Some(error) = cause {
        say(&format!("  cause: {error}"));
        cause = error.source();
    }
    if let Some(hint) = failure.hint() {
        say(&format!("  try:   {hint}"));
    }
}
