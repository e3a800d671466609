//! Whether a word is a path here or one on an instance.

use std::ffi::OsStr;
use std::path::PathBuf;

use eic_auth::{Target, TargetError};

use crate::cli::place;

/// What a word means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spec {
    /// Standard input or output.
    Stream,
    Local(PathBuf),
    Remote(Target, Vec<u8>),
}

/// How a platform spells its paths.
#[derive(Debug, Clone, Copy)]
pub(super) enum Platform {
    Unix,
    Windows,
}

pub(super) const HERE: Platform = if cfg!(windows) {
    Platform::Windows
} else {
    Platform::Unix
};

/// Reads a word as scp(1) does: what has a colon before any slash is elsewhere.
pub(super) fn parse(word: &OsStr, platform: Platform) -> Result<Spec, TargetError> {
    let bytes = word.as_encoded_bytes();
    if bytes == b"-" {
        return Ok(Spec::Stream);
    }
    let Some(colon) = colon(bytes, platform) else {
        return Ok(Spec::Local(word.into()));
    };
    let (target, path) = bytes.split_at(colon);
    let target = unbracketed(&String::from_utf8_lossy(target)).parse()?;
    Ok(Spec::Remote(
        target,
        path.get(1..).unwrap_or_default().to_vec(),
    ))
}

/// Where a target ends; `None` where there is none.
fn colon(word: &[u8], platform: Platform) -> Option<usize> {
    match (platform, word) {
        (Platform::Unix, word) => place::colon(word, |byte| byte == b'/'),
        (Platform::Windows, [letter, b':', ..]) if letter.is_ascii_alphabetic() => None,
        (Platform::Windows, word) => place::colon(word, |byte| matches!(byte, b'/' | b'\\')),
    }
}

/// Brackets keep a target's own colons together; of an address they are a part.
fn unbracketed(target: &str) -> String {
    let (user, host) = match target.find('[') {
        Some(start) => target.split_at(start),
        None => return target.to_owned(),
    };
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    format!("{user}{}", inner.unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target and a path.
    type Parts = (&'static str, &'static str);

    #[test]
    fn words_on_both_platforms() {
        let here = ("here", "");
        let table: &[(&str, Parts, Parts)] = &[
            ("file", here, here),
            ("a/b:c", here, here),
            ("./web-1:c", here, here),
            ("/a:b", here, here),
            (":b", here, here),
            ("web-1:", ("web-1", ""), ("web-1", "")),
            ("web-1:/etc/x", ("web-1", "/etc/x"), ("web-1", "/etc/x")),
            ("web-1:a:b", ("web-1", "a:b"), ("web-1", "a:b")),
            ("me@web-1:~/x", ("me@web-1", "~/x"), ("me@web-1", "~/x")),
            (
                "i-0123456789abcdef0:x",
                ("i-0123456789abcdef0", "x"),
                ("i-0123456789abcdef0", "x"),
            ),
            ("10.0.0.7:x", ("10.0.0.7", "x"), ("10.0.0.7", "x")),
            (
                "[2001:db8::7]:x",
                ("2001:db8::7", "x"),
                ("2001:db8::7", "x"),
            ),
            (
                "me@[2001:db8::7]:/x",
                ("me@2001:db8::7", "/x"),
                ("me@2001:db8::7", "/x"),
            ),
            ("tag:Role=db:x", ("tag:Role=db", "x"), ("tag:Role=db", "x")),
            (
                "me@tag:Role=db:/x",
                ("me@tag:Role=db", "/x"),
                ("me@tag:Role=db", "/x"),
            ),
            (
                "tag:aws:stack=a:x",
                ("tag:aws:stack=a", "x"),
                ("tag:aws:stack=a", "x"),
            ),
            (
                "[tag:Role=a:b]:x",
                ("tag:Role=a:b", "x"),
                ("tag:Role=a:b", "x"),
            ),
            (
                "Name:10.0.0.7:x",
                ("Name:10.0.0.7", "x"),
                ("Name:10.0.0.7", "x"),
            ),
            ("C:\\x", ("C", "\\x"), here),
            ("C:/x", ("C", "/x"), here),
            ("c:x", ("c", "x"), here),
            ("\\\\server\\share:x", ("\\\\server\\share", "x"), here),
            ("a\\b:c", ("a\\b", "c"), here),
        ];
        for (word, unix, windows) in table {
            for (platform, (target, path)) in [(Platform::Unix, unix), (Platform::Windows, windows)]
            {
                let expected = match *target {
                    "here" => Spec::Local(word.into()),
                    target => Spec::Remote(target.parse().unwrap(), path.as_bytes().to_vec()),
                };
                let spec = parse(OsStr::new(word), platform);
                assert_eq!(spec, Ok(expected), "{word} {platform:?}");
            }
        }
        assert_eq!(parse(OsStr::new("-"), HERE), Ok(Spec::Stream));
        assert!(parse(OsStr::new("me@:x"), HERE).is_err());
    }
}
