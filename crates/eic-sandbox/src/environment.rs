//! What a program needs to find the region: a folder with a few files, and variables.

use std::fs;
use std::path::Path;

use serde::Serialize;
use tempfile::TempDir;

use crate::Error;
use crate::region::Instance;
use crate::state::State;

/// Variables by which AWS clients find settings that would lead them past the region.
pub(crate) const OTHERS: [&str; 14] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_EC2_INSTANCE_CONNECT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SECURITY_TOKEN",
    "REQUESTS_CA_BUNDLE",
];

/// What is to be told about a region.
pub(crate) struct Setting<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) api_port: u16,
    /// The certificate that clients are to trust, as PEM.
    pub(crate) authority: &'a str,
    pub(crate) instances: &'a [Instance],
    pub(crate) sshd: bool,
}

/// Makes the region's temporary folder; a shared one can be entered by every user, as sshd
/// reads a user's keys as that user.
///
/// # Errors
/// [`Error::Folder`] when it cannot be made.
pub(crate) fn folder(shared: bool) -> Result<TempDir, Error> {
    let failed = |source| Error::Folder { source };
    let folder = tempfile::Builder::new()
        .prefix("eic-sandbox-")
        .tempdir()
        .map_err(failed)?;
    if shared {
        crate::host::share_folder(folder.path()).map_err(failed)?;
    }
    Ok(folder)
}

/// Writes the files into the folder and gives the variables.
///
/// # Errors
/// [`Error::Folder`] when a file cannot be written.
pub(crate) fn write(state: &State, setting: &Setting<'_>) -> Result<Vec<(String, String)>, Error> {
    let failed = |source| Error::Folder { source };
    let authority = setting.folder.join("ca.pem");
    let config = setting.folder.join("eic-term.toml");
    let data = setting.folder.join("data");
    let aws_config = setting.folder.join("aws-config");
    fs::write(&authority, setting.authority).map_err(failed)?;
    fs::write(&config, eic_term_config(setting)).map_err(failed)?;
    fs::write(&aws_config, "").map_err(failed)?;
    fs::create_dir_all(&data).map_err(failed)?;
    let path = |path: &Path| path.display().to_string();
    let region = &state.fleet.region;
    let variables = [
        (
            "AWS_ENDPOINT_URL",
            format!("https://localhost:{}", setting.api_port),
        ),
        ("AWS_ACCESS_KEY_ID", state.access_key.id.clone()),
        ("AWS_SECRET_ACCESS_KEY", state.access_key.secret.clone()),
        ("AWS_SESSION_TOKEN", state.access_key.session_token.clone()),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region.clone()),
        ("AWS_CA_BUNDLE", path(&authority)),
        ("AWS_CONFIG_FILE", path(&aws_config)),
        ("AWS_SHARED_CREDENTIALS_FILE", path(&aws_config)),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("EIC_TERM_CONFIG", path(&config)),
        ("EIC_TERM_DATA_DIR", path(&data)),
    ];
    Ok(variables
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec())
}

/// eic-term's config file.
#[derive(Serialize)]
struct TermConfig {
    target: Vec<TermTarget>,
}

/// Settings for the targets that match one of the patterns.
#[derive(Serialize)]
struct TermTarget {
    r#match: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

/// Tells eic-term the ports of the instances reached directly, and with real sshds the user
/// of this machine, as there is no `ec2-user`.
fn eic_term_config(setting: &Setting<'_>) -> String {
    let direct = setting
        .instances
        .iter()
        .filter(|instance| instance.port.is_some());
    let mut target: Vec<_> = direct
        .map(|instance| TermTarget {
            r#match: unique_names(instance, setting.instances),
            port: instance.port,
            user: None,
        })
        .collect();
    if let Some(user) = crate::host::current_user().filter(|_| setting.sshd) {
        target.push(TermTarget {
            r#match: vec!["*".to_owned()],
            port: None,
            user: Some(user),
        });
    }
    toml::to_string(&TermConfig { target }).unwrap_or_default()
}

/// The names of an instance that are not also another's.
fn unique_names(instance: &Instance, all: &[Instance]) -> Vec<String> {
    let names = |instance: &Instance| {
        let addresses = [instance.public_ip, instance.ipv6];
        let addresses = addresses.into_iter().flatten().map(|ip| ip.to_string());
        let words = [Some(instance.id.clone()), instance.name.clone()];
        words
            .into_iter()
            .flatten()
            .chain(addresses)
            .collect::<Vec<_>>()
    };
    let others = all
        .iter()
        .filter(|other| other.id != instance.id && other.state != "terminated");
    let taken: Vec<_> = others.flat_map(names).collect();
    names(instance)
        .into_iter()
        .filter(|name| !taken.contains(name))
        .collect()
}
