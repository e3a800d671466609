//! The library's SFTP, against OpenSSH's server on a pipe.
#![cfg(unix)]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use eic_term::files::{Attributes, FileKind, OpenMode, Sftp, SftpError, StatusCode};
use support::find_sftp_server;
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(10);

async fn serve(program: &Path) -> (Sftp, Child) {
    let mut server = Command::new(program);
    let server = server.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = server.kill_on_drop(true).spawn().unwrap();
    let (reader, writer) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    (Sftp::over(reader, writer, PATIENCE).await.unwrap(), child)
}

#[tokio::test]
async fn every_request_does_what_it_says() {
    let Some(program) = find_sftp_server() else {
        return;
    };
    let (sftp, _server) = serve(&program).await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap().as_bytes().to_vec();
    let at = |name: &[u8]| [&root, b"/".as_slice(), name].concat();

    let name = at(b"odd \xff\n");
    let mode = OpenMode::READ | OpenMode::WRITE | OpenMode::CREATE | OpenMode::EXCLUSIVE;
    let file = sftp
        .open(&name, mode, Attributes::of_mode(0o640))
        .await
        .unwrap();
    let limits = sftp.limits().await.unwrap();
    assert!(limits.write > 32 << 10, "{limits:?}");
    file.write_at(5 << 30, b"far").await.unwrap();
    file.write_at(0, b"near").await.unwrap();
    assert_eq!(*file.read_at(0, 4).await.unwrap(), *b"near");
    assert_eq!(*file.read_at(5 << 30, 100).await.unwrap(), *b"far");
    assert!(file.read_at(6 << 30, 100).await.unwrap().is_empty());
    let times = Attributes {
        times: Some((1, 2)),
        ..Attributes::default()
    };
    file.set_stat(times).await.unwrap();
    file.sync().await.unwrap();
    let seen = file.stat().await.unwrap();
    assert_eq!((seen.size, seen.times), (Some((5 << 30) + 3), Some((1, 2))));
    assert_eq!(
        (seen.kind(), seen.permissions()),
        (Some(FileKind::File), Some(0o640))
    );
    file.set_stat(Attributes {
        size: Some(4),
        ..Attributes::default()
    })
    .await
    .unwrap();
    file.close().await.unwrap();
    let taken = sftp
        .open(&name, mode, Attributes::default())
        .await
        .unwrap_err();
    assert_eq!(taken.code(), Some(StatusCode::FAILURE), "{taken}");

    let (link, folder) = (at(b"link"), at(b"folder"));
    sftp.symlink(b"odd \xff\n", &link).await.unwrap();
    assert_eq!(sftp.read_link(&link).await.unwrap(), b"odd \xff\n");
    assert_eq!(
        sftp.lstat(&link).await.unwrap().kind(),
        Some(FileKind::Symlink)
    );
    assert_eq!(sftp.stat(&link).await.unwrap().size, Some(4));
    sftp.set_lstat(&link, times).await.unwrap();
    assert_eq!(sftp.lstat(&link).await.unwrap().times, Some((1, 2)));
    sftp.make_folder(&folder, Attributes::of_mode(0o700))
        .await
        .unwrap();
    sftp.set_stat(&folder, Attributes::of_mode(0o755))
        .await
        .unwrap();
    sftp.hard_link(&name, at(b"second")).await.unwrap();
    sftp.rename(at(b"second"), &name).await.unwrap();
    assert!(sftp.rename_strictly(&folder, &name).await.is_err());
    sftp.rename_strictly(&folder, at(b"third")).await.unwrap();
    let mut names = sftp.read_folder(&root).await.unwrap();
    names.sort_by(|one, other| one.name.cmp(&other.name));
    let names: Vec<_> = names.into_iter().map(|entry| entry.name).collect();
    assert_eq!(
        names,
        [
            b"link".to_vec(),
            b"odd \xff\n".to_vec(),
            b"second".to_vec(),
            b"third".to_vec()
        ]
    );
    sftp.remove(&link).await.unwrap();
    sftp.remove_folder(at(b"third")).await.unwrap();
    assert_eq!(
        sftp.real_path([&root[..], b"/."].concat()).await.unwrap(),
        root
    );
    assert!(sftp.file_system(&root).await.unwrap().blocks > 0);
    let missing = sftp.stat(at(b"none")).await.unwrap_err();
    assert_eq!(missing.code(), Some(StatusCode::NO_SUCH_FILE));
    if sftp.offers("users-groups-by-id@openssh.com") {
        let (users, groups) = sftp.owner_names(&[0, 4_000_000], &[0]).await.unwrap();
        assert_eq!(
            (users, groups),
            (vec![b"root".to_vec(), vec![]], vec![b"root".to_vec()])
        );
    }
}

#[tokio::test]
async fn many_names_come_whole_and_an_ended_server_is_told() {
    let Some(program) = find_sftp_server() else {
        return;
    };
    let (sftp, mut server) = serve(&program).await;
    let folder = tempfile::tempdir().unwrap();
    for number in 0..2500_u32 {
        let name = std::ffi::OsString::from_vec(format!("{number}").into_bytes());
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let path = folder.path().to_str().unwrap();
    assert_eq!(sftp.read_folder(path).await.unwrap().len(), 2500);
    server.kill().await.unwrap();
    let ended = sftp.stat("/").await.unwrap_err();
    assert!(
        matches!(ended, SftpError::Ended { .. }) && ended.is_lost(),
        "{ended}"
    );
}

#[tokio::test]
async fn a_silent_server_and_one_that_talks_first_are_given_up() {
    for (program, expected) in [
        ("exec sleep 100", "silent"),
        ("echo hello there; exec sleep 100", "start-up file"),
    ] {
        let mut server = Command::new("sh");
        let server = server
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = server.kill_on_drop(true).spawn().unwrap();
        let (reader, writer) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let patience = Duration::from_millis(300);
        let error = Sftp::over(reader, writer, patience).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
