//! What a session is for: a shell, a command, a subsystem, one connection, or forwards alone.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use eic_term::share::Shared;
use eic_term::ssh_config::{
    ForwardAgent, Listen, RequestTty, ResolvedOptions, SessionType, Target,
};
use eic_term::{Address, Agent, Command, Session, X11};
use globset::Glob;

use super::open::Dial;
use super::share::{self, Holder, Parent};
use super::{Run, host, platform, x11};
use crate::cli::args::Forwardings;
use crate::cli::args::Interactive;
use crate::cli::forward_spec::{DynamicSpec, Goal, LocalSpec, Permitted, RemoteSpec};
use crate::cli::forwards::{Forwards, last_connections};
use crate::cli::report::Failure;
use crate::cli::streams::Input;
use crate::cli::ui::Ui;
use crate::cli::{identities, interactive, streams};

/// A session, and what is forwarded on it.
pub(super) struct Ours {
    pub(super) session: Session,
    pub(super) forwards: Forwards,
    pub(super) x11: Option<X11>,
}

/// Logs in and does what the session is for, to its end, and longer where others may use the connection (`shares`).
pub(super) async fn run(
    run: &Run<'_>,
    shares: bool,
    with_pty: bool,
    mut parent: Option<Parent>,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let options = run.options;
    let (session, update) = Dial::new(options, run.account, ui)
        .with_pty(with_pty)
        .open()
        .await?;
    let forwards = Forwards::open(&forwardings(options), &session, ui).await?;
    let ours = Ours {
        x11: x11(options, ui).await,
        session,
        forwards,
    };
    let holder = match shares {
        true => Holder::listen(options, &ours, parent.as_ref(), ui).await?,
        false => None,
    };
    local_command(options, ui).await;
    if let Some(parent) = &mut parent {
        parent.ready(holder.as_ref().map(Holder::path), ui).await?;
    }
    let work = async {
        let done = work(options, ours, with_pty, ui).await;
        // Whoever waits for the end of its output has it.
        if let Some(parent) = &parent {
            parent.release_output(ui);
        }
        done
    };
    let ended = match holder {
        Some(holder) => holder.run(work, with_pty, ui).await,
        None => work.await,
    };
    if let Some(update) = update {
        update.finish().await;
    }
    ended
}

/// Does what the session is for.
async fn work(
    options: &ResolvedOptions,
    ours: Ours,
    with_pty: bool,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let Ours {
        session,
        forwards,
        x11,
    } = ours;
    if let Some(to) = &options.stdio_forward {
        return join(&session, &stdio(to)?).await;
    }
    if options.session_type == SessionType::None {
        return Err(session.closed().await.into());
    }
    let command = dressed(options, Purpose::of(options).on(&session));
    let command = showing(command, x11);
    if with_pty {
        let args = interactive(options);
        let done = interactive::interact(command, Some(&session), forwards, &args, ui).await?;
        ui.notice(&format!("Connection to {} closed.", options.host_name));
        return Ok(done);
    }
    let child = command.spawn().await?;
    ui.timeline(session.timeline());
    let code = streams::join(child, input(options), ui).await?;
    let ended = last_connections(&session, false, ui).await?;
    Ok(ended.unwrap_or(code))
}

/// Does what the session is for through a connection that another process holds; `forwards` says that it is to be asked
/// for the command line's forwards, too.
pub(super) async fn through(
    options: &ResolvedOptions,
    shared: &Shared,
    forwards: bool,
    with_pty: bool,
    parent: Option<&mut Parent>,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    if forwards {
        share::forward(&forwardings(options), shared, ui).await?;
    }
    let command = || {
        let command = dressed(options, Purpose::of(options).through(shared));
        // Which X server it is, and its cookie, are the holder's to say, as with ssh(1).
        showing(command, x11::display(options, ui).map(X11::new))
    };
    if with_pty {
        if let Some(parent) = parent {
            parent.ready(None, ui).await?;
        }
        let args = interactive(options);
        let forwards = Forwards::default();
        let done = interactive::interact(command(), None, forwards, &args, ui).await?;
        ui.notice(&format!(
            "Shared connection to {} closed.",
            options.host_name
        ));
        return Ok(done);
    }
    let child = match &options.stdio_forward {
        Some(to) => shared.connect(&stdio(to)?).await?,
        None if options.session_type == SessionType::None => shared.hold().await?,
        None => command().spawn().await?,
    };
    if let Some(parent) = parent {
        parent.ready(None, ui).await?;
    }
    streams::join(child, input(options), ui).await
}

/// The X server to show, where there may be programs on the host that it is shown to.
async fn x11(options: &ResolvedOptions, ui: &Ui) -> Option<X11> {
    let runs = options.session_type != SessionType::None && options.stdio_forward.is_none();
    match runs || options.control_path.is_some() {
        true => x11::shown(options, ui).await,
        false => None,
    }
}

fn showing(command: Command, x11: Option<X11>) -> Command {
    match x11 {
        Some(x11) => command.forward_x11(x11),
        None => command,
    }
}

/// What the command reads (`-n`).
fn input(options: &ResolvedOptions) -> Input {
    match options.stdin_null {
        true => Input::None,
        false => Input::Ours,
    }
}

fn interactive(options: &ResolvedOptions) -> Interactive {
    Interactive {
        escape_char: Some(options.escape_char.into()),
        outlasts: true,
        ..Interactive::default()
    }
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

/// Whether to ask for a terminal; says where one is wanted and cannot be had.
pub(super) fn wants_pty(options: &ResolvedOptions, ui: &Ui) -> bool {
    let wants = terminal(options, io::stdin().is_terminal());
    if wants.is_none() {
        ui.notice("Pseudo-terminal will not be allocated because stdin is not a terminal.");
    }
    wants == Some(true)
}

/// The same, without a word.
pub(super) fn will_want_pty(options: &ResolvedOptions) -> bool {
    terminal(options, io::stdin().is_terminal()) == Some(true)
}

/// Whether to ask for a terminal, by what is wanted and whether standard input is one; `None` where that stands in the
/// way.
fn terminal(options: &ResolvedOptions, is_terminal: bool) -> Option<bool> {
    let shell = options.command.is_none()
        && options.remote_command.is_none()
        && options.session_type == SessionType::Default
        && options.stdio_forward.is_none();
    match options.request_tty {
        _ if options.session_type == SessionType::None => Some(false),
        RequestTty::Force => Some(true),
        RequestTty::No => Some(false),
        RequestTty::Auto if !shell => Some(false),
        RequestTty::Auto | RequestTty::Yes => is_terminal.then_some(true),
    }
}

/// What is to run on the host.
enum Purpose {
    Command(Vec<u8>),
    Shell,
    Subsystem(String),
}

impl Purpose {
    fn of(options: &ResolvedOptions) -> Self {
        let typed = options.command.as_ref();
        let typed = typed.map(|words| words.as_encoded_bytes().to_vec());
        let configured = options.remote_command.as_ref();
        let configured = || configured.map(|text| text.clone().into_bytes());
        match (typed.or_else(configured), options.session_type) {
            (Some(name), SessionType::Subsystem) => {
                Self::Subsystem(String::from_utf8_lossy(&name).into_owned())
            }
            (Some(command), _) => Self::Command(command),
            (None, _) => Self::Shell,
        }
    }

    fn on(self, session: &Session) -> Command {
        match self {
            Self::Command(command) => session.command(command),
            Self::Shell => session.shell(),
            Self::Subsystem(name) => session.subsystem(name),
        }
    }

    fn through(self, shared: &Shared) -> Command {
        match self {
            Self::Command(command) => shared.command(command),
            Self::Shell => shared.shell(),
            Self::Subsystem(name) => shared.subsystem(name),
        }
    }
}

/// With the environment and the agent that go along.
pub(super) fn dressed(options: &ResolvedOptions, command: Command) -> Command {
    environment(options, lend_agent(options, command))
}

/// Offers the variables that `SetEnv` and `SendEnv` name.
fn environment(options: &ResolvedOptions, command: Command) -> Command {
    let variables = variables(options).into_iter();
    variables.fold(command, |command, (name, value)| command.env(name, value))
}

/// Those variables.
pub(super) fn variables(options: &ResolvedOptions) -> Vec<(String, String)> {
    let patterns = options
        .send_env
        .iter()
        .filter_map(|one| Glob::new(one).ok());
    let patterns: Vec<_> = patterns.map(|glob| glob.compile_matcher()).collect();
    let is_sent = |(name, _): &(String, String)| patterns.iter().any(|one| one.is_match(name));
    let mut variables: Vec<_> = std::env::vars().filter(is_sent).collect();
    variables.extend(options.set_env.iter().cloned());
    variables
}

/// The agent that may be lent to the host.
pub(super) fn lent(options: &ResolvedOptions) -> Option<Agent> {
    match &options.forward_agent {
        ForwardAgent::No => None,
        ForwardAgent::Yes => identities::agents().into_iter().next(),
        ForwardAgent::Socket(path) => host::agent_at(path),
    }
}

fn lend_agent(options: &ResolvedOptions, command: Command) -> Command {
    match lent(options) {
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

/// The forwards in our words.
pub(super) fn forwardings(options: &ResolvedOptions) -> Forwardings {
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
        if let Some(to) = connected(&one.connect) {
            let on = local(&one.listen);
            all.local.push(LocalSpec { on, to });
        }
    }
    for one in &options.remote_forwards {
        let on = listened(&one.listen, false);
        let asked = || Goal::Asked(Permitted(options.permit_remote_open.clone()));
        let to = connected(&one.connect).map_or_else(asked, Goal::Address);
        all.remote.push(RemoteSpec { on, to });
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

/// Where `-W` leads.
fn stdio(to: &Target) -> Result<Address, Failure> {
    connected(to).ok_or_else(|| Failure::caused("-W", "it leads nowhere"))
}

/// Where connections go; `None` where each says so itself.
fn connected(to: &Target) -> Option<Address> {
    match to {
        Target::Port { host, port } => Some(Address::tcp(host, *port)),
        Target::Path(path) => Some(Address::unix(path)),
        Target::Socks => None,
    }
}
