//! The X server here that `-X` and `-Y` show to the host: which it is, and what it believes its clients by.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER_PERMISSIVE;
use eic_term::ssh_config::ResolvedOptions;
use eic_term::{Display, Error, X11};
use tokio::process::Command;
use tokio::time::timeout;

use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// How long xauth(1) may take; it waits for the X server.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much longer than we let programs in the X server knows their cookie, in seconds.
const SLACK: u32 = 60;
/// The kind of cookie that can be made.
const MAGIC: &str = "MIT-MAGIC-COOKIE-1";

/// The X server, where one is to be shown; says why there is none.
pub(super) fn display(options: &ResolvedOptions, ui: &Ui) -> Option<Display> {
    let text = std::env::var("DISPLAY").unwrap_or_default();
    match Display::parse(&text) {
        _ if !options.forward_x11 => None,
        None if text.is_empty() => {
            ui.detail("X11 forwarding requested but DISPLAY not set");
            None
        }
        None => {
            ui.notice(&format!(
                "DISPLAY \"{text}\" invalid; disabling X11 forwarding"
            ));
            None
        }
        display => display,
    }
}

/// The X server with what it believes its clients by: for programs that are not trusted a cookie of their own, which
/// keeps them from the others' windows.
pub(super) async fn shown(options: &ResolvedOptions, ui: &Ui) -> Option<X11> {
    let display = display(options, ui)?;
    let name = display.authority_name();
    let teller = ui.clone();
    let x11 = X11::new(display).on_refused(move |error| tell(error, &teller));
    if options.forward_x11_trusted {
        let listed = xauth(options, &["list", &name]).await;
        if let Some((protocol, cookie)) = listed.as_deref().and_then(first) {
            return Some(x11.authority(protocol, cookie));
        }
        ui.notice("Warning: No xauth data; using fake authentication data for X11 forwarding.");
        return Some(x11);
    }
    let Some((protocol, cookie)) = generated(options, &name).await else {
        ui.notice("Warning: untrusted X11 forwarding setup failed: xauth key data not generated");
        return None;
    };
    let x11 = x11.authority(protocol, cookie);
    Some(match options.forward_x11_timeout {
        0 => x11,
        seconds => x11.until(Instant::now() + Duration::from_secs(seconds.into())),
    })
}

/// Says what becomes of a program on the host. The terminal may be in raw mode.
fn tell(error: &Error, ui: &Ui) {
    match error {
        Error::Refused { .. } => ui.notice("X11 forwarding request failed"),
        other => {
            let said = Failure::from(other).in_one_line();
            ui.notice(&format!("X11: {said}\r"));
        }
    }
}

/// Has the X server make a cookie for programs that it does not trust.
async fn generated(options: &ResolvedOptions, name: &str) -> Option<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().ok()?;
    let file = folder.path().join("xauthfile").display().to_string();
    let seconds = options
        .forward_x11_timeout
        .saturating_add(SLACK)
        .to_string();
    let mut generate = vec!["-f", &file, "generate", name, MAGIC, "untrusted"];
    if options.forward_x11_timeout > 0 {
        generate.extend(["timeout", &seconds]);
    }
    xauth(options, &generate).await?;
    let listed = xauth(options, &["-f", &file, "list", name]).await?;
    first(&listed)
}

/// What xauth(1) says, where it succeeds.
async fn xauth(options: &ResolvedOptions, words: &[&str]) -> Option<String> {
    // On other systems than the one whose default it is, the search path knows where it is.
    let named = Path::new(&options.xauth_location);
    let program = if named.exists() {
        named
    } else {
        Path::new("xauth")
    };
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).kill_on_drop(true);
    let ran = timeout(PATIENCE, command.output()).await;
    match ran {
        Ok(Ok(output)) if output.status.success() => String::from_utf8(output.stdout).ok(),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            tracing::debug!(?words, %said, "xauth failed");
            None
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "No xauth program.");
            None
        }
        Err(_) => None,
    }
}

/// The protocol and the cookie of the first line: a display, a protocol, and hexadecimal digits.
fn first(listed: &str) -> Option<(String, Vec<u8>)> {
    let mut words = listed.lines().next()?.split_whitespace();
    let (_, protocol, cookie) = (words.next()?, words.next()?, words.next()?);
    let cookie = HEXLOWER_PERMISSIVE.decode(cookie.as_bytes()).ok()?;
    Some((protocol.to_owned(), cookie))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xauth_lists() {
        for (listed, expected) in [
            (
                "host/unix:0  MIT-MAGIC-COOKIE-1  00fF10\nhost:0 X 11\n",
                Some((MAGIC, vec![0, 255, 16])),
            ),
            (
                "#ffff#6f#:9  MIT-MAGIC-COOKIE-1  01",
                Some((MAGIC, vec![1])),
            ),
            ("", None),
            ("\n", None),
            ("host:0 MIT-MAGIC-COOKIE-1", None),
            ("host:0 MIT-MAGIC-COOKIE-1 0", None),
            ("host:0 MIT-MAGIC-COOKIE-1 xy", None),
        ] {
            let expected = expected.map(|(protocol, data)| (protocol.to_owned(), data));
            assert_eq!(first(listed), expected, "{listed}");
        }
    }
}
