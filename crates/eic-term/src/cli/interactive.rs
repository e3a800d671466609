//! Interactive sessions: our terminal joined to a remote one.

use std::collections::VecDeque;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use eic_term::terminal::{self, Console, Keyboard, RawTerminal, Resizes, Screen, Terminations};
use eic_term::{Child, ChildStdin, Command, Pty, Session};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::args::Interactive;
use super::display::{Display, Opening};
use super::escape::{Escape, Escapes, Typed};
use super::expiry;
use super::forwards::{Forwards, last_connections};
use super::recording::Recording;
use super::report::{FAILED, Failure};
use super::streams;
use super::term;
use super::ui::Ui;

/// How much of what is typed waits for the network, in bytes; `~.` is still heard then.
const MOST_UNSENT: usize = 4 << 20;
/// How many things we have to say, or are told, may wait.
const SAYINGS: usize = 256;
/// How long a terminal that shows nothing any more is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(1);
/// What stands before a line typed for us, after `~C`.
const PROMPT: &str = "\r\neic-term> ";
/// What is said of the escapes that are for the session.
const SHARED: &str =
    "another process holds this connection: `-O forward` and `-O cancel` ask it for forwards";
/// What to do where the terminal has no raw mode.
const OTHER_TERMINALS: &str = "Windows Terminal or another console of Windows 10 or later; in mintty, `MSYS=enable_pcon` before it starts";

/// Runs a command or shell in a pseudo-terminal like ours. Where the session is another process's there is none.
pub(crate) async fn interact(
    command: Command,
    session: Option<&Session>,
    forwards: Forwards,
    args: &Interactive,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let term = args.term.clone().unwrap_or_else(term::local);
    if let Some(session) = session {
        term::check(session, &term, ui).await;
    }
    let size = terminal::size();
    let recording = match &args.record {
        Some(path) => Some(
            Recording::create(path, args.record_input, size, &term).map_err(|source| {
                Failure::new(format!("cannot record into {}", path.display()), source)
                    .advised("a new file in a folder of yours; a recording replaces none")
            })?,
        ),
        None => None,
    };
    let pty = Pty {
        modes: terminal::modes(),
        ..Pty::new(term, size)
    };
    let (display, opening) = Display::new(recording.clone());
    let command = term::offer_env(command.pty(pty).stdout_to(display));
    let child = command.spawn().await?;
    if let Some(session) = session {
        ui.timeline(session.timeline());
    }
    let escapes = Escapes::new(args.escape_char.unwrap_or_default());
    // They go on while the last connections are waited for.
    let _forwards = forwards.clone();
    let end = attach(
        child,
        session,
        forwards,
        escapes,
        opening,
        recording.clone(),
    )
    .await;
    if let (Some(path), Some(error)) = (&args.record, recording.and_then(|one| one.failure())) {
        ui.notice(&format!(
            "the recording {} was cut short: {error}",
            path.display()
        ));
    }
    Ok(match end? {
        End::Exited(status) => {
            let code = streams::exit_code(&status, ui);
            match session.filter(|_| args.outlasts) {
                Some(session) => last_connections(session, true, ui).await?.unwrap_or(code),
                None => code,
            }
        }
        End::Disconnected => {
            ui.notice("disconnected");
            ExitCode::from(FAILED)
        }
        End::Terminated(signal) => ExitCode::from(128 + signal),
    })
}

/// How an interactive session ends.
enum End {
    Exited(eic_term::ExitStatus),
    Disconnected,
    Terminated(u8),
}

/// Joins the console to the child until either ends; the terminal is left as it was found.
async fn attach(
    child: Child,
    session: Option<&Session>,
    forwards: Forwards,
    escapes: Escapes,
    opening: Opening,
    recording: Option<Recording>,
) -> Result<End, Failure> {
    let console = open_console()?;
    let (notes, told) = mpsc::channel(SAYINGS);
    let mut joined = Joined::new(child, console.keyboard, escapes, recording, notes)?;
    (joined.raw, joined.forwards) = (console.raw, forwards);
    let shown = opening.open(console.screen);
    let saying = AbortOnDropHandle::new(tokio::spawn(shown.clone().say(told)));
    let end = joined.run(console.resizes, session).await;
    drop(saying);
    let mut last = shown.undo();
    if !matches!(end, Ok(End::Exited(_))) {
        // What we say next would stand behind a prompt.
        last.extend(b"\r\n");
    }
    // A terminal that takes nothing any more cannot be helped.
    tokio::time::timeout(PATIENCE, Screen::stdout().show(&last))
        .await
        .ok();
    end
}

fn open_console() -> Result<Console, Failure> {
    Console::open().map_err(|source| {
        let unsupported = source.kind() == io::ErrorKind::Unsupported;
        let failure = Failure::new("cannot switch the terminal to raw mode", source);
        if unsupported {
            failure.advised(OTHER_TERMINALS)
        } else {
            failure
        }
    })
}

/// The two sides and the tasks that join them, which end with it.
struct Joined {
    child: Child,
    raw: Option<RawTerminal>,
    terminations: Terminations,
    said: mpsc::Receiver<Typed>,
    help: String,
    forwards: Forwards,
    notes: mpsc::Sender<String>,
    recording: Option<Recording>,
    _typing: AbortOnDropHandle<()>,
}

impl Joined {
    fn new(
        mut child: Child,
        keyboard: Keyboard,
        escapes: Escapes,
        recording: Option<Recording>,
        notes: mpsc::Sender<String>,
    ) -> Result<Self, Failure> {
        let failed = |source| Failure::new("cannot listen for signals", source);
        let terminations = Terminations::listen().map_err(failed)?;
        let help = escapes.help();
        let (to_us, said) = mpsc::channel(SAYINGS);
        let typing = Typing {
            keyboard,
            escapes,
            recording: recording.clone(),
            to_us,
            unsent: VecDeque::new(),
        };
        let stdin = child.stdin.take();
        Ok(Self {
            child,
            raw: None,
            terminations,
            said,
            help,
            forwards: Forwards::default(),
            notes,
            recording,
            _typing: AbortOnDropHandle::new(tokio::spawn(typing.run(stdin))),
        })
    }

    async fn run(
        mut self,
        mut resizes: Resizes,
        session: Option<&Session>,
    ) -> Result<End, Failure> {
        let expires = session.and_then(Session::expires);
        let announce = expiry::announce(expires, self.notes.clone());
        tokio::pin!(announce);
        let mut announcing = true;
        loop {
            tokio::select! {
                Some(said) = self.said.recv() => match said {
                    Typed::Escape(Escape::Disconnect) => return Ok(End::Disconnected),
                    other => self.hear(other, session).await?,
                },
                size = resizes.next() => self.resize(size).await?,
                signal = self.terminations.next() => return Ok(End::Terminated(signal)),
                status = self.child.wait() => return Ok(End::Exited(status?)),
                () = &mut announce, if announcing => announcing = false,
            }
        }
    }

    async fn resize(&mut self, size: eic_term::WindowSize) -> Result<(), Failure> {
        if let Some(recording) = &self.recording {
            recording.resize(size);
        }
        Ok(self.child.resize(size).await?)
    }

    /// Does what was typed for us.
    async fn hear(&mut self, said: Typed, session: Option<&Session>) -> Result<(), Failure> {
        match said {
            Typed::Escape(Escape::ListForwards) if session.is_none() => self.tell(SHARED),
            Typed::Escape(Escape::Rekey) => match session {
                Some(session) => session.rekey().await?,
                None => self.tell(SHARED),
            },
            Typed::Escape(Escape::Help) => self.tell(&self.help),
            Typed::Escape(Escape::ListForwards) => self.tell(&self.forwards.list().await),
            Typed::Escape(Escape::Prompt) => self.note(PROMPT),
            Typed::Escape(Escape::Suspend) => self.suspend().await,
            Typed::Echo(text) => self.note(&text),
            Typed::Line(line) => match (line, session) {
                (Some(line), Some(session)) => {
                    let answer = self.forwards.obey(&line, session).await;
                    self.tell(&answer);
                }
                (Some(_), None) => self.tell(SHARED),
                (None, _) => self.tell(""),
            },
            Typed::Escape(Escape::Disconnect) | Typed::Keys(_) => {}
        }
        Ok(())
    }

    async fn suspend(&mut self) {
        let Some(raw) = &mut self.raw else {
            return;
        };
        if let Err(error) = raw.suspend().await {
            self.tell(&error.to_string());
        }
    }

    /// Says lines of our own.
    fn tell(&self, lines: &str) {
        self.note(&format!("\r\n{}\r\n", lines.replace('\n', "\r\n")));
    }

    /// Says something of our own, unless much is waiting to be said.
    fn note(&self, text: &str) {
        self.notes.try_send(text.to_owned()).ok();
    }
}

/// Reads keys and sends them on; those that are for us are told, even while the network takes nothing.
struct Typing {
    keyboard: Keyboard,
    escapes: Escapes,
    recording: Option<Recording>,
    to_us: mpsc::Sender<Typed>,
    unsent: VecDeque<u8>,
}

impl Typing {
    /// Goes on until the end of input, or of the command, which takes no more then.
    async fn run(mut self, stdin: Option<ChildStdin>) {
        let Some(mut stdin) = stdin else {
            return;
        };
        let mut open = true;
        while open || !self.unsent.is_empty() {
            tokio::select! {
                biased;
                sent = stdin.write_buf(&mut self.unsent), if !self.unsent.is_empty() => {
                    if sent.is_err() {
                        return;
                    }
                }
                read = self.keyboard.next(), if open && self.unsent.len() < MOST_UNSENT => match read {
                    Some(read) => self.take(&read).await,
                    None => open = false,
                },
            }
        }
        stdin.shutdown().await.ok();
    }

    async fn take(&mut self, read: &[u8]) {
        if self.escapes.pass_all(read) {
            return self.send(read);
        }
        for piece in self.escapes.split(read) {
            let Typed::Keys(keys) = piece else {
                // The other end goes with the session.
                self.to_us.send(piece).await.ok();
                continue;
            };
            self.send(&keys);
        }
    }

    fn send(&mut self, keys: &[u8]) {
        if let Some(recording) = &self.recording {
            recording.input(keys);
        }
        self.unsent.extend(keys);
    }
}
