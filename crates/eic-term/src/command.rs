//! Commands on the remote host, in the words of [`std::process`].

use std::fmt;

use russh::ChannelWriteHalf;
use russh::client::Msg;
use tokio::io::AsyncReadExt;

use crate::agent::Agent;
use crate::child::{Child, ChildOutput, ExitStatus};
use crate::error::Error;
use crate::pty::Pty;
use crate::pump::{Replies, Reply};
use crate::session::{Session, limited};
use crate::timeline::Step;

/// How much of each stream [`Command::output`] keeps, in bytes.
const MOST_OUTPUT: u64 = 64 << 20;

enum Request {
    Exec(Vec<u8>),
    Shell,
    Subsystem(String),
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
    session: Session,
    request: Request,
    env: Vec<(String, String)>,
    pty: Option<Pty>,
    agent: Option<Agent>,
}

impl Command {
    pub(crate) fn exec(session: Session, command: Vec<u8>) -> Self {
        Self::new(session, Request::Exec(command))
    }

    pub(crate) fn shell(session: Session) -> Self {
        Self::new(session, Request::Shell)
    }

    pub(crate) fn subsystem(session: Session, name: String) -> Self {
        Self::new(session, Request::Subsystem(name))
    }

    fn new(session: Session, request: Request) -> Self {
        Self {
            session,
            request,
            env: Vec::new(),
            pty: None,
            agent: None,
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

    /// Starts it.
    ///
    /// # Errors
    /// [`Error::Refused`] where the server says no, [`Error::Disconnected`] or [`Error::Timeout`].
    pub async fn spawn(self) -> Result<Child, Error> {
        let peer = self.session.peer().clone();
        let _step = peer.timeline.begin(Step::Start);
        let (reader, writer) = self.session.open_channel().await?.split();
        let (child, replies) = Child::new(self.session.clone(), reader, writer, self.pty.is_some());
        let writer = child.writer();
        let started = async {
            let sent = self.send_requests(writer).await;
            sent.map_err(|_| peer.lost())?;
            self.await_replies(replies).await
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
    async fn send_requests(&self, channel: &ChannelWriteHalf<Msg>) -> Result<(), russh::Error> {
        for (name, value) in &self.env {
            channel
                .set_env(false, name.as_str(), value.as_str())
                .await?;
        }
        if let Some(agent) = &self.agent {
            self.session.lend(agent.clone());
            channel.agent_forward(false).await?;
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

    async fn await_replies(&self, mut replies: Replies) -> Result<(), Error> {
        let request = match self.request {
            Request::Exec(_) => "run the command",
            Request::Shell => "start a shell",
            Request::Subsystem(_) => "start the subsystem",
        };
        let asked = self.pty.iter().map(|_| "allocate a terminal");
        for request in asked.chain([request]) {
            match replies.recv().await {
                Some(Reply::Success) => {}
                Some(Reply::Failure) => return Err(Error::Refused { request }),
                None => return Err(self.session.peer().lost()),
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command on {:?}", self.session)
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
