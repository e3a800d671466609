//! The work on one instance: its turn, the login, the command, its end.

use std::future::{Future, poll_fn};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use eic_term::{Child, ChildOutput, Error, Fleet, Session, Signal, Turn, Via};
use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::event::{Ending, Event, Stream};
use super::feed::Feed;
use super::targets::{Host, Way};

/// How much output is passed on at once, in bytes.
const BUFFER: usize = 64 << 10;
/// How long a command may take to end after each signal.
const GRACE: Duration = Duration::from_secs(2);
/// How commands are asked to end, in turn.
const SIGNALS: [&str; 2] = ["INT", "TERM"];
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// How far to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    GoOn,
    /// Start no more.
    NoMore,
    /// End those that work, too.
    End,
}

/// What every instance is visited for.
pub(crate) struct Job {
    pub(crate) command: Vec<u8>,
    pub(crate) feed: Option<Feed>,
    pub(crate) limit: Option<Duration>,
    pub(crate) fleet: Fleet,
    pub(crate) stop: watch::Sender<Stop>,
    /// Whether no more are started once one has failed; of the first so many in any case.
    pub(crate) fail_fast: bool,
    pub(crate) canaries: usize,
    /// Who is told, with the number of the instance.
    pub(crate) events: mpsc::Sender<(usize, Event)>,
}

/// An instance's turn, once it comes.
type Coming = Pin<Box<dyn Future<Output = Turn> + Send>>;

/// Visits one instance, and tells of it from the start to the end.
async fn visit(job: Arc<Job>, number: usize, host: Arc<Host>, turn: Coming) {
    let ending = match &host.way {
        Ok(way) => Visit { job: &job, number }.run(way, turn).await,
        Err(failure) => {
            let ending = Ending::Unreachable(failure.clone());
            job.judge(number, &ending);
            ending
        }
    };
    job.tell(number, Event::End(ending)).await;
}

impl Job {
    /// Who listens has gone only where all is over.
    async fn tell(&self, number: usize, event: Event) {
        self.events.send((number, event)).await.ok();
    }

    /// Stops after a failure, where that is wanted.
    fn judge(&self, number: usize, ending: &Ending) {
        if !ending.is_ok() && (self.fail_fast || number < self.canaries) {
            self.stop_at(Stop::NoMore);
        }
    }

    /// Stops, this far at least.
    pub(crate) fn stop_at(&self, stop: Stop) {
        self.stop.send_modify(|now| *now = stop.max(*now));
    }

    /// Waits until it is time to stop.
    async fn stopped(&self, at: Stop) {
        // We hold the sender.
        self.stop
            .subscribe()
            .wait_for(|stop| *stop >= at)
            .await
            .ok();
    }

    /// An instance's turn; the queue is joined when it is first asked for.
    fn turn(self: &Arc<Self>, host: &Arc<Host>) -> Coming {
        let (job, host) = (self.clone(), host.clone());
        Box::pin(async move {
            match &host.way {
                Ok(way) => job.fleet.turn(&way.place).await,
                Err(_) => std::future::pending().await,
            }
        })
    }
}

struct Visit<'a> {
    job: &'a Job,
    number: usize,
}

impl Visit<'_> {
    async fn run(&self, way: &Way, coming: Coming) -> Ending {
        let mut turn = tokio::select! {
            biased;
            () = self.job.stopped(Stop::NoMore) => return Ending::NotRun,
            turn = coming => turn,
        };
        let address = address(&turn);
        self.job.tell(self.number, Event::Start { address }).await;
        let ending = match self.work(way, &mut turn).await {
            Ok(ending) => ending,
            Err(error) => Ending::Unreachable((&error).into()),
        };
        // Before the turn is over, which is the next one's.
        self.job.judge(self.number, &ending);
        ending
    }

    async fn work(&self, way: &Way, turn: &mut Turn) -> Result<Ending, Error> {
        let begun = tokio::select! {
            begun = self.begin(way, turn) => begun,
            () = self.job.stopped(Stop::End) => return Ok(Ending::Interrupted),
        };
        let (session, child) = begun?;
        let ending = self.command(child).await;
        timeout(GOODBYE, session.close()).await.ok();
        ending
    }

    async fn begin(&self, way: &Way, turn: &mut Turn) -> Result<(Session, Child), Error> {
        let user = way.user.as_ref();
        let session = match &way.hop {
            Some(hop) => {
                let to = turn.destination().clone();
                let stream = hop.stream(&to, way.port);
                Box::pin(turn.log_in_over(&way.connector, user, stream)).await?
            }
            None => turn.log_in(&way.connector, user).await?,
        };
        let command = session.command(self.job.command.clone());
        let variables = way.variables.iter().cloned();
        let command = variables.fold(command, |command, (name, value)| command.env(name, value));
        let child = command.spawn().await?;
        Ok((session, child))
    }

    /// The command until its end, however it comes.
    async fn command(&self, mut child: Child) -> Result<Ending, Error> {
        let stdin = child.stdin.take();
        let streams = [child.stdout.take(), child.stderr.take()];
        let feed = async {
            match (&self.job.feed, stdin) {
                (Some(feed), Some(stdin)) => feed.give(stdin).await,
                // Dropped, it ends.
                (_, stdin) => drop(stdin),
            }
            std::future::pending::<()>().await;
        };
        let outputs = self.outputs(streams);
        tokio::pin!(feed, outputs);
        let asked = tokio::select! {
            () = &mut outputs => None,
            () = &mut feed => None,
            () = self.job.stopped(Stop::End) => Some(Ending::Interrupted),
            () = self.limit() => Some(Ending::TimedOut(self.job.limit.unwrap_or_default())),
        };
        let Some(asked) = asked else {
            return Ok(Ending::Exited(child.wait().await?));
        };
        for signal in SIGNALS {
            child.signal(Signal::new(signal)).await.ok();
            if timeout(GRACE, &mut outputs).await.is_ok() {
                break;
            }
        }
        Ok(asked)
    }

    /// Both outputs to their end.
    async fn outputs(&self, [stdout, stderr]: [Option<ChildOutput>; 2]) {
        tokio::join!(
            self.output(stdout, Stream::Stdout),
            self.output(stderr, Stream::Stderr)
        );
    }

    async fn output(&self, from: Option<ChildOutput>, stream: Stream) {
        let Some(mut from) = from else {
            return;
        };
        let mut bytes = BytesMut::new();
        loop {
            bytes.reserve(BUFFER);
            // A stream of a command ends, but does not fail.
            match from.read_buf(&mut bytes).await {
                Ok(1..) => {
                    let event = Event::Output(stream, bytes.split().freeze());
                    self.job.tell(self.number, event).await;
                }
                Ok(0) | Err(_) => return,
            }
        }
    }

    async fn limit(&self) {
        match self.job.limit {
            Some(limit) => sleep(limit).await,
            None => std::future::pending().await,
        }
    }
}

fn address(turn: &Turn) -> String {
    let to = turn.destination();
    match &to.via {
        Via::Direct => to.address.to_string(),
        Via::Endpoint { id, .. } => format!("{} through {id}", to.address),
    }
}

/// Visits all of these, in their order, and returns when every one has ended.
pub(crate) async fn visit_all(job: &Arc<Job>, hosts: &[Arc<Host>], numbers: Range<usize>) {
    let visits = hosts.iter().enumerate();
    let mut under_way: Vec<_> = Vec::new();
    for (number, host) in visits.skip(numbers.start).take(numbers.len()) {
        let turn = queued(job.turn(host)).await;
        let visit = Box::pin(visit(job.clone(), number, host.clone(), turn));
        under_way.push(AbortOnDropHandle::new(tokio::spawn(visit)));
    }
    for visit in under_way {
        visit.await.ok();
    }
}

/// Lets it join its queue now.
async fn queued(mut turn: Coming) -> Coming {
    match poll_fn(|cx| Poll::Ready(turn.as_mut().poll(cx))).await {
        Poll::Ready(turn) => Box::pin(std::future::ready(turn)),
        Poll::Pending => turn,
    }
}
