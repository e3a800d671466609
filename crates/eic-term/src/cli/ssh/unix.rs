//! Users, files and the shell on Unix.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::process::Command;

use eic_term::ssh_config::Local;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;
use nix::unistd::{User, gethostname, getuid};
use tokio::net::TcpSocket;

/// Where systems keep OpenSSH's helper for security keys.
pub(super) const SK_HELPERS: &[&str] = &[
    "/usr/lib/openssh/ssh-sk-helper",
    "/usr/libexec/openssh/ssh-sk-helper",
    "/usr/libexec/ssh-sk-helper",
    "/usr/lib/ssh/ssh-sk-helper",
];

/// As OpenSSH does, by the user database: `$HOME` and `$USER` do not count.
pub(super) fn local() -> io::Result<Local> {
    let uid = getuid();
    let user = User::from_uid(uid)?;
    let user = user.ok_or_else(|| io::Error::other(format!("No user exists for uid {uid}")))?;
    let home = user.dir.to_string_lossy().into_owned();
    Ok(Local {
        user: user.name,
        uid: uid.to_string(),
        user_config: format!("{home}/.ssh/config"),
        home,
        host_name: gethostname()?.to_string_lossy().into_owned(),
        system_config: "/etc/ssh/ssh_config".to_owned(),
        system_folder: "/etc/ssh".to_owned(),
    })
}

pub(super) fn home_of(name: &str) -> Option<String> {
    let user = User::from_name(name).ok().flatten()?;
    Some(user.dir.to_string_lossy().into_owned())
}

pub(super) fn is_trusted(path: &str) -> bool {
    const OTHERS_MAY_WRITE: u32 = 0o022;
    std::fs::metadata(path).is_ok_and(|file| {
        let owner = file.uid();
        let own = owner == 0 || owner == getuid().as_raw();
        own && file.mode() & OTHERS_MAY_WRITE == 0
    })
}

pub(super) fn shell(command: &str) -> Command {
    let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
    let mut run = Command::new(shell);
    run.arg("-c").arg(command);
    run
}

/// The same, with the command's program in the place of the shell.
pub(super) fn shell_gives_way(command: &str) -> Command {
    shell(&format!("exec {command}"))
}

/// Opens a log that is its user's alone.
pub(super) fn append(path: &str) -> io::Result<File> {
    let mut options = File::options();
    options.append(true).create(true).mode(0o600).open(path)
}

pub(super) fn services() -> Option<String> {
    std::fs::read_to_string("/etc/services").ok()
}

pub(super) fn addresses() -> Vec<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten();
    let up = interfaces.filter(|one| one.flags.contains(InterfaceFlags::IFF_UP));
    up.filter_map(|one| address(&one.address?)).collect()
}

/// The addresses of a network interface.
pub(super) fn addresses_of(interface: &str) -> Vec<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten();
    let named = interfaces.filter(|one| one.interface_name == interface);
    named.filter_map(|one| address(&one.address?)).collect()
}

/// Sets IP's type of service (IPv4), or traffic class (IPv6).
pub(super) fn set_service(socket: &TcpSocket, to: IpAddr, service: u32) -> io::Result<()> {
    match to {
        IpAddr::V4(_) => socket.set_tos_v4(service),
        #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
        IpAddr::V6(_) => socket.set_tclass_v6(service),
        #[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "freebsd")))]
        IpAddr::V6(_) => Ok(()),
    }
}

fn address(socket: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = socket.as_sockaddr_in().map(|socket| socket.ip().into());
    let v6 = || socket.as_sockaddr_in6().map(|socket| socket.ip().into());
    v4.or_else(v6)
}

/// A program that is started gets our outputs, and gives them up itself.
pub(super) fn without_output(_: &mut tokio::process::Command) {}

/// Closes what whoever started us left open, such as a lock or a pipe, which is not to last as long as we do.
pub(super) fn close_inherited() {
    const STANDARD: i32 = 2;
    let open = std::fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    let numbers = open.filter_map(|one| one.file_name().to_str()?.parse::<i32>().ok());
    let numbers: Vec<_> = numbers.filter(|number| *number > STANDARD).collect();
    for number in numbers {
        // That of the folder itself is closed already.
        nix::unistd::close(number).ok();
    }
}
