//! What OpenSSH's configuration says of several instances: hosts on the way, names, users, variables.

use super::*;

/// A bastion and three instances that stand behind it.
fn region() -> Option<Sandbox> {
    if !support::peer("sshd") {
        return None;
    }
    let mut text = String::new();
    for (number, name) in ["bastion", "app-1", "app-2", "app-3"].iter().enumerate() {
        writeln!(
            text,
            "[[instance]]\nid = \"{}\"\nname = \"{name}\"\nvpc = \"{VPC}\"\npublic_ip = \"127.0.9.{}\"",
            id(number),
            number + 1
        )
        .unwrap();
    }
    let config = Config::default().fleet(text.parse::<Fleet>().unwrap());
    Some(Sandbox::with(config.sshd(true)))
}

fn configured(sandbox: &Sandbox, config: &str, args: &[&str]) -> Outcome {
    let path = sandbox.region.folder().join("ssh_config");
    std::fs::write(&path, config).unwrap();
    let mut command = sandbox.eic_term([&["exec"], args].concat());
    run(command.env("EIC_TERM_SSH_CONFIG", path))
}

fn sorted(outcome: &Outcome) -> Vec<String> {
    let mut lines: Vec<_> = outcome.text().lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn all_go_by_one_connection_to_the_host_on_the_way() {
    let Some(sandbox) = region() else { return };
    let where_from = "echo ${SSH_CONNECTION%% *}";
    for (config, args) in [
        (
            "Host app-*\n ProxyJump bastion\n",
            &["app-*", "--", where_from][..],
        ),
        (
            "",
            &["-J", "bastion", "app-1", "app-2", "app-3", "--", where_from],
        ),
    ] {
        let before = sandbox.region.calls("SendSSHPublicKey");
        let outcome = configured(&sandbox, config, args);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert_eq!(sorted(&outcome).len(), 3, "{}", outcome.text());
        let pushes = sandbox.region.calls("SendSSHPublicKey") - before;
        assert_eq!(pushes, 4, "one for each, and one for the host on the way");
    }
    // Where it cannot be reached nobody waits for it more than once.
    let lost = ["-J", "nobody.invalid", "app-*", "--", "true"];
    let lost = configured(&sandbox, "", &lost);
    assert_eq!(lost.code, Some(255), "{}", lost.stderr);
    assert!(
        lost.stderr
            .contains("unreachable: app-1, app-2, app-3 (3): ")
            && lost.stderr.contains("nobody.invalid"),
        "{}",
        lost.stderr
    );
}

#[test]
fn each_has_what_is_configured_for_it() {
    let Some(sandbox) = region() else { return };
    let config = format!(
        "Host one\n HostName {}\nHost app-2\n ProxyJump nobody.invalid\nHost app-*\n SetEnv LANG=xx\n SendEnv LC_EIC*\n",
        id(1)
    );
    let path = sandbox.region.folder().join("ssh_config");
    std::fs::write(&path, &config).unwrap();
    let mut command = sandbox.eic_term([
        "exec",
        "--connect-timeout",
        "5",
        "one",
        "app-2",
        "app-3",
        "--",
        "echo $LANG $LC_EIC_TEST",
    ]);
    let outcome = run(command
        .env("EIC_TERM_SSH_CONFIG", path)
        .env("LC_EIC_TEST", "yy")
        .env_remove("LANG"));
    assert_eq!(outcome.code, Some(255), "{}", outcome.stderr);
    let lines = sorted(&outcome);
    assert_eq!(lines.len(), 2, "{lines:?} {}", outcome.stderr);
    assert!(lines[0].starts_with("app-1 | "), "{lines:?}");
    assert_eq!(lines[1], "app-3 | xx yy");
    assert!(
        outcome.stderr.contains("unreachable: app-2: "),
        "{}",
        outcome.stderr
    );
}
