//! `eic-term exec TARGET -- CMD…`

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use eic_auth::Target;
use eic_term::Destination;

use super::args::{Common, Exec, Misuse};
use super::fleet::{Feed, TIMED_OUT};
use super::forwards::Forwards;
use super::report::{Failure, INTERRUPTED};
use super::ssh::Configured;
use super::streams::Input;
use super::ui::Ui;
use super::{connect, fleet, interactive, picker, streams};

pub(crate) async fn run(common: &Common, mut args: Exec, ui: &Ui) -> Result<ExitCode, Failure> {
    if args.target.is_empty() && !args.several.names_some() {
        if !picker::can_pick(ui) {
            return Err(Failure::usage(Misuse::NoTarget));
        }
        for id in picker::pick(common, true).await? {
            args.target.push(connect::picked_target(None, &id)?);
        }
        if args.target.is_empty() {
            return Ok(ExitCode::from(INTERRUPTED));
        }
    }
    run_on(common, &args, ui).await
}

async fn run_on(common: &Common, args: &Exec, ui: &Ui) -> Result<ExitCode, Failure> {
    let [target] = &*args.target else {
        return Box::pin(fleet::run(common, args, ui)).await;
    };
    if fleet::means_several(&args.target, &args.several) {
        return Box::pin(fleet::run(common, args, ui)).await;
    }
    on(common, target, None, args, ui).await
}

/// Runs the command on one instance, of which it may be known where it is.
pub(crate) async fn on(
    common: &Common,
    target: &Target,
    to: Option<Destination>,
    args: &Exec,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let configured = Configured::read(common, target, ui)?;
    let with_pty = configured.wants_pty(&args.interactive, false, io::stdin().is_terminal());
    let (session, way) = connect::log_in_at(common, target, to, configured, with_pty, ui).await?;
    let configured = &way.configured;
    let forwardings = configured.forwardings(&args.forwardings);
    let forwards = Forwards::open(&forwardings, &session, ui).await?;
    let with_input = !args.no_stdin && args.several.script.as_deref() != Some("-".as_ref());
    let script = args.several.script.as_deref();
    let script = script.map(fleet::read_script).transpose()?;
    let command = match &script {
        Some(script) => fleet::script_command(script, &args.command, with_input),
        None => join_words(&args.command),
    };
    let command = configured.equip(session.command(command));
    let command = args.interactive.lend_agent(command)?;
    if with_pty {
        let interactive = configured.interactive(&args.interactive);
        return interactive::interact(command, Some(&session), forwards, &interactive, ui).await;
    }
    let child = command.spawn().await?;
    ui.timeline(session.timeline());
    let input = match script {
        Some(script) => Input::Feed(Feed::new(script, with_input)),
        None if with_input => Input::Ours,
        None => Input::None,
    };
    let joined = streams::join(child, input, ui);
    let Some(limit) = args.several.timeout else {
        return joined.await;
    };
    match tokio::time::timeout(limit, joined).await {
        Ok(ended) => ended,
        Err(_) => {
            ui.notice(&format!(
                "the command took longer than {} s",
                limit.as_secs_f64()
            ));
            Ok(ExitCode::from(TIMED_OUT))
        }
    }
}

/// Joins words by spaces, as ssh(1) does: the remote shell reads them, not ours.
pub(crate) fn join_words(words: &[OsString]) -> Vec<u8> {
    let words: Vec<_> = words.iter().map(|word| word.as_encoded_bytes()).collect();
    words.join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_unquoted() {
        assert_eq!(join_words(&["echo".into(), "a  b;".into()]), b"echo a  b;");
    }
}
