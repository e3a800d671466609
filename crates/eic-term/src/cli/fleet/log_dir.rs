//! A folder with one log an instance, and the lists of those that succeeded and failed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use eic_term::visible_line;

use super::event::{Ending, Event};
use super::targets::Host;
use crate::cli::report::Failure;

/// The list of those that did not succeed, which `--retry-failed` reads.
pub(crate) const FAILED: &str = "failed";
const SUCCEEDED: &str = "succeeded";
/// How much of an instance's name its file has, in characters.
const NAME: usize = 80;

/// The folder, being written.
pub(crate) struct LogDir {
    folder: PathBuf,
    open: HashMap<usize, BufWriter<File>>,
    /// The list of an earlier run that is gone on with.
    succeeded: String,
}

impl LogDir {
    /// Makes the folder, which only its owner can read; `again` keeps who has succeeded before.
    pub(crate) fn create(folder: &Path, again: bool) -> Result<Self, Failure> {
        let made = private_folder(folder);
        let failed = |source| {
            Failure::new(format!("cannot log into {}", folder.display()), source)
                .advised("a folder of yours, or one that is not there yet")
        };
        made.map_err(failed)?;
        let before = match again {
            true => fs::read_to_string(folder.join(SUCCEEDED)),
            false => Ok(String::new()),
        };
        let succeeded = match before {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            before => before.map_err(failed)?,
        };
        Ok(Self {
            folder: folder.to_owned(),
            open: HashMap::new(),
            succeeded,
        })
    }

    /// Writes what an event brings.
    pub(crate) fn take(&mut self, number: usize, host: &Host, event: &Event) -> io::Result<()> {
        match event {
            Event::Start { .. } => {
                let file = private_file(&self.folder.join(file_name(host)))?;
                self.open.insert(number, BufWriter::new(file));
                Ok(())
            }
            Event::Output(_, bytes) => match self.open.get_mut(&number) {
                Some(file) => file.write_all(bytes),
                None => Ok(()),
            },
            Event::End(_) => match self.open.remove(&number) {
                Some(mut file) => file.flush(),
                None => Ok(()),
            },
        }
    }

    /// Writes the lists; who has not ended has failed.
    pub(crate) fn finish(
        &self,
        hosts: &[impl AsRef<Host>],
        endings: &[Option<Ending>],
    ) -> io::Result<()> {
        let (mut succeeded, mut failed) = (self.succeeded.clone(), String::new());
        for (host, ending) in hosts.iter().zip(endings) {
            let host = host.as_ref();
            match ending {
                Some(ending) if ending.is_ok() => {
                    succeeded.push_str(&format!("{} # {}\n", host.target, host.label));
                }
                ending => {
                    let words = ending
                        .as_ref()
                        .map_or("interrupted".to_owned(), Ending::words);
                    let line = format!("{} # {}: {words}", host.target, host.label);
                    failed.push_str(&format!("{}\n", visible_line(&line)));
                }
            }
        }
        for (name, list) in [(SUCCEEDED, succeeded), (FAILED, failed)] {
            private_file(&self.folder.join(name))?.write_all(list.as_bytes())?;
        }
        Ok(())
    }
}

/// A name that stays in the folder, whatever the instance is called.
fn file_name(host: &Host) -> String {
    let safe = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
        '.' => '.',
        _ => '_',
    };
    let name: String = host
        .name
        .iter()
        .flat_map(|name| name.chars())
        .take(NAME)
        .map(safe)
        .collect();
    let id: String = host.id.chars().map(safe).collect();
    match name.trim_start_matches('.') {
        "" => format!("{id}.log"),
        name => format!("{name}.{id}.log"),
    }
}

fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// A new file in the place of an old one, or of whatever a link leads to.
fn private_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder() {
        for (name, expected) in [
            (Some("web-1"), "web-1.i-01234567.log"),
            (Some("../../etc/passwd"), "_.._etc_passwd.i-01234567.log"),
            (Some("..."), "i-01234567.log"),
            (Some("a b\u{1b}\u{e9}"), "a_b__.i-01234567.log"),
            (None, "i-01234567.log"),
        ] {
            let host = Host {
                id: "i-01234567".to_owned(),
                name: name.map(str::to_owned),
                label: String::new(),
                target: String::new(),
                way: Err(Failure::caused("", "")),
            };
            assert_eq!(file_name(&host), expected);
        }
    }
}
