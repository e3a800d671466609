//! The process that holds a connection which others use.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use eic_term::Session;
use eic_term::share::{Control, ForwardRequest, Listener, LocalStream, Reply, Sharing, Visit};
use eic_term::ssh_config::{ControlMaster, ResolvedOptions, SessionType};
use eic_term::terminal::Terminations;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::super::session::{self, Ours};
use super::background::Parent;
use super::control::wanted;
use super::permission;
use super::stay::{Persistence, Stay};
use crate::cli::forwards::Forwards;
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How many connections of others are heard at a time: each session has four.
const MOST_VISITS: usize = 1100;
/// How long the others, and the host, may take to hear of the end.
const FAREWELL: Duration = Duration::from_secs(1);
/// What may wait to be done.
const WORDS: usize = 4;

/// A connection that others may use.
pub(in crate::cli::ssh) struct Holder {
    path: PathBuf,
    listener: Option<Listener>,
    /// Where the socket is that is for the process alone that this one was started for.
    _folder: Option<TempDir>,
    guests: Guests,
    stay: Stay,
    asked: mpsc::Receiver<(Word, Reply)>,
}

/// What serves those who come.
#[derive(Clone)]
struct Guests {
    sharing: Sharing,
    session: Session,
    forwards: Forwards,
    host: String,
    /// Where clients of a proxy on the host may go.
    permitted: Vec<String>,
    asks: bool,
    words: mpsc::Sender<(Word, Reply)>,
}

/// What is asked of the process itself.
#[derive(Debug, Clone, Copy)]
enum Word {
    Exit,
    Stop,
}

impl Holder {
    /// Listens where the configuration says. Where that cannot be, it is said: nobody but the process that this one was
    /// started for, if any, shares the connection then.
    pub(in crate::cli::ssh) async fn listen(
        options: &ResolvedOptions,
        ours: &Ours,
        parent: Option<&Parent>,
        ui: &Ui,
    ) -> Result<Option<Self>, Failure> {
        let path = options.control_path.as_ref().map(PathBuf::from);
        let Some(path) = path.filter(|_| options.control_master != ControlMaster::No) else {
            return Ok(None);
        };
        let parent = parent.filter(|_| !options.fork_after_authentication);
        let mut stay = Stay {
            works: parent.is_none(),
            idles: options.session_type == SessionType::None,
            stopped: false,
            persistence: Persistence::of(options),
            idle_since: None,
            expects: parent.is_some(),
        };
        let (path, listener, folder) = match (Listener::bind(&path).await, parent) {
            (Ok(listener), _) => (path, listener, None),
            (Err(error), parent) => {
                unshared(&path, error, ui);
                if parent.is_none() {
                    return Ok(None);
                }
                stay.persistence = Persistence::None;
                let bound = bind_privately().await;
                bound.map_err(|source| Failure::new("cannot serve the foreground", source))?
            }
        };
        let (session, agent) = (ours.session.clone(), session::lent(options));
        let (words, asked) = mpsc::channel(WORDS);
        let guests = Guests {
            sharing: Sharing::lending(session.clone(), agent, ours.x11.clone()),
            session,
            forwards: ours.forwards.clone(),
            host: named(options),
            permitted: options.permit_remote_open.clone(),
            asks: matches!(
                options.control_master,
                ControlMaster::Ask | ControlMaster::AutoAsk
            ),
            words,
        };
        Ok(Some(Self {
            path,
            listener: Some(listener),
            _folder: folder,
            guests,
            stay,
            asked,
        }))
    }

    /// Where others come.
    pub(in crate::cli::ssh) fn path(&self) -> &Path {
        &self.path
    }

    /// Serves others while `work` goes on, and after it as long as they need the connection. `leaves_signals` says that
    /// the work listens for signals itself.
    pub(in crate::cli::ssh) async fn run(
        mut self,
        work: impl Future<Output = Result<ExitCode, Failure>>,
        leaves_signals: bool,
        ui: &Ui,
    ) -> Result<ExitCode, Failure> {
        let failed = |source| Failure::new("cannot listen for signals", source);
        let mut signals = Terminations::listen().map_err(failed)?;
        let mut served = self.guests.sharing.served();
        let session = self.guests.session.clone();
        let mut visits = JoinSet::new();
        let mut outcome = None;
        tokio::pin!(work);
        loop {
            let count = *served.borrow_and_update();
            let Some(until) = self.stay.until(count, Instant::now()) else {
                break;
            };
            let works = self.stay.works;
            tokio::select! {
                done = &mut work, if works => {
                    self.stay.works = false;
                    outcome = Some(done);
                    if leaves_signals && count > 0 {
                        ui.notice(&format!("waiting for {count} other sessions on this connection"));
                    }
                }
                came = accept(self.listener.as_mut()) => match came {
                    Ok(stream) if visits.len() < MOST_VISITS => {
                        visits.spawn(self.guests.clone().serve(stream));
                    }
                    Ok(_) => {}
                    Err(error) => {
                        ui.failure(&Failure::new("cannot share the connection any more", error));
                        self.stop();
                    }
                },
                Some((word, reply)) = self.asked.recv() => {
                    self.stop();
                    reply.done(None).await;
                    if matches!(word, Word::Exit) {
                        break;
                    }
                }
                Some(_) = visits.join_next() => {}
                _ = served.changed() => {}
                () = sleep_until(until) => {}
                signal = signals.next(), if !leaves_signals || !works => {
                    return Ok(ExitCode::from(128 + signal));
                }
                error = session.closed(), if !works => {
                    self.stop();
                    outcome.get_or_insert(Err(error.into()));
                    // They are told why.
                    let told = async { while visits.join_next().await.is_some() {} };
                    timeout(FAREWELL, told).await.ok();
                    break;
                }
            }
        }
        self.stop();
        visits.shutdown().await;
        // Where it is lost, there is nobody to say goodbye to.
        timeout(FAREWELL, session.close()).await.ok();
        outcome.unwrap_or(Ok(ExitCode::SUCCESS))
    }

    /// Takes no more guests.
    fn stop(&mut self) {
        self.listener = None;
        self.stay.stopped = true;
    }
}

/// The host, as it was typed, and the user, where one was named.
fn named(options: &ResolvedOptions) -> String {
    let host = &options.host_argument;
    match options.user_is_named {
        true => format!("{}@{host}", options.user),
        false => host.clone(),
    }
}

/// Listens where nobody looks who is not told.
async fn bind_privately() -> io::Result<(PathBuf, Listener, Option<TempDir>)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("s");
    let listener = Listener::bind(&path).await?;
    Ok((path, listener, Some(folder)))
}

fn unshared(path: &Path, error: io::Error, ui: &Ui) {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => ui.notice(&format!(
            "ControlSocket {path} already exists, disabling multiplexing"
        )),
        _ => ui.failure(&Failure::new(
            format!("cannot share the connection at {path}"),
            error,
        )),
    }
}

async fn accept(listener: Option<&mut Listener>) -> io::Result<LocalStream> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

impl Guests {
    /// Serves one who came to its end.
    async fn serve(self, stream: LocalStream) {
        match self.sharing.receive(stream).await {
            Ok(Some(Visit::Session(visit))) => match self.allows("use").await {
                true => visit.serve().await,
                false => visit.refuse().await,
            },
            Ok(Some(Visit::Control(control, reply))) => self.obey(control, reply).await,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "somebody came who cannot be understood"),
        }
    }

    /// Whether a person allows it, where one is to be asked.
    async fn allows(&self, what: &str) -> bool {
        !self.asks
            || permission::is_given(&format!("Allow to {what} the connection to {}?", self.host))
                .await
    }

    async fn obey(self, control: Control, reply: Reply) {
        let what = match &control {
            Control::Check => return reply.running().await,
            Control::Describe => return reply.described(self.description().await).await,
            Control::Exit => "end",
            Control::Stop => "stop sharing",
            Control::Forward(_) => "forward through",
            Control::Cancel(_) => "end a forward of",
        };
        if !self.allows(what).await {
            return reply.failed("it was not allowed").await;
        }
        match control {
            Control::Check | Control::Describe => {}
            // Where nobody hears it any more, it is done already.
            Control::Exit => self.words.send((Word::Exit, reply)).await.unwrap_or(()),
            Control::Stop => self.words.send((Word::Stop, reply)).await.unwrap_or(()),
            Control::Forward(request) => match self.forward(request).await {
                Ok(port) => reply.done(port).await,
                Err(failure) => reply.failed(failure.in_one_line()).await,
            },
            Control::Cancel(request) => match self.cancel(request).await {
                Ok(()) => reply.done(None).await,
                Err(failure) => reply.failed(failure.in_one_line()).await,
            },
        }
    }

    /// What there is to know of the connection (`-O conninfo`).
    async fn description(&self) -> String {
        let since = Duration::from_secs(self.session.since().elapsed().as_secs());
        let process = std::process::id();
        let first = format!(
            "connection to {}, for {}, held by process {process}",
            self.host,
            humantime::format_duration(since)
        );
        let agreed = self.session.algorithms();
        let agreed = agreed.map(|agreed| format!("agreed on {agreed}"));
        let served = match *self.sharing.served().borrow() {
            1 => "1 session of another process".to_owned(),
            served => format!("{served} sessions of other processes"),
        };
        let lines = [first]
            .into_iter()
            .chain(agreed)
            .chain([served, self.forwards.list().await]);
        lines.collect::<Vec<_>>().join("\n")
    }

    async fn forward(&self, request: ForwardRequest) -> Result<Option<u16>, Failure> {
        let replace = request.replace;
        let wanted = wanted(request, &self.permitted).ok_or_else(nowhere)?;
        Ok(self.forwards.share(wanted, replace, &self.session).await?)
    }

    async fn cancel(&self, request: ForwardRequest) -> Result<(), Failure> {
        let wanted = wanted(request, &self.permitted).ok_or_else(nowhere)?;
        let (letter, on) = (wanted.letter(), wanted.on());
        match self.forwards.end(letter, on).await {
            Some(ended) => Ok(ended.map(drop)?),
            None => Err(Failure::caused(
                "cannot cancel the forward",
                format!("no -{letter} listens on {on}"),
            )),
        }
    }
}

fn nowhere() -> Failure {
    Failure::caused("cannot forward", "the forward leads nowhere")
}
