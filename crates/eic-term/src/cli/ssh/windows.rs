//! Users, files and the shell on Windows, as Win32-OpenSSH has them.

use std::env;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::process::Command;

use eic_term::ssh_config::Local;
use tokio::net::TcpSocket;

/// Where Windows keeps OpenSSH's helper for security keys.
pub(super) const SK_HELPERS: &[&str] = &[
    r"C:\Windows\System32\OpenSSH\ssh-sk-helper.exe",
    r"C:\Program Files\OpenSSH\ssh-sk-helper.exe",
];

pub(super) fn local() -> io::Result<Local> {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let home = env::home_dir().ok_or_else(|| io::Error::other("no home folder is known"))?;
    let home = home.to_string_lossy().replace('\\', "/");
    let folder = format!("{}/ssh", variable("ProgramData").replace('\\', "/"));
    Ok(Local {
        user: variable("USERNAME").to_lowercase(),
        // There is no such number.
        uid: "0".to_owned(),
        user_config: format!("{home}/.ssh/config"),
        home,
        host_name: variable("COMPUTERNAME"),
        system_config: format!("{folder}/ssh_config"),
        system_folder: folder,
    })
}

/// Only one's own is known.
pub(super) fn home_of(_name: &str) -> Option<String> {
    None
}

/// Access lists are not read: a file in a home folder is its user's.
pub(super) fn is_trusted(_path: &str) -> bool {
    true
}

pub(super) fn shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt;

    let shell = env::var_os("ComSpec").unwrap_or_else(|| "cmd.exe".into());
    let mut run = Command::new(shell);
    run.raw_arg("/c").raw_arg(command);
    run
}

/// The same: no shell here gives way to a program.
pub(super) fn shell_gives_way(command: &str) -> Command {
    shell(command)
}

/// Opens a log.
pub(super) fn append(path: &str) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

pub(super) fn services() -> Option<String> {
    let root = env::var("SystemRoot").ok()?;
    std::fs::read_to_string(format!("{root}/System32/drivers/etc/services")).ok()
}

/// No interface is listed: `Match localnetwork` does not match.
pub(super) fn addresses() -> Vec<IpAddr> {
    Vec::new()
}

/// A program cannot give its outputs up: it gets none, what it says is passed on, and an interrupt is not for it.
pub(super) fn without_output(command: &mut tokio::process::Command) {
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .creation_flags(CREATE_NEW_PROCESS_GROUP);
}

/// No interface is listed.
pub(super) fn addresses_of(_interface: &str) -> Vec<IpAddr> {
    Vec::new()
}

/// Windows leaves that to its policies.
pub(super) fn set_service(_: &TcpSocket, _: IpAddr, _: u32) -> io::Result<()> {
    Ok(())
}

/// Nothing is: programs get the handles that they are given, and those that can be inherited are not ours to close.
pub(super) fn close_inherited() {}
