//! The keys to log in with that are not pushed: from files, and the ssh-agent's.

use std::fs;
use std::path::{Path, PathBuf};

use eic_term::{Agent, Command, Error, Identity, visible};

use super::args::Interactive;
use super::folders;
use super::report::Failure;
use super::ui::Ui;

/// How often a passphrase is asked for, as ssh(1) does.
const TRIES: usize = 3;

/// Reads the files; with `agent` all of the agent's keys, or those that the files name.
pub(crate) async fn load(
    files: &[PathBuf],
    agent: bool,
    ui: &Ui,
) -> Result<Vec<Identity>, Failure> {
    if agent && files.is_empty() {
        let held = held().await?;
        return match held.is_empty() {
            true => Err(
                Failure::caused("cannot use the ssh-agent", "it holds no keys")
                    .advised("`ssh-add FILE` gives it one"),
            ),
            false => Ok(held),
        };
    }
    let mut identities = Vec::new();
    for file in files {
        identities.push(read(&folders::expand_home(file.clone()), ui).await?);
    }
    Ok(identities)
}

/// The keys of the first agent that answers.
async fn held() -> Result<Vec<Identity>, Failure> {
    let mut failure = no_agent();
    for agent in agents() {
        match agent.identities().await {
            Ok(held) => return Ok(held),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

/// Where agents may listen.
pub(crate) fn agents() -> Vec<Agent> {
    let named = std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty());
    match named {
        Some(path) => vec![Agent::at(PathBuf::from(path))],
        None => Agent::usual(),
    }
}

impl Interactive {
    /// Lends the agent to the host, where that is wanted.
    pub(crate) fn lend_agent(&self, command: Command) -> Result<Command, Failure> {
        if !self.forward_agent {
            return Ok(command);
        }
        match agents().into_iter().next() {
            Some(agent) => Ok(command.forward_agent(agent)),
            None => Err(no_agent()),
        }
    }
}

fn no_agent() -> Failure {
    Failure::caused("cannot use the ssh-agent", "none is running here")
        .advised("SSH_AUTH_SOCK names its socket; `ssh-agent` starts one")
}

/// Reads a file with a private key, or with the public key of one that the agent holds.
async fn read(path: &Path, ui: &Ui) -> Result<Identity, Failure> {
    let failed = format!("cannot use the private key {}", path.display());
    let text = fs::read_to_string(path).map_err(|source| Failure::new(&failed, source))?;
    let identity = match Identity::parse(&text, None) {
        Ok(identity) => identity,
        Err(Error::Passphrase { .. }) => unlock(path, &text, ui).await?,
        Err(_) if text.starts_with("ssh-") || text.starts_with("ecdsa-") => {
            let in_agent = held_for(&text).await?;
            return in_agent.ok_or_else(|| {
                Failure::caused(
                    failed,
                    "it is a public key, and the ssh-agent holds no key for it",
                )
            });
        }
        Err(Error::Identity { source }) => return Err(Failure::caused(failed, source)),
        Err(other) => return Err(other.into()),
    };
    certified(identity, path)
}

/// Opens an encrypted key: in the agent, where it may be open already, or with its passphrase.
async fn unlock(path: &Path, text: &str, ui: &Ui) -> Result<Identity, Failure> {
    let public = Identity::public_half(text);
    if let Some(public) = public
        && let Ok(Some(identity)) = held_for(&public).await
    {
        return Ok(identity);
    }
    with_passphrase(path, ui, |passphrase| {
        opened(Identity::parse(text, Some(passphrase)))
    })
    .await
}

/// Tells a passphrase that is not the key's from what else is wrong with it.
pub(crate) fn opened<T>(parsed: Result<T, Error>) -> Result<Option<T>, Failure> {
    match parsed {
        Err(Error::Passphrase { .. }) => Ok(None),
        parsed => Ok(Some(parsed?)),
    }
}

/// Asks for a key's passphrase, and opens it; `open` returns `None` where it is another.
pub(crate) async fn with_passphrase<T>(
    path: &Path,
    ui: &Ui,
    open: impl Fn(&str) -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let shown = visible(&path.display().to_string());
    let failed = format!("cannot use the private key {shown}");
    let prompt = format!("Enter passphrase for key '{shown}': ");
    for _ in 0..TRIES {
        let Some(passphrase) = ui.ask(&prompt, false).await? else {
            return Err(Failure::caused(
                &failed,
                "it is encrypted, and its passphrase was not given",
            )
            .advised("`ssh-add FILE`, once, lets the ssh-agent keep it open"));
        };
        if let Some(key) = open(&passphrase)? {
            return Ok(key);
        }
    }
    Err(Failure::caused(failed, "the passphrase is not the key's"))
}

/// The agent's key with this public half.
async fn held_for(public: &str) -> Result<Option<Identity>, Failure> {
    let mut held = held().await?.into_iter();
    Ok(held.find(|identity| identity.belongs_to(public)))
}

/// Adds the certificate that stands beside a key file, `FILE-cert.pub`.
fn certified(identity: Identity, path: &Path) -> Result<Identity, Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-cert.pub");
    match fs::read_to_string(&beside) {
        Ok(line) => identity.certified(&line).map_err(|error| {
            let failed = format!(
                "cannot use the certificate {}",
                Path::new(&beside).display()
            );
            Failure::new(failed, error)
        }),
        Err(_) => Ok(identity),
    }
}
