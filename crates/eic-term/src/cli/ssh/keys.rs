//! The keys that ssh(1) offers, and their order.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use eic_term::ssh_config::{AddKeysToAgent, ResolvedOptions};
use eic_term::{Agent, Error, Identity};
use tokio::sync::OnceCell;

use super::token;
use crate::cli::report::Failure;
use crate::cli::ui::Ui;
use crate::cli::{folders, identities};

/// What a file names.
struct Named {
    identity: Identity,
    /// Whether its private half is there, too.
    is_private: bool,
}

/// The keys to offer: those of the agent that `held` says, and those of files.
pub(super) async fn offered(
    options: &ResolvedOptions,
    held: Vec<Identity>,
    agents: &[Agent],
    ui: &Ui,
) -> Vec<Identity> {
    let mut files = Vec::new();
    for file in &options.identity_files {
        let path = folders::expand_home(PathBuf::from(file));
        if let Some(named) = read(&path, options, agents, ui).await {
            files.push((path, named));
        }
    }
    let mut certified: Vec<Identity> = Vec::new();
    for file in &options.certificate_files {
        let line = fs::read_to_string(folders::expand_home(PathBuf::from(file)));
        let found = line.ok().and_then(|line| certify(&line, &files, &held));
        certified.extend(found);
    }
    let mut named = Vec::new();
    for (path, one) in &files {
        let usable = one.is_private || held.iter().any(|held| held.is_same(&one.identity));
        named.extend(usable.then(|| one.identity.clone()));
        // As ssh_config(5) has it, these are for those who name none.
        if options.certificate_files.is_empty() {
            let line = fs::read_to_string(with_ending(path, "-cert.pub"));
            named.extend(line.ok().and_then(|line| certify(&line, &files, &held)));
        }
    }
    let named_first = options.identity_files_are_named;
    in_order(certified, named, held, options.identities_only, named_first)
}

/// Certificates that were named come first, then the agent's keys that files name, then the others. Files that were
/// named come before the agent's other keys, as there is only so much that a server wants to see.
fn in_order(
    certified: Vec<Identity>,
    named: Vec<Identity>,
    held: Vec<Identity>,
    only_named: bool,
    named_first: bool,
) -> Vec<Identity> {
    let is_in = |one: &Identity, all: &[Identity]| all.iter().any(|other| other.is_same(one));
    let (meant, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|one| is_in(one, &named));
    let others = if only_named { Vec::new() } else { others };
    let rest = match named_first {
        true => [named, others],
        false => [others, named],
    };
    let mut all: Vec<Identity> = Vec::new();
    for one in certified.into_iter().chain(meant).chain(rest.concat()) {
        if !is_in(&one, &all) {
            all.push(one);
        }
    }
    all
}

/// The key that a certificate is for, with it: the agent's where the agent has both, a file's, or the agent's.
fn certify(line: &str, files: &[(PathBuf, Named)], held: &[Identity]) -> Option<Identity> {
    let private = files.iter().filter(|(_, named)| named.is_private);
    let private = private.map(|(_, named)| &named.identity);
    let candidates: Vec<_> = private
        .chain(held.iter().filter(|one| !one.is_certified()))
        .collect();
    let with = |one: &Identity| one.clone().certified(line).ok();
    let in_agent = held
        .iter()
        .find(|one| with(one).is_some_and(|with| with.is_same(one)));
    let found = || candidates.into_iter().find_map(with);
    in_agent.cloned().or_else(found)
}

/// Reads a key file, or the public half that stands where the key is not.
async fn read(path: &Path, options: &ResolvedOptions, agents: &[Agent], ui: &Ui) -> Option<Named> {
    let text = fs::read_to_string(path).ok();
    let beside = fs::read_to_string(with_ending(path, ".pub")).ok();
    let names = |line: &Option<String>| line.as_deref().and_then(Identity::public_key);
    let Some(text) = text.filter(|text| Identity::public_key(text).is_none()) else {
        let line = names(&fs::read_to_string(path).ok()).or_else(|| names(&beside))?;
        let identity = Identity::sealed(&line, || async { None }).ok()?;
        return Some(Named {
            identity,
            is_private: false,
        });
    };
    let public = Identity::public_half(&text).or_else(|| names(&beside));
    if let Some(token) = (public.as_ref()).and_then(|key| token::identity(path, key, options, ui)) {
        return Some(Named {
            identity: token,
            is_private: true,
        });
    }
    let identity = match (Identity::parse(&text, None), public) {
        (Ok(open), _) if options.add_keys_to_agent == AddKeysToAgent::No => Ok(open),
        (Ok(open), _) => Ok(sealed(path, &open.public_line(), options, agents, ui)?),
        (Err(Error::Passphrase { .. }), Some(public)) => {
            Ok(sealed(path, &public, options, agents, ui)?)
        }
        (Err(Error::Passphrase { .. }), None) if options.identity_files_are_named => {
            let parse =
                |passphrase: &str| identities::opened(Identity::parse(&text, Some(passphrase)));
            identities::with_passphrase(path, ui, parse).await
        }
        (Err(error), _) => Err(error.into()),
    };
    match identity {
        // What stands beside it may be a certificate.
        Ok(identity) => Some(Named {
            identity: (beside.and_then(|line| identity.clone().certified(&line).ok()))
                .unwrap_or(identity),
            is_private: true,
        }),
        Err(failure) => {
            ui.detail(&format!("{}: {}", path.display(), failure.in_one_line()));
            None
        }
    }
}

/// A key that is opened, and given to the agent where that is wanted, when a server wants it.
fn sealed(
    path: &Path,
    public: &str,
    options: &ResolvedOptions,
    agents: &[Agent],
    ui: &Ui,
) -> Option<Identity> {
    let opening = Arc::new(Opening {
        path: path.to_owned(),
        add: options.add_keys_to_agent,
        lifetime: Some(options.add_keys_to_agent_seconds).filter(|seconds| *seconds > 0),
        agents: agents.to_vec(),
        ui: ui.clone(),
        opened: OnceCell::new(),
    });
    let open = move || {
        let opening = opening.clone();
        async move { opening.once().await }
    };
    Identity::sealed(public, open).ok()
}

/// What opening a key takes.
struct Opening {
    path: PathBuf,
    add: AddKeysToAgent,
    /// In seconds.
    lifetime: Option<u32>,
    agents: Vec<Agent>,
    ui: Ui,
    opened: OnceCell<Option<Identity>>,
}

impl Opening {
    async fn once(&self) -> Option<Identity> {
        let open = async {
            match self.open().await {
                Ok(identity) => {
                    self.add(&identity).await;
                    Some(identity)
                }
                Err(failure) => {
                    self.ui.detail(&failure.in_one_line());
                    None
                }
            }
        };
        self.opened.get_or_init(|| open).await.clone()
    }

    async fn open(&self) -> Result<Identity, Failure> {
        let failed = format!("cannot use the private key {}", self.path.display());
        let text = fs::read_to_string(&self.path).map_err(|source| Failure::new(failed, source))?;
        match Identity::parse(&text, None) {
            Err(Error::Passphrase { .. }) => {
                let parse =
                    |passphrase: &str| identities::opened(Identity::parse(&text, Some(passphrase)));
                identities::with_passphrase(&self.path, &self.ui, parse).await
            }
            parsed => Ok(parsed?),
        }
    }

    /// Gives the key to the agent, as `AddKeysToAgent` says.
    async fn add(&self, identity: &Identity) {
        let (Some(agent), path) = (self.agents.first(), self.path.display()) else {
            return;
        };
        let wanted = match self.add {
            AddKeysToAgent::No => false,
            AddKeysToAgent::Yes | AddKeysToAgent::Confirm => true,
            AddKeysToAgent::Ask => {
                let question = format!("Add key {path} to agent?");
                self.ui.confirms(&question).await.unwrap_or(false)
            }
        };
        if !wanted {
            return;
        }
        let lifetime = self
            .lifetime
            .map(|seconds| Duration::from_secs(seconds.into()));
        let confirm = self.add == AddKeysToAgent::Confirm;
        match agent.add(identity, lifetime, confirm).await {
            Ok(true) => self.ui.detail(&format!("identity added to agent: {path}")),
            Ok(false) => {}
            Err(error) => {
                let failure = Failure::from(error).in_one_line();
                self.ui
                    .notice(&format!("Could not add identity {path}: {failure}"));
            }
        }
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: char) -> Identity {
        let line = format!(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OI{last}ZJ"
        );
        Identity::sealed(&line, || async { None }).unwrap()
    }

    #[test]
    fn the_order() {
        for (certified, named, held, only, named_first, expected) in [
            ("", "ab", "bc", false, false, "bca"),
            ("", "ab", "bc", false, true, "bac"),
            ("", "ab", "bc", true, true, "ba"),
            ("", "", "cb", false, false, "cb"),
            ("", "", "cb", true, false, ""),
            ("d", "ab", "", false, true, "dab"),
            ("a", "ab", "a", false, true, "ab"),
        ] {
            let keys = |names: &str| names.chars().map(key).collect::<Vec<_>>();
            let order = in_order(keys(certified), keys(named), keys(held), only, named_first);
            let lines: Vec<_> = order.iter().map(Identity::public_line).collect();
            let wanted: Vec<_> = keys(expected).iter().map(Identity::public_line).collect();
            assert_eq!(lines, wanted, "{named} {held}");
        }
    }
}
