//! Which host keys are believed, and what is said of those that are not.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::path::PathBuf;

use eic_sandbox::{Config, Fleet};
use eic_term::HostKey;
use support::terminal::Terminal;
use support::{Outcome, Sandbox, run};

/// A key of nobody here.
const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";
const WEB: &str = "i-0e1c0000000000001";

fn exec(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    run(&mut sandbox.eic_term([&["exec"], args, &["--", "true"]].concat()))
}

fn pins(sandbox: &Sandbox) -> PathBuf {
    let mut env = sandbox.region.env().iter();
    let (_, folder) = env.find(|(name, _)| name == "EIC_TERM_DATA_DIR").unwrap();
    PathBuf::from(folder).join("known_hosts")
}

/// Real SSH servers, where there are any.
fn real(config: Config) -> Sandbox {
    Sandbox::with(config.sshd(support::peer("sshd")))
}

/// The built-in fleet, on whose consoles there is nothing.
fn silent() -> Sandbox {
    let fleet = Fleet::BUILT_IN.replace("[[instance]]", "[[instance]]\nconsole = \"empty\"");
    real(Config::default().fleet(fleet.parse::<Fleet>().unwrap()))
}

#[test]
fn the_console_is_asked_once_and_nobody_else() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    for _ in 0..2 {
        let outcome = exec(&sandbox, &["web-1"]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        assert_eq!(sandbox.region.calls("GetConsoleOutput"), 1);
    }
    let pinned = std::fs::read_to_string(pins(&sandbox)).unwrap();
    assert!(
        pinned.starts_with(WEB) && pinned.ends_with(" console\n"),
        "{pinned}"
    );
    let listed = run(&mut sandbox.eic_term(["trust", "list"])).text();
    assert!(
        listed.starts_with(WEB) && listed.contains("SHA256:"),
        "{listed}"
    );
    assert_eq!(exec(&sandbox, &["--host-key=strict", "db-1"]).code, Some(0));
}

#[test]
fn a_changed_key_is_refused_until_it_is_forgotten() {
    let sandbox = real(Config::default());
    std::fs::create_dir_all(pins(&sandbox).parent().unwrap()).unwrap();
    std::fs::write(
        pins(&sandbox),
        format!("{WEB} {OTHER} 2026-01-02T03:04:05Z console\n"),
    )
    .unwrap();
    let outcome = exec(&sandbox, &["web-1"]);
    assert_eq!(outcome.code, Some(255));
    for text in [
        "has changed: pinned ssh-ed25519 SHA256:",
        "(2026-01-02T03:04:05Z console), presented ssh-ed25519 SHA256:",
        "`eic-term trust forget i-0e1c0000000000001`",
    ] {
        assert!(outcome.stderr.contains(text), "{text}: {}", outcome.stderr);
    }
    let forgotten = run(&mut sandbox.eic_term(["trust", "forget", "web-1"]));
    assert_eq!(forgotten.code, Some(0), "{}", forgotten.stderr);
    assert_eq!(exec(&sandbox, &["web-1"]).code, Some(0));
    let nothing = run(&mut sandbox.eic_term(["trust", "forget", "i-0e1c00000000000ff"]));
    assert_eq!(nothing.code, Some(255));
    assert!(
        nothing.stderr.contains("none is pinned"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn without_the_console_the_levels_differ() {
    for (args, code, said) in [
        (&["web-1"][..], 255, "its console shows no host keys"),
        (&["--host-key=strict", "db-1"], 255, "could not be verified"),
        (&["db-1"], 0, "an AWS endpoint speaks for it"),
        (
            &["--host-key=accept-new", "web-1"],
            0,
            "nothing but that it was the first speaks",
        ),
        (&["-q", "--host-key=off", "web-1"], 0, ""),
    ] {
        let sandbox = silent();
        let outcome = exec(&sandbox, args);
        assert_eq!(outcome.code, Some(code), "{args:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(said),
            "{args:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_denied_console_is_no_failure_by_itself() {
    let sandbox = Sandbox::with_fault("deny=ec2:GetConsoleOutput");
    let outcome = exec(&sandbox, &["db-1"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let outcome = exec(&sandbox, &["web-1"]);
    assert!(
        outcome.stderr.contains("ec2:GetConsoleOutput"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_person_is_asked_on_a_terminal() {
    for (answer, code) in [
        ("no\r", 255),
        ("\r", 255),
        ("yes\r", 0),
        ("y\ryes\r", 0),
        ("FINGERPRINT\r", 0),
        ("SHA256:other\rno\r", 255),
    ] {
        let sandbox = silent();
        let key = HostKey::parse(&host_key(&sandbox, "ssh-ed25519")).unwrap();
        let answer = answer.replace("FINGERPRINT", &key.fingerprint());
        let args = ["exec", "web-1", "--", "true"];
        let mut terminal = Terminal::start_ours(&sandbox, &[], &args);
        terminal.expect("remember the key? (yes/no/[fingerprint])");
        terminal.type_keys(&answer);
        assert_eq!(terminal.exit_code(), code);
        let pinned = std::fs::read_to_string(pins(&sandbox)).unwrap_or_default();
        assert_eq!(pinned.ends_with(" confirmed\n"), code == 0, "{pinned}");
    }
}

#[test]
fn known_hosts_speaks_for_a_key_and_against_it() {
    let sandbox = silent();
    let key = host_key(&sandbox, "ssh-ed25519");
    let port = sandbox.region.instance("web-1").unwrap().port.unwrap();
    for (line, code, said) in [
        (format!("other,[127.*]:{port} {key}"), 0, ""),
        (format!("@revoked {WEB} {key}"), 255, "is revoked in "),
    ] {
        let home = home(&line);
        std::fs::remove_file(pins(&sandbox)).ok();
        let outcome = exec_at_home(&sandbox, &home, &["web-1"]);
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
    // A pin is no help against a revocation.
    assert_eq!(
        exec(&sandbox, &["--host-key=accept-new", "web-1"]).code,
        Some(0)
    );
    let home = home(&format!("@revoked * {key}"));
    let outcome = exec_at_home(&sandbox, &home, &["web-1"]);
    assert!(outcome.stderr.contains("is revoked"), "{}", outcome.stderr);
}

#[test]
fn a_key_of_another_kind_is_asked_for_where_known_hosts_has_it() {
    let sandbox = silent();
    let key = host_key(&sandbox, "ecdsa");
    let home = home(&format!("{WEB} {key}"));
    let outcome = exec_at_home(&sandbox, &home, &["-v", "--host-key=strict", "web-1"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let agreed = ", ecdsa-sha2-nistp256, ";
    assert!(outcome.stderr.contains(agreed), "{}", outcome.stderr);
}

#[test]
fn an_address_that_another_host_had_is_no_alarm() {
    let sandbox = real(Config::default());
    let web = sandbox.region.instance("web-1").unwrap();
    let (address, port) = (web.public_ip.unwrap(), web.port.unwrap());
    let home = home(&format!("[{address}]:{port},{address} {OTHER}"));
    let outcome = exec_at_home(&sandbox, &home, &["web-1"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
}

#[test]
fn an_authority_in_known_hosts_certifies_host_keys() {
    if !support::peer("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let certificate = format!("HostCertificate {}", path("host-cert.pub"));
    let fleet = Fleet::BUILT_IN.replace("[[instance]]", "[[instance]]\nconsole = \"empty\"");
    let config = Config::default().fleet(fleet.parse::<Fleet>().unwrap());
    if !support::peer("sshd") {
        return;
    }
    let sandbox = Sandbox::with(config.sshd(true).sshd_option(certificate));
    std::fs::write(path("host.pub"), host_key(&sandbox, "ssh-ed25519")).unwrap();
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &path("ca")]);
    let authority = std::fs::read_to_string(path("ca.pub")).unwrap();
    let home = home(&format!("@cert-authority i-* {authority}"));
    let certify = |validity: &str, principal: &str| {
        let (ca, key) = (path("ca"), path("host.pub"));
        ssh_keygen(&[
            "-q", "-s", &ca, "-h", "-I", "web", "-n", principal, "-V", validity, &key,
        ]);
    };
    certify("+1h", WEB);
    for _ in 0..2 {
        let outcome = exec_at_home(&sandbox, &home, &["-v", "--host-key=strict", "web-1"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("(cert-authority)"),
            "{}",
            outcome.stderr
        );
    }
    assert!(!pins(&sandbox).exists(), "a certified key is not pinned");
    for (validity, principal, said) in [
        ("-2h:-1h", WEB, "its certificate has expired"),
        ("+1h", "i-2", "its certificate is for other hosts"),
    ] {
        certify(validity, principal);
        let outcome = exec_at_home(&sandbox, &home, &["web-1"]);
        assert_eq!(outcome.code, Some(255));
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
}

#[test]
fn pins_are_shown_verified_and_imported() {
    let sandbox = real(Config::default());
    let trust = |args: &[&str]| run(&mut sandbox.eic_term([&["trust"], args].concat()));
    let unknown = trust(&["show", WEB]);
    assert!(
        unknown.stderr.contains("none is pinned"),
        "{}",
        unknown.stderr
    );
    let verified = trust(&["verify", "web-1"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    for text in [
        "ssh-ed25519 SHA256:",
        "ecdsa-sha2-nistp256 SHA256:",
        "console: the same",
        "\nverified",
    ] {
        assert!(verified.text().contains(text), "{}", verified.text());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pub").display().to_string();
    std::fs::write(&file, OTHER).unwrap();
    assert_eq!(trust(&["import", &file]).code, Some(255));
    assert_eq!(trust(&["import", &file, "web-1"]).code, Some(0));
    let shown = trust(&["show", "web-1"]).text();
    for text in [WEB, OTHER, "proof:       imported"] {
        assert!(shown.contains(text), "{shown}");
    }
    let verified = trust(&["verify", "web-1"]);
    assert_eq!(verified.code, Some(1));
    assert!(
        verified.text().contains("NOT VERIFIED"),
        "{}",
        verified.text()
    );
    assert_eq!(
        exec(&sandbox, &["web-1"]).code,
        Some(255),
        "it is not the host's"
    );
    std::fs::write(&file, host_key(&sandbox, "ssh-ed25519")).unwrap();
    let changed = trust(&["import", &file, "web-1"]);
    assert!(changed.stderr.contains("has changed"), "{}", changed.stderr);
    assert_eq!(trust(&["forget", WEB]).code, Some(0));
    assert_eq!(trust(&["import", &file, "web-1"]).code, Some(0));
    assert_eq!(exec(&sandbox, &["web-1"]).code, Some(0));
    assert_eq!(
        sandbox.region.calls("GetConsoleOutput"),
        2,
        "for `verify` alone"
    );
}

#[test]
fn old_algorithms_are_refused_until_asked_for() {
    if !support::peer("sshd") {
        return;
    }
    for (option, said) in [
        (
            "KexAlgorithms diffie-hellman-group14-sha1",
            "knows no key exchange that is safe enough",
        ),
        (
            "Ciphers aes128-cbc",
            "knows no cipher that is safe enough, only aes128-cbc",
        ),
    ] {
        let sandbox = Sandbox::with(Config::default().sshd(true).sshd_option(option));
        let refused = exec(&sandbox, &["web-1"]);
        assert_eq!(refused.code, Some(255));
        for text in [said, "--legacy"] {
            assert!(refused.stderr.contains(text), "{}", refused.stderr);
        }
        let legacy = exec(&sandbox, &["--legacy", "web-1"]);
        assert_eq!(legacy.code, Some(0), "{}", legacy.stderr);
        assert!(
            legacy.stderr.contains("weak algorithms"),
            "{}",
            legacy.stderr
        );
    }
}

#[test]
fn the_key_exchange_is_post_quantum_where_the_host_knows_it() {
    let outcome = exec(&Sandbox::start(), &["-v", "web-1"]);
    let agreed = "agreed on mlkem768x25519-sha256, ssh-ed25519, ";
    assert!(outcome.stderr.contains(agreed), "{}", outcome.stderr);
}

#[test]
fn hashed_names_are_known() {
    if !support::peer("ssh-keygen") {
        return;
    }
    let sandbox = silent();
    let home = home(&format!("{WEB} {}", host_key(&sandbox, "ssh-ed25519")));
    let file = home.path().join(".ssh/known_hosts");
    ssh_keygen(&["-q", "-H", "-f", &file.display().to_string()]);
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.starts_with("|1|"), "{text}");
    let outcome = exec_at_home(&sandbox, &home, &["--host-key=strict", "web-1"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

fn host_key(sandbox: &Sandbox, kind: &str) -> String {
    let keys = &sandbox.region.instance("web-1").unwrap().host_keys;
    keys.iter()
        .find(|key| key.starts_with(kind))
        .unwrap()
        .clone()
}

/// A home folder with this line in its known_hosts.
fn home(line: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    std::fs::write(home.path().join(".ssh/known_hosts"), format!("{line}\n")).unwrap();
    home
}

fn exec_at_home(sandbox: &Sandbox, home: &tempfile::TempDir, args: &[&str]) -> Outcome {
    let mut command = sandbox.eic_term([&["exec"], args, &["--", "true"]].concat());
    support::at_home(&mut command, home.path());
    run(&mut command)
}

fn ssh_keygen(args: &[&str]) {
    let made = std::process::Command::new("ssh-keygen").args(args).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{made:?}");
}
