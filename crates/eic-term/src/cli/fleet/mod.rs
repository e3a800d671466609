//! `eic-term exec` on several instances.

mod args;
mod event;
mod feed;
mod fold;
mod hop;
mod json;
mod lines;
mod live;
mod log_dir;
mod script;
mod summary;
mod targets;
mod view;
mod visit;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use eic_auth::Target;
use eic_term::Fleet;
use eic_term::terminal::Terminations;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::args::{Common, Exec, Misuse};
use super::exec;
use super::report::Failure;
use super::ui::Ui;
pub(crate) use args::Several;
pub(crate) use event::TIMED_OUT;
pub(crate) use feed::Feed;
pub(crate) use script::{command as script_command, read as read_script};
use targets::Host;
use view::View;
use visit::{Job, Stop, visit_all};

/// How many events wait for the one who shows them; a command whose output is not shown is held up.
const EVENTS: usize = 64;
/// What a shell reports for a process that wrote to a closed pipe: 128 + SIGPIPE.
const BROKEN_PIPE: u8 = 141;

/// Finds what was named and runs the command there; on one instance as ever.
pub(crate) async fn run(common: &Common, args: &Exec, ui: &Ui) -> Result<ExitCode, Failure> {
    check_input(args)?;
    let wanted = targets::named(&args.target, &args.several)?;
    let mut hosts = targets::find(common, &wanted, ui).await?;
    if let ([target], [host], false) = (&*wanted, &mut *hosts, args.several.is_set()) {
        let way = std::mem::replace(&mut host.way, Err(Failure::caused("", "")))?;
        let to = Some(way.place.destination());
        return Box::pin(exec::on(common, target, to, args, ui)).await;
    }
    if args.interactive.wants_pty(false)
        || args.forwardings.is_set()
        || args.interactive.forward_agent
    {
        return Err(Failure::usage(Misuse::OneOnly));
    }
    let hosts: Vec<_> = hosts.into_iter().map(Arc::new).collect();
    Box::pin(Run::new(args, hosts, ui)?.go()).await
}

/// Standard input is read for one thing.
fn check_input(args: &Exec) -> Result<(), Failure> {
    let is_input = |path: &Option<std::path::PathBuf>| path.as_deref() == Some("-".as_ref());
    let several = &args.several;
    let readers = [
        is_input(&several.targets_file),
        is_input(&several.script),
        several.broadcast_stdin,
    ];
    match readers.iter().filter(|reads| **reads).count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::usage(Misuse::OneInput)),
    }
}

/// A run on several instances.
struct Run<'a> {
    hosts: Vec<Arc<Host>>,
    view: View,
    job: Arc<Job>,
    events: mpsc::Receiver<(usize, event::Event)>,
    ui: &'a Ui,
}

impl<'a> Run<'a> {
    fn new(args: &'a Exec, hosts: Vec<Arc<Host>>, ui: &'a Ui) -> Result<Self, Failure> {
        let several = &args.several;
        let script = several.script.as_deref().map(read_script).transpose()?;
        // One instance gets standard input as ever, several where that is asked for.
        let with_input =
            several.broadcast_stdin || hosts.len() == 1 && !args.no_stdin && !reads_input(several);
        let command = match &script {
            Some(script) => script_command(script, &args.command, with_input),
            None => exec::join_words(&args.command),
        };
        let view = View::new(several, hosts.clone(), ui)?;
        let feed = (script.is_some() || with_input)
            .then(|| Feed::new(script.unwrap_or_else(Bytes::new), with_input));
        let (sender, events) = mpsc::channel(EVENTS);
        let job = Job {
            command,
            feed,
            limit: several.timeout,
            fleet: Fleet::new(several.parallel.into()),
            stop: watch::Sender::new(Stop::GoOn),
            fail_fast: several.fail_fast,
            canaries: several.canary.map_or(0, usize::from).min(hosts.len()),
            events: sender,
        };
        Ok(Self {
            hosts,
            view,
            job: Arc::new(job),
            events,
            ui,
        })
    }

    /// Visits all, shows what comes, and listens for Ctrl-C.
    async fn go(mut self) -> Result<ExitCode, Failure> {
        let begun = Instant::now();
        let live = self.view.live();
        let mut interrupts = Interrupts::listen(self.job.stop.clone(), self.ui)?;
        let ended = tokio::select! {
            ended = work(self.job, &self.hosts, &mut self.view, self.events) => ended,
            () = interrupts.both() => Ok(()),
        };
        drop(live);
        let finished = match ended {
            Ok(()) => self.view.finish(begun.elapsed()).await,
            Err(error) => Err(error),
        };
        match finished {
            Ok(()) => Ok(ExitCode::from(match interrupts.signal {
                Some(signal) => 128 + signal,
                None => self.view.code(),
            })),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Ok(ExitCode::from(BROKEN_PIPE))
            }
            Err(error) => Err(Failure::new("cannot write the output", error)),
        }
    }
}

/// Visits all and shows what comes; ends early where it cannot be shown.
async fn work(
    job: Arc<Job>,
    hosts: &[Arc<Host>],
    view: &mut View,
    mut events: mpsc::Receiver<(usize, event::Event)>,
) -> io::Result<()> {
    let visits = async {
        // The first ones decide whether the others come to their turn.
        visit_all(&job, hosts, 0..job.canaries).await;
        visit_all(&job, hosts, job.canaries..hosts.len()).await;
        // The events end with the last who tells of some.
        drop(job);
        Ok(())
    };
    let shown = async {
        while let Some((number, event)) = events.recv().await {
            view.take(number, event).await?;
        }
        Ok(())
    };
    tokio::try_join!(visits, shown).map(|_| ())
}

fn reads_input(several: &Several) -> bool {
    [&several.targets_file, &several.script]
        .iter()
        .any(|path| path.as_deref() == Some("-".as_ref()))
}

/// Ctrl-C: the first asks the commands to end, the second ends us.
struct Interrupts<'a> {
    terminations: Terminations,
    stop: watch::Sender<Stop>,
    /// What came last.
    signal: Option<u8>,
    ui: &'a Ui,
}

impl<'a> Interrupts<'a> {
    fn listen(stop: watch::Sender<Stop>, ui: &'a Ui) -> Result<Self, Failure> {
        let terminations = Terminations::listen();
        let failed = |source| Failure::new("cannot listen for signals", source);
        Ok(Self {
            terminations: terminations.map_err(failed)?,
            stop,
            signal: None,
            ui,
        })
    }

    /// Waits for both.
    async fn both(&mut self) {
        self.signal = Some(self.terminations.next().await);
        self.stop.send_replace(Stop::End);
        self.ui
            .notice("asking what still runs to stop; Ctrl-C once more ends at once");
        self.signal = Some(self.terminations.next().await);
    }
}

/// Whether standard output is looked at by a person.
fn is_watched() -> bool {
    io::stdout().is_terminal()
}

/// Whether a target is made to mean several instances.
pub(crate) fn means_several(targets: &[Target], several: &Several) -> bool {
    let one = matches!(targets, [one] if !one.selector.is_pattern());
    !one || several.is_set()
}
