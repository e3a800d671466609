//! `%` tokens, `${VARIABLES}` and `~` in values (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES).

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use data_encoding::HEXLOWER;

use super::system::System;

/// What each token stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tokens(Vec<(char, String)>);

/// The parts of a connection that tokens name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) host: &'a str,
    pub(super) original_host: &'a str,
    pub(super) port: u16,
    pub(super) user: &'a str,
    pub(super) key_alias: &'a str,
    pub(super) jump_host: &'a str,
}

impl Tokens {
    /// All tokens of a connection.
    pub(super) fn new(named: &Named<'_>, system: &dyn System) -> Self {
        let local = system.local();
        let short = local.host_name.split('.').next().unwrap_or_default();
        let port = named.port.to_string();
        Self::of(&[
            ('C', &connection_hash(&local.host_name, named, &port)),
            ('L', short),
            ('d', &local.home),
            ('h', named.host),
            ('i', &local.uid),
            ('j', named.jump_host),
            ('k', named.key_alias),
            ('l', &local.host_name),
            ('n', named.original_host),
            ('p', &port),
            ('r', named.user),
            ('u', &local.user),
        ])
    }

    pub(super) fn of(pairs: &[(char, &str)]) -> Self {
        let own = |(token, text): &(char, &str)| (*token, (*text).to_owned());
        Self(pairs.iter().map(own).collect())
    }

    /// Only these, as fewer are known where some keywords are used.
    pub(super) fn only(&self, tokens: &str) -> Self {
        let kept = self.0.iter().filter(|(token, _)| tokens.contains(*token));
        Self(kept.cloned().collect())
    }

    /// These and others.
    pub(super) fn with(&self, pairs: &[(char, &str)]) -> Self {
        let Self(more) = Self::of(pairs);
        Self(self.0.iter().cloned().chain(more).collect())
    }

    fn get(&self, token: char) -> Option<&str> {
        let found = self.0.iter().find(|(one, _)| *one == token);
        found.map(|(_, text)| text.as_str())
    }

    /// Replaces the tokens.
    ///
    /// # Errors
    /// The messages, where one is unknown.
    pub(super) fn expand(&self, text: &str) -> Result<String, Vec<String>> {
        let failed = |what| vec![said(what), "percent_expand: failed".to_owned()];
        expand(text, Some(self), None).map_err(failed)
    }

    /// Replaces the tokens and the environment's variables.
    ///
    /// # Errors
    /// The messages, where one is unknown.
    pub(super) fn expand_all(
        &self,
        text: &str,
        system: &dyn System,
    ) -> Result<String, Vec<String>> {
        expand(text, Some(self), Some(system)).map_err(|what| {
            let end = match what {
                Unknown::Variable(_) => "invalid environment variable expansion",
                _ => "percent_dollar_expand: failed",
            };
            vec![said(what), end.to_owned()]
        })
    }
}

/// Replaces the environment's variables.
pub(super) fn expand_variables(text: &str, system: &dyn System) -> Result<String, String> {
    expand(text, None, Some(system)).map_err(said)
}

/// `~` and `~user` at the start of a path.
///
/// # Errors
/// The message, where there is no such user.
pub(super) fn expand_home(path: &str, system: &dyn System) -> Result<String, String> {
    let Some(rest) = path.strip_prefix('~') else {
        return Ok(path.to_owned());
    };
    let (user, path) = rest.split_once('/').unwrap_or((rest, ""));
    let home = match user {
        "" => system.local().home.clone(),
        user => system
            .home_of(user)
            .ok_or_else(|| format!("tilde_expand: No such user {user}"))?,
    };
    let slash = if home.ends_with('/') { "" } else { "/" };
    Ok(format!("{home}{slash}{}", path.trim_start_matches('/')))
}

/// `%C`: where to and as whom, in a name short enough for a socket.
fn connection_hash(local: &str, named: &Named<'_>, port: &str) -> String {
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in [local, named.host, port, named.user, named.jump_host] {
        hash.update(part.as_bytes());
    }
    HEXLOWER.encode(hash.finish().as_ref())
}

/// What cannot be replaced.
enum Unknown {
    Token(char),
    Variable(String),
    Open(String),
    Nameless,
    Truncated,
}

fn said(what: Unknown) -> String {
    let what = match what {
        Unknown::Token(token) => format!("unknown key %{token}"),
        Unknown::Variable(name) => format!("env var ${{{name}}} has no value"),
        Unknown::Open(text) => format!("environment variable '{text}' missing closing '}}'"),
        Unknown::Nameless => "zero-length environment variable".to_owned(),
        Unknown::Truncated => "invalid format".to_owned(),
    };
    format!("vdollar_percent_expand: {what}")
}

/// Goes on after a variable without a value, as something worse may follow.
fn expand(
    text: &str,
    tokens: Option<&Tokens>,
    system: Option<&dyn System>,
) -> Result<String, Unknown> {
    let (mut expanded, mut missing) = (String::new(), None);
    let mut rest = text;
    while let Some(one) = rest.chars().next() {
        let after = rest.get(one.len_utf8()..).unwrap_or_default();
        rest = after;
        match (one, tokens, system) {
            ('%', Some(tokens), _) => rest = token(after, tokens, &mut expanded)?,
            ('$', _, Some(system)) if after.starts_with('{') => {
                let (name, after) = variable_name(after.get(1..).unwrap_or_default())?;
                match system.variable(name) {
                    Some(value) => expanded.push_str(&value),
                    None => missing = missing.or(Some(Unknown::Variable(name.to_owned()))),
                }
                rest = after;
            }
            _ => expanded.push(one),
        }
    }
    missing.map_or(Ok(expanded), Err)
}

fn token<'a>(rest: &'a str, tokens: &Tokens, into: &mut String) -> Result<&'a str, Unknown> {
    let token = rest.chars().next().ok_or(Unknown::Truncated)?;
    let known = match token {
        '%' => Some("%"),
        token => tokens.get(token),
    };
    into.push_str(known.ok_or(Unknown::Token(token))?);
    Ok(rest.get(token.len_utf8()..).unwrap_or_default())
}

fn variable_name(rest: &str) -> Result<(&str, &str), Unknown> {
    match rest.split_once('}') {
        None => Err(Unknown::Open(rest.to_owned())),
        Some(("", _)) => Err(Unknown::Nameless),
        Some(found) => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn tokens_and_variables() {
        let system = Fake::default().with_variable("NAME", "value");
        let tokens = Tokens::of(&[('h', "web"), ('p', "22")]);
        for (text, expected) in [
            ("nc %h %p", Ok("nc web 22")),
            ("100%%", Ok("100%")),
            ("${NAME}/%h", Ok("value/web")),
            ("$NAME", Ok("$NAME")),
            ("é%h", Ok("éweb")),
            ("%z", Err("percent_dollar_expand: failed")),
            ("%", Err("percent_dollar_expand: failed")),
            ("${NAME", Err("percent_dollar_expand: failed")),
            ("${}", Err("percent_dollar_expand: failed")),
            ("${NONE}", Err("invalid environment variable expansion")),
        ] {
            let found = tokens.expand_all(text, &system);
            let found = found.map_err(|messages| messages.last().cloned().unwrap());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
        }
        assert_eq!(tokens.expand("${NAME}%h").unwrap(), "${NAME}web");
        assert_eq!(expand_variables("${NAME}%h", &system).unwrap(), "value%h");
    }

    #[test]
    fn home_folders() {
        let system = Fake::default();
        for (path, expected) in [
            ("~", "/home/me/"),
            ("~/", "/home/me/"),
            ("~//.ssh/id", "/home/me/.ssh/id"),
            ("~you/x", "/home/you/x"),
            ("a~", "a~"),
        ] {
            assert_eq!(expand_home(path, &system).unwrap(), expected);
        }
        assert!(expand_home("~nobody/x", &system).is_err());
    }

    #[test]
    fn the_hash_is_of_all_parts() {
        let named = Named {
            host: "web",
            original_host: "w",
            port: 22,
            user: "me",
            key_alias: "w",
            jump_host: "",
        };
        // printf here.example.comweb22me | sha1sum
        let tokens = Tokens::new(&named, &Fake::default());
        assert_eq!(
            tokens.get('C').unwrap(),
            "69432744127b4fadbe1fe7500d9bed22024d377e"
        );
        assert_eq!(tokens.get('L').unwrap(), "here");
    }
}
