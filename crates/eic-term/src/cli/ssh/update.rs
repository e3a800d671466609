//! Learns host keys from the host itself, and forgets old ones (`UpdateHostKeys`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eic_term::ssh_config::{ResolvedOptions, UpdateHostKeys};
use eic_term::{HostKey, KeyChange, KnownHosts, Proof, Session};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How long a session that is done waits for what has begun.
const PATIENCE: Duration = Duration::from_secs(5);
/// The last key that was believed, and what spoke for it.
pub(super) type Believed = Arc<Mutex<Option<Proof>>>;

/// The learning of one session's keys.
pub(super) struct Update {
    session: Session,
    task: AbortOnDropHandle<()>,
}

impl Update {
    /// Starts to wait for the host's keys, where that is wanted and its own was a known one.
    pub(super) fn start(
        options: &ResolvedOptions,
        known: KnownHosts,
        believed: &Believed,
        session: &Session,
        ui: &Ui,
    ) -> Option<Self> {
        let proof = *believed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = matches!(proof, Some(Proof::KnownHosts));
        if options.update_host_keys == UpdateHostKeys::No || !is_known {
            return None;
        }
        let learning = Learning {
            known,
            session: session.clone(),
            asks: options.update_host_keys == UpdateHostKeys::Ask,
            algorithms: options.host_key_algorithms.clone(),
            ui: ui.clone(),
        };
        let task = async move {
            if let Err(failure) = learning.run().await {
                let failure = failure.in_one_line();
                learning
                    .ui
                    .detail(&format!("host keys are not updated: {failure}"));
            }
        };
        Some(Self {
            session: session.clone(),
            task: AbortOnDropHandle::new(tokio::spawn(task)),
        })
    }

    /// Waits for what has begun; a host that has said nothing of its keys is not waited for.
    pub(super) async fn finish(self) {
        if self.session.has_announced() {
            timeout(PATIENCE, self.task).await.ok();
        }
    }
}

struct Learning {
    known: KnownHosts,
    session: Session,
    asks: bool,
    /// Keys of other kinds are not taken.
    algorithms: Vec<String>,
    ui: Ui,
}

impl Learning {
    async fn run(&self) -> Result<(), Failure> {
        let announced = self.session.announced_host_keys().await?;
        let keys: Vec<_> = announced
            .into_iter()
            .filter(|key| is_accepted(&key.algorithm(), &self.algorithms))
            .collect();
        let change = self.known.compare(&keys).map_err(eic_term::Error::from)?;
        let Some(change) = change.filter(|change| !keys.is_empty() && !change.is_empty()) else {
            return Ok(());
        };
        if !change.new.is_empty() {
            self.session.prove(&change.new).await?;
        }
        if self.asks && !self.confirms(&change).await? {
            return Ok(());
        }
        self.known.apply(&change).map_err(eic_term::Error::from)?;
        for key in &change.new {
            self.ui.detail(&format!("learned the host key {key}"));
        }
        for key in &change.old {
            self.ui.detail(&format!("forgot the host key {key}"));
        }
        Ok(())
    }

    async fn confirms(&self, change: &KeyChange) -> Result<bool, Failure> {
        let line = |what: &str, key: &HostKey| format!("{what} hostkey: {key}\n");
        let new = change.new.iter().map(|key| line("Learned new", key));
        let old = change
            .old
            .iter()
            .map(|key| line("Deprecating obsolete", key));
        let keys: String = new.chain(old).collect();
        let question = format!(
            "The server has updated its host keys.\nThese changes were verified by the server's existing trusted key.\n{keys}Accept updated hostkeys?"
        );
        self.ui.confirms(&question).await
    }
}

/// An RSA key is of several kinds (RFC 8332).
fn is_accepted(algorithm: &str, accepted: &[String]) -> bool {
    accepted.iter().any(|one| match algorithm {
        "ssh-rsa" => matches!(one.as_str(), "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512"),
        other => one == other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_keys() {
        let accepted = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let names = accepted(&["rsa-sha2-512", "ssh-ed25519"]);
        assert!(is_accepted("ssh-rsa", &names));
        assert!(is_accepted("ssh-ed25519", &names));
        assert!(!is_accepted("ecdsa-sha2-nistp256", &names));
    }
}
