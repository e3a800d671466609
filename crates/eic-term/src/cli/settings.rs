//! Arguments, environment and configuration file become one set of settings.

use std::path::PathBuf;
use std::time::Duration;

use eic_auth::{Api, ApiConfig, OsUser, Target};
use eic_term::{ConnectOptions, Connector, PinFile, Trust, TrustLevel};

use super::args::Common;
use super::cache::{Cache, Scope};
use super::config::{Config, Defaults};
use super::folders;
use super::identities;
use super::report::Failure;
use super::ui::Ui;

/// The default limit on each step of connecting.
const LIMIT: Duration = Duration::from_secs(15);

/// What is said elsewhere, and holds where neither the arguments nor our configuration file say anything.
#[derive(Debug, Default)]
pub(crate) struct Usual {
    pub(crate) user: Option<OsUser>,
    pub(crate) port: Option<u16>,
    pub(crate) identities: Vec<PathBuf>,
    /// Whether those are the only keys to take, the agent's included.
    pub(crate) identities_only: bool,
    pub(crate) limit: Option<Duration>,
    pub(crate) keepalive: Option<Duration>,
    pub(crate) keepalive_misses: Option<u32>,
}

/// Everything a command needs to know.
pub(crate) struct Settings {
    pub(crate) options: ConnectOptions,
    config: Config,
    api: ApiConfig,
    identity_files: Vec<PathBuf>,
    agent: bool,
    level: TrustLevel,
    /// Files of host keys that are not to be trusted.
    pub(crate) revoked: Vec<PathBuf>,
}

impl Settings {
    /// Reads what files are needed and merges all sources; arguments win.
    pub(crate) fn load(common: &Common, target: Option<&Target>) -> Result<Self, Failure> {
        // What is for every target holds without one, too.
        let name = target.map(|target| target.selector.to_string());
        Self::load_over(common, &[&name.unwrap_or_default()], Usual::default())
    }

    /// The same for a target by these names, over what is said elsewhere.
    pub(crate) fn load_over(
        common: &Common,
        names: &[&str],
        usual: Usual,
    ) -> Result<Self, Failure> {
        let path = match &common.config {
            Some(path) => path.clone(),
            None => folders::config_file()?,
        };
        let config = Config::read(&path, common.config.is_some())?;
        let (api, options, identity_files) = merge(common, config.defaults(names), usual);
        Ok(Self {
            api,
            options,
            config,
            identity_files,
            agent: common.agent,
            level: common.host_key.unwrap_or_default(),
            revoked: Vec::new(),
        })
    }

    /// What holds for one instance of several, which goes by these names; with its key files.
    pub(crate) fn of(
        &self,
        common: &Common,
        names: &[&str],
        usual: Usual,
    ) -> (ConnectOptions, Vec<PathBuf>) {
        let (_, options, identity_files) = merge(common, self.config.defaults(names), usual);
        (options, identity_files)
    }

    /// The cache of the account and the region that are called, unless none is wanted.
    pub(crate) fn cache(&self, common: &Common, region: &str) -> Option<Cache> {
        let scope = Scope::new(self.api.profile.as_deref(), region);
        Cache::of(scope).filter(|_| !common.no_cache)
    }

    /// Loads the AWS configuration.
    pub(crate) async fn api(&self) -> Result<Api, Failure> {
        Ok(Api::load(self.api.clone())
            .await
            .map_err(eic_term::Error::from)?)
    }

    /// Makes a connector that believes host keys as `--host-key` says.
    pub(crate) async fn connector(&self, ui: &Ui) -> Result<Connector, Failure> {
        let api = self.api().await?;
        let teller = ui.clone();
        let trust = Trust::new(PinFile::new(folders::pins()?))
            .level(self.level)
            .known_hosts(folders::known_hosts())
            .revoked(self.revoked.clone())
            .on_proof(move |name, key, proof| teller.proof(name, key, proof));
        let mut options = self.options.clone();
        options.identities = identities::load(&self.identity_files, self.agent, ui).await?;
        let banner = ui.clone();
        options.on_banner(move |text| banner.banner(text));
        if ui.can_ask() {
            let ui = ui.clone();
            options.on_question(move |question| ui.clone().question(question));
        }
        Ok(Connector::new(api, trust).options(options))
    }
}

type Merged = (ApiConfig, ConnectOptions, Vec<PathBuf>);

/// The pure part: which source wins.
fn merge(common: &Common, defaults: Defaults, usual: Usual) -> Merged {
    let seconds = |seconds: u16| Duration::from_secs(seconds.into());
    let limit = common.connect_timeout.map(seconds).or(usual.limit);
    let mut api = ApiConfig::default();
    api.profile = common.profile.clone().or(defaults.profile);
    api.region = common.region.clone().or(defaults.region);
    let mut options = ConnectOptions::default();
    let user = common.login_name.clone().or(defaults.user);
    if let Some(user) = user.or(usual.user) {
        options.user = user;
    }
    if let Some(way) = common.connection_type.or(defaults.connection_type) {
        options.connection_type = way;
    }
    options.instance_ip = common.instance_ip;
    options.endpoint_id = common.endpoint_id.clone();
    options.endpoint_dns_name = common.endpoint_dns_name.clone();
    options.max_tunnel_duration = common.max_tunnel_duration.map(seconds);
    let port = common.ssh_port.or(defaults.port).or(usual.port);
    options.port = port.unwrap_or(22);
    options.limit = limit.unwrap_or(LIMIT);
    options.legacy = common.legacy;
    if let Some(misses) = usual.keepalive_misses {
        options.keepalive_misses = misses;
    }
    if let Some(interval) = common.keepalive.map(seconds).or(usual.keepalive) {
        options.keepalive = Some(interval).filter(|interval| !interval.is_zero());
    }
    let mut identities = common.identity.clone();
    if identities.is_empty() && !common.agent {
        identities.extend(defaults.identity);
    }
    if identities.is_empty() && (!common.agent || usual.identities_only) {
        identities = usual.identities;
    }
    (api, options, identities)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn the_nearest_word_counts() {
        let usual = || Usual {
            user: Some("far".parse().unwrap()),
            port: Some(3),
            identities: vec!["far".into()],
            identities_only: false,
            limit: Some(Duration::from_secs(3)),
            keepalive: Some(Duration::from_secs(30)),
            keepalive_misses: Some(9),
        };
        let near = Defaults {
            user: Some("near".parse().unwrap()),
            port: Some(2),
            identity: Some("near".into()),
            ..Defaults::default()
        };
        for (typed, defaults, expected) in [
            ("", Defaults::default(), "far 3 3s 30s 9 [\"far\"]"),
            ("", near.clone(), "near 2 3s 30s 9 [\"near\"]"),
            (
                "-l typed -p 1 -i typed --connect-timeout 1 --keepalive 10",
                near.clone(),
                "typed 1 1s 10s 9 [\"typed\"]",
            ),
            ("--agent", near, "near 2 3s 30s 9 []"),
        ] {
            let words = ["eic-term", "web-1"].into_iter();
            let cli = Cli::parse_from(words.chain(typed.split_whitespace()));
            let (_, options, identities) = merge(&cli.common, defaults, usual());
            let found = format!(
                "{} {} {:?} {:?} {} {identities:?}",
                options.user,
                options.port,
                options.limit,
                options.keepalive.unwrap(),
                options.keepalive_misses
            );
            assert_eq!(found, expected, "{typed}");
        }
    }
}
