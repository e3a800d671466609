//! Times of files here.

use std::fs::{File, FileTimes};
use std::io;
use std::time::{Duration, SystemTime};

use eic_term::files::Attributes;

/// Gives a file the times that a server says.
pub(super) fn set(file: &File, attributes: &Attributes) -> io::Result<()> {
    let Some((read, written)) = attributes.times else {
        return Ok(());
    };
    let time = |seconds: u32| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into());
    let times = FileTimes::new()
        .set_accessed(time(read))
        .set_modified(time(written));
    file.set_times(times)
}
