//! The login to a host that is no instance.

use std::path::PathBuf;
use std::time::Duration;

use eic_term::ssh_config::{IdentityAgent, ResolvedOptions, StrictHostKeyChecking};
use eic_term::{
    Agent, Connection, Credentials, Error, HostKeyError, HostKeyPolicy, Identity, KnownHosts,
    LoginMethod, Session, SessionBuilder,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::keys;
use super::open::Dial;
use crate::cli::identities;
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How long each step may take where nothing is said.
const LIMIT: Duration = Duration::from_secs(15);

/// Any byte stream.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(super) fn limit(options: &ResolvedOptions) -> Duration {
    let seconds = options.connect_timeout.filter(|seconds| *seconds > 0);
    seconds.map_or(LIMIT, |seconds| Duration::from_secs(seconds.into()))
}

/// Logs in over a stream.
pub(super) async fn log_in(
    dial: &Dial<'_>,
    stream: Box<dyn Stream>,
    policy: impl Into<HostKeyPolicy>,
) -> Result<Session, Error> {
    let (options, banner) = (dial.options, dial.ui.clone());
    let mut builder = SessionBuilder::new(name(options), policy)
        .limit(limit(options))
        .interactive(dial.with_pty)
        .algorithms(super::algorithms(options))
        .host_bound(options.host_bound)
        .on_banner(move |text| banner.banner(text));
    if options.server_alive_interval > 0 {
        let interval = Duration::from_secs(options.server_alive_interval.into());
        builder = builder
            .keepalive(Some(interval))
            .keepalive_misses(options.server_alive_count_max);
    }
    let (bytes, time) = super::rekey_after(options);
    builder = builder.rekey_after(bytes, time);
    let connection = builder.handshake(stream).await?;
    let credentials = credentials(options, &connection, dial.ui).await;
    connection.login(&options.user, credentials).await
}

fn name(options: &ResolvedOptions) -> String {
    options.host_name.clone()
}

/// Where nothing speaks for a host's key a person may; the key is added then.
pub(super) async fn is_confirmed(
    doubt: &HostKeyError,
    options: &ResolvedOptions,
    known: &KnownHosts,
    ui: &Ui,
) -> Result<bool, Failure> {
    let HostKeyError::Unverified {
        name, presented, ..
    } = doubt
    else {
        return Ok(false);
    };
    let question = format!(
        "The authenticity of host '{name}' can't be established.\n{presented}\nAre you sure you want to continue connecting?"
    );
    let asks = options.strict_host_key_checking == StrictHostKeyChecking::Ask;
    let confirmed = asks && ui.believes(&question, presented).await?;
    if confirmed {
        known.add(presented).map_err(Error::from)?;
    }
    Ok(confirmed)
}

async fn credentials(options: &ResolvedOptions, connection: &Connection, ui: &Ui) -> Credentials {
    let mut credentials = Credentials::default()
        .methods(methods(options))
        .tries(super::tries(options))
        .accepted(options.pubkey_accepted_algorithms.iter().cloned());
    let agents = agents(options);
    // An agent shows keys that are for some hosts only where it knows which one asks.
    let held = held(connection, &agents).await;
    for identity in keys::offered(options, held, &agents, ui).await {
        credentials = credentials.identity(identity);
    }
    if !ui.can_ask() {
        return credentials;
    }
    let ui = ui.clone();
    credentials.on_question(move |question| ui.clone().question(question))
}

/// The keys of the first agent that has some.
async fn held(connection: &Connection, agents: &[Agent]) -> Vec<Identity> {
    for agent in agents {
        match connection.identities(agent).await {
            Ok(held) if !held.is_empty() => return held,
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "no ssh-agent"),
        }
    }
    Vec::new()
}

/// The agents to ask, the first that answers.
pub(super) fn agents(options: &ResolvedOptions) -> Vec<Agent> {
    match &options.identity_agent {
        IdentityAgent::Environment => identities::agents(),
        IdentityAgent::None => Vec::new(),
        IdentityAgent::Socket(path) => agent_at(path).into_iter().collect(),
    }
}

/// The agent at a path, or where a variable says: `$NAME`.
pub(super) fn agent_at(path: &str) -> Option<Agent> {
    let path = match path.strip_prefix('$') {
        Some(name) => PathBuf::from(std::env::var_os(name)?),
        None => PathBuf::from(path),
    };
    Some(Agent::at(path))
}

/// The methods that are allowed, most wanted first.
fn methods(options: &ResolvedOptions) -> Vec<LoginMethod> {
    let all = [
        (
            "publickey",
            LoginMethod::PublicKey,
            options.pubkey_authentication,
        ),
        (
            "keyboard-interactive",
            LoginMethod::KeyboardInteractive,
            options.kbd_interactive_authentication,
        ),
        (
            "password",
            LoginMethod::Password,
            options.password_authentication,
        ),
    ];
    let allowed = all.iter().filter(|(_, _, allowed)| *allowed);
    let wanted = &options.preferred_authentications;
    if wanted.is_empty() {
        return allowed.map(|(_, method, _)| *method).collect();
    }
    let named = |name: &String| allowed.clone().find(|(one, ..)| one == name);
    wanted
        .iter()
        .filter_map(named)
        .map(|(_, method, _)| *method)
        .collect()
}
