//! Arguments, environment and configuration file become one set of settings.

use std::path::PathBuf;
use std::time::Duration;

use eic_auth::{Api, ApiConfig, Target};
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

/// Everything a command needs to know.
pub(crate) struct Settings {
    pub(crate) options: ConnectOptions,
    config: Config,
    api: ApiConfig,
    identity_files: Vec<PathBuf>,
    agent: bool,
    level: TrustLevel,
}

impl Settings {
    /// Reads what files are needed and merges all sources; arguments win.
    pub(crate) fn load(common: &Common, target: Option<&Target>) -> Result<Self, Failure> {
        let path = match &common.config {
            Some(path) => path.clone(),
            None => folders::config_file()?,
        };
        let config = Config::read(&path, common.config.is_some())?;
        let typed = target.map(|target| target.selector.to_string());
        let names = [typed.as_deref().unwrap_or_default()];
        let (api, options, identity_files) = merge(common, config.defaults(&names));
        Ok(Self {
            api,
            options,
            config,
            identity_files,
            agent: common.agent,
            level: common.host_key.unwrap_or_default(),
        })
    }

    /// What holds for one instance of several, which goes by these names; with its key files.
    pub(crate) fn of(&self, common: &Common, names: &[&str]) -> (ConnectOptions, Vec<PathBuf>) {
        let (_, options, identity_files) = merge(common, self.config.defaults(names));
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
        let teller = ui.clone();
        let trust = Trust::new(PinFile::new(folders::pins()?))
            .level(self.level)
            .known_hosts(folders::known_hosts())
            .on_proof(move |name, key, proof| teller.proof(name, key, proof));
        let api = self.api().await?;
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
fn merge(common: &Common, defaults: Defaults) -> Merged {
    let seconds = |seconds: u16| Duration::from_secs(seconds.into());
    let limit = common.connect_timeout.map_or(LIMIT, seconds);
    let mut api = ApiConfig::default();
    api.profile = common.profile.clone().or(defaults.profile);
    api.region = common.region.clone().or(defaults.region);
    let mut options = ConnectOptions::default();
    if let Some(user) = common.login_name.clone().or(defaults.user) {
        options.user = user;
    }
    if let Some(way) = common.connection_type.or(defaults.connection_type) {
        options.connection_type = way;
    }
    options.instance_ip = common.instance_ip;
    options.endpoint_id = common.endpoint_id.clone();
    options.endpoint_dns_name = common.endpoint_dns_name.clone();
    options.max_tunnel_duration = common.max_tunnel_duration.map(seconds);
    options.port = common.ssh_port.or(defaults.port).unwrap_or(22);
    options.limit = limit;
    options.legacy = common.legacy;
    if let Some(interval) = common.keepalive.map(seconds) {
        options.keepalive = Some(interval).filter(|interval| !interval.is_zero());
    }
    let mut identities = common.identity.clone();
    if identities.is_empty() && !common.agent {
        identities.extend(defaults.identity);
    }
    (api, options, identities)
}
