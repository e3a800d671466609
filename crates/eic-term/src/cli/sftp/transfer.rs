//! `get` and `put`: which files go where.

use std::path::PathBuf;

use eic_term::files::{Attributes, FileKind};

use super::client::{Client, Done, shown};
use super::command::{How, Transfer};
use super::glob::{self, Found, Tree};
use super::{download, local, platform, upload};
use crate::cli::report::Failure;

pub(super) async fn get(client: &Client, files: &Transfer) -> Result<Done, Failure> {
    let how = files.how.or(client.settings.how);
    let found = client.find_some(&files.from, "find").await?;
    let to = files.to.as_deref().map(local::expand).transpose()?;
    let into_folder = to.as_ref().is_some_and(|to| to.is_dir());
    if let [_, _, ..] = found.as_slice()
        && let Some(to) = to.as_ref().filter(|_| !into_folder)
    {
        return Err(no_folder_for_several(&to.display().to_string()));
    }
    let mut done = Done::Good;
    for one in found {
        let fetched = match target_here(&one, to.clone(), into_folder) {
            Ok(target) => get_one(client, how, one, target).await,
            Err(failure) => Err(failure),
        };
        match fetched {
            Ok(true) => {}
            Ok(false) => done = Done::Failed,
            Err(failure) => {
                client.ui.failure(&failure);
                done = Done::Failed;
            }
        }
    }
    Ok(done)
}

/// Where a file goes here, under its own name where none is given.
fn target_here(found: &Found, to: Option<PathBuf>, into_folder: bool) -> Result<PathBuf, Failure> {
    let name = glob::base_name(&found.path);
    match to {
        Some(to) if !into_folder => Ok(to),
        to if platform::is_name(name) => Ok(to.unwrap_or_default().join(platform::path(name))),
        _ => {
            let what = format!("cannot fetch {}", shown(&found.path));
            let failure = Failure::caused(what, "its name is none for a file here");
            Err(failure.advised("name the file here, too"))
        }
    }
}

async fn get_one(client: &Client, how: How, found: Found, to: PathBuf) -> Result<bool, Failure> {
    let (from, to_shown) = (shown(&found.path), shown(&platform::bytes(&to)));
    let doing = if how.resume { "Resuming" } else { "Fetching" };
    client.tell(&format!("{doing} {from} to {to_shown}"))?;
    match found.attributes.kind() {
        Some(FileKind::Folder) if how.recursive => download::folder(client, how, &found, &to).await,
        Some(FileKind::Folder) => Err(Failure::caused(
            format!("cannot fetch {from}"),
            "it is a folder",
        )
        .advised("`get -r`")),
        Some(FileKind::Special) => Err(Failure::caused(
            format!("cannot fetch {from}"),
            "it is no regular file",
        )),
        _ => download::file(client, how, &found, &to)
            .await
            .map(|()| true),
    }
}

pub(super) async fn put(client: &Client, files: &Transfer) -> Result<Done, Failure> {
    let how = files.how.or(client.settings.how);
    let found = glob::glob(&local::pattern(&files.from)?, &local::Here).await;
    if found.is_empty() {
        let path = shown(&files.from.name());
        return Err(Failure::caused(
            format!("cannot find {path} here"),
            "there is no such file",
        ));
    }
    let to = files.to.as_deref().map(|to| client.absolute(to));
    let into_folder = match &to {
        Some(to) => is_folder_there(client, to).await,
        None => true,
    };
    if let [_, _, ..] = found.as_slice()
        && let Some(to) = to.as_ref().filter(|_| !into_folder)
    {
        return Err(no_folder_for_several(&shown(to)));
    }
    let mut done = Done::Good;
    for one in found {
        let target = match &to {
            Some(to) if !into_folder => to.clone(),
            to => {
                let folder = to.as_ref().unwrap_or(&client.folder);
                glob::join(folder, glob::base_name(&one.path))
            }
        };
        match put_one(client, how, one, target).await {
            Ok(true) => {}
            Ok(false) => done = Done::Failed,
            Err(failure) => {
                client.ui.failure(&failure);
                done = Done::Failed;
            }
        }
    }
    Ok(done)
}

async fn put_one(client: &Client, how: How, found: Found, to: Vec<u8>) -> Result<bool, Failure> {
    let from = shown(&found.path);
    let doing = if how.resume {
        "Resuming upload of"
    } else {
        "Uploading"
    };
    client.tell(&format!("{doing} {from} to {}", shown(&to)))?;
    let what = || format!("cannot send {from}");
    match found.attributes.kind() {
        Some(FileKind::Folder) if how.recursive => upload::folder(client, how, &found, &to).await,
        Some(FileKind::Folder) => {
            Err(Failure::caused(what(), "it is a folder").advised("`put -r`"))
        }
        Some(FileKind::Special) => Err(Failure::caused(what(), "it is no regular file")),
        _ => upload::file(client, how, &found, &to).await.map(|()| true),
    }
}

async fn is_folder_there(client: &Client, path: &[u8]) -> bool {
    let attributes: Option<Attributes> = client.attributes(path).await;
    attributes.and_then(|one| one.kind()) == Some(FileKind::Folder)
}

fn no_folder_for_several(to: &str) -> Failure {
    Failure::caused(
        format!("cannot put several files into {to}"),
        "it is no folder",
    )
}
