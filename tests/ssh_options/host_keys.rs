//! Which host keys are good enough, and who may speak for them.

use std::fs;
use std::process::Command;

use eic_sandbox::Config;

use super::Place;
use crate::support::{Outcome, run};

/// Makes a key in the folder, and returns the public half.
fn make(folder: &tempfile::TempDir, kind: &str, name: &str) -> String {
    let path = folder.path().join(name).display().to_string();
    let made = run(Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-f", &path]));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    fs::read_to_string(format!("{path}.pub")).unwrap()
}

/// A place whose host has an RSA key of 2048 bits, too, and takes a user's.
fn with_rsa_keys() -> Option<Place> {
    let folder = tempfile::tempdir().unwrap();
    if !crate::support::peer("ssh-keygen") {
        return None;
    }
    for name in ["host", "user"] {
        let path = folder.path().join(name).display().to_string();
        run(Command::new("ssh-keygen").args(["-qtrsa", "-b2048", "-N", "", "-f", &path]));
    }
    let user = fs::read_to_string(folder.path().join("user.pub")).unwrap();
    let host = format!("HostKey {}", folder.path().join("host").display());
    let config = Config::default().sshd_option(host).authorized_key(user);
    Place::with(config, folder, &["sshd", "ssh-keygen"])
}

#[test]
fn rsa_keys_are_as_long_as_is_asked_for() {
    let Some(place) = with_rsa_keys() else {
        return;
    };
    let host = [
        "-oStrictHostKeyChecking=no",
        "-oHostKeyAlgorithms=rsa-sha2-512",
    ];
    let user = ["-oPubkeyAcceptedAlgorithms=rsa-sha2-512", "-v"];
    let user_key = place.text("user");
    let with = |options: &[&str], bits: &str| -> Outcome {
        let least = format!("-oRequiredRSASize={bits}");
        place.ssh(&[options, &["-i", &user_key, &least]].concat(), "true")
    };
    assert_eq!(with(&host, "2048").code, Some(0));
    let short = with(&host, "2049");
    assert_eq!(short.code, Some(255));
    let said = " has 2048 bits, where 2049 is the least";
    assert!(short.stderr.contains(said), "{}", short.stderr);

    assert_eq!(with(&user, "2048").code, Some(0));
    let short = with(&user, "2049");
    assert_eq!(short.code, Some(255));
    let said = "skipping a key that is too short";
    assert!(short.stderr.contains(said), "{}", short.stderr);
    assert!(
        !short.stderr.contains("requiredrsasize is"),
        "{}",
        short.stderr
    );
    assert!(!short.stderr.contains('\x1b'), "{:?}", short.stderr);
}

#[test]
fn authorities_certify_hosts_at_every_port_with_what_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    if !crate::support::peer("ssh-keygen") {
        return;
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (certificate, host_key) = (path("host-cert.pub"), path("host"));
    let authority = make(&folder, "ed25519", "ca");
    make(&folder, "ed25519", "host");
    let signed = [
        "-q",
        "-s",
        &path("ca"),
        "-h",
        "-I",
        "web",
        "-n",
        "127.0.*",
        &path("host.pub"),
    ];
    assert_eq!(run(Command::new("ssh-keygen").args(signed)).code, Some(0));
    let config = Config::default()
        .sshd_option(format!("HostKey {host_key}"))
        .sshd_option(format!("HostCertificate {certificate}"));
    let Some(place) = Place::with(config, folder, &["sshd", "ssh-keygen"]) else {
        return;
    };
    for (hosts, accepted, expected) in [
        ("*", "ssh-ed25519", Ok(())),
        ("127.0.*", "ssh-ed25519", Ok(())),
        ("10.0.*", "ssh-ed25519", Err("no known_hosts file has it")),
        (
            "*",
            "rsa-sha2-512",
            Err("an algorithm that is not accepted"),
        ),
    ] {
        fs::write(
            place.text("known"),
            format!("@cert-authority {hosts} {authority}"),
        )
        .unwrap();
        let accepted = format!("-oCASignatureAlgorithms={accepted}");
        let outcome = place.ssh(&["-oStrictHostKeyChecking=yes", &accepted], "true");
        match expected {
            Ok(()) => assert_eq!(outcome.code, Some(0), "{hosts}: {}", outcome.stderr),
            Err(said) => assert!(outcome.stderr.contains(said), "{hosts}: {}", outcome.stderr),
        }
    }
}

#[test]
fn a_key_that_is_known_by_the_name_alone_is_good_at_every_port() {
    let Some(place) = Place::new(&["sshd", "ssh-keygen", "ssh"]) else {
        return;
    };
    let known = fs::read_to_string(place.text("known")).unwrap();
    let (name, key) = known.trim().split_once(' ').unwrap();
    let address = name.trim_start_matches('[').split(']').next().unwrap();
    fs::write(place.text("known"), format!("{address} {key}\n")).unwrap();
    let outcome = place.ssh(&["-oStrictHostKeyChecking=yes"], "true");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
}

#[test]
fn this_machine_is_believed_where_that_is_asked_for() {
    let Some(place) = Place::new(&["sshd", "ssh-keygen"]) else {
        return;
    };
    fs::write(place.text("known"), "").unwrap();
    let strict = "-oStrictHostKeyChecking=yes";
    let anyone = "-oNoHostAuthenticationForLocalhost=yes";
    let doubt = "could not be verified";
    for (options, expected) in [
        (&[strict, anyone][..], Ok(())),
        (&[strict], Err(doubt)),
        (&[strict, anyone, "-oHostKeyAlias=web"], Err(doubt)),
    ] {
        let outcome = place.ssh(options, "true");
        match expected {
            Ok(()) => assert_eq!(outcome.code, Some(0), "{}", outcome.stderr),
            Err(said) => assert!(outcome.stderr.contains(said), "{}", outcome.stderr),
        }
    }
    let known = fs::read_to_string(place.text("known")).unwrap();
    assert_eq!(
        known, "",
        "nothing is learnt of a host that nobody speaks for"
    );
}
