//! Credentials, found once and kept while they are good.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{
    ProvideCredentials, Result as Found, SharedCredentialsProvider, future,
};
use tokio::sync::Mutex;

use crate::Error;

/// Credentials that end sooner than this are looked up again, so that they outlast the call.
const MARGIN: Duration = Duration::from_secs(60);

/// Keeps what a provider found, for the APIs and for signing tunnels: one look-up, not one each.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    provider: SharedCredentialsProvider,
    held: Arc<Mutex<Option<Credentials>>>,
    limit: Duration,
}

impl Keeper {
    pub(super) fn new(provider: SharedCredentialsProvider, limit: Duration) -> Self {
        Self {
            provider,
            held: Arc::default(),
            limit,
        }
    }

    /// The credentials, or why there are none in this crate's words.
    pub(super) async fn get(&self) -> Result<Credentials, Error> {
        match tokio::time::timeout(self.limit, self.find()).await {
            Ok(found) => found.map_err(failure),
            Err(_) => Err(Error::Timeout {
                step: "looking for credentials",
                limit: self.limit,
            }),
        }
    }

    async fn find(&self) -> Found {
        let mut held = self.held.lock().await;
        if let Some(credentials) = held
            .as_ref()
            .filter(|held| is_fresh(held.expiry(), SystemTime::now()))
        {
            return Ok(credentials.clone());
        }
        let found = self.provider.provide_credentials().await?;
        *held = Some(found.clone());
        Ok(found)
    }
}

impl ProvideCredentials for Keeper {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.find())
    }
}

/// A profile's credentials; the SDK does not name the profile that it did not find.
#[derive(Debug)]
pub(super) struct OfProfile {
    pub(super) name: String,
    pub(super) provider: ProfileFileCredentialsProvider,
}

impl OfProfile {
    async fn find(&self) -> Found {
        match self.provider.provide_credentials().await {
            Err(CredentialsError::CredentialsNotLoaded(_)) => {
                let name = &self.name;
                let words = format!("the profile `{name}` does not exist, or has no credentials");
                Err(CredentialsError::not_loaded(words))
            }
            found => found,
        }
    }
}

impl ProvideCredentials for OfProfile {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.find())
    }
}

/// What a configuration without a provider provides.
pub(super) fn nothing<'a>() -> future::ProvideCredentials<'a> {
    future::ProvideCredentials::ready(Err(CredentialsError::not_loaded_no_source()))
}

fn is_fresh(expiry: Option<SystemTime>, now: SystemTime) -> bool {
    expiry.is_none_or(|expiry| expiry > now + MARGIN)
}

fn failure(error: CredentialsError) -> Error {
    if is_expiry(&error) {
        return Error::ExpiredCredentials {
            source: Box::new(error),
        };
    }
    if crate::certificate::is_cause(&error) {
        return Error::Certificate {
            operation: "credentials",
            source: Box::new(error),
        };
    }
    Error::NoCredentials {
        source: Box::new(error),
    }
}

/// Whether something in the chain of causes has expired. The SDK keeps its SSO errors private, so their words
/// have to do: "the SSO token has expired and cannot be refreshed", "Session token not found or invalid".
fn is_expiry(error: &CredentialsError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let words = error.to_string();
        if words.contains("expired") || words.contains("Session token not found or invalid") {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Debug)]
    struct Counted(AtomicUsize, Option<SystemTime>);

    impl ProvideCredentials for Counted {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            let id = format!("AKID{count}");
            future::ProvideCredentials::ready(Ok(Credentials::new(id, "s", None, self.1, "test")))
        }
    }

    async fn two_ids(expiry: Option<SystemTime>) -> [String; 2] {
        let provider = SharedCredentialsProvider::new(Counted(AtomicUsize::new(0), expiry));
        let keeper = Keeper::new(provider, Duration::from_secs(5));
        let id = async || keeper.get().await.unwrap().access_key_id().to_owned();
        [id().await, id().await]
    }

    #[tokio::test]
    async fn they_are_kept_while_they_are_good() {
        let now = SystemTime::now();
        assert_eq!(two_ids(None).await, ["AKID0", "AKID0"]);
        assert_eq!(
            two_ids(Some(now + Duration::from_secs(600))).await,
            ["AKID0", "AKID0"]
        );
        assert_eq!(
            two_ids(Some(now + Duration::from_secs(30))).await,
            ["AKID0", "AKID1"]
        );
    }

    #[tokio::test]
    async fn a_silent_provider_is_given_up() {
        #[derive(Debug)]
        struct Silent;
        impl ProvideCredentials for Silent {
            fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
            where
                Self: 'a,
            {
                future::ProvideCredentials::new(std::future::pending())
            }
        }
        let keeper = Keeper::new(
            SharedCredentialsProvider::new(Silent),
            Duration::from_millis(10),
        );
        assert!(matches!(keeper.get().await, Err(Error::Timeout { .. })));
    }

    #[test]
    fn expiry_is_told_apart() {
        let sso =
            CredentialsError::provider_error("the SSO token has expired and cannot be refreshed");
        assert!(matches!(failure(sso), Error::ExpiredCredentials { .. }));
        let none = CredentialsError::not_loaded("no providers in chain provided credentials");
        assert!(matches!(failure(none), Error::NoCredentials { .. }));
    }
}
