//! `eic-term cp SRC… DST`

mod args;
mod location;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use eic_auth::Target;
use eic_term::files::{
    Host, Location, SftpError, Summary, Transfer, TransferError, TransferEvent, TransferOptions,
};
use eic_term::terminal::{self, Terminations};
use serde_json::json;

pub(crate) use args::Cp;
use location::Spec;

use super::args::{Common, Misuse};
use super::connect;
use super::copying::{Failures, SharedMeter, bytes, per_second, show};
use super::report::Failure;
use super::ssh::Configured;
use super::ui::Ui;

/// The exit code where something was not copied.
const INCOMPLETE: u8 = 1;

pub(crate) async fn run(common: &Common, args: &Cp, ui: &Ui) -> Result<ExitCode, Failure> {
    let words = args.sources.iter().chain([&args.target]);
    let specs: Vec<_> = words.map(|word| read(word)).collect::<Result<_, _>>()?;
    if !specs.iter().any(|spec| matches!(spec, Spec::Remote(..))) {
        return Err(Failure::usage(Misuse::NothingRemote));
    }
    let failed = |source| Failure::new("cannot listen for signals", source);
    let mut terminations = Terminations::listen().map_err(failed)?;
    let to_stdout = specs.last() == Some(&Spec::Stream);
    let mut locations = tokio::select! {
        locations = locate(common, specs, ui) => locations?,
        signal = terminations.next() => return Ok(ExitCode::from(128 + signal)),
    };
    let Some(target) = locations.pop() else {
        return Err(Failure::usage(Misuse::NothingRemote));
    };
    let transfer = Transfer::new(locations, target, options(args));
    let meter = SharedMeter::default();
    let transfer = transfer.on_event(teller(args, meter.clone(), ui.clone()));
    let shown =
        (!(to_stdout && io::stdout().is_terminal())).then(|| ui.meter(move || meter.line()));
    let mut ended_by = None;
    let cancel = async { ended_by = Some(terminations.next().await) };
    let summary = transfer.run_until(cancel).await;
    drop(shown);
    let summary = summary.map_err(|error| failure(args, error))?;
    report(args, &summary, ui)?;
    Ok(match ended_by.filter(|_| summary.cancelled) {
        Some(signal) => ExitCode::from(128 + signal),
        None if summary.failed > 0 => ExitCode::from(INCOMPLETE),
        None => ExitCode::SUCCESS,
    })
}

fn read(word: &OsStr) -> Result<Spec, Failure> {
    let wrong = |source| Failure::new(format!("cannot read `{}`", word.display()), source);
    location::parse(word, location::HERE).map_err(wrong)
}

fn options(args: &Cp) -> TransferOptions {
    let mut options = TransferOptions::default();
    options.recursive = args.recursive;
    options.preserve = args.preserve;
    options.follow = args.dereference;
    options.in_place = args.inplace;
    options.resume = args.resume;
    options.dry_run = args.dry_run;
    options.limit_rate = args.limit_rate;
    let exclude = args.exclude.iter();
    options.exclude = exclude
        .map(|word| word.as_encoded_bytes().to_vec())
        .collect();
    options
}

/// Logs in to every target once.
async fn locate(common: &Common, specs: Vec<Spec>, ui: &Ui) -> Result<Vec<Location>, Failure> {
    let mut hosts: HashMap<Target, Host> = HashMap::new();
    let mut locations = Vec::new();
    let target = specs.len().saturating_sub(1);
    for (position, spec) in specs.into_iter().enumerate() {
        locations.push(match spec {
            Spec::Stream if position == target => Location::output(tokio::io::stdout()),
            Spec::Stream => Location::input(terminal::input()),
            Spec::Local(path) => Location::local(path),
            Spec::Remote(target, path) => {
                let host = match hosts.get(&target) {
                    Some(host) => host.clone(),
                    None => log_in(common, &target, ui).await?,
                };
                let location = Location::remote(&host, path);
                hosts.insert(target, host);
                location
            }
        });
    }
    Ok(locations)
}

/// Logs in, and again when the connection is lost.
async fn log_in(common: &Common, target: &Target, ui: &Ui) -> Result<Host, Failure> {
    let configured = Configured::read(common, target, ui)?;
    let (session, way) = connect::log_in(common, target, configured, false, ui).await?;
    ui.timeline(session.timeline());
    let (target, ui) = (target.clone(), ui.clone());
    Ok(Host::persistent(session, move || {
        let (way, target, ui) = (way.clone(), target.clone(), ui.clone());
        async move {
            ui.notice(&format!(
                "the connection to {target} was lost; connecting again"
            ));
            way.connect().await
        }
    }))
}

/// What is said of each event.
fn teller(args: &Cp, meter: SharedMeter, ui: Ui) -> impl FnMut(TransferEvent<'_>) + Send + 'static {
    let (as_json, dry) = (args.json, args.dry_run);
    let mut failures = Failures::default();
    move |event| {
        meter.hear(&event);
        if let TransferEvent::Failed { path, error } = &event {
            let what = format!("cannot copy {}", show(path));
            if !failures.tell(what, error, advice(error), &ui) {
                return;
            }
        }
        if let TransferEvent::NoSftp = &event {
            ui.notice("the server has no SFTP subsystem; its tar copies instead");
        }
        if as_json {
            // Nothing is left to do where standard output is gone.
            json_of(&event)
                .iter()
                .for_each(|json| drop(ui.result(json)));
        } else if let Some(text) = words(&event) {
            if dry {
                drop(ui.result(&text))
            } else {
                ui.detail(&text)
            }
        }
    }
}

fn words(event: &TransferEvent<'_>) -> Option<String> {
    Some(match event {
        TransferEvent::Copied { path, size } => format!("{}  {}", show(path), bytes(*size)),
        TransferEvent::Linked { path } => format!("{}  link", show(path)),
        TransferEvent::Unchanged { path, .. } => format!("{}  is there", show(path)),
        _ => return None,
    })
}

fn json_of(event: &TransferEvent<'_>) -> Option<String> {
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let json = match event {
        TransferEvent::Copied { path, size } => {
            json!({"event": "copied", "path": text(path), "size": size})
        }
        TransferEvent::Linked { path } => json!({"event": "linked", "path": text(path)}),
        TransferEvent::Unchanged { path, size } => {
            json!({"event": "unchanged", "path": text(path), "size": size})
        }
        TransferEvent::Failed { path, error } => {
            json!({"event": "failed", "path": text(path), "error": error.to_string()})
        }
        _ => return None,
    };
    Some(json.to_string())
}

fn report(args: &Cp, summary: &Summary, ui: &Ui) -> Result<(), Failure> {
    let seconds = summary.took.as_secs_f64();
    if args.json {
        let json = json!({
            "event": "end", "files": summary.files, "folders": summary.folders, "links": summary.links,
            "unchanged": summary.unchanged, "failed": summary.failed, "bytes": summary.bytes,
            "seconds": seconds, "cancelled": summary.cancelled,
        });
        return ui.result(&json.to_string());
    }
    ui.notice(&in_words(summary, args.dry_run));
    Ok(())
}

/// The last line.
fn in_words(summary: &Summary, dry_run: bool) -> String {
    let seconds = summary.took.as_secs_f64();
    let verb = if dry_run { "would copy" } else { "copied" };
    let mut said = format!("{verb} {}", counted(summary.files, "file"));
    for (count, what) in [(summary.folders, "folder"), (summary.links, "link")] {
        if count > 0 {
            said.push_str(&format!(", {}", counted(count, what)));
        }
    }
    if !dry_run {
        let rate = bytes(per_second(summary.bytes, seconds));
        said.push_str(&format!(
            ", {} in {seconds:.1} s ({rate}/s)",
            bytes(summary.bytes)
        ));
    }
    if summary.unchanged > 0 {
        said.push_str(&format!("; {} there already", summary.unchanged));
    }
    if summary.failed > 0 {
        said.push_str(&format!("; {} failed", summary.failed));
    }
    if summary.cancelled {
        said.push_str("; stopped");
    }
    said
}

fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// What ends all of it.
fn failure(args: &Cp, error: TransferError) -> Failure {
    let is_cut = matches!(error, TransferError::Cut(_));
    if let (false, Some(SftpError::Session(error))) = (is_cut, error.remote()) {
        return Failure::from(&**error);
    }
    let lost = error.remote().is_some_and(SftpError::is_lost);
    let target = show(args.target.as_encoded_bytes());
    let what = format!("cannot copy to {target}");
    let mut failure = Failure::new(what, &error).advised_by(advice(&error));
    if !lost {
        failure.exit_code = INCOMPLETE;
    }
    failure
}

/// What to do about it, where the error does not say.
fn advice(error: &TransferError) -> Option<&'static str> {
    use eic_term::files::StatusCode;
    if let TransferError::Writing(error) = error {
        return advice(error);
    }
    match error {
        TransferError::Remote(error) => match (error, error.code()) {
            (_, Some(StatusCode::PERMISSION_DENIED)) => Some(
                "a user who may; --inplace, where the file may be written to but not its folder",
            ),
            (SftpError::NoSubsystem, _) => {
                Some("`Subsystem sftp internal-sftp` in its sshd_config")
            }
            _ => None,
        },
        TransferError::Local(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Some("another folder; --inplace, where the file may be written to but not its folder")
        }
        TransferError::NeedsSftp(_) | TransferError::Cut(_) => {
            Some("`Subsystem sftp internal-sftp` in its sshd_config")
        }
        TransferError::NoMatch => {
            Some("quotes around the pattern, so that the shell here leaves it alone")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line() {
        let mut summary = Summary::default();
        summary.files = 1;
        summary.bytes = 3 << 20;
        summary.took = std::time::Duration::from_secs(2);
        assert_eq!(
            in_words(&summary, false),
            "copied 1 file, 3.0 MiB in 2.0 s (1.5 MiB/s)"
        );
        summary.files = 2;
        summary.folders = 1;
        summary.failed = 1;
        summary.cancelled = true;
        assert_eq!(
            in_words(&summary, false),
            "copied 2 files, 1 folder, 3.0 MiB in 2.0 s (1.5 MiB/s); 1 failed; stopped"
        );
        assert_eq!(in_words(&Summary::default(), true), "would copy 0 files");
    }
}
