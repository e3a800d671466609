//! What is known of a host's keys: files, and a command that says lines of them (`KnownHostsCommand`).

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use eic_term::ssh_config::{ResolvedOptions, StrictHostKeyChecking};
use eic_term::{HostKey, KnownHosts, Proof, TrustLevel};
use tokio::io::AsyncReadExt;

use super::host::limit;
use super::update::Believed;
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How much a command may say, in bytes.
const LONGEST: u64 = 16 << 20;

/// What is known of the host, and what happens to a key that is not.
pub(super) fn known_hosts(options: &ResolvedOptions, believed: &Believed, ui: &Ui) -> KnownHosts {
    let (name, port) = name(options);
    let mut known = KnownHosts::new(&name, port)
        .level(level(options))
        .hash(options.hash_known_hosts);
    let none = |path: &&String| *path != "none";
    for path in options.user_known_hosts_files.iter().filter(none) {
        known = known.file(path);
    }
    for path in options.global_known_hosts_files.iter().filter(none) {
        known = known.read_only(path);
    }
    if let Some(path) = &options.revoked_host_keys {
        known = known.revoked(path);
    }
    if options.known_hosts_command.is_some() {
        let command = Arc::new(Command {
            options: options.clone(),
            ui: ui.clone(),
        });
        known = known.source(move |key| {
            let command = command.clone();
            async move { command.ask(key).await }
        });
    }
    let (ui, believed) = (ui.clone(), believed.clone());
    known.on_proof(move |name, key, proof, error| {
        *believed.lock().unwrap_or_else(PoisonError::into_inner) = Some(proof);
        match (proof, error) {
            (Proof::FirstUse, None) => ui.notice(&format!(
                "Warning: Permanently added '{name}' ({key}) to the list of known hosts."
            )),
            (Proof::FirstUse, Some(error)) => ui.notice(&format!(
                "Failed to add the host to the list of known hosts: {error}"
            )),
            _ => ui.detail(&format!("host key of {name}: {key} ({proof})")),
        }
    })
}

fn name(options: &ResolvedOptions) -> (String, u16) {
    match &options.host_key_alias {
        Some(alias) => (alias.to_lowercase(), 22),
        None => (options.host_name.to_lowercase(), options.port),
    }
}

pub(super) fn level(options: &ResolvedOptions) -> TrustLevel {
    match options.strict_host_key_checking {
        StrictHostKeyChecking::Yes => TrustLevel::Strict,
        StrictHostKeyChecking::Ask => TrustLevel::Aws,
        StrictHostKeyChecking::AcceptNew => TrustLevel::AcceptNew,
        StrictHostKeyChecking::Off => TrustLevel::Off,
    }
}

/// The `KnownHostsCommand`.
struct Command {
    options: ResolvedOptions,
    ui: Ui,
}

impl Command {
    /// Returns what it prints, for the key that is shown or, before one is, to learn which to ask for. One that fails
    /// knows nothing, which is said.
    async fn ask(&self, key: Option<HostKey>) -> Vec<u8> {
        match self.output(key.as_ref()).await {
            Ok(output) => output,
            Err(failure) => {
                self.ui.failure(&failure);
                Vec::new()
            }
        }
    }

    async fn output(&self, key: Option<&HostKey>) -> Result<Vec<u8>, Failure> {
        let failed = "cannot ask the KnownHostsCommand";
        let words = self.words(key)?;
        let Some((program, arguments)) = words.split_first() else {
            return Ok(Vec::new());
        };
        if !Path::new(program).is_absolute() {
            let reason = format!("{program} is not an absolute path");
            return Err(Failure::caused(failed, reason));
        }
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| Failure::new(failed, source))?;
        let mut output = Vec::new();
        let run = async {
            if let Some(stdout) = child.stdout.take() {
                stdout.take(LONGEST).read_to_end(&mut output).await?;
            }
            child.wait().await
        };
        let limit: Duration = limit(&self.options);
        let status = tokio::time::timeout(limit, run).await;
        let status = status.map_err(|_| Failure::caused(failed, "it did not end in time"))?;
        match status.map_err(|source| Failure::new(failed, source))? {
            status if status.success() => Ok(output),
            status => Err(Failure::caused(failed, format!("it ended with {status}"))),
        }
    }

    fn words(&self, key: Option<&HostKey>) -> Result<Vec<String>, Failure> {
        let (name, port) = name(&self.options);
        let host = match port {
            22 => name,
            port => format!("[{name}]:{port}"),
        };
        let none = || "NONE".to_owned();
        let line = key.map(HostKey::to_line);
        let blob = line.as_deref().and_then(|line| line.split(' ').nth(1));
        let kind = key.map_or_else(none, HostKey::algorithm);
        let fingerprint = key.map_or_else(none, HostKey::fingerprint);
        let why = if key.is_some() { "HOSTNAME" } else { "ORDER" };
        let tokens = [
            ('f', fingerprint.as_str()),
            ('H', &host),
            ('I', why),
            ('K', blob.unwrap_or("NONE")),
            ('t', &kind),
        ];
        let words = self.options.known_hosts_words(&tokens);
        words.map_err(|refused| Failure::new("cannot ask the KnownHostsCommand", refused))
    }
}
