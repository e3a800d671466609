//! Commands that change something on the host.

use eic_term::files::{Attributes, FileKind, OpenMode, SftpError};

use super::client::{Client, Done, failure, shown};
use super::command::Change;
use super::words::Word;
use crate::cli::report::Failure;

/// The mode of a new folder, of which the host takes off what its user does not want.
const FOLDER: u32 = 0o777;

pub(super) async fn cd(client: &mut Client, path: Option<Vec<u8>>) -> Result<(), Failure> {
    let path = match path.as_deref() {
        None | Some(b"") => client.start.clone(),
        Some(path) => client.absolute(path),
    };
    let what = || format!("cannot enter {}", shown(&path));
    let real = client.sftp.real_path(&path).await;
    let real = real.map_err(|error| failure(what(), error))?;
    let attributes = client.sftp.stat(&real).await;
    let attributes = attributes.map_err(|error| failure(what(), error))?;
    match attributes.kind() {
        Some(FileKind::Folder) => {
            client.folder = real;
            Ok(())
        }
        Some(_) => Err(Failure::caused(what(), "it is no folder")),
        None => Err(Failure::caused(
            what(),
            "the server does not say what it is",
        )),
    }
}

pub(super) async fn make_folder(client: &Client, path: &[u8]) -> Result<(), Failure> {
    let path = client.absolute(path);
    let made = client
        .sftp
        .make_folder(&path, Attributes::of_mode(FOLDER))
        .await;
    made.map_err(|error| failure(format!("cannot make the folder {}", shown(&path)), error))
}

pub(super) async fn remove_folder(client: &Client, path: &[u8]) -> Result<(), Failure> {
    let path = client.absolute(path);
    let removed = client.sftp.remove_folder(&path).await;
    removed.map_err(|error| failure(format!("cannot remove the folder {}", shown(&path)), error))
}

pub(super) async fn remove(client: &Client, paths: &Word) -> Result<Done, Failure> {
    let mut done = Done::Good;
    for found in client.find_some(paths, "remove").await? {
        let path = shown(&found.path);
        client.tell(&format!("Removing {path}"))?;
        if let Err(error) = client.sftp.remove(&found.path).await {
            client
                .ui
                .failure(&failure(format!("cannot remove {path}"), error));
            done = Done::Failed;
        }
    }
    Ok(done)
}

pub(super) async fn rename(
    client: &Client,
    from: &[u8],
    to: &[u8],
    old: bool,
) -> Result<(), Failure> {
    let (from, to) = (client.absolute(from), client.absolute(to));
    let renamed = match old {
        true => client.sftp.rename_strictly(&from, &to).await,
        false => client.sftp.rename(&from, &to).await,
    };
    renamed.map_err(|error| {
        failure(
            format!("cannot rename {} to {}", shown(&from), shown(&to)),
            error,
        )
    })
}

pub(super) async fn link(
    client: &Client,
    symbolic: bool,
    to: &[u8],
    path: &[u8],
) -> Result<(), Failure> {
    let path = client.absolute(path);
    let made = match symbolic {
        // What a symbolic link holds is its own affair.
        true => client.sftp.symlink(to, &path).await,
        false => client.sftp.hard_link(client.absolute(to), &path).await,
    };
    made.map_err(|error| {
        failure(
            format!("cannot link {} to {}", shown(&path), shown(to)),
            error,
        )
    })
}

/// Copies a file on the host, without its bytes coming here.
pub(super) async fn copy(client: &Client, from: &[u8], to: &[u8]) -> Result<(), Failure> {
    let (from, to) = (client.absolute(from), client.absolute(to));
    let what = format!("cannot copy {} to {}", shown(&from), shown(&to));
    let attributes = client.sftp.stat(&from).await;
    let attributes = attributes.map_err(|error| failure(&what, error))?;
    if attributes.kind().is_some_and(|kind| kind != FileKind::File) {
        return Err(Failure::caused(what, "it is no regular file"));
    }
    let copied = copy_file(client, &from, &to, attributes).await;
    copied.map_err(|error| match error {
        SftpError::Unsupported(_) => {
            failure(&what, error).advised("get it, and put it where it is wanted")
        }
        error => failure(&what, error),
    })
}

async fn copy_file(
    client: &Client,
    from: &[u8],
    to: &[u8],
    of: Attributes,
) -> Result<(), SftpError> {
    let none = Attributes::default();
    let source = client.sftp.open(from, OpenMode::READ, none).await?;
    let mode = of.permissions().map(|mode| mode & 0o777);
    let attributes = Attributes { mode, ..none };
    let how = OpenMode::WRITE | OpenMode::CREATE | OpenMode::TRUNCATE;
    let target = client.sftp.open(to, how, attributes).await?;
    source.copy_to(0, 0, &target, 0).await?;
    target.close().await
}

/// Changes modes, users or groups.
pub(super) async fn change(
    client: &Client,
    what: Change,
    link: bool,
    paths: &Word,
) -> Result<Done, Failure> {
    let noun = match what {
        Change::Mode(_) => "mode",
        Change::Owner(_) => "owner",
        Change::Group(_) => "group",
    };
    let mut done = Done::Good;
    for found in client
        .find_some(paths, &format!("change the {noun} of"))
        .await?
    {
        let path = shown(&found.path);
        client.tell(&format!("Changing {noun} on {path}"))?;
        if let Err(error) = change_one(client, what, link, &found.path).await {
            client.ui.failure(&failure(
                format!("cannot change the {noun} of {path}"),
                error,
            ));
            done = Done::Failed;
        }
    }
    Ok(done)
}

async fn change_one(
    client: &Client,
    what: Change,
    link: bool,
    path: &[u8],
) -> Result<(), SftpError> {
    let sftp = &client.sftp;
    let none = Attributes::default();
    // A user and a group are set together.
    let (user, group) = match what {
        Change::Mode(_) => (0, 0),
        _ if link => sftp.lstat(path).await?.owner.unwrap_or_default(),
        _ => sftp.stat(path).await?.owner.unwrap_or_default(),
    };
    let attributes = match what {
        Change::Mode(mode) => Attributes::of_mode(mode),
        Change::Owner(user) => Attributes {
            owner: Some((user, group)),
            ..none
        },
        Change::Group(group) => Attributes {
            owner: Some((user, group)),
            ..none
        },
    };
    match link {
        true => sftp.set_lstat(path, attributes).await,
        false => sftp.set_stat(path, attributes).await,
    }
}
