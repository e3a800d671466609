//! One JSON object a line for all that happens.

use std::io;
use std::time::{Instant, SystemTime};

use data_encoding::BASE64;
use eic_term::ExitStatus;
use eic_term::terminal::Screen;
use serde::Serialize;

use super::event::{Both, Ending, Event, Stream};
use super::lines::Partial;
use super::targets::Host;
use crate::cli::ui::Ui;

/// What happened, when and to which instance.
#[derive(Debug, Serialize)]
struct Line<'a> {
    event: &'static str,
    /// RFC 3339, UTC.
    time: String,
    id: &'a str,
    name: Option<&'a str>,
    #[serde(flatten)]
    detail: Detail,
}

#[derive(Debug, Default, Serialize)]
#[serde(default)]
struct Detail {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Output that is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Output that is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// How long it took from its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
}

/// Prints events.
pub(crate) struct Json {
    screen: Screen,
    /// By the instances' numbers.
    state: Vec<State>,
    ui: Ui,
}

#[derive(Default)]
struct State {
    started: Option<Instant>,
    partial: Both<Partial>,
}

impl Json {
    pub(crate) fn new(hosts: usize, ui: &Ui) -> Self {
        Self {
            screen: Screen::stdout(),
            state: (0..hosts).map(|_| State::default()).collect(),
            ui: ui.clone(),
        }
    }

    pub(crate) async fn take(
        &mut self,
        number: usize,
        host: &Host,
        event: &Event,
    ) -> io::Result<()> {
        let Some(state) = self.state.get_mut(number) else {
            return Ok(());
        };
        let mut text = Vec::new();
        match event {
            Event::Start { address } => {
                state.started = Some(Instant::now());
                let address = Some(address.clone());
                let detail = Detail {
                    address,
                    ..Detail::default()
                };
                add(&mut text, host, "start", detail)?;
            }
            Event::Output(stream, bytes) => {
                let mut lines = Vec::new();
                state
                    .partial
                    .of_mut(*stream)
                    .push(bytes, |line| lines.extend_from_slice(line));
                add_output(&mut text, host, *stream, lines)?;
            }
            Event::End(ending) => {
                for stream in [Stream::Stdout, Stream::Stderr] {
                    let rest = state.partial.of_mut(stream).take().unwrap_or_default();
                    add_output(&mut text, host, stream, rest)?;
                }
                let seconds = state.started.map(|started| started.elapsed().as_secs_f64());
                let (event, detail) = end(ending);
                add(&mut text, host, event, Detail { seconds, ..detail })?;
            }
        }
        self.ui.make_room();
        self.screen.show(&text).await
    }
}

fn add_output(text: &mut Vec<u8>, host: &Host, stream: Stream, bytes: Vec<u8>) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let event = match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    };
    let detail = match String::from_utf8(bytes) {
        Ok(text) => Detail {
            text: Some(text),
            ..Detail::default()
        },
        Err(other) => Detail {
            base64: Some(BASE64.encode(other.as_bytes())),
            ..Detail::default()
        },
    };
    add(text, host, event, detail)
}

fn add(text: &mut Vec<u8>, host: &Host, event: &'static str, detail: Detail) -> io::Result<()> {
    let line = Line {
        event,
        time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        id: &host.id,
        name: host.name.as_deref(),
        detail,
    };
    serde_json::to_writer(&mut *text, &line)?;
    text.push(b'\n');
    Ok(())
}

/// `exit` where the command ended by itself, else `error`.
fn end(ending: &Ending) -> (&'static str, Detail) {
    let message = Some(ending.words());
    match ending {
        Ending::Exited(ExitStatus::Exited(status)) => {
            let status = Some(*status);
            (
                "exit",
                Detail {
                    status,
                    ..Detail::default()
                },
            )
        }
        Ending::Exited(ExitStatus::Signaled { signal, .. }) => {
            let signal = Some(signal.name().to_owned());
            (
                "exit",
                Detail {
                    signal,
                    ..Detail::default()
                },
            )
        }
        _ => (
            "error",
            Detail {
                message,
                ..Detail::default()
            },
        ),
    }
}
