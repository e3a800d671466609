//! What the settings of one connection choose between.

/// Declares an enum of words, the first of which is the default.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident {
        $(#[$default_doc:meta])* $default:ident = $default_word:literal,
        $($(#[$inner:meta])* $variant:ident = $word:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $(#[$default_doc])* #[default] $default,
            $($(#[$inner])* $variant,)*
        }

        impl $name {
            pub(super) fn parse(word: &str) -> Option<Self> {
                match word {
                    $default_word => Some(Self::$default),
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// Which addresses to connect to.
    AddressFamily {
        /// Any.
        Any = "any",
        /// IPv4.
        Inet = "inet",
        /// IPv6.
        Inet6 = "inet6",
    }
}

words! {
    /// What to do of a host key that is not known (`StrictHostKeyChecking`).
    StrictHostKeyChecking {
        /// Ask.
        Ask = "ask",
        /// Refuse it.
        Yes = "true",
        /// Accept and keep it.
        AcceptNew = "accept-new",
        /// Accept it, and one that changed, too.
        Off = "false",
    }
}

words! {
    /// Whether a terminal is asked for (`RequestTTY`).
    RequestTty {
        /// For a shell, where standard input is a terminal.
        Auto = "auto",
        /// Never.
        No = "false",
        /// Where standard input is a terminal.
        Yes = "true",
        /// Always.
        Force = "force",
    }
}

words! {
    /// What the session is for (`SessionType`).
    SessionType {
        /// A shell or a command.
        Default = "default",
        /// Nothing: forwards alone.
        None = "none",
        /// The subsystem that the command names.
        Subsystem = "subsystem",
    }
}

words! {
    /// Whether others may use the connection (`ControlMaster`).
    ControlMaster {
        /// Not; one that there is may be used.
        No = "false",
        /// Yes.
        Yes = "true",
        /// After asking.
        Ask = "ask",
        /// Yes, unless there is one.
        Auto = "auto",
        /// After asking, unless there is one.
        AutoAsk = "autoask",
    }
}

words! {
    /// What is asked of the process that holds the shared connection (`-O`).
    ControlCommand {
        /// Whether it runs.
        Check = "check",
        /// To add forwards.
        Forward = "forward",
        /// To end forwards.
        Cancel = "cancel",
        /// To end.
        Exit = "exit",
        /// To take no new sessions.
        Stop = "stop",
        /// To speak the multiplexing protocol on standard input and output.
        Proxy = "proxy",
        /// What it is connected to.
        ConnectionInfo = "conninfo",
        /// Its channels.
        Channels = "channels",
    }
}

words! {
    /// How much is said (`LogLevel`), from nothing to everything.
    LogLevel {
        /// Nothing.
        Quiet = "SILENT",
        /// What ends the program.
        Fatal = "FATAL",
        /// Errors.
        Error = "ERROR",
        /// What is usual.
        Info = "INFO",
        /// More.
        Verbose = "VERBOSE",
        /// `-v`.
        Debug1 = "DEBUG",
        /// `-vv`.
        Debug2 = "DEBUG2",
        /// `-vvv`.
        Debug3 = "DEBUG3",
    }
}

words! {
    /// Whether keys are added to the agent once they are used (`AddKeysToAgent`).
    AddKeysToAgent {
        /// No.
        No = "false",
        /// Yes.
        Yes = "true",
        /// After asking.
        Ask = "ask",
        /// Yes, each use to be confirmed.
        Confirm = "confirm",
    }
}

words! {
    /// Whether, and of what, host keys that the server tells of are learnt (`UpdateHostKeys`).
    UpdateHostKeys {
        /// No.
        No = "false",
        /// Yes.
        Yes = "true",
        /// After asking.
        Ask = "ask",
    }
}

/// How long a shared connection outlives its first session (`ControlPersist`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ControlPersist {
    /// Not at all.
    #[default]
    No,
    /// For good.
    Forever,
    /// So many seconds after its last session.
    Seconds(u32),
}

/// Where the agent is that is forwarded to the host (`ForwardAgent`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ForwardAgent {
    /// Nowhere: none is.
    #[default]
    No,
    /// The one that logs in.
    Yes,
    /// At this path; `$NAME` for where a variable says.
    Socket(String),
}

/// Which agent is asked for keys (`IdentityAgent`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IdentityAgent {
    /// The one that `SSH_AUTH_SOCK` names.
    #[default]
    Environment,
    /// None.
    None,
    /// The one at this path; `$NAME` for where a variable says.
    Socket(String),
}
