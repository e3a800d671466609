//! `get` and `put`: which files go where.

use eic_term::files::{
    Attributes, FileKind, Found, Location, StatusCode, Transfer, TransferEvent, TransferOptions,
    glob,
};

use super::client::{Client, Done, failure, shown};
use super::command::{self, How};
use super::{local, paths, platform};
use crate::cli::copying::{Failures, SharedMeter, show};
use crate::cli::report::Failure;

/// Files on their way.
struct Copying<'a> {
    client: &'a Client,
    how: How,
    way: Way,
    /// Where each goes, under its own name; a single one may go under another.
    to: Target,
}

/// From the host, or to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Here,
    There,
}

/// Where files go.
enum Target {
    Folder(Vec<u8>),
    Name(Vec<u8>),
}

pub(super) async fn get(client: &Client, files: &command::Transfer) -> Result<Done, Failure> {
    let how = files.how.or(client.settings.how);
    let found = client.find_some(&files.from, "find").await?;
    let to = files.to.as_deref().map(local::expand).transpose()?;
    let to = match to {
        None => Target::Folder(b".".to_vec()),
        Some(to) if to.is_dir() => Target::Folder(platform::bytes(&to)),
        // What is named here is written to, wherever it leads.
        Some(to) => {
            let leads_to = if to.is_symlink() {
                to.canonicalize().ok()
            } else {
                None
            };
            Target::Name(platform::bytes(&leads_to.unwrap_or(to)))
        }
    };
    let way = Way::Here;
    let copying = Copying {
        client,
        how,
        way,
        to,
    };
    copying.run(found).await
}

pub(super) async fn put(client: &Client, files: &command::Transfer) -> Result<Done, Failure> {
    let how = files.how.or(client.settings.how);
    let found = glob(&local::pattern(&files.from)?, &local::Here).await;
    let what = || format!("cannot find {} here", shown(&files.from.name()));
    let found = found.map_err(|error| failure(what(), error))?;
    if found.is_empty() {
        return Err(Failure::caused(what(), "there is no such file"));
    }
    let to = match files.to.as_deref().map(|to| client.absolute(to)) {
        None => Target::Folder(client.folder.clone()),
        Some(to) if is_folder_there(client, &to).await => Target::Folder(to),
        Some(to) => Target::Name(to),
    };
    let way = Way::There;
    let copying = Copying {
        client,
        how,
        way,
        to,
    };
    copying.run(found).await
}

async fn is_folder_there(client: &Client, path: &[u8]) -> bool {
    let attributes = client.sftp.stat(path).await.ok();
    attributes.and_then(|one| one.kind()) == Some(FileKind::Folder)
}

impl Copying<'_> {
    /// Copies files side by side, and folders one after the other.
    async fn run(&self, found: Vec<Found>) -> Result<Done, Failure> {
        if let ([_, _, ..], Target::Name(name)) = (found.as_slice(), &self.to) {
            return Err(Failure::caused(
                format!("cannot put several files into {}", shown(name)),
                "it is no folder",
            ));
        }
        let mut done = Done::Good;
        let mut files = Vec::new();
        for one in found {
            if let Err(failure) = self.announce(&one).await {
                self.client.ui.failure(&failure);
                done = Done::Failed;
            } else if one.is_folder() {
                done = done.and(self.copy(std::mem::take(&mut files)).await);
                done = done.and(self.copy(vec![one]).await);
            } else {
                files.push(one);
            }
            if done == Done::Interrupted {
                return Ok(done);
            }
        }
        Ok(done.and(self.copy(files).await))
    }

    /// Says what is done next, or why it is not.
    async fn announce(&self, found: &Found) -> Result<(), Failure> {
        let from = shown(&found.path);
        let name = paths::base_name(&found.path);
        let target = match &self.to {
            Target::Name(name) => name.clone(),
            Target::Folder(folder) if folder == b"." => name.to_vec(),
            Target::Folder(folder) => paths::join(folder, name),
        };
        let doing = match (self.way, self.how.resume) {
            (Way::Here, false) => "Fetching",
            (Way::Here, true) => "Resuming",
            (Way::There, false) => "Uploading",
            (Way::There, true) => "Resuming upload of",
        };
        let target_shown = shown(&target);
        self.client
            .tell(&format!("{doing} {from} to {target_shown}"))?;
        let what = || self.cannot(&from);
        match found.attributes.kind() {
            Some(FileKind::Folder) if self.how.recursive => Ok(()),
            Some(FileKind::Folder) => {
                let advice = match self.way {
                    Way::Here => "`get -r`",
                    Way::There => "`put -r`",
                };
                Err(Failure::caused(what(), "it is a folder").advised(advice))
            }
            Some(FileKind::Special) => Err(Failure::caused(what(), "it is no regular file")),
            _ if self.how.resume => self.can_go_on(&found.attributes, &target).await,
            _ => Ok(()),
        }
    }

    /// Whether what is there may be the start of a file, as sftp(1) sees it.
    async fn can_go_on(&self, of: &Attributes, target: &[u8]) -> Result<(), Failure> {
        let size = of.size.unwrap_or(u64::MAX);
        let what = || format!("cannot go on with {}", shown(target));
        match self.way {
            Way::Here => match std::fs::metadata(platform::path(target)) {
                Ok(there) if there.len() > size => Err(Failure::caused(
                    what(),
                    "it is larger than the file on the host",
                )),
                _ => Ok(()),
            },
            Way::There => match self.client.sftp.stat(target).await {
                Ok(there) if there.size.is_some_and(|there| there > 0 && there >= size) => Err(
                    Failure::caused(what(), "it is as large as the file here, or larger"),
                ),
                Err(error) if error.code() != Some(StatusCode::NO_SUCH_FILE) => {
                    Err(failure(format!("cannot look at {}", shown(target)), error))
                }
                _ => Ok(()),
            },
        }
    }

    fn cannot(&self, path: &str) -> String {
        match self.way {
            Way::Here => format!("cannot fetch {path}"),
            Way::There => format!("cannot send {path}"),
        }
    }

    /// Copies; what fails is said.
    async fn copy(&self, found: Vec<Found>) -> Done {
        if found.is_empty() {
            return Done::Good;
        }
        let client = self.client;
        let meter = SharedMeter::default();
        let entered = self.entered(&found).await;
        let sources: Vec<_> = found.iter().map(|one| self.source(&one.path)).collect();
        let transfer = Transfer::new(sources, self.target(), self.options());
        let transfer = transfer.on_event(self.teller(meter.clone(), entered));
        let shown = client
            .progress
            .then(|| client.ui.meter(move || meter.line()));
        let summary = transfer.run_until(client.interrupt.cancelled()).await;
        drop(shown);
        match summary {
            Ok(summary) if summary.cancelled => Done::Interrupted,
            Ok(summary) if summary.failed > 0 => Done::Failed,
            Ok(_) => Done::Good,
            Err(error) => {
                let first = found.first().map(|one| super::client::shown(&one.path));
                let what = self.cannot(&first.unwrap_or_default());
                client.ui.failure(&Failure::new(what, &error));
                Done::Failed
            }
        }
    }

    fn source(&self, path: &[u8]) -> Location {
        match self.way {
            Way::Here => Location::remote(&self.client.host, path),
            Way::There => Location::local(platform::path(path)),
        }
    }

    fn target(&self) -> Location {
        let (Target::Folder(path) | Target::Name(path)) = &self.to;
        match self.way {
            Way::Here => Location::local(platform::path(path)),
            Way::There => Location::remote(&self.client.host, path.clone()),
        }
    }

    /// As sftp(1) copies: files are written where they are, and links are left out.
    fn options(&self) -> TransferOptions {
        let (how, settings) = (self.how, &self.client.settings);
        let mut options = TransferOptions::default();
        options.recursive = how.recursive;
        options.preserve = how.preserve;
        options.resume = how.resume;
        options.sync = how.sync;
        options.in_place = true;
        options.files_only = true;
        options.limit_rate = settings.limit_rate;
        options.block = settings.buffer;
        options.requests = settings
            .requests
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        options
    }

    /// What a folder is called when it is entered: on the host by its real path, here with a slash.
    async fn entered(&self, found: &[Found]) -> Option<Renamed> {
        let folder = found.iter().find(|one| one.is_folder())?;
        let real = match self.way {
            Way::There => paths::join(&folder.path, b""),
            Way::Here => self.client.sftp.real_path(&folder.path).await.ok()?,
        };
        Some(Renamed {
            from: folder.path.clone(),
            to: real,
        })
    }

    /// What is said of each event.
    fn teller(
        &self,
        meter: SharedMeter,
        entered: Option<Renamed>,
    ) -> impl FnMut(TransferEvent<'_>) + Send + 'static {
        let (ui, progress, way) = (self.client.ui.clone(), self.client.progress, self.way);
        let mut failures = Failures::default();
        move |event| {
            meter.hear(&event);
            match event {
                TransferEvent::Entered { path } => {
                    let path = entered
                        .as_ref()
                        .map_or(path.to_vec(), |one| one.apply(path));
                    let doing = match way {
                        Way::Here => "Retrieving",
                        Way::There => "Entering",
                    };
                    // Nothing is left to do where standard output is gone.
                    drop(ui.result(&format!("{doing} {}", shown(&path))));
                }
                TransferEvent::LeftOut { path } => ui.notice(&format!(
                    "left out {}, which is no regular file",
                    shown(path)
                )),
                TransferEvent::Failed { path, error } => {
                    let what = match way {
                        Way::Here => format!("cannot fetch {}", show(path)),
                        Way::There => format!("cannot send {}", show(path)),
                    };
                    failures.tell(what, error, None, &ui);
                }
                TransferEvent::Copied { path, size } if progress => {
                    ui.notice(&meter.whole(path, size));
                }
                _ => {}
            }
        }
    }
}

/// A folder that is called something else.
struct Renamed {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Renamed {
    fn apply(&self, path: &[u8]) -> Vec<u8> {
        match path.strip_prefix(&*self.from) {
            None => path.to_vec(),
            Some([]) => self.to.clone(),
            Some(below) => {
                let below = below.strip_prefix(b"/").unwrap_or(below);
                paths::join(&self.to, below)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_by_another_name() {
        for (from, to, path, expected) in [
            ("/a/.", "/a", "/a/.", "/a"),
            ("/a/.", "/a", "/a/./b", "/a/b"),
            ("t", "t/", "t", "t/"),
            ("t", "t/", "t/u", "t/u"),
            ("t", "t/", "v", "v"),
        ] {
            let renamed = Renamed {
                from: from.into(),
                to: to.into(),
            };
            assert_eq!(
                renamed.apply(path.as_bytes()),
                expected.as_bytes(),
                "{path}"
            );
        }
    }
}
