use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Why a region could not be described or started, named by the step that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The fleet is not the TOML that [`Fleet`](crate::Fleet) describes.
    #[error("the fleet file cannot be read as TOML")]
    FleetSyntax {
        /// Line, column and what was expected there.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The fleet is TOML, but an entry contradicts AWS's rules or another entry.
    #[error("fleet entry `{entry}`: {reason}")]
    FleetEntry {
        /// The id of the entry at fault.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A `--fault` option is unknown or its value does not fit.
    #[error("fault `{option}`: {reason}")]
    Fault {
        /// The option as typed.
        option: String,
        /// What is wrong with it, with an example of what is right.
        reason: String,
    },
    /// The region's temporary folder could not be made or written.
    #[error("the region's temporary folder could not be written")]
    Folder {
        /// What the file system answered.
        #[source]
        source: io::Error,
    },
    /// The certificate authority or one of its certificates could not be made.
    #[error("the region's certificates could not be made")]
    Certificate {
        /// What the certificate library answered.
        #[source]
        source: rcgen::Error,
    },
    /// A certificate was not accepted for a TLS server.
    #[error("the region's TLS server could not be set up")]
    Tls {
        /// What the TLS library answered.
        #[source]
        source: rustls::Error,
    },
    /// The system gave no random numbers.
    #[error("the system gave no random numbers for the region's credentials")]
    Random,
    /// An instance's SSH host key could not be made.
    #[error("no SSH host key could be made for {instance}")]
    HostKey {
        /// The id of the instance.
        instance: String,
        /// What the key library answered.
        #[source]
        source: russh::keys::ssh_key::Error,
    },
    /// A key that is to be admitted everywhere is not a public key in OpenSSH's format.
    #[error("the authorized key is not a public key in OpenSSH's format")]
    AuthorizedKey {
        /// What the key library answered.
        #[source]
        source: russh::keys::ssh_key::Error,
    },
    /// No port could be opened on a loopback address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The loopback address.
        address: IpAddr,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// Real `sshd` hosts were asked for, and no `sshd` is installed.
    #[error("no sshd found on this machine (looked in {})", looked_in.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "))]
    SshdMissing {
        /// Where it was looked for.
        looked_in: Vec<PathBuf>,
    },
    /// The installed `sshd` does not accept the configuration written for it.
    #[error("sshd refuses its configuration: {answer}")]
    SshdConfig {
        /// What `sshd -t` wrote to its standard error.
        answer: String,
    },
    /// The threads that run the region could not be started.
    #[error("the region's threads could not be started")]
    Runtime {
        /// What the system answered.
        #[source]
        source: io::Error,
    },
}
