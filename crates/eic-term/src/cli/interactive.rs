//! Interactive sessions: our terminal joined to a remote one.

use std::collections::VecDeque;
use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eic_term::terminal::{
    self, Console, Keyboard, Leftovers, RawTerminal, Resizes, Screen, Terminations,
};
use eic_term::{Child, ChildOutput, ChildStdin, Command, Pty, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::args::Interactive;
use super::escape::{Escape, Escapes, Typed};
use super::expiry;
use super::forwards::{Forwards, last_connections};
use super::recording::Recording;
use super::report::{FAILED, Failure};
use super::streams;
use super::term;
use super::ui::Ui;

/// How far the host may be ahead of the terminal, in bytes: 3 MB/s at 80 ms of round trip, and soon shown.
pub(crate) const WINDOW: u32 = 256 << 10;
/// How much output is shown at once, in bytes.
const BUFFER: usize = 64 << 10;
/// How much of what is typed waits for the network, in bytes; `~.` is still heard then.
const MOST_UNSENT: usize = 4 << 20;
/// How many things we have to say, or are told, may wait.
const SAYINGS: usize = 256;
/// How long the output has been quiet when we say something of our own: not in the middle of a sequence.
const QUIET: Duration = Duration::from_millis(50);
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
    let child = term::offer_env(command.pty(pty)).spawn().await?;
    if let Some(session) = session {
        ui.timeline(session.timeline());
    }
    let escapes = Escapes::new(args.escape_char.unwrap_or_default());
    // They go on while the last connections are waited for.
    let _forwards = forwards.clone();
    let end = attach(child, session, forwards, escapes, recording.clone()).await;
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
    recording: Option<Recording>,
) -> Result<End, Failure> {
    let console = open_console()?;
    let leftovers = Arc::new(Mutex::new(Leftovers::default()));
    let mut joined = Joined::new(child, console, escapes, recording, leftovers.clone())?;
    joined.forwards = forwards;
    let end = joined.run(session).await;
    let mut last = leftovers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .undo();
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
    resizes: Resizes,
    terminations: Terminations,
    said: mpsc::Receiver<Typed>,
    help: String,
    forwards: Forwards,
    notes: mpsc::Sender<String>,
    recording: Option<Recording>,
    shown: AbortOnDropHandle<io::Result<()>>,
    _typing: AbortOnDropHandle<()>,
}

impl Joined {
    fn new(
        mut child: Child,
        console: Console,
        escapes: Escapes,
        recording: Option<Recording>,
        leftovers: Arc<Mutex<Leftovers>>,
    ) -> Result<Self, Failure> {
        let failed = |source| Failure::new("cannot listen for signals", source);
        let terminations = Terminations::listen().map_err(failed)?;
        let help = escapes.help();
        let (to_us, said) = mpsc::channel(SAYINGS);
        let (notes, told) = mpsc::channel(SAYINGS);
        let typing = Typing {
            keyboard: console.keyboard,
            escapes,
            recording: recording.clone(),
            to_us,
            unsent: VecDeque::new(),
        };
        let stdin = child.stdin.take();
        let output = child.stdout.take();
        let show = Show {
            screen: console.screen,
            told,
            leftovers,
            recording: recording.clone(),
            note: None,
        };
        Ok(Self {
            child,
            raw: console.raw,
            resizes: console.resizes,
            terminations,
            said,
            help,
            forwards: Forwards::default(),
            notes,
            recording,
            shown: AbortOnDropHandle::new(tokio::spawn(show.run(output))),
            _typing: AbortOnDropHandle::new(tokio::spawn(typing.run(stdin))),
        })
    }

    async fn run(mut self, session: Option<&Session>) -> Result<End, Failure> {
        let expires = session.and_then(Session::expires);
        let announce = expiry::announce(expires, self.notes.clone());
        tokio::pin!(announce);
        let mut showing = true;
        let mut announcing = true;
        loop {
            tokio::select! {
                Some(said) = self.said.recv() => match said {
                    Typed::Escape(Escape::Disconnect) => return Ok(End::Disconnected),
                    other => self.hear(other, session).await?,
                },
                _ = &mut self.shown, if showing => showing = false,
                size = self.resizes.next() => self.resize(size).await?,
                signal = self.terminations.next() => return Ok(End::Terminated(signal)),
                status = self.child.wait(), if !showing => return Ok(End::Exited(status?)),
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
        for piece in self.escapes.split(read) {
            let Typed::Keys(keys) = piece else {
                // The other end goes with the session.
                self.to_us.send(piece).await.ok();
                continue;
            };
            if let Some(recording) = &self.recording {
                recording.input(&keys);
            }
            self.unsent.extend(keys);
        }
    }
}

/// What shows the output, and between it what we have to say ourselves.
struct Show {
    screen: Screen,
    told: mpsc::Receiver<String>,
    leftovers: Arc<Mutex<Leftovers>>,
    recording: Option<Recording>,
    /// What waits for a quiet moment to be said.
    note: Option<String>,
}

impl Show {
    async fn run(mut self, output: Option<ChildOutput>) -> io::Result<()> {
        let Some(mut output) = output else {
            return Ok(());
        };
        let mut buffer = vec![0; BUFFER];
        loop {
            tokio::select! {
                biased;
                read = output.read(&mut buffer) => match read? {
                    0 => return Ok(()),
                    count => self.show(buffer.get(..count).unwrap_or_default()).await?,
                },
                Some(note) = self.told.recv(), if self.note.is_none() => self.note = Some(note),
                () = tokio::time::sleep(QUIET), if self.note.is_some() => self.say().await?,
            }
        }
    }

    /// Says all that there is to say.
    async fn say(&mut self) -> io::Result<()> {
        let mut text = self.note.take().unwrap_or_default();
        while let Ok(more) = self.told.try_recv() {
            text += &more;
        }
        self.screen.show(text.as_bytes()).await
    }

    async fn show(&mut self, output: &[u8]) -> io::Result<()> {
        self.leftovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .follow(output);
        self.screen.show(output).await?;
        if let Some(recording) = &self.recording {
            recording.output(output);
        }
        Ok(())
    }
}
