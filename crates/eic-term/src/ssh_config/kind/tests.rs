//! What each keyword takes.

use super::*;
use crate::ssh_config::fake::Fake;
use crate::ssh_config::keyword::{KEYWORDS, Meaning, meaning};

fn parse(line: &str) -> Result<String, String> {
    let system = Fake::default().with_variable("SOCK", "/run/agent");
    let line = lexer::Line::parse(line).unwrap();
    let Some(Meaning::Setting(key)) = meaning(&line.keyword) else {
        panic!("{} is no setting", line.keyword);
    };
    let said = |fault: Fault| fault.messages.first().cloned().unwrap();
    let mut arguments = Arguments::new(&line.keyword, line.rest, &system).map_err(said)?;
    let value = key
        .row()
        .unwrap()
        .kind
        .parse(&mut arguments)
        .map_err(said)?;
    arguments.end().map_err(said)?;
    Ok(value.map_or_else(String::new, |value| match value {
        Value::Forwards(list) => format!("{} {}", list[0].listen, list[0].connect),
        value => value.print(),
    }))
}

#[test]
fn defaults_can_be_read() {
    for row in KEYWORDS {
        let Some(text) = row.default else { continue };
        let system = Fake::default();
        let mut arguments = Arguments::new(row.name, text, &system).unwrap();
        row.kind.parse(&mut arguments).unwrap();
    }
}

#[test]
fn values() {
    for (line, expected) in [
        ("BatchMode TRUE", Ok("yes")),
        ("BatchMode maybe", Err("unsupported option \"maybe\".")),
        ("BatchMode \"\"", Err("missing argument.")),
        (
            "BatchMode yes no",
            Err("keyword batchmode extra arguments at end of line"),
        ),
        ("BatchMode yes # no", Ok("yes")),
        ("StrictHostKeyChecking off", Ok("false")),
        ("LogLevel debug1", Ok("DEBUG")),
        ("LogLevel x", Err("unsupported log level 'x'")),
        ("LogLevel # x", Err("unsupported log level '<NONE>'")),
        ("FingerprintHash md5", Ok("MD5")),
        (
            "NumberOfPasswordPrompts 99999999999",
            Err("integer value too large."),
        ),
        (
            "NumberOfPasswordPrompts -1",
            Err("integer value too small."),
        ),
        ("NumberOfPasswordPrompts x", Err("integer value invalid.")),
        (
            "NumberOfPasswordPrompts \"\"",
            Err("integer value missing."),
        ),
        ("ServerAliveInterval 1m", Ok("60")),
        ("ServerAliveInterval x", Err("invalid time value.")),
        ("ConnectTimeout none", Ok("")),
        ("Port http", Ok("80")),
        ("Port 0", Err("Bad port '0'.")),
        (
            "ProxyCommand = nc %h \"%p\" # all",
            Ok("nc %h \"%p\" # all"),
        ),
        ("UserKnownHostsFile a \"b c\"", Ok("a b c")),
        ("UserKnownHostsFile none", Ok("none")),
        (
            "UserKnownHostsFile none a",
            Err("keyword userknownhostsfile \"none\" argument must appear alone."),
        ),
        (
            "UserKnownHostsFile \"\"",
            Err("keyword userknownhostsfile empty argument"),
        ),
        ("CanonicalDomains Example.COM.", Ok("example.com")),
        (
            "CanonicalDomains -x",
            Err("domain name \"-x\" starts with invalid character"),
        ),
        ("Ciphers nonsense", Err("Bad SSH2 cipher spec 'nonsense'.")),
        ("MACs nonsense", Err("Bad SSH2 MAC spec 'nonsense'.")),
        ("KexAlgorithms x", Err("Bad SSH2 KexAlgorithms 'x'.")),
        ("HostKeyAlgorithms x", Err("Bad key types 'x'.")),
        ("HostKeyAlgorithms ssh-ed25519", Ok("ssh-ed25519")),
        ("LocalForward 8080 web:80", Ok("8080 [web]:80")),
        ("LocalForward 8080", Err("Missing target argument.")),
        (
            "LocalForward x web:80",
            Err("Bad forwarding specification."),
        ),
        ("RemoteForward 8080", Ok("8080 [socks]:0")),
        ("DynamicForward [::1]:1080", Ok("[::1]:1080 [socks]:0")),
        ("ProxyJump a,b@c:1", Ok("a,b@c:1")),
        ("ProxyJump a,", Err("Invalid ProxyJump \"a,\"")),
    ] {
        let found = parse(line);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{line}");
    }
}

#[test]
fn special_values() {
    for (line, expected) in [
        ("IdentityAgent ${SOCK}", Ok("${SOCK}")),
        ("IdentityAgent $a-b", Err("Invalid environment name $a-b.")),
        ("ForwardAgent yes", Ok("yes")),
        ("ForwardAgent $SSH_AUTH_SOCK", Ok("$SSH_AUTH_SOCK")),
        ("SendEnv LANG LC_*", Ok("LANG LC_*")),
        ("SendEnv a=b", Err("Invalid environment name.")),
        ("SetEnv A=1 B=2 A=3", Ok("A=1 B=2")),
        ("SetEnv A", Err("Invalid SetEnv.")),
        ("PermitRemoteOpen a:1 [::1]:*", Ok("a:1 [::1]:*")),
        (
            "PermitRemoteOpen any a:1",
            Err("keyword permitremoteopen \"any\" argument must appear alone."),
        ),
        (
            "PermitRemoteOpen a",
            Err("bad port number in permitremoteopen"),
        ),
        ("CanonicalizePermittedCNAMEs *.A:*.b *", Ok("*.a:*.b *:*")),
        ("CanonicalizePermittedCNAMEs none", Ok("none")),
        (
            "CanonicalizePermittedCNAMEs a",
            Err("Invalid permitted CNAME \"a\""),
        ),
        ("AddKeysToAgent confirm 5m", Ok("confirm 300")),
        ("AddKeysToAgent 1h", Ok("3600")),
        ("AddKeysToAgent 0", Ok("true")),
        ("AddKeysToAgent ask", Ok("ask")),
        ("AddKeysToAgent yes 5m", Err("unsupported option")),
        ("ControlPersist 10m", Ok("600")),
        ("ControlPersist yes", Ok("yes")),
        ("ControlPersist 0", Ok("yes")),
        ("ControlPersist x", Err("Bad ControlPersist argument.")),
        ("EscapeChar none", Ok("none")),
        ("EscapeChar ^A", Ok("\\^A")),
        ("EscapeChar ab", Err("Bad escape character.")),
        ("IPQoS af21", Ok("af21 af21")),
        ("IPQoS 0x10 255", Ok("lowdelay 0xff")),
        ("IPQoS none cs0", Ok("none cs0")),
        ("IPQoS x", Err("Bad IPQoS value: x")),
        ("RekeyLimit 1G 1h", Ok("1073741824 3600")),
        ("RekeyLimit default none", Ok("0 0")),
        ("RekeyLimit 1", Err("RekeyLimit too small")),
        ("RekeyLimit x", Err("Bad number 'x': Invalid argument")),
        ("StreamLocalBindMask 0022", Ok("022")),
        ("StreamLocalBindMask 9", Err("Bad mask.")),
        ("TunnelDevice 1:any", Ok("1:any")),
        ("TunnelDevice 3", Ok("3:any")),
        ("TunnelDevice x", Err("Bad tun device.")),
        ("ObscureKeystrokeTiming interval:80", Ok("80")),
        (
            "ObscureKeystrokeTiming interval:0",
            Err("value out of range."),
        ),
        ("ChannelTimeout session=5m", Ok("session=5m")),
        (
            "ChannelTimeout session",
            Err("invalid channel timeout session"),
        ),
    ] {
        let found = parse(line);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{line}");
    }
}
