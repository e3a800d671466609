//! `[USER@]TARGET:PATH`, taken apart: pure.

/// Where the host begins, behind the user's `@`; no user has a colon in it.
pub(crate) fn start_of_host(word: &[u8]) -> usize {
    let first = word.iter().position(|byte| *byte == b':');
    let before = word.get(..first.unwrap_or(word.len())).unwrap_or_default();
    let at = before.iter().rposition(|byte| *byte == b'@');
    at.map_or(0, |at| at + 1)
}

/// The colon that ends the target; `None` where there is none, as a path here has a separator before any colon.
///
/// Brackets keep a target's own colons together. A tag's key may have some, and its value ends with the next.
pub(crate) fn colon(word: &[u8], is_separator: impl Fn(u8) -> bool) -> Option<usize> {
    let first = word.iter().position(|byte| *byte == b':')?;
    let (before, _) = word.split_at(first);
    let (user, host) = word.split_at(start_of_host(word));
    if host.first() == Some(&b'[') && !user.contains(&b'/') {
        let end = host.windows(2).position(|pair| pair == b"]:")?;
        return Some(user.len() + end + 1);
    }
    if before.is_empty() || before.iter().any(|byte| is_separator(*byte)) {
        return None;
    }
    let skip = match before.get(user.len()..)? {
        b"tag" => host.iter().position(|byte| *byte == b'=')?,
        b"Name" => b"Name:".len(),
        _ => return Some(first),
    };
    let (_, rest) = host.split_at(skip);
    Some(user.len() + skip + rest.iter().position(|byte| *byte == b':')?)
}
