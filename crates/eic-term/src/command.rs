//! Commands on the remote host, in the words of [`std::process`].

use std::fmt;
use std::sync::Arc;

use russh::ChannelWriteHalf;
use russh::client::Msg;
use tokio::io::{AsyncReadExt, AsyncWrite};

use crate::agent::Agent;
use crate::child::{Child, ChildOutput, ExitStatus};
use crate::error::Error;
use crate::flow::Outlet;
use crate::pty::Pty;
use crate::pump::{Replies, Reply};
use crate::session::{Session, limited};
use crate::share::{Open, Purpose, Shared};
use crate::timeline::Step;
use crate::x11::{Told, X11};

/// How much of each stream [`Command::output`] keeps, in bytes.
const MOST_OUTPUT: u64 = 64 << 20;

enum Request {
    Exec(Vec<u8>),
    Shell,
    Subsystem(String),
}

/// What commands run through.
pub(crate) enum Way {
    Own(Session),
    Shared(Shared),
}

impl From<Session> for Way {
    fn from(session: Session) -> Self {
        Self::Own(session)
    }
}

impl From<Shared> for Way {
    fn from(shared: Shared) -> Self {
        Self::Shared(shared)
    }
}

/// A remote command or shell about to be started.
///
/// ```no_run
/// # async fn example(session: eic_term::Session) -> Result<(), eic_term::Error> {
/// let output = session.command("uname -a").output().await?;
/// assert!(output.status.success());
/// # Ok(()) }
/// ```
pub struct Command {
    way: Way,
    request: Request,
    env: Vec<(String, String)>,
    pty: Option<Pty>,
    agent: Option<Agent>,
    x11: Option<X11>,
    stdout: Option<Outlet>,
}

impl Command {
    pub(crate) fn exec(way: impl Into<Way>, command: Vec<u8>) -> Self {
        Self::new(way.into(), Request::Exec(command))
    }

    pub(crate) fn shell(way: impl Into<Way>) -> Self {
        Self::new(way.into(), Request::Shell)
    }

    pub(crate) fn subsystem(way: impl Into<Way>, name: String) -> Self {
        Self::new(way.into(), Request::Subsystem(name))
    }

    fn new(way: Way, request: Request) -> Self {
        Self {
            way,
            request,
            env: Vec::new(),
            pty: None,
            agent: None,
            x11: None,
            stdout: None,
        }
    }

    /// Offers an environment variable; servers take only those that their configuration allows,
    /// and refuse others silently (RFC 4254 §6.4).
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The variables that it offers, in their order.
    pub fn get_envs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.env.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Runs it in a pseudo-terminal; stdout and stderr then arrive as one stream.
    #[must_use]
    pub fn pty(mut self, pty: Pty) -> Self {
        self.pty = Some(pty);
        self
    }

    /// Lets the host use this agent's keys, for as long as the session lasts. Whoever is root there can too: the agent
    /// is lent to the machine, not to the command. Servers may refuse it silently.
    #[must_use]
    pub fn forward_agent(mut self, agent: Agent) -> Self {
        self.agent = Some(agent);
        self
    }

    /// Shows an X server here to programs on the host, for as long as the session lasts; a session shows one, the first.
    /// What a server refuses is told to [`X11::on_refused`], and is no error.
    #[must_use]
    pub fn forward_x11(mut self, x11: X11) -> Self {
        self.x11 = Some(x11);
        self
    }

    /// Writes its standard output to `to`, as soon as it arrives: there is no [`Child::stdout`] then. [`Child::wait`]
    /// returns when all of it is written. What a writer that has failed does not take is lost, as is what arrives after the
    /// child is dropped.
    #[must_use]
    pub fn stdout_to(mut self, to: impl AsyncWrite + Send + Sync + Unpin + 'static) -> Self {
        self.stdout = Some(Box::new(to));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`Error::Refused`] where the server says no, [`Error::Disconnected`] or [`Error::Timeout`].
    pub async fn spawn(mut self) -> Result<Child, Error> {
        let stdout = self.stdout.take();
        match &self.way {
            Way::Own(session) => self.spawn_on(session, stdout).await,
            Way::Shared(shared) => {
                let child = shared.clone().open(self.into()).await?;
                Ok(child.with_stdout_to(stdout))
            }
        }
    }

    async fn spawn_on(&self, session: &Session, stdout: Option<Outlet>) -> Result<Child, Error> {
        let peer = session.peer().clone();
        let _step = peer.timeline.begin(Step::Start);
        let (reader, writer) = session.open_channel().await?.split();
        let writer = Arc::new(writer);
        let has_terminal = self.pty.is_some();
        let channel = (reader, writer.clone());
        let (child, replies) = Child::new(session.clone(), channel, has_terminal, stdout);
        let x11 = self.x11.as_ref().map(|x11| session.show(x11));
        let x11 = x11.transpose()?;
        let started = async {
            let sent = self.send_requests(session, x11, &writer).await;
            let answered = match sent {
                Ok(()) => self.await_replies(replies).await,
                Err(_) => None,
            };
            match answered {
                Some(answer) => answer,
                None => Err(peer.lost().await),
            }
        };
        limited(Step::Start, peer.limit, started).await??;
        Ok(child)
    }

    /// Runs it to its end without input, keeping its output.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn) and [`Child::wait`]; [`Error::Refused`] past 64 MiB of output.
    pub async fn output(self) -> Result<Output, Error> {
        let mut child = self.spawn().await?;
        drop(child.stdin.take());
        let stdout = read_all(child.stdout.take());
        let stderr = read_all(child.stderr.take());
        let (stdout, stderr) = tokio::try_join!(stdout, stderr)?;
        let status = child.wait().await?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    /// Sends all requests at once; the server answers them in order (RFC 4254 §4).
    async fn send_requests(
        &self,
        session: &Session,
        x11: Option<Told>,
        channel: &ChannelWriteHalf<Msg>,
    ) -> Result<(), russh::Error> {
        for (name, value) in &self.env {
            channel
                .set_env(false, name.as_str(), value.as_str())
                .await?;
        }
        if let Some(agent) = &self.agent {
            session.lend(agent.clone());
            channel.agent_forward(false).await?;
        }
        if let Some(told) = x11 {
            let (protocol, cookie) = (told.protocol, told.cookie);
            let asked = channel.request_x11(true, false, protocol, cookie, told.screen);
            asked.await?;
        }
        if let Some(pty) = &self.pty {
            request_pty(channel, pty).await?;
        }
        match &self.request {
            Request::Exec(command) => channel.exec(true, command.as_slice()).await,
            Request::Shell => channel.request_shell(true).await,
            Request::Subsystem(name) => channel.request_subsystem(true, name).await,
        }
    }

    /// `None` where the connection is lost.
    async fn await_replies(&self, mut replies: Replies) -> Option<Result<(), Error>> {
        let request = match self.request {
            Request::Exec(_) => "run the command",
            Request::Shell => "start a shell",
            Request::Subsystem(_) => "start the subsystem",
        };
        if let Some(x11) = &self.x11
            && let Reply::Failure = replies.recv().await?
        {
            let request = "forward X11";
            x11.refused(&Error::Refused { request });
        }
        let asked = self.pty.iter().map(|_| "allocate a terminal");
        for request in asked.chain([request]) {
            match replies.recv().await? {
                Reply::Success => {}
                Reply::Failure => return Some(Err(Error::Refused { request })),
            }
        }
        Some(Ok(()))
    }
}

impl From<Command> for Open {
    fn from(command: Command) -> Self {
        Self {
            purpose: match command.request {
                Request::Exec(command) => Purpose::Exec(command),
                Request::Shell => Purpose::Shell,
                Request::Subsystem(name) => Purpose::Subsystem(name),
            },
            env: command.env,
            pty: command.pty,
            // It is the holder's, who alone can lend one.
            agent: command.agent.is_some(),
            x11: command.x11.is_some(),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            Way::Own(session) => write!(f, "Command on {session:?}"),
            Way::Shared(shared) => write!(f, "Command on {shared:?}"),
        }
    }
}

async fn request_pty(channel: &ChannelWriteHalf<Msg>, pty: &Pty) -> Result<(), russh::Error> {
    let size = pty.size;
    let known = |&(code, value): &(u8, u32)| Some((russh::Pty::from_u8(code)?, value));
    let modes: Vec<_> = pty.modes.iter().filter_map(known).collect();
    channel
        .request_pty(
            true,
            &pty.term,
            size.columns.into(),
            size.rows.into(),
            size.width.into(),
            size.height.into(),
            &modes,
        )
        .await
}

async fn read_all(stream: Option<ChildOutput>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let Some(stream) = stream else {
        return Ok(bytes);
    };
    // The stream is a buffer in memory: it ends, but does not fail.
    let read = stream.take(MOST_OUTPUT + 1).read_to_end(&mut bytes).await;
    if read.is_ok_and(|read| read as u64 > MOST_OUTPUT) {
        return Err(Error::Refused {
            request: "send less than 64 MiB of output",
        });
    }
    Ok(bytes)
}

/// What a command left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}
