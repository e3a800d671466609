//! Requests under way on one channel, and the task that matches answers to them.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::carrier::{Sink, Source};
use super::error::SftpError;
use super::packet::{self, Fields, Packet, Reply, Request, kind};

/// The most requests that wait for their answers at a time.
const MOST_REQUESTS: usize = 256;
/// How many bytes of requests are sent at once where more wait: an SSH packet's worth.
const BATCH: usize = 32 << 10;
/// How often the watch looks within the limit.
const LOOKS: u32 = 8;

/// One server. Dropping it closes the channel.
pub(super) struct Link {
    shared: Arc<Shared>,
    _open: DropGuard,
}

struct Shared {
    queue: mpsc::UnboundedSender<Packet>,
    requests: Mutex<Requests>,
    slots: Arc<Semaphore>,
    /// Changes whenever either side moves.
    activity: AtomicU64,
}

#[derive(Default)]
struct Requests {
    last_id: u32,
    waiting: HashMap<u32, Waiting>,
    ended: Option<SftpError>,
}

struct Waiting {
    answer: oneshot::Sender<Reply>,
    /// Free again when the answer is there.
    _slot: Option<OwnedSemaphorePermit>,
}

/// An answer that is still to come. Whoever drops it does not want it; the request is carried out all the same.
pub(super) struct Answer {
    receiver: oneshot::Receiver<Reply>,
    shared: Arc<Shared>,
}

impl Answer {
    pub(super) async fn wait(self) -> Result<Reply, SftpError> {
        let ended = || self.shared.requests().ended.clone();
        let gone = |_| {
            ended().unwrap_or(SftpError::Ended {
                stderr: String::new(),
            })
        };
        self.receiver.await.map_err(gone)
    }
}

impl Link {
    /// Exchanges versions (§4 of the draft) and returns what the server offers beside the protocol.
    pub(super) async fn start(
        source: Source,
        sink: Sink,
        silence: Duration,
    ) -> Result<(Self, Fields), SftpError> {
        let (queue, queued) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            queue,
            requests: Mutex::default(),
            slots: Arc::new(Semaphore::new(MOST_REQUESTS)),
            activity: AtomicU64::new(0),
        });
        let (version, versions) = oneshot::channel();
        // Its place among the waiting is what the watch looks for.
        let init = Request::new(kind::INIT).finish(packet::VERSION);
        shared.queue.send(init).ok();
        let open = CancellationToken::new();
        let task = Task {
            shared: shared.clone(),
            source,
            queued,
            version: Some(version),
        };
        tokio::spawn(task.run(sink, silence, open.clone()));
        let link = Self {
            shared: shared.clone(),
            _open: open.drop_guard(),
        };
        let answer = Answer {
            receiver: versions,
            shared,
        };
        let waited = tokio::time::timeout(silence, answer.wait()).await;
        let reply = waited.map_err(|_| SftpError::Timeout { limit: silence })?;
        // sshd starts a server that is not there, too, which then ends at once.
        let reply = reply.map_err(|error| match error {
            SftpError::Ended { .. } => SftpError::NoSubsystem,
            error => error,
        })?;
        Ok((link, reply.fields))
    }

    /// Sends a request, when fewer than the most are under way.
    pub(super) async fn submit(&self, request: Request) -> Result<Answer, SftpError> {
        let slot = self.shared.slots.clone().acquire_owned().await.ok();
        let (answer, receiver) = oneshot::channel();
        self.shared.send(request, answer, slot)?;
        Ok(Answer {
            receiver,
            shared: self.shared.clone(),
        })
    }

    /// Sends a request whose answer nobody needs.
    pub(super) fn tell(&self, request: Request) {
        let (answer, _) = oneshot::channel();
        self.shared.send(request, answer, None).ok();
    }
}

impl Shared {
    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(
        &self,
        request: Request,
        answer: oneshot::Sender<Reply>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Result<(), SftpError> {
        let mut requests = self.requests();
        if let Some(ended) = &requests.ended {
            return Err(ended.clone());
        }
        if requests.waiting.is_empty() {
            self.moved();
        }
        requests.last_id = requests.last_id.wrapping_add(1);
        let id = requests.last_id;
        let waiting = Waiting {
            answer,
            _slot: slot,
        };
        requests.waiting.insert(id, waiting);
        self.queue.send(request.finish(id)).ok();
        Ok(())
    }

    fn moved(&self) {
        self.activity.fetch_add(1, Ordering::Relaxed);
    }

    fn settle(&self, mut reply: Reply) -> Result<(), SftpError> {
        let id = reply.fields.u32()?;
        let waiting = self.requests().waiting.remove(&id);
        let Some(waiting) = waiting else {
            return Err(SftpError::Protocol("an answer to no request"));
        };
        // A file that nobody waits for any more is closed again.
        if let Err(mut unwanted) = waiting.answer.send(reply)
            && unwanted.kind == kind::HANDLE
        {
            let close = Request::new(kind::CLOSE).string(&unwanted.fields.string()?);
            self.send(close, oneshot::channel().0, None).ok();
        }
        Ok(())
    }

    fn end(&self, error: SftpError) {
        let mut requests = self.requests();
        requests.ended.get_or_insert(error);
        requests.waiting.clear();
        self.slots.close();
    }
}

struct Task {
    shared: Arc<Shared>,
    source: Source,
    queued: mpsc::UnboundedReceiver<Packet>,
    version: Option<oneshot::Sender<Reply>>,
}

impl Task {
    async fn run(self, mut sink: Sink, silence: Duration, open: CancellationToken) {
        let Self {
            shared,
            mut source,
            queued,
            mut version,
        } = self;
        let error = tokio::select! {
            error = receive(&mut source, &shared, &mut version) => error,
            never = send(&mut sink, &shared, queued) => never,
            error = watch(&shared, silence) => error,
            () = open.cancelled() => SftpError::Ended { stderr: String::new() },
        };
        shared.end(error);
        // Whoever waits for it is woken when the reason is known.
        drop(version);
        // A connection that takes nothing ends by itself; until then nobody waits for this.
        sink.close().await;
    }
}

async fn receive(
    source: &mut Source,
    shared: &Shared,
    version: &mut Option<oneshot::Sender<Reply>>,
) -> SftpError {
    const CHATTY: SftpError = SftpError::Protocol(
        "something else came first; does a start-up file of the shell there print something?",
    );
    let mut arrived = BytesMut::new();
    while source.next(&mut arrived).await {
        shared.moved();
        loop {
            let settled = match packet::next(&mut arrived) {
                Ok(None) => break,
                Ok(Some(reply)) => match version.take() {
                    Some(_) if reply.kind != kind::VERSION => Err(CHATTY),
                    Some(version) => version.send(reply).map_err(|_| CHATTY),
                    None => shared.settle(reply),
                },
                Err(_) if version.is_some() => Err(CHATTY),
                Err(error) => Err(error),
            };
            if let Err(error) = settled {
                return error;
            }
        }
    }
    source.end().await
}

/// Sends what is asked, small requests together. Why a server takes no more, its own side of the channel says.
async fn send(
    sink: &mut Sink,
    shared: &Shared,
    mut queued: mpsc::UnboundedReceiver<Packet>,
) -> SftpError {
    while let Some(first) = queued.recv().await {
        let Packet { head, data } = gather(first, &mut queued);
        if !sink.send(head).await || !(data.is_empty() || sink.send(data).await) {
            break;
        }
        shared.moved();
    }
    pending().await
}

/// Puts requests that wait together, up to one with data.
fn gather(first: Packet, queued: &mut mpsc::UnboundedReceiver<Packet>) -> Packet {
    let (mut packet, mut before) = (first, BytesMut::new());
    while packet.data.is_empty()
        && before.len() < BATCH
        && let Ok(next) = queued.try_recv()
    {
        before.extend_from_slice(&packet.head);
        packet = next;
    }
    if before.is_empty() {
        return packet;
    }
    before.extend_from_slice(&packet.head);
    Packet {
        head: before.freeze(),
        ..packet
    }
}

/// Ends where requests wait and nothing has moved for so long.
async fn watch(shared: &Shared, silence: Duration) -> SftpError {
    let (mut seen, mut still) = (0, 0);
    loop {
        tokio::time::sleep(silence / LOOKS).await;
        let now = shared.activity.load(Ordering::Relaxed);
        let idle = shared.requests().waiting.is_empty();
        still = if idle || now != seen { 0 } else { still + 1 };
        seen = now;
        if still >= LOOKS {
            return SftpError::Timeout { limit: silence };
        }
    }
}
