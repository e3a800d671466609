//! Whose cache it is.

use std::env;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

/// What the lines of a file are like; a file of another version is left alone.
pub(super) const VERSION: u32 = 1;

/// Which account and region a cache is of, as far as that can be told without asking AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scope {
    pub(super) version: u32,
    pub(crate) profile: Option<String>,
    pub(crate) region: String,
    pub(super) endpoint_url: Option<String>,
    /// The start of the digest of the access key's id, where the environment has one.
    pub(super) identity: Option<String>,
}

impl Scope {
    /// Where these are `None` the environment counts.
    pub(crate) fn new(profile: Option<&str>, region: &str) -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let of_profile = profile.map(str::to_owned);
        let identity = variable("AWS_ACCESS_KEY_ID").filter(|_| profile.is_none());
        Self {
            version: VERSION,
            profile: of_profile.or_else(|| variable("AWS_PROFILE")),
            region: region.to_owned(),
            endpoint_url: variable("AWS_ENDPOINT_URL"),
            identity: identity.map(|id| hash(&id)),
        }
    }

    pub(super) fn file_name(&self) -> String {
        format!("{}.jsonl", hash(&format!("{self:?}")))
    }
}

fn hash(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let half = digest.as_ref().get(..16).unwrap_or_default();
    HEXLOWER.encode(half)
}
