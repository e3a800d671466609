//! Whether a person lets others use the connection (`ControlMaster ask`).

use std::process::Stdio;

use tokio::process::Command;

/// The program that asks where nothing else is named.
const USUAL: &str = "ssh-askpass";

/// Asks by the program that `SSH_ASKPASS` names: the terminal is the session's. Without one the answer is no.
pub(super) async fn is_given(question: &str) -> bool {
    let program = std::env::var_os("SSH_ASKPASS").unwrap_or_else(|| USUAL.into());
    let asked = Command::new(program)
        .arg(question)
        .env("SSH_ASKPASS_PROMPT", "confirm")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    asked.await.is_ok_and(|asked| {
        let answer = asked.stdout.trim_ascii();
        asked.status.success() && (answer.is_empty() || answer.eq_ignore_ascii_case(b"yes"))
    })
}
