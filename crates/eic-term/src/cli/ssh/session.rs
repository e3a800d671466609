//! What a session is for: a shell, a command, a subsystem, one connection, or forwards alone.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use eic_term::ssh_config::{
    ForwardAgent, Listen, RequestTty, ResolvedOptions, SessionType, Target,
};
use eic_term::{Address, Command, Session};
use globset::Glob;

use super::{host, platform};
use crate::cli::args::Interactive;
use crate::cli::forward_args::Forwardings;
use crate::cli::forward_spec::{DynamicSpec, LocalSpec, RemoteSpec};
use crate::cli::forwards::Forwards;
use crate::cli::report::Failure;
use crate::cli::streams::Input;
use crate::cli::ui::Ui;
use crate::cli::{identities, interactive, streams};

/// Does what the session is for, to its end.
pub(super) async fn run(
    options: &ResolvedOptions,
    session: Session,
    with_pty: bool,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let forwards = Forwards::open(&forwardings(options, ui), &session, ui).await?;
    local_command(options, ui).await;
    if let Some(to) = &options.stdio_forward {
        return join(&session, &connected(to)?).await;
    }
    if options.session_type == SessionType::None {
        return Err(session.closed().await.into());
    }
    let command = environment(options, lend_agent(options, command(options, &session)));
    if with_pty {
        let args = Interactive {
            escape_char: Some(options.escape_char.into()),
            ..Interactive::default()
        };
        return interactive::interact(command, &session, forwards, &args, ui).await;
    }
    let child = command.spawn().await?;
    ui.timeline(session.timeline());
    let input = match options.stdin_null {
        true => Input::None,
        false => Input::Ours,
    };
    streams::join(child, input, ui).await
}

/// Runs the `LocalCommand`, if there is one and it may run; what becomes of it is its own affair.
async fn local_command(options: &ResolvedOptions, ui: &Ui) {
    let Some(command) = options.local_command.as_ref() else {
        return;
    };
    // No tunnel device is ever there (`%T`).
    match options.expand(command, &[('T', "NONE")]) {
        Ok(command) if options.permit_local_command => {
            let ran = tokio::process::Command::from(platform::shell(&command)).status();
            if let Err(error) = ran.await {
                ui.failure(&Failure::new("cannot run the LocalCommand", error));
            }
        }
        Ok(_) => {}
        Err(refused) => ui.failure(&Failure::new("cannot read the LocalCommand", refused)),
    }
}

/// Whether to ask for a terminal, by what is wanted and whether standard input is one.
pub(super) fn wants_pty(options: &ResolvedOptions, ui: &Ui) -> bool {
    let is_terminal = io::stdin().is_terminal();
    let shell = options.command.is_none()
        && options.remote_command.is_none()
        && options.session_type == SessionType::Default
        && options.stdio_forward.is_none();
    match options.request_tty {
        _ if options.session_type == SessionType::None => false,
        RequestTty::Force => true,
        RequestTty::No => false,
        RequestTty::Auto if !shell => false,
        RequestTty::Auto | RequestTty::Yes if is_terminal => true,
        RequestTty::Auto | RequestTty::Yes => {
            ui.notice("Pseudo-terminal will not be allocated because stdin is not a terminal.");
            false
        }
    }
}

fn command(options: &ResolvedOptions, session: &Session) -> Command {
    let typed = options
        .command
        .as_ref()
        .map(|words| words.as_encoded_bytes().to_vec());
    let configured = options
        .remote_command
        .as_ref()
        .map(|text| text.clone().into_bytes());
    match (typed.or(configured), options.session_type) {
        (Some(name), SessionType::Subsystem) => {
            session.subsystem(String::from_utf8_lossy(&name).into_owned())
        }
        (Some(command), _) => session.command(command),
        (None, _) => session.shell(),
    }
}

/// Offers the variables that `SetEnv` and `SendEnv` name.
fn environment(options: &ResolvedOptions, mut command: Command) -> Command {
    let patterns = options
        .send_env
        .iter()
        .filter_map(|one| Glob::new(one).ok());
    let patterns: Vec<_> = patterns.map(|glob| glob.compile_matcher()).collect();
    for (name, value) in std::env::vars() {
        if patterns.iter().any(|pattern| pattern.is_match(&name)) {
            command = command.env(name, value);
        }
    }
    for (name, value) in &options.set_env {
        command = command.env(name, value);
    }
    command
}

fn lend_agent(options: &ResolvedOptions, command: Command) -> Command {
    let agent = match &options.forward_agent {
        ForwardAgent::No => None,
        ForwardAgent::Yes => identities::agents().into_iter().next(),
        ForwardAgent::Socket(path) => host::agent_at(path),
    };
    match agent {
        Some(agent) => command.forward_agent(agent),
        None => command,
    }
}

/// Joins standard input and output to a connection made from the host (`-W`).
async fn join(session: &Session, to: &Address) -> Result<ExitCode, Failure> {
    let joined = streams::join_stream(session.connect(to).await?).await;
    joined.map_err(|source| Failure::new("the connection was lost", source))?;
    Ok(ExitCode::SUCCESS)
}

/// The forwards in our words; what we cannot forward is said.
fn forwardings(options: &ResolvedOptions, ui: &Ui) -> Forwardings {
    let mut all = Forwardings {
        exit_on_forward_failure: options.exit_on_forward_failure,
        replace_sockets: options.stream_local_bind_unlink,
        ..Forwardings::default()
    };
    let local = |listen: &Listen| listened(listen, options.gateway_ports);
    for one in &options.dynamic_forwards {
        all.dynamic.push(DynamicSpec {
            on: local(&one.listen),
        });
    }
    for one in &options.local_forwards {
        if let Ok(to) = connected(&one.connect) {
            let on = local(&one.listen);
            all.local.push(LocalSpec { on, to });
        }
    }
    for one in &options.remote_forwards {
        match connected(&one.connect) {
            Ok(to) => {
                let on = listened(&one.listen, false);
                all.remote.push(RemoteSpec { on, to });
            }
            Err(failure) => ui.failure(&failure),
        }
    }
    all
}

/// Where to listen: on loopback, unless an address is named or others may connect.
fn listened(listen: &Listen, open: bool) -> Address {
    match listen {
        Listen::Path(path) => Address::unix(path),
        Listen::Port { host, port } => match host.as_deref() {
            None if open => Address::tcp("", *port),
            None => Address::tcp("localhost", *port),
            Some("*") => Address::tcp("", *port),
            Some(host) => Address::tcp(host, *port),
        },
    }
}

fn connected(to: &Target) -> Result<Address, Failure> {
    match to {
        Target::Port { host, port } => Ok(Address::tcp(host, *port)),
        Target::Path(path) => Ok(Address::unix(path)),
        Target::Socks => Err(Failure::caused(
            "cannot forward by SOCKS from the host",
            "remote dynamic forwards are not known here",
        )),
    }
}
