//! The program against a hostile server: what it prints, how it exits, and how much memory it takes.

use std::io::{self, Read, Seek};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use eic_sandbox::Config;

use super::packet::{CHANNEL, Packet, channel_request, data, disconnect, number};
use super::server::{Case, Hostile, Step};
use super::session::exit_signal;
use super::support::{Sandbox, under_wine};
use super::transport::{Offer, Peer};
use super::versions::HOSTILE_WORDS;

/// What the program may take, in KiB.
const MEMORY: u64 = 32 << 10;
/// How long it may take; its own limits are 2 s a step and 4 s of silence.
const LIMIT: Duration = Duration::from_secs(30);
/// How many times as long it may take under Wine, until all buffers on the way are full.
const WINE: u32 = 3;

struct Ended {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
    /// The most memory that it took, in KiB; 0 where the system does not tell.
    memory: u64,
}

/// Runs a command on a server that plays a script.
fn exec(script: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static) -> Ended {
    exec_in(&Sandbox::start(), script)
}

fn exec_in(
    sandbox: &Sandbox,
    script: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static,
) -> Ended {
    let server = Hostile::start(script);
    let port = server.address.port().to_string();
    let direct = [
        "--connection-type=direct",
        "--instance-ip=127.0.0.1",
        "-p",
        &port,
    ];
    let limits = ["--connect-timeout=2", "--keepalive=1", "--host-key=off"];
    let words = [&["exec"][..], &direct, &limits, &["web-1", "--", "true"]].concat();
    let mut command = sandbox.eic_term(words);
    watch(command.stdout(Stdio::piped()))
}

/// Runs a program to its end, or puts one to it, and looks at its memory meanwhile.
fn watch(command: &mut Command) -> Ended {
    let start = Instant::now();
    let errors = super::support::errors(command);
    let mut child = command.spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let stderr = child.stderr.take();
    let stdout = std::thread::spawn(move || all(&mut stdout));
    let stderr = std::thread::spawn(move || stderr.map(|mut stderr| all(&mut stderr)));
    let limit = LIMIT * if under_wine() { WINE } else { 1 };
    let mut memory = 0;
    let status = loop {
        memory = memory.max(peak(&child));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > limit {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let said = match (stderr.join().unwrap(), errors) {
        (None, Some(mut file)) => {
            file.rewind().unwrap();
            all(&mut file)
        }
        (said, _) => said.unwrap(),
    };
    let stderr = String::from_utf8(said).unwrap();
    assert!(start.elapsed() < limit, "it hung: {stderr}");
    Ended {
        code: status.code(),
        stdout: stdout.join().unwrap(),
        stderr,
        memory,
    }
}

fn all(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The most that was resident and comes from no file (proc(5)), in KiB: of a file the system maps as much as it likes. Under
/// Wine, which maps files itself, what is resident now.
fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.unwrap_or_default();
    let field = |name: &str| -> u64 {
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        value.map_or(0, |value| {
            value.trim().trim_end_matches(" kB").parse().unwrap()
        })
    };
    if under_wine() {
        field("RssAnon:")
    } else {
        field("VmHWM:").saturating_sub(field("RssFile:"))
    }
}

impl Ended {
    /// It failed, said so in its own three lines, and took little memory.
    fn is_clear(&self, name: &str, expected: &str) {
        println!("{name}: {} KiB, {}", self.memory, self.stderr);
        assert_eq!(self.code, Some(255), "{name}: {}", self.stderr);
        let mut ours = ["error: ", "  cause: ", "  try:   "].iter();
        let mut lines = self.stderr.lines();
        let is_ours = lines.all(|line| ours.any(|start| line.starts_with(start)));
        assert!(is_ours, "{name}: {}", self.stderr);
        self.is_harmless(name);
        assert!(self.stderr.contains(expected), "{name}: {}", self.stderr);
        assert!(self.memory < MEMORY, "{name}: {} KiB", self.memory);
    }

    fn is_harmless(&self, name: &str) {
        let hazard = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!self.stderr.contains(hazard), "{name}: {:?}", self.stderr);
        assert!(
            self.stderr.len() < 100_000,
            "{name}: {} bytes",
            self.stderr.len()
        );
    }
}

#[test]
fn what_fails_before_the_login_is_said_in_three_lines() {
    let table: &[Case] = &[
        (
            "lines",
            |peer| peer.raw_forever(&b"not yet\r\n".repeat(1000)),
            "no SSH 2",
        ),
        (
            "a large packet",
            |peer| {
                peer.versions()?;
                peer.raw(&[0x7f, 0xff, 0xff, 0xff])?;
                peer.raw_forever(&[0; 10_000])
            },
            "packet size",
        ),
        (
            "IGNORE",
            |peer| {
                peer.versions()?;
                peer.send_forever(&Packet::new(number::IGNORE).string([0; 30_000]))
            },
            "before the login",
        ),
        (
            "weak keys",
            |peer| {
                peer.versions()?;
                peer.keys(Offer {
                    kex: "evil\x1b[2J",
                    ..Offer::default()
                })
            },
            "only evil\\u{1b}[2J",
        ),
        ("silence", |peer| peer.versions(), "no answer"),
        (
            "last words",
            |peer| {
                peer.hello()?;
                peer.send(&disconnect(HOSTILE_WORDS))
            },
            "\\n  try:   curl",
        ),
        (
            "refusals",
            |peer| {
                peer.login_request()?;
                let failure = Packet::new(number::USERAUTH_FAILURE)
                    .string("publickey")
                    .flag(false);
                peer.send_forever(&failure)
            },
            "",
        ),
        (
            "methods",
            |peer| {
                peer.login_request()?;
                peer.send(
                    &Packet::new(number::USERAUTH_FAILURE)
                        .string("\x1b[2J\r\nx")
                        .flag(true),
                )
            },
            "",
        ),
    ];
    for (name, script, expected) in table {
        exec(script).is_clear(name, expected);
    }
}

#[test]
fn banners_are_shown_safely_and_not_without_end() {
    let banner = |text: &str| Packet::new(number::USERAUTH_BANNER).string(text).string("");
    let ended = exec(move |peer| {
        peer.login_request()?;
        peer.send_forever(&banner("welcome\x1b]0;owned\x07\r\nerror: x\n"))
    });
    ended.is_harmless("banners");
    assert_eq!(ended.code, Some(255));
    assert!(
        ended.stderr.contains("more than 64 banners"),
        "{}",
        ended.stderr
    );
    assert!(ended.memory < MEMORY, "{} KiB", ended.memory);
}

#[test]
fn what_fails_later_is_said_in_three_lines() {
    let table: &[Case] = &[
        (
            "channels",
            |peer| {
                peer.command()?;
                let open = Packet::new(number::CHANNEL_OPEN).string("session");
                peer.send_forever(&open.u32(0).u32(1 << 20).u32(1 << 15))
            },
            "nobody asked for",
        ),
        (
            "questions",
            |peer| {
                peer.command()?;
                peer.send_forever(&channel_request("evil", true))
            },
            "took no data",
        ),
        (
            "last words",
            |peer| {
                peer.command()?;
                peer.send(&disconnect(HOSTILE_WORDS))
            },
            "\\n  try:   curl",
        ),
        (
            "keys",
            |peer| {
                peer.command()?;
                loop {
                    peer.keys(Offer::default())?;
                }
            },
            "again and again",
        ),
        ("silence", Peer::command, "no sign of life"),
    ];
    for (name, script, expected) in table {
        exec(script).is_clear(name, expected);
    }
}

/// With the APIs far away the login begins before the key is pushed.
#[test]
fn a_server_that_wants_no_key_is_logged_in_to() {
    let sandbox = Sandbox::with(Config::default().rtt(Duration::from_millis(100)));
    let ended = exec_in(&sandbox, |peer| {
        peer.command()?;
        peer.exit(7)
    });
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(7), ""));
}

#[test]
fn a_signal_is_named_safely() {
    let ended = exec(|peer| {
        peer.command()?;
        peer.send(&exit_signal("KILL\x1b[2J\nerror: x"))?;
        peer.exit(0)
    });
    assert_eq!(ended.code, Some(255));
    assert_eq!(
        ended.stderr,
        "the remote command was killed by SIGKILL\\u{1b}[2J\\nerror: x\n"
    );
}

#[test]
fn floods_within_a_session_take_no_memory() {
    let table: &[(&str, Step)] = &[
        ("data", |peer| {
            peer.send_times(&data(CHANNEL, &[b'x'; 30_000]), 2000)
        }),
        ("errors", |peer| {
            let line = Packet::new(number::EXTENDED_DATA).u32(CHANNEL).u32(77);
            peer.send_times(&line.string([b'x'; 30_000]), 2000)
        }),
        ("IGNORE", |peer| {
            peer.send_times(&Packet::new(number::IGNORE).string([0; 30_000]), 2000)
        }),
        ("answers", |peer| {
            peer.send_times(&Packet::new(number::CHANNEL_SUCCESS).u32(CHANNEL), 200_000)
        }),
        ("host keys", |peer| {
            let request = Packet::new(number::GLOBAL_REQUEST).string("hostkeys-00@openssh.com");
            peer.send_times(&request.flag(false).string([7; 20_000]), 1000)
        }),
    ];
    for (name, script) in table {
        let ended = exec(move |peer| {
            peer.command()?;
            script(peer)?;
            peer.exit(7)
        });
        println!("{name}: {} KiB, {} bytes", ended.memory, ended.stdout.len());
        assert_eq!(ended.code, Some(7), "{name}: {}", ended.stderr);
        assert_eq!(ended.stderr, "", "{name}");
        assert!(ended.memory < MEMORY, "{name}: {} KiB", ended.memory);
    }
}

/// A packet that is a thousand times as large as what is sent for it (RFC 4253 §6.2): refused as too large, and as
/// the wrong algorithm where compression is not offered.
#[test]
fn a_compression_bomb_does_not_go_off() {
    let ended = exec(|peer| {
        peer.versions()?;
        peer.keys(Offer {
            compression: "zlib",
            ..Offer::default()
        })?;
        peer.send(&Packet::field().bytes(&bomb(200_000)))
    });
    ended.is_clear("bomb", "");
}

/// A zlib stream of zeros (RFC 1950, RFC 1951 §3.2.6): a block of fixed codes, the first byte, and then copies of
/// 258 bytes at the distance of one, 13 bits each.
fn bomb(length: usize) -> Vec<u8> {
    let mut bytes = vec![0x78, 0x9c];
    let bits = [0, 1, 0].into_iter().chain([0, 0, 1, 1, 0, 0, 0, 0]);
    let copy = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0];
    let bits: Vec<u8> = bits
        .chain(copy.into_iter().cycle())
        .take(8 * length)
        .collect();
    let byte = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    bytes.extend(bits.chunks(8).map(byte));
    bytes
}
