//! The key to log in with, pushed to the instance beside everything else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eic_auth::{Api, EphemeralKey, InstanceId, OsUser};
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::fleet::Pace;
use crate::identity::Identity;
use crate::timeline::{Step, Timeline};

/// A pushed key lives for 60 s in the instance's metadata (EC2 Instance Connect's user guide); the
/// login needs some of them.
const FRESH: Duration = Duration::from_secs(50);

type Push = AbortOnDropHandle<Result<(), eic_auth::Error>>;

/// The keys to log in with, and the push that makes the instance know one. Dropping it stops the push.
pub(crate) struct KeyPush {
    api: Api,
    user: OsUser,
    identities: Vec<Identity>,
    /// The public key to push; `None` for the caller's own keys, which the instance knows.
    public_key: Option<String>,
    instance: Option<InstanceId>,
    under_way: Option<Push>,
    started: Instant,
    timeline: Timeline,
    /// When calls may be made, where many share the API.
    pub(crate) pace: Option<Arc<Pace>>,
}

impl KeyPush {
    pub(crate) fn new(
        api: Api,
        user: OsUser,
        own: Vec<Identity>,
        timeline: Timeline,
    ) -> Result<Self, Error> {
        let (identities, public_key) = if own.is_empty() {
            let key = EphemeralKey::generate()?;
            (
                vec![Identity::from(&key)],
                Some(key.public_key().to_owned()),
            )
        } else {
            (own, None)
        };
        Ok(Self {
            api,
            user,
            identities,
            public_key,
            instance: None,
            under_way: None,
            started: Instant::now(),
            timeline,
            pace: None,
        })
    }

    pub(crate) fn user(&self) -> &OsUser {
        &self.user
    }

    pub(crate) fn identities(&self) -> &[Identity] {
        &self.identities
    }

    pub(crate) fn is_pushed(&self) -> bool {
        self.public_key.is_some()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.under_way.is_none()
    }

    /// Starts the push, unless it was started before or there is nothing to push.
    pub(crate) fn start(&mut self, id: &InstanceId) {
        if self.instance.is_none() {
            self.instance = Some(id.clone());
            self.push();
        }
    }

    /// Waits for a push under way. Cancelling the wait does not cancel the push.
    pub(crate) async fn wait(&mut self) -> Result<(), Error> {
        let Some(push) = self.under_way.as_mut() else {
            return Ok(());
        };
        let pushed = push.await;
        self.under_way = None;
        match pushed {
            Ok(result) => Ok(result?),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// Waits for the push, and pushes again where the key may have expired meanwhile.
    pub(crate) async fn refresh(&mut self) -> Result<(), Error> {
        self.wait().await?;
        if self.started.elapsed() > FRESH {
            self.push();
            self.wait().await?;
        }
        Ok(())
    }

    fn push(&mut self) {
        let (Some(key), Some(id)) = (self.public_key.clone(), self.instance.clone()) else {
            return;
        };
        let (api, user) = (self.api.clone(), self.user.clone());
        let pace = self.pace.clone();
        let step = self.timeline.begin(Step::PushKey);
        self.started = Instant::now();
        let push = async move {
            let _step = step;
            let push = async || api.send_ssh_public_key(&id, &user, &key).await;
            match pace {
                Some(pace) => pace.call(push).await,
                None => push().await,
            }
        };
        self.under_way = Some(AbortOnDropHandle::new(tokio::spawn(push)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eic_auth::{ApiConfig, Credentials};
    use eic_sandbox::{Config, Region};

    async fn api(region: &Region) -> Api {
        let env = |wanted: &str| {
            let mut env = region.env().iter();
            env.find(|(name, _)| name == wanted).unwrap().1.clone()
        };
        let credentials = Credentials::new(
            env("AWS_ACCESS_KEY_ID"),
            env("AWS_SECRET_ACCESS_KEY"),
            Some(env("AWS_SESSION_TOKEN")),
        );
        let config = ApiConfig::default()
            .region(env("AWS_REGION"))
            .endpoint_url(env("AWS_ENDPOINT_URL"))
            .ca_bundle(env("AWS_CA_BUNDLE"))
            .credentials(credentials);
        Api::load(config).await.unwrap()
    }

    #[tokio::test]
    async fn a_key_that_may_have_expired_is_pushed_again() {
        let region = Region::start(Config::default()).unwrap();
        let (user, timeline) = (OsUser::default(), Timeline::new());
        let mut push = KeyPush::new(api(&region).await, user, Vec::new(), timeline).unwrap();
        push.start(&"i-0e1c0000000000002".parse().unwrap());
        push.refresh().await.unwrap();
        push.refresh().await.unwrap();
        assert_eq!(region.calls("SendSSHPublicKey"), 1, "a fresh key is good");
        push.started = push.started.checked_sub(FRESH).unwrap();
        push.refresh().await.unwrap();
        assert_eq!(region.calls("SendSSHPublicKey"), 2);
    }
}
