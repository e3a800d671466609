use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Why eic-sandbox itself failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the region could not be started")]
    Region(#[source] eic_sandbox::Error),
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot run `{}`", program.display())]
    Spawn {
        program: OsString,
        source: io::Error,
    },
    #[error("cannot wait for `{}`", program.display())]
    Wait {
        program: OsString,
        source: io::Error,
    },
    #[error("signals cannot be handled")]
    Signals { source: io::Error },
    #[error("eic-term is not built: there is no {}", looked_at.display())]
    NoEicTerm { looked_at: PathBuf },
    #[error("eic-term could not be built")]
    Build,
    #[error("cannot write {}", path.display())]
    EnvFile { path: PathBuf, source: io::Error },
    #[error("this program's own place is not known")]
    OwnPlace { source: io::Error },
}

impl Failure {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        use eic_sandbox::Error;
        Some(match self {
            Self::Region(Error::SshdMissing { .. }) => {
                "install it (`apt-get install openssh-server`), or leave out --sshd"
            }
            Self::Region(Error::FleetSyntax { .. } | Error::FleetEntry { .. }) => {
                "`eic-sandbox fleet` prints a fleet to start from"
            }
            Self::NoEicTerm { .. } => "`cargo build -p eic-term`, or name one with --eic-term PATH",
            Self::Spawn { .. } => "check that the command is on the PATH",
            _ => return None,
        })
    }

    /// The shell's codes for a command that cannot be run, and 125 (as `env` and `timeout`
    /// have it) for a failure of our own.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Spawn { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            Self::Spawn { .. } => 126,
            _ => 125,
        }
    }
}
