//! What must speak for a host key before it is believed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use eic_auth::ConsoleKeys;
use tokio_util::task::AbortOnDropHandle;

use super::certificate::{self, CertificateError};
use super::known::{Known, Shown};
use super::pins::PinFile;
use super::policy::{HostKey, HostKeyError};

/// How long the console is waited for at most, once the host has shown its key.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much must speak for a key that is not pinned yet (`--host-key`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrustLevel {
    /// `known_hosts`, or the keys that the instance printed on its console.
    Strict,
    /// These, or AWS's own path through an endpoint; else a person must say so.
    #[default]
    Aws,
    /// Any key, the first time.
    AcceptNew,
    /// Any key at any time: whoever controls the network can impersonate the host.
    Off,
}

impl FromStr for TrustLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "strict" => Ok(Self::Strict),
            "aws" => Ok(Self::Aws),
            "accept-new" => Ok(Self::AcceptNew),
            "off" => Ok(Self::Off),
            _ => Err("it is one of strict, aws, accept-new, off".to_owned()),
        }
    }
}

/// What speaks for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// It was believed before.
    Pinned,
    /// A known_hosts file has it.
    KnownHosts,
    /// An authority in a known_hosts file has certified it; it is not pinned, as the next certificate may be for
    /// another key.
    Authority,
    /// The instance printed it on its console, which AWS's API returns.
    Console,
    /// The way led through an endpoint: TLS to AWS, then a VPC, where addresses cannot be spoofed.
    Endpoint,
    /// Nothing: it was the first.
    FirstUse,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pinned => "pinned",
            Self::KnownHosts => "known_hosts",
            Self::Authority => "cert-authority",
            Self::Console => "console",
            Self::Endpoint => "endpoint",
            Self::FirstUse => "first-use",
        })
    }
}

/// Told what spoke for a key.
type OnProof = Arc<dyn Fn(&str, &HostKey, Proof) + Send + Sync>;

/// Believes the key pinned for an instance id; without a pin, a key that something else speaks for, which is pinned
/// then. A changed key is refused at every level but [`TrustLevel::Off`].
///
/// ```
/// use eic_term::{HostKeyPolicy, PinFile, Trust, TrustLevel};
/// let trust = Trust::new(PinFile::new("pins")).level(TrustLevel::Strict);
/// let policy = HostKeyPolicy::from(trust);
/// ```
#[derive(Clone)]
pub struct Trust {
    pins: PinFile,
    level: TrustLevel,
    known_hosts: Vec<PathBuf>,
    revoked: Vec<PathBuf>,
    on_proof: Option<OnProof>,
}

impl Trust {
    /// Trusts at the level [`TrustLevel::Aws`], with these pins and no known_hosts files.
    #[must_use]
    pub fn new(pins: PinFile) -> Self {
        Self {
            pins,
            level: TrustLevel::default(),
            known_hosts: Vec::new(),
            revoked: Vec::new(),
            on_proof: None,
        }
    }

    /// Sets the level.
    #[must_use]
    pub fn level(mut self, level: TrustLevel) -> Self {
        self.level = level;
        self
    }

    /// Reads these files too (sshd(8)); one that is missing says nothing.
    #[must_use]
    pub fn known_hosts(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.known_hosts = files.into_iter().collect();
        self
    }

    /// Believes none of the keys that these files revoke: lists of public keys, or key revocation lists of ssh-keygen(1).
    #[must_use]
    pub fn revoked(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.revoked = files.into_iter().collect();
        self
    }

    /// Is told of every key that is believed, whose it is and what spoke for it.
    #[must_use]
    pub fn on_proof(
        mut self,
        on_proof: impl Fn(&str, &HostKey, Proof) + Send + Sync + 'static,
    ) -> Self {
        self.on_proof = Some(Arc::new(on_proof));
        self
    }

    /// Reads what is known of a host: its pins, and what known_hosts files say.
    pub(crate) fn known(&self, peer: &str, names: &[String]) -> Result<Known, HostKeyError> {
        if self.level == TrustLevel::Off {
            return Ok(Known::default());
        }
        let mut known = Known::read(&self.known_hosts, names)?.revoked_by(&self.revoked)?;
        known.keys.extend(self.pins.keys(peer)?);
        Ok(known)
    }

    /// Whether a key is pinned, and what is pinned counts.
    #[cfg(feature = "ec2")]
    pub(crate) fn has_pin(&self, peer: &str) -> bool {
        self.level != TrustLevel::Off && self.pins.keys(peer).is_ok_and(|keys| !keys.is_empty())
    }

    /// Whether the console is worth asking: nothing is pinned yet.
    #[cfg(feature = "ec2")]
    pub(crate) fn wants_console(&self, peer: &str) -> bool {
        self.level != TrustLevel::Off && self.pins.keys(peer).is_ok_and(|keys| keys.is_empty())
    }

    /// Believes what `peer` shows, or says why not.
    pub(crate) async fn verify(
        &self,
        peer: &str,
        witnesses: &mut Witnesses,
        shown: &Shown,
    ) -> Result<(), HostKeyError> {
        if self.level == TrustLevel::Off {
            return Ok(());
        }
        let key = &shown.key;
        if let Some(path) = witnesses.known.revocation(shown) {
            return Err(HostKeyError::Revoked {
                name: peer.to_owned(),
                presented: key.to_string(),
                path: path.to_owned(),
            });
        }
        let certified = witnesses.certified(shown);
        let proof = if certified == Some(Ok(())) {
            Proof::Authority
        } else if self.pins.has(peer, key)? {
            Proof::Pinned
        } else {
            let doubt = certified.and_then(Result::err);
            let proof = self.first_proof(peer, witnesses, key, doubt).await?;
            self.pins.pin(peer, key, &proof.to_string())?;
            proof
        };
        if let Some(on_proof) = &self.on_proof {
            on_proof(peer, key, proof);
        }
        Ok(())
    }

    async fn first_proof(
        &self,
        peer: &str,
        witnesses: &mut Witnesses,
        key: &HostKey,
        certificate: Option<CertificateError>,
    ) -> Result<Proof, HostKeyError> {
        if witnesses.known.keys.contains(key) {
            return Ok(Proof::KnownHosts);
        }
        let console = witnesses.console().await;
        let verdict = judge(self.level, witnesses.through_endpoint, &console, key);
        verdict.map_err(|doubt| doubt.also(certificate).error(peer, key))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({:?}, {:?})", self.level, self.pins)
    }
}

/// What can speak for a host's key on this connection.
#[derive(Default)]
pub(crate) struct Witnesses {
    /// What the host may be called in a known_hosts file.
    pub(crate) names: Vec<String>,
    /// What such files say of it.
    pub(crate) known: Known,
    pub(crate) through_endpoint: bool,
    pub(crate) console: Option<ConsoleLookUp>,
}

/// The console, being asked beside everything else.
pub(crate) type ConsoleLookUp = AbortOnDropHandle<Result<ConsoleKeys, eic_auth::Error>>;

impl Witnesses {
    /// Whether an authority speaks for the host; `None` where it shows no certificate.
    fn certified(&self, shown: &Shown) -> Option<Result<(), CertificateError>> {
        let certificate = shown.certificate.as_ref()?;
        let now = SystemTime::now();
        Some(certificate::check(
            certificate,
            &self.names,
            &self.known,
            now,
        ))
    }

    /// What the console says, or why it says nothing.
    async fn console(&mut self) -> Result<ConsoleKeys, String> {
        let Some(asked) = self.console.take() else {
            return Err("the console was not asked".to_owned());
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => answer.map_err(|error| error.to_string()),
            Ok(Err(panic)) => Err(panic.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }
}

/// Why a key is not believed.
#[derive(Debug, PartialEq, Eq)]
enum Doubt {
    /// The console shows other keys.
    OtherKeys(Vec<String>),
    /// The console contradicts itself.
    Conflict,
    /// Nothing speaks for it, the console for this reason.
    Silence(String),
}

impl Doubt {
    /// Adds that the host's certificate proves nothing either.
    fn also(self, certificate: Option<CertificateError>) -> Self {
        match (self, certificate) {
            (Self::Silence(reason), Some(why)) => Self::Silence(format!("{why}; {reason}")),
            (doubt, _) => doubt,
        }
    }

    fn error(self, peer: &str, key: &HostKey) -> HostKeyError {
        let (name, presented) = (peer.to_owned(), key.to_string());
        match self {
            Self::OtherKeys(console) => HostKeyError::NotOnConsole {
                name,
                presented,
                console,
            },
            Self::Conflict => HostKeyError::ConsoleConflict { name, presented },
            Self::Silence(reason) => HostKeyError::Unverified {
                name,
                presented: Box::new(key.clone()),
                reason,
            },
        }
    }
}

/// The decision on a key that is neither pinned nor in a known_hosts file.
fn judge(
    level: TrustLevel,
    through_endpoint: bool,
    console: &Result<ConsoleKeys, String>,
    key: &HostKey,
) -> Result<Proof, Doubt> {
    let reason = match console {
        Ok(ConsoleKeys::Keys(lines)) => {
            let keys: Vec<_> = lines
                .iter()
                .filter_map(|line| HostKey::parse(line))
                .collect();
            return if keys.contains(key) {
                Ok(Proof::Console)
            } else {
                Err(Doubt::OtherKeys(
                    keys.iter().map(ToString::to_string).collect(),
                ))
            };
        }
        Ok(ConsoleKeys::Conflict) => return Err(Doubt::Conflict),
        Ok(ConsoleKeys::None) => "its console shows no host keys (any more)".to_owned(),
        Err(reason) => format!("its console cannot be read: {reason}"),
    };
    match level {
        TrustLevel::AcceptNew | TrustLevel::Off => Ok(Proof::FirstUse),
        TrustLevel::Aws if through_endpoint => Ok(Proof::Endpoint),
        TrustLevel::Aws | TrustLevel::Strict => Err(Doubt::Silence(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    #[test]
    fn verdicts() {
        use TrustLevel::{AcceptNew, Aws, Strict};
        let key = HostKey::parse(KEY).unwrap();
        let shows = |lines: &[&str]| {
            Ok(ConsoleKeys::Keys(
                lines.iter().map(|line| (*line).to_owned()).collect(),
            ))
        };
        let nothing = || Ok(ConsoleKeys::None);
        let denied = || Err("denied".to_owned());
        for (level, endpoint, console, expected) in [
            (Strict, false, shows(&[OTHER, KEY]), "Ok(Console)"),
            (Aws, true, shows(&[KEY]), "Ok(Console)"),
            (AcceptNew, true, shows(&[OTHER]), "Err(OtherKeys"),
            (Aws, true, Ok(ConsoleKeys::Conflict), "Err(Conflict"),
            (Aws, true, nothing(), "Ok(Endpoint)"),
            (Aws, true, denied(), "Ok(Endpoint)"),
            (Aws, false, nothing(), "Err(Silence"),
            (
                Aws,
                false,
                denied(),
                "Err(Silence(\"its console cannot be read: denied",
            ),
            (Strict, true, nothing(), "Err(Silence"),
            (AcceptNew, false, nothing(), "Ok(FirstUse)"),
        ] {
            let verdict = format!("{:?}", judge(level, endpoint, &console, &key));
            assert!(
                verdict.starts_with(expected),
                "{level:?} {endpoint} {console:?}: {verdict}"
            );
        }
    }
}
