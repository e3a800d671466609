//! More programs that call `ssh`, or go through its ports.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{noise, run};
use crate::{Place, same};

/// How long anything may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that is ended with the test.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(quiet.spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A port on which nobody listens.
fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpStream::connect_timeout(&address, PATIENCE).is_ok()
}

/// A web server that has one page.
fn web(page: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = Vec::new();
            let mut buffer = [0; 1024];
            while !asked.ends_with(b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(read @ 1..) => asked.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let length = page.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            )
            .ok();
            stream.write_all(&page).ok();
        }
    });
    port
}

/// A folder with a few files and a larger one.
fn some_files(place: &Place) -> PathBuf {
    let from = place.path("from");
    std::fs::create_dir_all(from.join("folder")).unwrap();
    std::fs::write(from.join("large"), noise(4 << 20)).unwrap();
    for number in 0..50 {
        std::fs::write(from.join(format!("folder/{number}")), number.to_string()).unwrap();
    }
    from
}

/// What none of them needs to be shown on Windows, where they are not.
fn place(programs: &[&str]) -> Option<Place> {
    if crate::support::left_out_under_wine(
        "these programs are Unix's; git, rsync and scp stand for them",
    ) {
        return None;
    }
    Place::new(programs)
}

#[test]
fn sshfs_mounts() {
    let Some(place) = place(&["sshfs", "fusermount3"]) else {
        return;
    };
    if std::fs::File::open("/dev/fuse").is_err() {
        println!("LEFT OUT: /dev/fuse is not here, or not for this user");
        return;
    }
    let from = some_files(&place);
    for (target, number) in place.targets().iter().zip(1..) {
        let (there, mount) = (
            place.path(&format!("fs{number}")),
            place.path(&format!("mount{number}")),
        );
        std::fs::create_dir(&there).unwrap();
        std::fs::create_dir(&mount).unwrap();
        let command = format!("ssh_command={}", place.ssh);
        let (remote, on) = (
            format!("{target}:{}", there.display()),
            mount.display().to_string(),
        );
        place.succeeds("sshfs", &["-o", &command, &remote, &on]);
        let copy = run(Command::new("cp")
            .arg("-r")
            .args([&from, &mount.join("copy")]));
        let differ = run(Command::new("diff")
            .arg("-r")
            .args([&from, &mount.join("copy")]));
        std::fs::remove_dir_all(mount.join("copy/folder")).unwrap();
        place.succeeds("fusermount3", &["-u", &on]);
        assert_eq!(
            (copy.code, differ.code),
            (Some(0), Some(0)),
            "{copy:?} {differ:?}"
        );
        same(&from.join("large"), &there.join("copy/large"));
        assert!(!there.join("copy/folder").exists());
    }
}

#[test]
fn restic_and_borg_keep_and_restore() {
    let Some(place) = place(&["restic", "borg"]) else {
        return;
    };
    let from = some_files(&place);
    let source = from.display().to_string();
    for (target, number) in place.targets().iter().zip(1..) {
        let run_in = |program: &str, args: &[&str], folder: &Path| {
            let mut command = place.command(program, args);
            command
                .env("RESTIC_PASSWORD", "x")
                .env("BORG_RSH", &place.ssh);
            let outcome = run(command.current_dir(folder));
            assert_eq!(
                outcome.code,
                Some(0),
                "{program} {args:?}: {}",
                outcome.stderr
            );
        };
        let here = place.folder.path();
        let repository = format!("sftp:{target}:{}", place.text(&format!("restic{number}")));
        let command = format!("sftp.command={} {target} -s sftp", place.ssh);
        let restic = ["-q", "--no-cache", "-r", &repository, "-o", &command];
        let back = place.path(&format!("restic-back{number}"));
        for args in [
            &["init"][..],
            &["backup", &source],
            &["restore", "latest", "--target", &back.display().to_string()],
        ] {
            run_in("restic", &[&restic[..], args].concat(), here);
        }
        same(&from, &back.join(source.trim_start_matches('/')));

        let repository = format!("ssh://{target}{}", place.text(&format!("borg{number}")));
        let (archive, back) = (
            format!("{repository}::one"),
            place.path(&format!("borg-back{number}")),
        );
        std::fs::create_dir(&back).unwrap();
        run_in("borg", &["init", "-e", "none", &repository], here);
        run_in("borg", &["create", &archive, "from"], here);
        run_in("borg", &["extract", &archive], &back);
        same(&from, &back.join("from"));
    }
}

#[test]
fn rsync_goes_on_after_a_cut() {
    const SIZE: u64 = 16 << 20;
    let Some(place) = place(&["rsync"]) else {
        return;
    };
    let from = place.text("large");
    std::fs::write(&from, noise(SIZE.try_into().unwrap())).unwrap();
    // Says which process is to be cut off.
    let (script, pid) = (place.text("noting-ssh"), place.path("pid"));
    let text = format!(
        "#!/bin/sh\necho $$ > {}\nexec {} \"$@\"\n",
        pid.display(),
        place.ssh
    );
    std::fs::write(&script, text).unwrap();
    for (target, number) in place.targets().iter().zip(1..) {
        let there = place.path(&format!("there{number}"));
        let remote = format!("{target}:{}", there.display());
        let shell = format!("sh {script}");
        let slow = [
            "--partial",
            "--inplace",
            "--bwlimit=4M",
            "-e",
            &shell,
            &from,
            &remote,
        ];
        let mut command = place.command("rsync", &slow);
        let mut cut = command.stderr(Stdio::null()).spawn().unwrap();
        until("a part is there", || {
            std::fs::metadata(&there).is_ok_and(|file| file.len() > SIZE / 8)
        });
        let id = std::fs::read_to_string(&pid).unwrap();
        run(Command::new("kill").args(["-KILL", id.trim()]));
        assert!(!cut.wait().unwrap().success());
        let part = std::fs::metadata(&there).unwrap().len();
        assert!(part < SIZE, "nothing is left to copy");
        let rest = [
            "--append-verify",
            "--stats",
            "-e",
            &place.ssh,
            &from,
            &remote,
        ];
        let stats = place.succeeds("rsync", &rest);
        same(Path::new(&from), &there);
        let literal = stats
            .lines()
            .find_map(|line| line.strip_prefix("Literal data: "));
        let literal: String = literal
            .unwrap()
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        assert!(literal.parse::<u64>().unwrap() <= SIZE - part, "{stats}");
    }
}

#[test]
fn curl_goes_through_socks_and_back() {
    let Some(place) = place(&["curl"]) else {
        return;
    };
    let page = noise(1 << 20);
    let server = web(page.clone());
    for target in place.targets() {
        let (socks, back) = (free(), free());
        let (socks_text, reverse) = (socks.to_string(), format!("{back}:localhost:{server}"));
        let args = [
            "-N",
            "-D",
            &socks_text,
            "-R",
            &reverse,
            "-oExitOnForwardFailure=yes",
            &target,
        ];
        let _ssh = Running::start(place.command(&place.ssh, &args));
        until("the ports are there", || answers(socks) && answers(back));
        let proxy = format!("127.0.0.1:{socks}");
        let fetched = place.text("page");
        for (option, url) in [
            (
                &["--socks5-hostname", &proxy][..],
                format!("http://localhost:{server}/"),
            ),
            (
                &["--socks4a", &proxy],
                format!("http://localhost:{server}/"),
            ),
            (&[], format!("http://127.0.0.1:{back}/")),
        ] {
            let args = [option, &["-sS", "-f", "-m", "30", "-o", &fetched, &url]].concat();
            place.succeeds("curl", &args);
            assert!(std::fs::read(&fetched).unwrap() == page, "{target} {url}");
        }
    }
}

#[test]
fn redis_is_reached_through_a_port() {
    let Some(place) = place(&["redis-server", "redis-cli", "redis-benchmark"]) else {
        return;
    };
    let port = free().to_string();
    let folder = place.folder.path().display().to_string();
    let own = [
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        &folder,
    ];
    let _server = Running::start(place.command("redis-server", &own));
    for target in place.targets() {
        let local = free();
        let forward = format!("{local}:localhost:{port}");
        let _ssh = Running::start(place.command(&place.ssh, &["-N", "-L", &forward, &target]));
        until("the port is there", || answers(local));
        let local = local.to_string();
        let cli = |args: &[&str]| place.succeeds("redis-cli", &[&["-p", &local], args].concat());
        until("the server is there", || cli(&["ping"]).trim() == "PONG");
        let long = "x".repeat(100_000);
        assert_eq!(cli(&["set", "key", &long]), "OK\n");
        assert_eq!(cli(&["get", "key"]), format!("{long}\n"));
        let load = [
            "-p", &local, "-q", "-n", "2000", "-c", "20", "-t", "set,get",
        ];
        let said = place.succeeds("redis-benchmark", &load);
        assert!(said.contains("GET:"), "{said}");
    }
}
