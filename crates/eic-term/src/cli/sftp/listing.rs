//! `ls`, `df` and `stat`.

use eic_term::files::{Attributes, Entry, Found};
use eic_term::terminal;

use super::client::{Client, Done, failure, shown};
use super::command::{Listing, View};
use super::ls::{self, Now, Row};
use super::paths;
use super::words::Word;
use crate::cli::report::Failure;

/// How many users or groups a host is asked for at once.
const MOST_NAMES: usize = 1000;

pub(super) async fn ls(
    client: &mut Client,
    how: Listing,
    path: Option<&Word>,
) -> Result<Done, Failure> {
    let Some(word) = path else {
        let folder = client.folder.clone();
        return folder_of(client, how, &folder, b"").await;
    };
    let mut found = Vec::new();
    for pattern in paths::braces(&client.pattern(word)) {
        found.extend(client.find_pattern(&pattern).await?);
    }
    // What is below the folder where we are is named from there.
    let strip = match word.0.first() {
        Some(b'/' | b'~') => Vec::new(),
        _ => paths::join(&client.folder, b""),
    };
    match found.as_slice() {
        [] => {
            let path = shown(&client.absolute(&word.name()));
            Err(Failure::caused(
                format!("cannot list {path}"),
                "there is no such file",
            ))
        }
        [one] if one.is_folder() => {
            let (folder, name) = (one.path.clone(), stripped(&one.path, &strip));
            folder_of(client, how, &folder, &paths::join(&name, b"")).await
        }
        _ => files(client, how, found, &strip).await,
    }
}

/// Lists what is in a folder, `name` in front of each.
async fn folder_of(
    client: &mut Client,
    how: Listing,
    folder: &[u8],
    name: &[u8],
) -> Result<Done, Failure> {
    let entries = client.sftp.read_folder(folder).await;
    let what = || format!("cannot list {}", shown(folder));
    let mut entries = entries.map_err(|error| failure(what(), error))?;
    if how.all {
        for own in [&b"."[..], b".."] {
            if let Ok(attributes) = client.sftp.lstat(paths::join(folder, own)).await {
                entries.push(Entry {
                    name: own.to_vec(),
                    long_name: Vec::new(),
                    attributes,
                });
            }
        }
    } else {
        entries.retain(|entry| !entry.name.starts_with(b"."));
    }
    if is_long(&how) {
        ask_names(client, entries.iter().map(|entry| &entry.attributes)).await;
    }
    let rows = entries.iter().map(|entry| Row {
        name: paths::join(name, &entry.name),
        attributes: entry.attributes,
        owner: known_owner(client, &entry.attributes).or_else(|| ls::owner_in(&entry.long_name)),
    });
    let rows = rows.collect();
    show(client, how, rows, 0)
}

/// Lists files as such, folders too.
async fn files(
    client: &mut Client,
    how: Listing,
    found: Vec<Found>,
    strip: &[u8],
) -> Result<Done, Failure> {
    if is_long(&how) {
        ask_names(client, found.iter().map(|one| &one.attributes)).await;
    }
    let rows = found.iter().map(|one| {
        let mut name = stripped(&one.path, strip);
        if one.is_folder() {
            name.push(b'/');
        }
        let owner = known_owner(client, &one.attributes);
        Row {
            name,
            attributes: one.attributes,
            owner,
        }
    });
    let rows = rows.collect();
    show(client, how, rows, strip.len())
}

fn show(client: &Client, how: Listing, mut rows: Vec<Row>, margin: usize) -> Result<Done, Failure> {
    ls::sort(&mut rows, &how);
    let width = terminal::size().columns.into();
    let lines = ls::lines(&rows, &how, margin, width, &Now::here());
    if !lines.is_empty() {
        client.say(&lines.join("\n"))?;
    }
    Ok(Done::Good)
}

fn is_long(how: &Listing) -> bool {
    how.view == View::Long
}

fn stripped(path: &[u8], strip: &[u8]) -> Vec<u8> {
    path.strip_prefix(strip).unwrap_or(path).to_vec()
}

/// Asks the host for the names of users and groups that are not known yet; where it knows no answer, none are.
async fn ask_names(client: &mut Client, files: impl Iterator<Item = &Attributes>) {
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    for (user, group) in files.filter_map(|one| one.owner) {
        if !client.users.contains_key(&user) && !users.contains(&user) && users.len() < MOST_NAMES {
            users.push(user);
        }
        if !client.groups.contains_key(&group)
            && !groups.contains(&group)
            && groups.len() < MOST_NAMES
        {
            groups.push(group);
        }
    }
    if users.is_empty() && groups.is_empty() {
        return;
    }
    if let Ok((user_names, group_names)) = client.sftp.owner_names(&users, &groups).await {
        client.users.extend(users.into_iter().zip(user_names));
        client.groups.extend(groups.into_iter().zip(group_names));
    }
}

fn known_owner(client: &Client, attributes: &Attributes) -> Option<(Vec<u8>, Vec<u8>)> {
    let (user, group) = attributes.owner?;
    Some((
        client.users.get(&user)?.clone(),
        client.groups.get(&group)?.clone(),
    ))
}

pub(super) async fn df(
    client: &Client,
    human: bool,
    inodes: bool,
    path: Option<Vec<u8>>,
) -> Result<(), Failure> {
    let path = client.absolute(path.as_deref().unwrap_or_default());
    let found = client.sftp.file_system(&path).await;
    let what = || format!("cannot find out how full {} is", shown(&path));
    let found = found.map_err(|error| failure(what(), error))?;
    client.say(&super::df::lines(&found, human, inodes).join("\n"))
}

/// Shows all that the host says of files, symbolic links themselves included.
pub(super) async fn stat(client: &mut Client, paths: &Word) -> Result<Done, Failure> {
    let mut done = Done::Good;
    for found in client.find_some(paths, "look at").await? {
        match client.sftp.lstat(&found.path).await {
            Ok(attributes) => {
                ask_names(client, [attributes].iter()).await;
                let owner = known_owner(client, &attributes);
                let row = Row {
                    name: found.path,
                    attributes,
                    owner,
                };
                client.say(&ls::details(&row, &Now::here()).join("\n"))?;
            }
            Err(error) => {
                let what = format!("cannot look at {}", shown(&found.path));
                client.ui.failure(&failure(what, error));
                done = Done::Failed;
            }
        }
    }
    Ok(done)
}
