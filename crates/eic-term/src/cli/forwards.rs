//! Forwards from the command line and from the prompt of `~C`: opened, listed, cancelled.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use eic_term::terminal::Terminations;
use eic_term::{
    Address, Bind, DynamicForward, Error, LocalForward, Persistent, RemoteForward, Session,
};
use tokio::sync::Mutex;

use super::args::Forwardings;
use super::forward_spec::{DynamicSpec, Goal, ListenSpec, LocalSpec, RemoteSpec};
use super::report::Failure;
use super::ui::Ui;

/// What a forward is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    Local(LocalSpec),
    Remote(RemoteSpec),
    Dynamic(DynamicSpec),
}

/// What forwards go through.
#[derive(Clone, Copy)]
pub(crate) enum Through<'a> {
    Session(&'a Session),
    Persistent(&'a Persistent),
}

/// An open forward.
#[derive(Debug)]
pub(crate) enum Forward {
    Local(LocalForward),
    Remote(RemoteForward),
    Dynamic(DynamicForward),
}

/// The open forwards; they close with the last clone.
#[derive(Debug, Default, Clone)]
pub(crate) struct Forwards(Arc<Mutex<Vec<Open>>>);

/// A forward, and what was asked for.
#[derive(Debug)]
struct Open {
    wanted: Wanted,
    forward: Forward,
}

impl Wanted {
    /// All that are asked for, in the order in which ssh(1) sets them up.
    pub(crate) fn all(args: &Forwardings) -> Vec<Self> {
        let dynamic = args.dynamic.iter().cloned().map(Self::Dynamic);
        let local = args.local.iter().cloned().map(Self::Local);
        let remote = args.remote.iter().cloned().map(Self::Remote);
        dynamic.chain(local).chain(remote).collect()
    }

    /// Whether the system chooses the port, which must be told then.
    fn leaves_port(&self) -> bool {
        self.on().port() == Some(0)
    }

    /// Where it is to listen.
    pub(crate) fn on(&self) -> &Address {
        match self {
            Self::Local(spec) => &spec.on,
            Self::Remote(spec) => &spec.on,
            Self::Dynamic(spec) => &spec.on,
        }
    }

    /// The option's letter.
    pub(crate) fn letter(&self) -> char {
        match self {
            Self::Local(_) => 'L',
            Self::Remote(_) => 'R',
            Self::Dynamic(_) => 'D',
        }
    }
}

impl Through<'_> {
    /// Opens a forward; `replace` unlinks a socket that is there already.
    pub(crate) async fn open(self, wanted: Wanted, replace: bool) -> Result<Forward, Error> {
        let bind = |on: Address| Bind::from(on).replace(replace);
        Ok(match (wanted, self) {
            (Wanted::Local(spec), Self::Session(session)) => {
                Forward::Local(session.forward_local(bind(spec.on), spec.to).await?)
            }
            (Wanted::Local(spec), Self::Persistent(all)) => {
                Forward::Local(all.forward_local(bind(spec.on), spec.to).await?)
            }
            (Wanted::Remote(spec), _) => Forward::Remote(self.listen_remotely(spec).await?),
            (Wanted::Dynamic(spec), Self::Session(session)) => {
                Forward::Dynamic(session.forward_dynamic(bind(spec.on)).await?)
            }
            (Wanted::Dynamic(spec), Self::Persistent(all)) => {
                Forward::Dynamic(all.forward_dynamic(bind(spec.on)).await?)
            }
        })
    }
}

impl Through<'_> {
    async fn listen_remotely(self, spec: RemoteSpec) -> Result<RemoteForward, Error> {
        let RemoteSpec { on, to } = spec;
        match (to, self) {
            (Goal::Address(to), Self::Session(session)) => session.forward_remote(on, to).await,
            (Goal::Address(to), Self::Persistent(all)) => all.forward_remote(on, to).await,
            (Goal::Asked(permitted), Self::Session(session)) => {
                let allows = move |to: &Address| permitted.allows(to);
                session.forward_remote_dynamic(on, allows).await
            }
            (Goal::Asked(permitted), Self::Persistent(all)) => {
                let allows = move |to: &Address| permitted.allows(to);
                all.forward_remote_dynamic(on, allows).await
            }
        }
    }
}

impl Forward {
    /// The option's letter.
    fn letter(&self) -> char {
        match self {
            Self::Local(_) => 'L',
            Self::Remote(_) => 'R',
            Self::Dynamic(_) => 'D',
        }
    }

    /// Whether it is of this kind and listens there.
    fn is(&self, letter: char, on: &Address) -> bool {
        self.letter() == letter && same(&self.listens_on(), on)
    }

    fn connections(&self) -> usize {
        match self {
            Self::Local(one) => one.connections(),
            Self::Remote(one) => one.connections(),
            Self::Dynamic(one) => one.connections(),
        }
    }

    fn listens_on(&self) -> Address {
        match self {
            Self::Local(one) => one.local().clone(),
            Self::Remote(one) => one.remote(),
            Self::Dynamic(one) => one.local().clone(),
        }
    }

    /// Receives why a connection was refused.
    pub(crate) fn on_refused(&self, on_refused: impl Fn(&Error) + Send + Sync + 'static) {
        match self {
            Self::Local(one) => one.on_refused(on_refused),
            Self::Remote(one) => one.on_refused(on_refused),
            Self::Dynamic(one) => one.on_refused(on_refused),
        }
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(one) => one.fmt(f),
            Self::Remote(one) => one.fmt(f),
            Self::Dynamic(one) => one.fmt(f),
        }
    }
}

impl Open {
    async fn new(wanted: Wanted, replace: bool, session: &Session) -> Result<Self, Error> {
        let through = Through::Session(session);
        let forward = through.open(wanted.clone(), replace).await?;
        Ok(Self { wanted, forward })
    }
}

impl Forwards {
    /// Opens those of the command line before a command starts. As with ssh(1), one that fails is said and left out,
    /// unless it is to be an error.
    pub(crate) async fn open(
        args: &Forwardings,
        session: &Session,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let mut forwards = Vec::new();
        for wanted in Wanted::all(args) {
            match Open::new(wanted, args.replace_sockets, session).await {
                Ok(open) => {
                    if open.wanted.leaves_port() {
                        ui.notice(&format!("forwarding {}", open.forward));
                    }
                    forwards.push(open);
                }
                Err(error) if args.exit_on_forward_failure => return Err(error.into()),
                Err(error) => ui.failure(&error.into()),
            }
        }
        Ok(Self(Arc::new(Mutex::new(forwards))))
    }

    /// Does what a line at the prompt says; returns what to tell about it.
    pub(crate) async fn obey(&self, line: &str, session: &Session) -> String {
        let told = match read(line) {
            Ok(None) => Ok(String::new()),
            Ok(Some(Line::Open(wanted))) => self.add(wanted, session).await,
            Ok(Some(Line::Cancel(letter, ListenSpec(on)))) => Ok(self.cancel(letter, &on).await),
            Err(fault) => Err(Failure::caused("this is not understood", fault).advised(HOW)),
        };
        told.unwrap_or_else(|failure| failure.to_string())
    }

    async fn add(&self, wanted: Wanted, session: &Session) -> Result<String, Failure> {
        let open = Open::new(wanted, false, session).await?;
        let text = format!("forwarding {}", open.forward);
        self.0.lock().await.push(open);
        Ok(text)
    }

    /// Opens what another process asks for, unless it is there already; returns the port where the system has chosen it.
    pub(crate) async fn share(
        &self,
        wanted: Wanted,
        replace: bool,
        session: &Session,
    ) -> Result<Option<u16>, Error> {
        let tell = wanted.leaves_port();
        let is_there = |one: &Open| !tell && one.wanted == wanted;
        if self.0.lock().await.iter().any(is_there) {
            return Ok(None);
        }
        let open = Open::new(wanted, replace, session).await?;
        let port = open.forward.listens_on().port().filter(|_| tell);
        self.0.lock().await.push(open);
        Ok(port)
    }

    async fn cancel(&self, letter: char, on: &Address) -> String {
        match self.end(letter, on).await {
            Some(Ok(text)) => text,
            Some(Err(error)) => Failure::from(error).to_string(),
            None => format!("no -{letter} listens on {on}"),
        }
    }

    /// Ends a forward; returns what to tell about it, or `None` where there is none.
    pub(crate) async fn end(&self, letter: char, on: &Address) -> Option<Result<String, Error>> {
        let mut forwards = self.0.lock().await;
        let index = forwards.iter().position(|one| one.forward.is(letter, on))?;
        let forward = forwards.swap_remove(index).forward;
        drop(forwards);
        let text = format!("no longer forwarding {forward}");
        Some(match forward {
            Forward::Remote(remote) => remote.cancel().await.map(|()| text),
            Forward::Local(_) | Forward::Dynamic(_) => Ok(text),
        })
    }

    /// A line each.
    pub(crate) async fn list(&self) -> String {
        let forwards = self.0.lock().await;
        let line = |Open { forward: one, .. }: &Open| match one.connections() {
            1 => format!("-{} {one}, 1 connection", one.letter()),
            count => format!("-{} {one}, {count} connections", one.letter()),
        };
        match forwards.as_slice() {
            [] => "no port is forwarded".to_owned(),
            some => some.iter().map(line).collect::<Vec<_>>().join("\n"),
        }
    }
}

/// Waits for the connections that are forwarded yet, as ssh(1) does when its command has ended; returns the exit code of
/// a signal that ends it before. `says` tells a person what is waited for.
pub(crate) async fn last_connections(
    session: &Session,
    says: bool,
    ui: &Ui,
) -> Result<Option<ExitCode>, Failure> {
    let mut open = session.forwarded();
    let count = *open.borrow_and_update();
    if count == 0 {
        return Ok(None);
    }
    if says {
        let connections = match count {
            1 => "a forwarded connection".to_owned(),
            count => format!("{count} forwarded connections"),
        };
        ui.notice(&format!(
            "waiting for the end of {connections}; Ctrl-C ends it at once"
        ));
    }
    let failed = |source| Failure::new("cannot listen for signals", source);
    let mut signals = Terminations::listen().map_err(failed)?;
    Ok(tokio::select! {
        _ = open.wait_for(|count| *count == 0) => None,
        _ = session.closed() => None,
        signal = signals.next() => Some(ExitCode::from(128 + signal)),
    })
}

/// Whether a forward on one address is meant by another: `localhost` has become its address by then.
fn same(listens: &Address, meant: &Address) -> bool {
    let resolved = |address: &Address| match address {
        Address::Tcp { host, port } => {
            let host = match host.as_str() {
                "localhost" => "127.0.0.1",
                "" => "0.0.0.0",
                other => other,
            };
            Address::tcp(host, *port)
        }
        Address::Unix(path) => Address::unix(path),
    };
    resolved(listens) == resolved(meant)
}

/// A line at the prompt of `~C`.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Open(Wanted),
    Cancel(char, ListenSpec),
}

const HOW: &str = "-L [ADDR:]PORT:HOST:PORT, -R [ADDR:]PORT[:HOST:PORT], -D [ADDR:]PORT; -KL, -KR or -KD [ADDR:]PORT \
    cancels one";

/// Reads a line as ssh(1) does; nothing typed is nothing wanted.
fn read(line: &str) -> Result<Option<Line>, String> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(None);
    }
    let option = |name: &str| line.strip_prefix(name).map(str::trim);
    let opened = |wanted| Ok(Some(Line::Open(wanted)));
    for letter in ['L', 'R', 'D'] {
        if let Some(spec) = option(&format!("-K{letter}")) {
            return Ok(Some(Line::Cancel(letter, spec.parse()?)));
        }
    }
    match (option("-L"), option("-R"), option("-D")) {
        (Some(spec), _, _) => opened(Wanted::Local(spec.parse()?)),
        (_, Some(spec), _) => opened(Wanted::Remote(spec.parse()?)),
        (_, _, Some(spec)) => opened(Wanted::Dynamic(spec.parse()?)),
        _ => Err(format!("`{line}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_at_the_prompt() {
        for (line, expected) in [
            ("", "None"),
            ("-L 8080:web:80", "Local"),
            ("-L8080:web:80", "Local"),
            (" -R 8080:web:80 ", "Remote"),
            ("-D 1080", "Dynamic"),
            ("-KL 8080", "Cancel('L'"),
            ("-KR8080", "Cancel('R'"),
            ("-KD [::1]:1080", "Cancel('D'"),
            ("-L 80", "is not [ADDR:]PORT:HOST:PORT"),
            ("-X", "`-X`"),
            ("help", "`help`"),
        ] {
            let read = format!("{:?}", read(line));
            assert!(read.contains(expected), "{line}: {read}");
        }
    }

    #[test]
    fn localhost_cancels_what_listens_there() {
        let tcp = Address::tcp;
        assert!(same(&tcp("127.0.0.1", 80), &tcp("localhost", 80)));
        assert!(same(&tcp("0.0.0.0", 80), &tcp("", 80)));
        assert!(!same(&tcp("127.0.0.1", 80), &tcp("localhost", 81)));
        assert!(!same(&tcp("::1", 80), &tcp("localhost", 80)));
    }
}
