//! `eic-term forward TARGET -L … -R … -D …`: forwards without a shell, which outlive their connection.

use std::process::ExitCode;
use std::time::Duration;

use eic_term::terminal::Terminations;
use eic_term::{Error, Persistent, PersistentEvent};

use super::args::Forward as Args;
use super::args::{Common, Misuse};
use super::connect;
use super::forwards::{Forward, Through, Wanted};
use super::report::Failure;
use super::ssh::Configured;
use super::ui::Ui;

pub(crate) async fn run(common: &Common, args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let configured = Configured::read(common, &args.target, ui)?;
    let forwardings = configured.forwardings(&args.forwardings);
    let wanted = Wanted::all(&forwardings);
    if wanted.is_empty() {
        return Err(Failure::usage(Misuse::NothingToForward));
    }
    let failed = |source| Failure::new("cannot listen for signals", source);
    let mut terminations = Terminations::listen().map_err(failed)?;
    tokio::select! {
        never = serve(common, args, configured, wanted, ui) => never,
        signal = terminations.next() => Ok(ExitCode::from(128 + signal)),
    }
}

/// Goes on until it is stopped. What fails at the start is an error, also a single forward.
async fn serve(
    common: &Common,
    args: &Args,
    configured: Configured,
    wanted: Vec<Wanted>,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let (first, way) = connect::log_in(common, &args.target, configured, false, ui).await?;
    ui.timeline(first.timeline());
    let make = move || {
        let way = way.clone();
        async move { way.connect().await }
    };
    let teller = ui.clone();
    let persistent = Persistent::new(first, make, move |event| tell(&event, &teller));
    let mut open = Vec::new();
    for one in wanted {
        let through = Through::Persistent(&persistent);
        let forward = through.open(one, args.forwardings.replace_sockets).await?;
        follow(&forward, ui);
        open.push(forward);
    }
    std::future::pending().await
}

/// Says that it is there, and which of its connections fail.
fn follow(forward: &Forward, ui: &Ui) {
    let name = forward.to_string();
    ui.notice(&format!("forwarding {name}"));
    let teller = ui.clone();
    forward.on_refused(move |error| teller.notice(&format!("{name}: {}", words(error))));
}

fn tell(event: &PersistentEvent<'_>, ui: &Ui) {
    match event {
        PersistentEvent::Lost(cause) => {
            ui.notice(&format!("{}; connecting again", words(cause)));
        }
        PersistentEvent::Failed(cause, wait) => {
            ui.failure(&Failure::from(*cause));
            ui.notice(&format!("the next attempt follows in {}", seconds(*wait)));
        }
        PersistentEvent::Restored => ui.notice("connected again"),
        PersistentEvent::Relieved => {
            ui.notice(
                "connected anew before the tunnel's end; old connections finish on the old one",
            );
        }
        PersistentEvent::NotListening(forward, cause, wait) => {
            let wait = seconds(*wait);
            ui.notice(&format!(
                "{forward}: {}; asking again in {wait}",
                words(cause)
            ));
        }
        other => ui.notice(&format!("{other:?}")),
    }
}

/// An error and its causes on one line.
fn words(error: &Error) -> String {
    Failure::from(error).in_one_line()
}

fn seconds(wait: Duration) -> String {
    format!("{} s", wait.as_secs())
}
