//! Connections that are cut at random places, again and again.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Seek, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eic_sandbox::Config;

use super::support::{Sandbox, noise, peer, run};
use super::{leftovers, succeeds, there, user};

/// Large enough to take some cuts, in bytes.
const SIZE: usize = 9 << 20;

/// Numbers that nobody foresees, the same for a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, least: u64, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        least + (mixed ^ (mixed >> 31)) % (most - least)
    }
}

/// A new seed, or that of a run to be repeated.
fn dice() -> Dice {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let given = std::env::var("EIC_TERM_SEED").ok();
    let seed = given.map_or(now.as_nanos() as u64, |seed| seed.parse().unwrap());
    println!("EIC_TERM_SEED={seed}");
    Dice(seed)
}

/// Passes connections on, and cuts each after a random number of bytes from the host: on the way there these are
/// answers, so that something has come over each time.
struct Cutter {
    port: u16,
    cuts: Arc<AtomicU64>,
    /// How many bytes have come from the host.
    passed: Arc<AtomicU64>,
    /// Hears of each cut.
    cut: Mutex<Receiver<()>>,
}

impl Cutter {
    fn start(to: SocketAddr, mut dice: Dice, range: (u64, u64)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(AtomicU64::new(0));
        let (told, cut) = channel();
        let passed = Arc::new(AtomicU64::new(0));
        let (counted, heard) = (cuts.clone(), passed.clone());
        // It ends with the test.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(to)) else {
                    return;
                };
                let left = dice.roll(range.0, range.1);
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || {
                    std::io::copy(&mut from, &mut to).ok();
                    to.shutdown(Shutdown::Write).ok();
                });
                let (counted, heard, told) = (counted.clone(), heard.clone(), told.clone());
                std::thread::spawn(move || {
                    if pass(&server, &client, left, &heard) {
                        counted.fetch_add(1, Ordering::SeqCst);
                        told.send(()).ok();
                    }
                });
            }
        });
        let cut = Mutex::new(cut);
        Self {
            port,
            cuts,
            passed,
            cut,
        }
    }
}

/// Passes on so many bytes, and cuts both ways then; `false` where the connection ended before.
fn pass(mut from: &TcpStream, mut to: &TcpStream, mut left: u64, passed: &AtomicU64) -> bool {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(count);
        passed.fetch_add(part as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..part]).is_err() {
            return false;
        }
        left -= part as u64;
        if part < count {
            from.shutdown(Shutdown::Both).ok();
            to.shutdown(Shutdown::Both).ok();
            return true;
        }
    }
    to.shutdown(Shutdown::Write).ok();
    false
}

/// The instance by way of a cutter.
fn by_way_of(cutter: &Cutter, name: &str, folder: &tempfile::TempDir) -> (Vec<OsString>, OsString) {
    let port = cutter.port.to_string();
    let options = [
        "--connection-type=direct",
        "--instance-ip=127.0.0.1",
        "-P",
        &port,
    ];
    let mut word = OsString::from(format!("{}@i-0e1c0000000000001:", user()));
    word.push(folder.path().join(name));
    (options.map(OsString::from).to_vec(), word)
}

fn address(sandbox: &Sandbox) -> SocketAddr {
    let web = sandbox.region.instance("web-1").unwrap();
    SocketAddr::new(web.public_ip.unwrap(), web.port.unwrap())
}

/// How much a host has to say before and after a copy of next to nothing.
fn login(sandbox: &Sandbox, folder: &tempfile::TempDir) -> u64 {
    let cutter = Cutter::start(address(sandbox), Dice(0), (1 << 40, 1 << 41));
    let (options, word) = by_way_of(&cutter, "small", folder);
    fs::write(folder.path().join("source"), "small").unwrap();
    let mut command = sandbox.eic_term(["cp"]);
    let command = command.args(options).arg(folder.path().join("source"));
    succeeds(&run(command.arg(word)));
    cutter.passed.load(Ordering::SeqCst)
}

#[test]
fn a_copy_cut_at_fifty_random_places_goes_on_to_identity() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let content = noise(SIZE);
    fs::write(path("large"), &content).unwrap();
    let mut dice = dice();
    let login = login(&sandbox, &folder);
    let mut cuts = 0;
    while cuts < 50 {
        // A block on the way there has an answer of some sixty bytes.
        for (up, range) in [(true, (login, login + 700)), (false, (250_000, 550_000))] {
            let seed = Dice(dice.roll(0, u64::MAX));
            let cutter = Cutter::start(address(&sandbox), seed, range);
            let target = path("copy");
            let (options, word) = by_way_of(&cutter, if up { "copy" } else { "large" }, &folder);
            let mut command = sandbox.eic_term(["cp"]);
            command.args(options);
            let outcome = match up {
                true => run(command.arg(path("large")).arg(word)),
                false => run(command.arg(word).arg(&target)),
            };
            succeeds(&outcome);
            assert!(
                fs::read(&target).unwrap() == content,
                "another file, up: {up}"
            );
            assert_eq!(leftovers(folder.path()), [""; 0]);
            fs::remove_file(target).unwrap();
            let here = cutter.cuts.load(Ordering::SeqCst);
            assert!(here >= 5, "{here} cuts only");
            cuts += here;
        }
    }
    println!("{cuts} cuts");
}

/// Its exit code and what it said, or `None` where it was killed as its connection was cut: it would go on by itself.
fn until_cut(command: &mut Command, cutter: &Cutter) -> Option<(Option<i32>, String)> {
    let mut said = tempfile::tempfile().unwrap();
    let command = command
        .stdout(Stdio::null())
        .stderr(said.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let cut = cutter.cut.lock().unwrap();
    loop {
        if cut.recv_timeout(Duration::from_millis(5)).is_ok() {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        } else if let Some(status) = child.try_wait().unwrap() {
            let mut text = String::new();
            said.rewind().unwrap();
            said.read_to_string(&mut text).unwrap();
            return Some((status.code(), text));
        }
    }
}

#[test]
fn a_copy_killed_at_random_places_is_resumed_to_identity() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let content = noise(SIZE / 3);
    fs::write(path("large"), &content).unwrap();
    let (mut dice, login) = (dice(), login(&sandbox, &folder));
    let mut resumed = 0;
    for (up, range) in [(true, (login, login + 1500)), (false, (250_000, 1_250_000))] {
        let target = path("copy");
        let mut killed = 0;
        let (code, said) = loop {
            // What only the system has got is lost with the program, under Wine nearly all of it: later ones live longer.
            let more = (range.1 - range.0) * u64::saturating_sub(killed, 8);
            let range = (range.0 + more, range.1 + more);
            let cutter = Cutter::start(address(&sandbox), Dice(dice.roll(0, u64::MAX)), range);
            let (options, word) = by_way_of(&cutter, if up { "copy" } else { "large" }, &folder);
            let mut command = sandbox.eic_term(["cp", "--resume", "-q"]);
            let command = command.args(options);
            match up {
                true => command.arg(path("large")).arg(word),
                false => command.arg(word).arg(&target),
            };
            match until_cut(command, &cutter) {
                Some(ended) => break ended,
                None => killed += 1,
            }
            assert!(killed < 100, "it comes to no end, up: {up}");
        };
        assert_eq!(code, Some(0), "up: {up}, after {killed} kills: {said}");
        assert!(
            fs::read(&target).unwrap() == content,
            "another file, up: {up}"
        );
        assert_eq!(leftovers(folder.path()), [""; 0]);
        fs::remove_file(target).unwrap();
        resumed += killed;
    }
    assert!(resumed >= 4, "{resumed} cuts only");
    println!("resumed {resumed} times");
}

#[test]
fn a_tunnel_cut_at_random_places_does_not_end_a_copy() {
    if !peer("sshd") {
        return;
    }
    let mut dice = dice();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let content = noise(SIZE);
    fs::write(path("large"), &content).unwrap();
    // What is counted comes from the host: answers alone, on the way there.
    for (up, least, most) in [(true, 6_000, 7_500), (false, 300_000, 900_000)] {
        let bytes = dice.roll(least, most);
        let fault = format!("drop-after={bytes}").parse().unwrap();
        let sandbox = Sandbox::with(Config::default().sshd(true).fault(fault));
        let mut command = sandbox.eic_term(["cp", "--connection-type=eice", "-P22"]);
        let outcome = match up {
            true => run(command.arg(path("large")).arg(there(path("copy")))),
            false => run(command.arg(there(path("large"))).arg(path("copy"))),
        };
        assert_eq!(outcome.code, Some(0), "after {bytes}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("connecting again"),
            "after {bytes}: {}",
            outcome.stderr
        );
        assert!(fs::read(path("copy")).unwrap() == content, "after {bytes}");
        fs::remove_file(path("copy")).unwrap();
    }
}
