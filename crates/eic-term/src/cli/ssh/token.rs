//! Signatures of security tokens (FIDO), made by OpenSSH's ssh-sk-helper(8): whoever has such a key has that too.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use eic_term::ssh_config::ResolvedOptions;
use eic_term::{Cause, Error, HostKey, Identity, SecurityKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OnceCell;

use super::platform;
use crate::cli::identities;
use crate::cli::ui::Ui;

/// The helper's protocol (OpenSSH's sk-api.h and ssh-sk-helper.c).
const VERSION: u8 = 5;
const ERROR: u32 = 0;
const SIGN: u32 = 1;
/// OpenSSH's number for a passphrase, or here a PIN, that is missing or wrong.
const WRONG_PIN: u32 = 43;
/// How long a person may take to touch the token.
const PERSON: Duration = Duration::from_secs(60);
/// How long an answer may be, in bytes.
const LONGEST: usize = 64 << 10;

/// A token's key, of which a file tells.
struct Token {
    path: PathBuf,
    provider: String,
    ui: Ui,
    key: OnceCell<SecurityKey>,
}

/// The key that a file tells of; `None` where it is no token's.
pub(super) fn identity(
    path: &Path,
    public: &str,
    options: &ResolvedOptions,
    ui: &Ui,
) -> Option<Identity> {
    if !public.starts_with("sk-") {
        return None;
    }
    let token = Arc::new(Token {
        path: path.to_owned(),
        provider: provider(&options.security_key_provider),
        ui: ui.clone(),
        key: OnceCell::new(),
    });
    let sign = move |data| {
        let token = token.clone();
        async move { token.sign(data).await }
    };
    Identity::signed_by(public, sign).ok()
}

/// What speaks with tokens: a library, or the helper's own way; `$NAME` is a variable.
fn provider(named: &str) -> String {
    match named.strip_prefix('$') {
        Some(name) => env::var(name).unwrap_or_default(),
        None => named.to_owned(),
    }
}

impl Token {
    async fn sign(&self, data: Vec<u8>) -> Result<Vec<u8>, Cause> {
        let key = self.key.get_or_try_init(|| self.open()).await?;
        let name = HostKey::parse(key.public_line()).map(|key| key.to_string());
        let name = name.unwrap_or_default();
        let mut pin = None;
        if key.wants_pin() {
            pin = self.pin(&name).await;
        }
        loop {
            if key.wants_touch() {
                self.ui
                    .notice(&format!("Confirm user presence for key {name}"));
            }
            let request = request(
                key.description(),
                &self.provider,
                &data,
                pin.as_ref().map(|pin| pin.as_str()),
            );
            let answered = tokio::time::timeout(PERSON, converse(&request)).await;
            let answer = answered.map_err(|_| "the security key did not answer")??;
            match read(&answer)? {
                Ok(signature) => return Ok(signature),
                Err(WRONG_PIN) if pin.is_none() => match self.pin(&name).await {
                    None => return Err("the security key wants a PIN".into()),
                    given => pin = given,
                },
                Err(WRONG_PIN) => return Err("the PIN is not the security key's".into()),
                Err(number) => return Err(format!("ssh-sk-helper: error {number}").into()),
            }
        }
    }

    async fn open(&self) -> Result<SecurityKey, Cause> {
        let text = std::fs::read_to_string(&self.path)?;
        let key = match SecurityKey::parse(&text, None) {
            Err(Error::Passphrase { .. }) => {
                let parse = |passphrase: &str| {
                    identities::opened(SecurityKey::parse(&text, Some(passphrase)))
                };
                let asked = identities::with_passphrase(&self.path, &self.ui, parse).await;
                asked.map_err(|failure| failure.in_one_line())?
            }
            parsed => parsed?,
        };
        key.ok_or_else(|| "it is no key of a security token".into())
    }

    async fn pin(&self, name: &str) -> Option<zeroize::Zeroizing<String>> {
        let prompt = format!("Enter PIN for {name}: ");
        self.ui.ask(&prompt, false).await.ok()?
    }
}

fn request(key: &[u8], provider: &str, data: &[u8], pin: Option<&str>) -> Vec<u8> {
    let mut body = vec![VERSION];
    body.extend(SIGN.to_be_bytes());
    // It says nothing but errors, on standard error.
    body.push(1);
    body.extend(1_u32.to_be_bytes());
    for text in [key, provider.as_bytes(), data, b""] {
        push(&mut body, text);
    }
    body.extend(0_u32.to_be_bytes());
    push(&mut body, pin.unwrap_or_default().as_bytes());
    let mut request = Vec::new();
    push(&mut request, &body);
    request
}

fn push(into: &mut Vec<u8>, text: &[u8]) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    into.extend(length.to_be_bytes());
    into.extend(text);
}

/// The signature, or the helper's number for what is wrong.
fn read(answer: &[u8]) -> Result<Result<Vec<u8>, u32>, Cause> {
    let word = |bytes: &[u8]| bytes.first_chunk().copied().map(u32::from_be_bytes);
    let (version, rest) = answer.split_first().ok_or("ssh-sk-helper said nothing")?;
    if *version != VERSION {
        return Err(format!("ssh-sk-helper speaks version {version} of its protocol").into());
    }
    let kind = word(rest);
    let rest = rest.get(4..).unwrap_or_default();
    let number = word(rest);
    match (kind, number, rest.get(4..)) {
        (Some(ERROR), Some(number), _) => Ok(Err(number)),
        (Some(SIGN), Some(length), Some(signature)) if signature.len() == length as usize => {
            Ok(Ok(signature.to_vec()))
        }
        _ => Err("ssh-sk-helper is not understood".into()),
    }
}

/// Starts the helper, asks it and takes its answer.
async fn converse(request: &[u8]) -> Result<Vec<u8>, Cause> {
    let named = env::var_os("SSH_SK_HELPER").filter(|path| !path.is_empty());
    let usual = || platform::SK_HELPERS.iter().map(PathBuf::from);
    let program = named
        .map(PathBuf::from)
        .or_else(|| usual().find(|path| path.exists()));
    let program =
        program.ok_or("a security key needs OpenSSH's ssh-sk-helper, which is not there")?;
    let mut child = tokio::process::Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let (Some(mut to), Some(mut from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("ssh-sk-helper has no streams".into());
    };
    to.write_all(request).await?;
    let length = from.read_u32().await? as usize;
    if length > LONGEST {
        return Err("ssh-sk-helper is not understood".into());
    }
    let mut answer = vec![0; length];
    from.read_exact(&mut answer).await?;
    drop(to);
    child.wait().await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_helper_is_asked_and_answers() {
        let asked = request(b"key", "internal", b"data", Some("1234"));
        assert_eq!(asked.first_chunk(), Some(&50_u32.to_be_bytes()));
        assert_eq!(asked.len(), 54);
        for (answer, expected) in [
            (&b"\x05\0\0\0\x01\0\0\0\x02ab"[..], "Ok(Ok([97, 98]))"),
            (b"\x05\0\0\0\0\0\0\0\x2b", "Ok(Err(43))"),
            (b"\x05\0\0\0\x01\0\0\0\x09ab", "not understood"),
            (b"\x05", "not understood"),
            (b"\x06\0\0\0\0\0\0\0\x2b", "version 6"),
            (b"", "said nothing"),
        ] {
            let read = format!("{:?}", read(answer));
            assert!(read.contains(expected), "{read}");
        }
    }
}
