//! The process that holds a connection which others use.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use eic_term::Session;
use eic_term::share::{Control, ForwardRequest, Listener, LocalStream, Reply, Sharing, Visit};
use eic_term::ssh_config::{ControlMaster, ResolvedOptions, SessionType};
use eic_term::terminal::Terminations;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::background::Parent;
use super::control::wanted;
use super::{Persistence, permission};
use crate::cli::forwards::Forwards;
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How many connections of others are heard at a time: each session has four.
const MOST_VISITS: usize = 1100;
/// How long the process that this one was started for may take to come.
const ARRIVAL: Duration = Duration::from_secs(10);
/// How long the others are waited for when the connection is lost.
const FAREWELL: Duration = Duration::from_secs(1);
/// When to look again where nothing ends the process.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);
/// What may wait to be done.
const WORDS: usize = 4;

/// A connection that others may use.
pub(in crate::cli::ssh) struct Holder {
    path: PathBuf,
    listener: Option<Listener>,
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

/// What decides how long the process stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stay {
    /// Whether what the connection was made for goes on.
    works: bool,
    /// Whether that is nothing but to hold it open.
    idles: bool,
    /// Whether no more may come.
    stopped: bool,
    persistence: Persistence,
    /// Since when nobody uses it.
    idle_since: Option<Instant>,
    /// Whether the process that this one was started for has yet to come.
    expects: bool,
}

impl Stay {
    /// When it ends, if nothing happens, while so many are being served; `None` where that is now.
    fn until(&mut self, served: usize, now: Instant) -> Option<Instant> {
        let works = self.works && !(self.stopped && self.idles);
        self.expects &= served == 0;
        if works || served > 0 {
            self.idle_since = None;
            return Some(now + LONG);
        }
        let since = *self.idle_since.get_or_insert(now);
        let idle = match self.persistence {
            _ if self.stopped => Duration::ZERO,
            Persistence::None => Duration::ZERO,
            Persistence::For(idle) => idle,
            Persistence::Forever => return Some(now + LONG),
        };
        let least = if self.expects {
            ARRIVAL
        } else {
            Duration::ZERO
        };
        let until = since + idle.max(least);
        (until > now).then_some(until)
    }
}

impl Holder {
    /// Listens where the configuration says. Where that cannot be, it is said: nobody but the process that this one was
    /// started for, if any, shares the connection then.
    pub(in crate::cli::ssh) async fn listen(
        options: &ResolvedOptions,
        session: &Session,
        forwards: &Forwards,
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
        let (path, listener) = match (Listener::bind(&path).await, parent) {
            (Ok(listener), _) => (path, listener),
            (Err(error), None) => {
                unshared(&path, error, ui);
                return Ok(None);
            }
            (Err(error), Some(parent)) => {
                unshared(&path, error, ui);
                stay.persistence = Persistence::None;
                let path = parent.private_path();
                let bound = Listener::bind(&path).await;
                let failed = |source| Failure::new("cannot serve the foreground", source);
                (path, bound.map_err(failed)?)
            }
        };
        let agent = super::super::session::lent(options);
        let (words, asked) = mpsc::channel(WORDS);
        let guests = Guests {
            sharing: Sharing::with_agent(session.clone(), agent),
            session: session.clone(),
            forwards: forwards.clone(),
            host: options.host_argument.clone(),
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
        // Where it is lost, there is nobody to say goodbye to.
        session.close().await.ok();
        outcome.unwrap_or(Ok(ExitCode::SUCCESS))
    }

    /// Takes no more guests.
    fn stop(&mut self) {
        self.listener = None;
        self.stay.stopped = true;
    }
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
                false => {
                    visit
                        .refuse("the use of the connection was not allowed")
                        .await
                }
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
            Control::Exit => "end",
            Control::Stop => "stop sharing",
            Control::Forward(_) => "forward through",
            Control::Cancel(_) => "end a forward of",
        };
        if !self.allows(what).await {
            return reply.failed("it was not allowed").await;
        }
        match control {
            Control::Check => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_stays() {
        const MINUTE: Duration = Duration::from_secs(60);
        let now = Instant::now();
        let stay = |works, idles, stopped, persistence, expects| Stay {
            works,
            idles,
            stopped,
            persistence,
            idle_since: Some(now),
            expects,
        };
        let for_a_minute = Persistence::For(MINUTE);
        use Persistence::{Forever, None};
        for (mut stay, served, lasts) in [
            // A command, and then its guests.
            (stay(true, false, false, None, false), 0, Some(LONG)),
            (stay(false, false, false, None, false), 1, Some(LONG)),
            (stay(false, false, false, None, false), 0, Option::None),
            // -N, until it is asked to stop and the last guest has gone.
            (stay(true, true, false, None, false), 0, Some(LONG)),
            (stay(true, true, true, None, false), 1, Some(LONG)),
            (stay(true, true, true, None, false), 0, Option::None),
            (stay(true, false, true, None, false), 0, Some(LONG)),
            // ControlPersist.
            (
                stay(false, false, false, for_a_minute, false),
                1,
                Some(LONG),
            ),
            (
                stay(false, false, false, for_a_minute, false),
                0,
                Some(MINUTE),
            ),
            (stay(false, false, false, Forever, false), 0, Some(LONG)),
            (stay(false, false, true, Forever, false), 0, Option::None),
            // The one that it was started for.
            (stay(false, false, false, None, true), 0, Some(ARRIVAL)),
            (
                stay(false, false, false, for_a_minute, true),
                0,
                Some(MINUTE),
            ),
        ] {
            let until = stay.until(served, now);
            assert_eq!(until, lasts.map(|lasts| now + lasts), "{stay:?}, {served}");
        }
    }

    #[test]
    fn its_time_runs_from_when_the_last_guest_has_gone() {
        const SECOND: Duration = Duration::from_secs(1);
        let begin = Instant::now();
        let mut stay = Stay {
            works: false,
            idles: false,
            stopped: false,
            persistence: Persistence::For(SECOND * 2),
            idle_since: None,
            expects: false,
        };
        assert_eq!(stay.until(0, begin), Some(begin + SECOND * 2));
        assert_eq!(stay.until(0, begin + SECOND), Some(begin + SECOND * 2));
        assert!(stay.until(1, begin + SECOND).is_some());
        let gone = begin + SECOND * 5;
        assert_eq!(stay.until(0, gone), Some(gone + SECOND * 2));
        assert_eq!(stay.until(0, gone + SECOND * 2), None);
    }
}
