//! Every keyword of ssh_config(5): one table for reading, for defaults and for printing.

use super::algorithm::Family;
use super::kind::Kind::{self, *};
use super::words::*;

/// Declares the keys in the order in which `ssh -G` prints them, with what can be said after each and what holds
/// where nothing is said.
macro_rules! keywords {
    ($($key:ident $name:literal $kind:expr, $default:expr;)*) => {
        /// A setting.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(clippy::enum_variant_names, reason = "the keywords' own names")]
        pub(super) enum Key { $($key),* }

        /// All settings, in the order of the keys.
        pub(super) static KEYWORDS: &[Keyword] = &[
            $(Keyword { key: Key::$key, name: $name, kind: $kind, default: $default }),*
        ];
    };
}

/// A setting's row of the table.
#[derive(Debug)]
pub(super) struct Keyword {
    pub(super) key: Key,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// As it would be written in a file.
    pub(super) default: Option<&'static str>,
}

const NO: Option<&str> = Some("no");
const YES: Option<&str> = Some("yes");
const NONE: Option<&str> = Some("none");

// The defaults are OpenSSH 9.2's as Debian builds it: ForwardX11Trusted and IPQoS are its own.
keywords! {
    User "user" Text, None;
    HostName "hostname" Text, None;
    Port "port" Port, Some("22");
    AddressFamily "addressfamily" Choice(ADDRESS_FAMILY), Some("any");
    BatchMode "batchmode" Flag, NO;
    CanonicalizeFallbackLocal "canonicalizefallbacklocal" Flag, YES;
    CanonicalizeHostname "canonicalizehostname" Choice(CANONICALIZE), NO;
    CheckHostIp "checkhostip" Flag, NO;
    Compression "compression" Choice(COMPRESSION), NO;
    ControlMaster "controlmaster" Choice(CONTROL_MASTER), NO;
    EnableSshKeysign "enablesshkeysign" Flag, NO;
    ClearAllForwardings "clearallforwardings" Flag, NO;
    ExitOnForwardFailure "exitonforwardfailure" Flag, NO;
    FingerprintHash "fingerprinthash" Named(FINGERPRINT_HASH), Some("SHA256");
    ForwardX11 "forwardx11" Flag, NO;
    ForwardX11Trusted "forwardx11trusted" Flag, YES;
    GatewayPorts "gatewayports" Flag, NO;
    GssapiAuthentication "gssapiauthentication" Flag, NO;
    GssapiKeyExchange "gssapikeyexchange" Flag, NO;
    GssapiDelegateCredentials "gssapidelegatecredentials" Flag, NO;
    GssapiTrustDns "gssapitrustdns" Flag, NO;
    GssapiRenewalForcesRekey "gssapirenewalforcesrekey" Flag, NO;
    GssapiClientIdentity "gssapiclientidentity" Text, None;
    GssapiServerIdentity "gssapiserveridentity" Text, None;
    GssapiKexAlgorithms "gssapikexalgorithms" Text, None;
    HashKnownHosts "hashknownhosts" Flag, NO;
    HostbasedAuthentication "hostbasedauthentication" Flag, NO;
    IdentitiesOnly "identitiesonly" Flag, NO;
    KbdInteractiveAuthentication "kbdinteractiveauthentication" Flag, YES;
    NoHostAuthenticationForLocalhost "nohostauthenticationforlocalhost" Flag, NO;
    PasswordAuthentication "passwordauthentication" Flag, YES;
    PermitLocalCommand "permitlocalcommand" Flag, NO;
    ProxyUseFdpass "proxyusefdpass" Flag, NO;
    PubkeyAuthentication "pubkeyauthentication" Choice(PUBKEY_AUTHENTICATION), YES;
    RequestTty "requesttty" Choice(REQUEST_TTY), Some("auto");
    SessionType "sessiontype" Choice(SESSION_TYPE), Some("default");
    StdinNull "stdinnull" Flag, NO;
    ForkAfterAuthentication "forkafterauthentication" Flag, NO;
    StreamLocalBindUnlink "streamlocalbindunlink" Flag, NO;
    StrictHostKeyChecking "stricthostkeychecking" Choice(STRICT_HOST_KEY), Some("ask");
    TcpKeepAlive "tcpkeepalive" Flag, YES;
    Tunnel "tunnel" Choice(TUNNEL), NO;
    VerifyHostKeyDns "verifyhostkeydns" Choice(YES_NO_ASK), NO;
    VisualHostKey "visualhostkey" Flag, NO;
    UpdateHostKeys "updatehostkeys" Choice(YES_NO_ASK), NO;
    EnableEscapeCommandline "enableescapecommandline" Flag, NO;
    WarnWeakCrypto "warnweakcrypto" Choice(WARN_WEAK_CRYPTO), None;
    CanonicalizeMaxDots "canonicalizemaxdots" Number, Some("1");
    ConnectionAttempts "connectionattempts" Number, Some("1");
    ForwardX11Timeout "forwardx11timeout" Seconds, Some("1200");
    NumberOfPasswordPrompts "numberofpasswordprompts" Number, Some("3");
    ServerAliveCountMax "serveralivecountmax" Number, Some("3");
    ServerAliveInterval "serveraliveinterval" Seconds, Some("0");
    RequiredRsaSize "requiredrsasize" Number, Some("1024");
    ObscureKeystrokeTiming "obscurekeystroketiming" KeystrokeTiming, None;
    BindAddress "bindaddress" Text, None;
    BindInterface "bindinterface" Text, None;
    Ciphers "ciphers" Algorithms(Family::Cipher), None;
    ControlPath "controlpath" TextOrNone, None;
    HostKeyAlgorithms "hostkeyalgorithms" Algorithms(Family::HostKey), None;
    HostKeyAlias "hostkeyalias" Text, None;
    HostbasedAcceptedAlgorithms "hostbasedacceptedalgorithms" Algorithms(Family::UserKey), None;
    IdentityAgent "identityagent" Agent, None;
    IgnoreUnknown "ignoreunknown" Text, None;
    KbdInteractiveDevices "kbdinteractivedevices" Text, None;
    KexAlgorithms "kexalgorithms" Algorithms(Family::Kex), None;
    CaSignatureAlgorithms "casignaturealgorithms" Algorithms(Family::Signature), None;
    LocalCommand "localcommand" Command, None;
    RemoteCommand "remotecommand" Command, None;
    LogLevel "loglevel" Named(LOG_LEVEL), Some("INFO");
    Macs "macs" Algorithms(Family::Mac), None;
    Pkcs11Provider "pkcs11provider" TextOrNone, None;
    SecurityKeyProvider "securitykeyprovider" TextOrNone, Some("internal");
    PreferredAuthentications "preferredauthentications" Text, None;
    PubkeyAcceptedAlgorithms "pubkeyacceptedalgorithms" Algorithms(Family::UserKey), None;
    RevokedHostKeys "revokedhostkeys" TextOrNone, None;
    XAuthLocation "xauthlocation" Text, Some("/usr/bin/xauth");
    KnownHostsCommand "knownhostscommand" Command, None;
    Tag "tag" Text, None;
    VersionAddendum "versionaddendum" Command, None;
    DynamicForward "dynamicforward" DynamicForward, None;
    LocalForward "localforward" LocalForward, None;
    RemoteForward "remoteforward" RemoteForward, None;
    IdentityFile "identityfile" Files(100), Some("~/.ssh/id_rsa ~/.ssh/id_ecdsa ~/.ssh/id_ecdsa_sk \
        ~/.ssh/id_ed25519 ~/.ssh/id_ed25519_sk ~/.ssh/id_xmss ~/.ssh/id_dsa");
    CanonicalDomains "canonicaldomains" Domains, NONE;
    CertificateFile "certificatefile" Files(100), None;
    GlobalKnownHostsFile "globalknownhostsfile" Words(32), Some("/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2");
    UserKnownHostsFile "userknownhostsfile" Words(32), Some("~/.ssh/known_hosts ~/.ssh/known_hosts2");
    SendEnv "sendenv" SendEnv, None;
    SetEnv "setenv" SetEnv, None;
    LogVerbose "logverbose" Words(usize::MAX), NONE;
    ChannelTimeout "channeltimeout" ChannelTimeout, None;
    PermitRemoteOpen "permitremoteopen" PermitRemoteOpen, Some("any");
    AddKeysToAgent "addkeystoagent" AddKeysToAgent, NO;
    ForwardAgent "forwardagent" FlagOrAgent, NO;
    ConnectTimeout "connecttimeout" Seconds, NONE;
    TunnelDevice "tunneldevice" TunnelDevice, Some("any:any");
    // The capital is ssh -G's.
    CanonicalizePermittedCnames "canonicalizePermittedcnames" PermittedCnames, NONE;
    ControlPersist "controlpersist" ControlPersist, NO;
    EscapeChar "escapechar" EscapeChar, Some("~");
    IpQos "ipqos" IpQos, Some("lowdelay throughput");
    RekeyLimit "rekeylimit" RekeyLimit, Some("default 0");
    StreamLocalBindMask "streamlocalbindmask" Mask, Some("0177");
    SyslogFacility "syslogfacility" Named(LOG_FACILITY), Some("USER");
    ProxyCommand "proxycommand" Command, None;
    ProxyJump "proxyjump" Jump, None;
}

/// Settings that nothing here follows.
pub(super) const UNHEEDED: &[Key] = &[
    Key::CanonicalizePermittedCnames,
    Key::ChannelTimeout,
    Key::CheckHostIp,
    Key::EnableSshKeysign,
    Key::FingerprintHash,
    Key::GssapiAuthentication,
    Key::HostbasedAuthentication,
    Key::KbdInteractiveDevices,
    Key::LogVerbose,
    Key::ObscureKeystrokeTiming,
    Key::ProxyUseFdpass,
    Key::StreamLocalBindMask,
    Key::VerifyHostKeyDns,
    Key::VisualHostKey,
    Key::WarnWeakCrypto,
];

/// What a line's first word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Host,
    Match,
    Include,
    Refuse,
    Setting(Key),
    /// Passed over.
    Ignored,
    /// Passed over, which is said.
    Unsupported,
}

/// Other names of settings, most of them older ones.
const ALIASES: &[(&str, Key)] = &[
    (
        "challengeresponseauthentication",
        Key::KbdInteractiveAuthentication,
    ),
    ("dsaauthentication", Key::PubkeyAuthentication),
    ("hostbasedkeytypes", Key::HostbasedAcceptedAlgorithms),
    ("identityfile2", Key::IdentityFile),
    ("keepalive", Key::TcpKeepAlive),
    ("protocolkeepalives", Key::ServerAliveInterval),
    ("pubkeyacceptedkeytypes", Key::PubkeyAcceptedAlgorithms),
    ("setuptimeout", Key::ServerAliveInterval),
    ("skeyauthentication", Key::KbdInteractiveAuthentication),
    ("smartcarddevice", Key::Pkcs11Provider),
    ("tisauthentication", Key::KbdInteractiveAuthentication),
];

const IGNORED: &[&str] = &[
    "protocol",
    "cipher",
    "fallbacktorsh",
    "globalknownhostsfile2",
    "rhostsauthentication",
    "userknownhostsfile2",
    "useblacklistedkeys",
    "useroaming",
    "usersh",
    "useprivilegedport",
];

const UNSUPPORTED: &[&str] = &[
    "afstokenpassing",
    "kerberosauthentication",
    "kerberostgtpassing",
    "rsaauthentication",
    "rhostsrsaauthentication",
    "compressionlevel",
];

/// What a keyword means; `None` for one that OpenSSH does not know.
pub(super) fn meaning(word: &str) -> Option<Meaning> {
    match word.to_ascii_lowercase().as_str() {
        "host" => Some(Meaning::Host),
        "match" => Some(Meaning::Match),
        "include" => Some(Meaning::Include),
        "refuseconnection" => Some(Meaning::Refuse),
        // Apple's, which its users share among machines.
        "usekeychain" if cfg!(target_os = "macos") => Some(Meaning::Ignored),
        word if IGNORED.contains(&word) => Some(Meaning::Ignored),
        word if UNSUPPORTED.contains(&word) => Some(Meaning::Unsupported),
        word => setting(word).map(Meaning::Setting),
    }
}

fn setting(word: &str) -> Option<Key> {
    let mut rows = KEYWORDS.iter();
    let row = rows.find(|row| row.name.eq_ignore_ascii_case(word));
    let alias = || ALIASES.iter().find(|(name, _)| *name == word);
    row.map(|row| row.key)
        .or_else(|| alias().map(|(_, key)| *key))
}

impl Key {
    /// Its row.
    pub(super) fn row(self) -> Option<&'static Keyword> {
        KEYWORDS.get(self as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_keys_order() {
        for row in KEYWORDS {
            assert_eq!(row.key.row().unwrap().name, row.name);
            assert_eq!(meaning(row.name), Some(Meaning::Setting(row.key)));
        }
    }

    #[test]
    fn meanings() {
        for (word, expected) in [
            ("HOST", Some(Meaning::Host)),
            ("BatchMode", Some(Meaning::Setting(Key::BatchMode))),
            ("KeepAlive", Some(Meaning::Setting(Key::TcpKeepAlive))),
            ("Protocol", Some(Meaning::Ignored)),
            ("CompressionLevel", Some(Meaning::Unsupported)),
            ("nonsense", None),
        ] {
            assert_eq!(meaning(word), expected, "{word}");
        }
    }
}
