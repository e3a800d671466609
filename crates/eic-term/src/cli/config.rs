//! The configuration file: defaults by target pattern.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use eic_auth::OsUser;
use eic_term::ConnectionType;
use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Deserializer};

use super::report::Failure;

/// `config.toml`.
///
/// ```toml
/// [[target]]
/// match = ["web-*", "i-0123456789abcdef0"]
/// user = "ubuntu"
/// connection_type = "eice"
/// ```
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default, rename = "target")]
    targets: Vec<Section>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(rename = "match", deserialize_with = "patterns")]
    patterns: Vec<GlobMatcher>,
    #[serde(default, deserialize_with = "parsed")]
    user: Option<OsUser>,
    profile: Option<String>,
    region: Option<String>,
    #[serde(default, deserialize_with = "parsed")]
    connection_type: Option<ConnectionType>,
    port: Option<u16>,
    identity: Option<PathBuf>,
}

/// What the file says for one target.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) user: Option<OsUser>,
    pub(crate) profile: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) connection_type: Option<ConnectionType>,
    pub(crate) port: Option<u16>,
    pub(crate) identity: Option<PathBuf>,
}

impl Config {
    /// Reads the file; one that is not there is empty, unless it was asked for.
    pub(crate) fn read(path: &Path, asked_for: bool) -> Result<Self, Failure> {
        match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && !asked_for => Ok(Self::default()),
            Err(error) => Err(Failure::new(
                format!("cannot read {}", path.display()),
                error,
            )),
            Ok(text) => toml::from_str(&text).map_err(|error| {
                let what = format!(
                    "cannot understand the configuration file {}",
                    path.display()
                );
                Failure::new(what, error)
            }),
        }
    }

    /// Merges all sections that match what was typed, or another name of the instance: of each key the first value counts, as in ssh_config(5).
    pub(crate) fn defaults(&self, names: &[&str]) -> Defaults {
        let mut merged = Defaults::default();
        for section in self.targets.iter().filter(|one| one.matches(names)) {
            let section = section.clone_defaults();
            merged.user = merged.user.or(section.user);
            merged.profile = merged.profile.or(section.profile);
            merged.region = merged.region.or(section.region);
            merged.connection_type = merged.connection_type.or(section.connection_type);
            merged.port = merged.port.or(section.port);
            merged.identity = merged.identity.or(section.identity);
        }
        merged
    }
}

impl Section {
    fn matches(&self, names: &[&str]) -> bool {
        let one = |pattern: &GlobMatcher| names.iter().any(|name| pattern.is_match(name));
        self.patterns.iter().any(one)
    }

    fn clone_defaults(&self) -> Defaults {
        Defaults {
            user: self.user.clone(),
            profile: self.profile.clone(),
            region: self.region.clone(),
            connection_type: self.connection_type,
            port: self.port,
            identity: self.identity.clone(),
        }
    }
}

fn patterns<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<GlobMatcher>, D::Error> {
    let patterns = Vec::<String>::deserialize(input)?;
    let compile = |pattern: &String| Glob::new(pattern).map(|glob| glob.compile_matcher());
    let compiled: Result<_, _> = patterns.iter().map(compile).collect();
    compiled.map_err(serde::de::Error::custom)
}

fn parsed<'de, D, T>(input: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(input)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [[target]]
        match = ["web-*"]
        user = "ubuntu"
        connection_type = "eice"

        [[target]]
        match = ["*"]
        user = "admin"
        region = "eu-west-1"
    "#;

    #[test]
    fn the_first_value_of_each_key_counts() {
        let config: Config = toml::from_str(TEXT).unwrap();
        let web = config.defaults(&["web-1"]);
        assert_eq!(web.user.unwrap().as_str(), "ubuntu");
        assert_eq!(web.connection_type, Some(ConnectionType::Eice));
        assert_eq!(web.region.as_deref(), Some("eu-west-1"));
        assert_eq!(
            config.defaults(&["i-1", "db-1"]).user.unwrap().as_str(),
            "admin"
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let table = [
            ("[[target]]\nmatch = [\"*\"]\nusr = \"x\"", "usr"),
            (
                "[[target]]\nmatch = [\"*\"]\nconnection_type = \"x\"",
                "none of auto, direct, eice",
            ),
            ("[[target]]\nmatch = [\"[\"]", "line 2"),
            ("[[target]]\nuser = \"x\"", "match"),
        ];
        for (text, expected) in table {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
