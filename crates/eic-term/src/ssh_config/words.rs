//! The words that some settings take, and the one of each meaning that `ssh -G` prints.

/// A word and what is printed for it.
pub(super) type Choices = &'static [(&'static str, &'static str)];

pub(super) const YES_NO: Choices = &[
    ("true", "yes"),
    ("false", "no"),
    ("yes", "yes"),
    ("no", "no"),
];

pub(super) const YES_NO_ASK: Choices = &[
    ("true", "true"),
    ("false", "false"),
    ("yes", "true"),
    ("no", "false"),
    ("ask", "ask"),
];

pub(super) const WARN_WEAK_CRYPTO: Choices = &[
    ("true", "yes"),
    ("false", "no"),
    ("yes", "yes"),
    ("no", "no"),
    ("no-pq-kex", "no"),
];

pub(super) const ADDRESS_FAMILY: Choices = &[("inet", "inet"), ("inet6", "inet6"), ("any", "any")];

pub(super) const CANONICALIZE: Choices = &[
    ("true", "true"),
    ("false", "false"),
    ("yes", "true"),
    ("no", "false"),
    ("always", "always"),
];

/// `true` and `false` are not among them.
pub(super) const COMPRESSION: Choices = &[("yes", "yes"), ("no", "no")];

pub(super) const CONTROL_MASTER: Choices = &[
    ("true", "true"),
    ("yes", "true"),
    ("false", "false"),
    ("no", "false"),
    ("auto", "auto"),
    ("ask", "ask"),
    ("autoask", "autoask"),
];

pub(super) const PUBKEY_AUTHENTICATION: Choices = &[
    ("true", "true"),
    ("false", "false"),
    ("yes", "true"),
    ("no", "false"),
    ("unbound", "unbound"),
    ("host-bound", "host-bound"),
];

pub(super) const REQUEST_TTY: Choices = &[
    ("true", "true"),
    ("yes", "true"),
    ("false", "false"),
    ("no", "false"),
    ("force", "force"),
    ("auto", "auto"),
];

pub(super) const SESSION_TYPE: Choices = &[
    ("none", "none"),
    ("subsystem", "subsystem"),
    ("default", "default"),
];

pub(super) const STRICT_HOST_KEY: Choices = &[
    ("true", "true"),
    ("false", "false"),
    ("yes", "true"),
    ("no", "false"),
    ("ask", "ask"),
    ("off", "false"),
    ("accept-new", "accept-new"),
];

pub(super) const TUNNEL: Choices = &[
    ("ethernet", "ethernet"),
    ("point-to-point", "point-to-point"),
    ("true", "point-to-point"),
    ("yes", "point-to-point"),
    ("false", "false"),
    ("no", "false"),
];

/// Names, and how their errors call them.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) choices: Choices,
    pub(super) error: fn(&str) -> String,
    /// What stands for a missing name in the error; without one it is a missing argument.
    pub(super) missing: Option<&'static str>,
}

pub(super) static FINGERPRINT_HASH: &Names = &Names {
    choices: &[
        ("MD5", "MD5"),
        ("SHA1", "SHA1"),
        ("SHA256", "SHA256"),
        ("SHA384", "SHA384"),
        ("SHA512", "SHA512"),
    ],
    error: |name| format!("Invalid hash algorithm \"{name}\"."),
    missing: None,
};

pub(super) static LOG_LEVEL: &Names = &Names {
    choices: &[
        ("SILENT", "SILENT"),
        ("QUIET", "SILENT"),
        ("FATAL", "FATAL"),
        ("ERROR", "ERROR"),
        ("INFO", "INFO"),
        ("VERBOSE", "VERBOSE"),
        ("DEBUG", "DEBUG"),
        ("DEBUG1", "DEBUG"),
        ("DEBUG2", "DEBUG2"),
        ("DEBUG3", "DEBUG3"),
    ],
    error: |name| format!("unsupported log level '{name}'"),
    missing: Some("<NONE>"),
};

pub(super) static LOG_FACILITY: &Names = &Names {
    choices: &[
        ("DAEMON", "DAEMON"),
        ("USER", "USER"),
        ("AUTH", "AUTH"),
        ("AUTHPRIV", "AUTHPRIV"),
        ("LOCAL0", "LOCAL0"),
        ("LOCAL1", "LOCAL1"),
        ("LOCAL2", "LOCAL2"),
        ("LOCAL3", "LOCAL3"),
        ("LOCAL4", "LOCAL4"),
        ("LOCAL5", "LOCAL5"),
        ("LOCAL6", "LOCAL6"),
        ("LOCAL7", "LOCAL7"),
    ],
    error: |name| format!("unsupported log facility '{name}'"),
    missing: Some("<NONE>"),
};

/// IP_TOS values (RFC 2474, RFC 8622 and the older RFC 1349's).
pub(super) const IP_QOS: &[(&str, u32)] = &[
    ("none", u32::MAX),
    ("af11", 0x28),
    ("af12", 0x30),
    ("af13", 0x38),
    ("af21", 0x48),
    ("af22", 0x50),
    ("af23", 0x58),
    ("af31", 0x68),
    ("af32", 0x70),
    ("af33", 0x78),
    ("af41", 0x88),
    ("af42", 0x90),
    ("af43", 0x98),
    ("cs0", 0x00),
    ("cs1", 0x20),
    ("cs2", 0x40),
    ("cs3", 0x60),
    ("cs4", 0x80),
    ("cs5", 0xa0),
    ("cs6", 0xc0),
    ("cs7", 0xe0),
    ("ef", 0xb8),
    ("le", 0x04),
    ("lowdelay", 0x10),
    ("throughput", 0x08),
    ("reliability", 0x04),
];

/// The printed word for one that is written in any case.
pub(super) fn choose(choices: Choices, word: &str) -> Option<&'static str> {
    let mut choices = choices.iter();
    let found = choices.find(|(name, _)| name.eq_ignore_ascii_case(word));
    found.map(|(_, printed)| *printed)
}
