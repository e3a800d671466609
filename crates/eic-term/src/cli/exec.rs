//! `eic-term exec TARGET -- CMD…`

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use super::args::{Common, Exec};
use super::forwards::Forwards;
use super::report::Failure;
use super::ssh::Configured;
use super::ui::Ui;
use super::{connect, interactive, streams};

pub(crate) async fn run(common: &Common, args: &Exec, ui: &Ui) -> Result<ExitCode, Failure> {
    let configured = Configured::read(common, &args.target, ui)?;
    let is_terminal = io::stdin().is_terminal();
    let with_pty = configured.wants_pty(&args.interactive, false, is_terminal);
    let (session, way) = connect::log_in(common, &args.target, configured, with_pty, ui).await?;
    let configured = &way.configured;
    let forwardings = configured.forwardings(&args.forwardings);
    let forwards = Forwards::open(&forwardings, &session, ui).await?;
    let command = configured.equip(session.command(join_words(&args.command)));
    let command = args.interactive.lend_agent(command)?;
    if with_pty {
        let interactive = configured.interactive(&args.interactive);
        return interactive::interact(command, Some(&session), forwards, &interactive, ui).await;
    }
    let child = command.spawn().await?;
    ui.timeline(session.timeline());
    streams::join(child, args.no_stdin, ui).await
}

/// Joins words by spaces, as ssh(1) does: the remote shell reads them, not ours.
fn join_words(words: &[OsString]) -> Vec<u8> {
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
