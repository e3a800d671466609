//! `eic-term send-key TARGET --public-key FILE`

use std::path::Path;
use std::process::ExitCode;

use eic_term::Connector;

use super::args::{Common, SendKey};
use super::report::Failure;
use super::settings::Settings;
use super::ui::Ui;

pub(crate) async fn run(common: &Common, args: &SendKey, ui: &Ui) -> Result<ExitCode, Failure> {
    let key = read(&args.public_key)?;
    let settings = Settings::load(common, Some(&args.target))?;
    let connector: Connector = settings.connector(ui).await?;
    let (id, user) = connector.send_key(&args.target, &key).await?;
    ui.notice(&format!("pushed to {user}@{id}: log in within 60 seconds"));
    Ok(ExitCode::SUCCESS)
}

/// Reads the key of a file, in the form in which it is pushed.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let failed = format!("cannot use the public key {}", path.display());
    let text = std::fs::read_to_string(path).map_err(|source| Failure::new(&failed, source))?;
    first_key(&text).ok_or_else(|| {
        Failure::caused(
            failed,
            "it holds no public key in OpenSSH's form, or one that is neither RSA nor Ed25519",
        )
    })
}

/// Takes the first key line without its comment, which AWS counts as part of the key's size.
fn first_key(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim);
    let mut keys =
        lines.filter(|line| line.starts_with("ssh-rsa ") || line.starts_with("ssh-ed25519 "));
    let mut words = keys.next()?.split_whitespace();
    Some(format!("{} {}", words.next()?, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_other_lines_are_left_out() {
        let table = [
            ("ssh-ed25519 AAAA me@here\n", Some("ssh-ed25519 AAAA")),
            ("# mine\n\nssh-rsa BBBB\n", Some("ssh-rsa BBBB")),
            ("ecdsa-sha2-nistp256 CCCC", None),
            ("-----BEGIN OPENSSH PRIVATE KEY-----", None),
        ];
        for (text, expected) in table {
            assert_eq!(first_key(text).as_deref(), expected);
        }
    }
}
