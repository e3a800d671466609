//! What is never logged, at any level: private keys, credentials and what was signed with them.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use eic_sandbox::{Config, Fault};
use russh::keys::ssh_key::{LineEnding, PrivateKey};
use support::{Outcome, Sandbox, run};

const WEB: &str = "i-0e1c0000000000001";

/// Runs with all the logs that there are; variables that make other programs log more change nothing.
fn logged(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    let keys = sandbox.region.folder().join("tls-keys");
    let words = [&["-vvv"], args].concat();
    let mut command = sandbox.eic_term(words);
    let outcome = run(command.env("RUST_LOG", "trace").env("SSLKEYLOGFILE", &keys));
    assert!(!keys.exists(), "TLS's keys were logged");
    let is_wire = outcome.stderr.contains("TRACE russh") || args[0] == "list";
    assert!(is_wire, "{}", outcome.stderr);
    outcome
}

/// What every log must lack.
fn is_clean(sandbox: &Sandbox, outcome: &Outcome) {
    let log = &outcome.stderr;
    for word in [
        "X-Amz-Signature=",
        "X-Amz-Security-Token=",
        "Signature=",
        "-----BEGIN",
        "PRIVATE KEY",
    ] {
        assert!(!log.contains(word), "{word}: {log}");
    }
    for variable in ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        let mut env = sandbox.region.env().iter();
        let (_, secret) = env.find(|(name, _)| name == variable).unwrap();
        assert!(
            !holds_part(log.as_bytes(), secret.as_bytes()),
            "{variable}: {log}"
        );
    }
    for key in sandbox.region.pushed_keys(WEB, "ec2-user") {
        assert!(!holds_seed(log, &key), "the private part of {key}: {log}");
    }
}

/// Whether 16 bytes in a row of a secret are there.
fn holds_part(bytes: &[u8], secret: &[u8]) -> bool {
    let mut parts = secret.windows(16);
    parts.any(|part| bytes.windows(16).any(|window| window == part))
}

/// Whether the seed of an Ed25519 key, known by its public half, is there in any form.
fn holds_seed(log: &str, public_key: &str) -> bool {
    let blob = BASE64
        .decode(public_key.split(' ').nth(1).unwrap().as_bytes())
        .unwrap();
    let public = &blob[blob.len() - 32..];
    let is_text = |window: &[u8]| {
        window
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~' | b'\n'))
    };
    let makes = |seed: &[u8]| {
        Ed25519KeyPair::from_seed_unchecked(seed)
            .unwrap()
            .public_key()
            .as_ref()
            == public
    };
    hidden(log).iter().any(|run| {
        let mut seeds = run.windows(32).filter(|window| !is_text(window));
        seeds.any(makes)
    })
}

/// The bytes that a text may stand for: hexadecimal, base64, lists of numbers, and escapes.
fn hidden(text: &str) -> Vec<Vec<u8>> {
    let runs = |is_part: fn(char) -> bool| {
        text.split(move |c| !is_part(c))
            .filter(|run| run.len() >= 20)
    };
    let hex = runs(|c| c.is_ascii_hexdigit());
    let hex = hex.flat_map(|run| [run, &run[1..]]).map(|run| {
        let even = &run[..run.len() / 2 * 2];
        HEXLOWER_PERMISSIVE.decode(even.as_bytes()).unwrap()
    });
    let base64 = runs(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_'));
    // Where it begins and ends in the run is not known.
    let ends = || (0..4).flat_map(|skipped| (0..4).map(move |cut| (skipped, cut)));
    let base64 = base64.flat_map(|run| ends().map(move |(from, cut)| &run[from..run.len() - cut]));
    let base64 = base64.filter_map(|part| {
        let decoded = BASE64_NOPAD.decode(part.as_bytes());
        decoded
            .or_else(|_| BASE64URL_NOPAD.decode(part.as_bytes()))
            .ok()
    });
    let lists = [10, 16].into_iter().flat_map(|radix| {
        let lists = text.split(['[', ']', '(', ')', '{', '}']);
        lists.map(move |list| {
            let numbers = list
                .split([',', ' ', ':'])
                .filter(|number| !number.is_empty());
            numbers
                .filter_map(|number| {
                    u8::from_str_radix(number.trim_start_matches("0x"), radix).ok()
                })
                .collect()
        })
    });
    hex.chain(base64)
        .chain(lists)
        .chain([unescaped(text)])
        .collect()
}

/// A text's bytes with the escapes of Rust's `Debug` undone.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, taken) = match (first, after) {
            (b'\\', [b'x', high, low, ..]) => {
                (HEXLOWER.decode(&[*high, *low]).map_or(0, |byte| byte[0]), 4)
            }
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'0', ..]) => (0, 2),
            (b'\\', [other, ..]) => (*other, 2),
            (other, _) => (*other, 1),
        };
        bytes.push(byte);
        rest = &rest[taken..];
    }
    bytes
}

#[test]
fn what_looks_for_secrets_finds_them() {
    let seed: Vec<u8> = support::noise(33)[1..].to_vec();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = format!("ssh-ed25519 {}", BASE64.encode(pair.public_key().as_ref()));
    let escapes: String = seed
        .iter()
        .flat_map(|byte| byte.escape_ascii())
        .map(char::from)
        .collect();
    for text in [
        HEXLOWER.encode(&seed),
        HEXLOWER.encode(&seed).to_uppercase(),
        format!("a{}", HEXLOWER.encode(&seed)),
        BASE64.encode(&seed),
        BASE64URL_NOPAD.encode(&seed),
        BASE64.encode(&[b"openssh-key-v1\0".as_slice(), &seed, b"rest"].concat()),
        format!("{seed:?}"),
        format!("{seed:02x?}"),
        format!("{seed:#x?}"),
        format!("b\"{escapes}\""),
    ] {
        let log = format!("2026-01-02T03:04:05Z DEBUG key: Key({text}) more\n");
        assert!(holds_seed(&log, &public), "{log}");
        assert!(
            hidden(&log).iter().any(|run| holds_part(run, &seed)),
            "{log}"
        );
        assert!(!holds_seed(&log.replace(&text, "…"), &public));
    }
}

#[test]
fn a_login_logs_no_secret() {
    let sandbox = Sandbox::start();
    for route in sandbox.routes() {
        let outcome = logged(&sandbox, &[&["exec"], &route[..], &["--", "true"]].concat());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(!sandbox.region.pushed_keys(WEB, "ec2-user").is_empty());
        is_clean(&sandbox, &outcome);
    }
    is_clean(&sandbox, &logged(&sandbox, &["list"]));
}

#[test]
fn a_failure_logs_no_secret() {
    for fault in [
        Fault::IgnoredKey,
        Fault::Deny("ec2-instance-connect:OpenTunnel".to_owned()),
        Fault::ExpiredCredentials,
        Fault::WrongCertificate,
        Fault::DropAfter(2000),
    ] {
        let sandbox = Sandbox::with(Config::default().fault(fault.clone()));
        let args = [
            "exec",
            "--connection-type=eice",
            "-p22",
            "web-1",
            "--",
            "true",
        ];
        let outcome = run(&mut sandbox.eic_term([&["-vvv"][..], &args].concat()));
        assert_eq!(outcome.code, Some(255), "{fault}: {}", outcome.stderr);
        is_clean(&sandbox, &outcome);
    }
}

#[test]
fn an_own_key_is_not_logged() {
    let mut random = russh::keys::key::safe_rng();
    let key = PrivateKey::random(&mut random, russh::keys::Algorithm::Ed25519).unwrap();
    let public = key.public_key().to_openssh().unwrap();
    let sandbox = Sandbox::with(Config::default().authorized_key(public.clone()));
    let path = sandbox.region.folder().join("own-key");
    std::fs::write(&path, key.to_openssh(LineEnding::LF).unwrap().as_bytes()).unwrap();
    let pair = key.key_data().ed25519().unwrap();
    let seed = pair.private.to_bytes();
    for route in sandbox.routes() {
        let own = ["exec", "-i", path.to_str().unwrap()];
        let outcome = logged(&sandbox, &[&own, &route[..], &["--", "true"]].concat());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        is_clean(&sandbox, &outcome);
        let leaks = hidden(&outcome.stderr)
            .iter()
            .any(|run| holds_part(run, &seed));
        assert!(
            !leaks && !holds_seed(&outcome.stderr, &public),
            "{}",
            outcome.stderr
        );
    }
}
