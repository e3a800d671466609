//! A setting's value.

use super::forward::Forward;
use super::jump::{self, Hop};

/// A value, taken apart as far as its keyword asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// One of the words that are allowed.
    Word(&'static str),
    /// A number; seconds of a time.
    Number(i64),
    /// Anything.
    Text(String),
    /// Words.
    List(Vec<String>),
    /// Names of the environment to send; one that starts with `-` takes back what matches.
    Patterns(Vec<String>),
    /// Forwards.
    Forwards(Vec<Forward>),
    /// Hosts on the way; none where there is to be no way round.
    Hops(Vec<Hop>),
    /// Bytes and seconds after which new keys are made; each can be set on its own.
    Rekey(Option<i64>, Option<i64>),
    /// A path that a flag that is on can be made more precise by.
    Path(String),
}

impl Value {
    /// What holds once this was said first and that later: mostly the first.
    pub(super) fn join(self, later: Self) -> Self {
        match (self, later) {
            (Self::Patterns(first), Self::Patterns(later)) => {
                Self::Patterns(send_also(first, later))
            }
            (Self::Forwards(first), Self::Forwards(later)) => Self::Forwards(both(first, later)),
            (Self::Rekey(bytes, seconds), Self::Rekey(more_bytes, more_seconds)) => {
                Self::Rekey(bytes.or(more_bytes), seconds.or(more_seconds))
            }
            (Self::Word("yes"), path @ Self::Path(_)) => path,
            (first, _) => first,
        }
    }

    /// What names to send are taken back from at first.
    pub(super) fn nothing_like(value: &Self) -> Option<Self> {
        matches!(value, Self::Patterns(_)).then(|| Self::Patterns(Vec::new()))
    }

    /// The same where all that is said counts.
    pub(super) fn gather(self, later: Self) -> Self {
        match (self, later) {
            (Self::List(first), Self::List(later)) => Self::List(both(first, later)),
            (first, _) => first,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Word(text) => Some(text),
            Self::Text(text) | Self::Path(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> &[String] {
        match self {
            Self::List(list) | Self::Patterns(list) => list,
            _ => &[],
        }
    }

    pub(super) fn forwards(&self) -> &[Forward] {
        match self {
            Self::Forwards(forwards) => forwards,
            _ => &[],
        }
    }

    pub(super) fn hops(&self) -> &[Hop] {
        match self {
            Self::Hops(hops) => hops,
            _ => &[],
        }
    }

    /// The texts in it, for what is in them to be replaced.
    pub(super) fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Text(text) | Self::Path(text) => vec![text],
            Self::List(list) => list.iter_mut().collect(),
            Self::Forwards(forwards) => forwards.iter_mut().flat_map(Forward::paths).collect(),
            _ => Vec::new(),
        }
    }

    /// As `ssh -G` prints it, where it prints it in one line.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Word(text) => (*text).to_owned(),
            Self::Text(text) | Self::Path(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::List(list) | Self::Patterns(list) if list.is_empty() => "none".to_owned(),
            Self::List(list) | Self::Patterns(list) => list.join(" "),
            Self::Hops(hops) => jump::print(hops),
            Self::Rekey(bytes, seconds) => {
                let (bytes, seconds) = (bytes.unwrap_or_default(), seconds.unwrap_or_default());
                format!("{bytes} {seconds}")
            }
            Self::Forwards(_) => String::new(),
        }
    }
}

/// Both, each thing once.
fn both<T: PartialEq>(mut first: Vec<T>, later: Vec<T>) -> Vec<T> {
    for one in later {
        if !first.contains(&one) {
            first.push(one);
        }
    }
    first
}

fn send_also(mut first: Vec<String>, later: Vec<String>) -> Vec<String> {
    for name in later {
        match name.strip_prefix('-') {
            Some(pattern) => first.retain(|one| !crate::pattern::matches(pattern, one)),
            None => first.push(name),
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_said_first_holds() {
        assert_eq!(Value::Number(1).join(Value::Number(2)), Value::Number(1));
        let path = Value::Path("/agent".to_owned());
        assert_eq!(Value::Word("yes").join(path.clone()), path);
        assert_eq!(Value::Word("no").join(path), Value::Word("no"));
        let rekey = Value::Rekey(Some(1), None).join(Value::Rekey(Some(2), Some(3)));
        assert_eq!(rekey, Value::Rekey(Some(1), Some(3)));
    }

    #[test]
    fn what_gathers() {
        let sent = Value::Patterns(list("LANG LC_*"));
        let sent = sent.join(Value::Patterns(list("-LC_* TERM")));
        assert_eq!(sent, Value::Patterns(list("LANG TERM")));
        let files = Value::List(list("a b")).gather(Value::List(list("b c")));
        assert_eq!(files, Value::List(list("a b c")));
    }
}
