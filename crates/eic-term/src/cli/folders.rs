//! Where configuration and data are kept, by each platform's custom.

use std::env;
use std::path::PathBuf;

use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy, home_dir};

use super::report::Failure;

fn strategy() -> Result<impl AppStrategy, Failure> {
    let args = AppStrategyArgs {
        top_level_domain: String::new(),
        author: String::new(),
        app_name: "eic-term".to_owned(),
    };
    choose_app_strategy(args).map_err(|source| Failure::new("cannot find your home folder", source))
}

/// The configuration file where none is named.
pub(crate) fn config_file() -> Result<PathBuf, Failure> {
    Ok(strategy()?.config_dir().join("config.toml"))
}

/// The pinned host keys: `known_hosts` in `$EIC_TERM_DATA_DIR`, else in the data folder.
pub(crate) fn pins() -> Result<PathBuf, Failure> {
    let folder = match env::var_os("EIC_TERM_DATA_DIR") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => strategy()?.data_dir(),
    };
    Ok(folder.join("known_hosts"))
}

/// Where it is kept what was found out: `cache` in `$EIC_TERM_DATA_DIR`, else the cache folder.
pub(crate) fn cache() -> Option<PathBuf> {
    match env::var_os("EIC_TERM_DATA_DIR") {
        Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder).join("cache")),
        _ => Some(strategy().ok()?.cache_dir()),
    }
}

/// OpenSSH's files of known hosts: the user's and the system's.
pub(crate) fn known_hosts() -> Vec<PathBuf> {
    let own = home_dir().ok().map(|home| home.join(".ssh/known_hosts"));
    let system = if cfg!(windows) {
        env::var_os("ProgramData").map(|data| PathBuf::from(data).join("ssh/ssh_known_hosts"))
    } else {
        Some(PathBuf::from("/etc/ssh/ssh_known_hosts"))
    };
    own.into_iter().chain(system).collect()
}

/// Replaces a leading `~/` by the home folder.
pub(crate) fn expand_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), home_dir()) {
        (Ok(rest), Ok(home)) => home.join(rest),
        _ => path,
    }
}
