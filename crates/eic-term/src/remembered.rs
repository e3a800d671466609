//! The pipeline from where an instance was the last time, while it is looked up whether it still is.

use eic_auth::{Selector, Target};

use crate::connect::Connector;
use crate::destination::Destination;
use crate::error::Error;
use crate::session::Session;
use crate::trust::HostKeyPolicy;

/// What comes first.
enum First {
    Session(Result<Session, Error>),
    Found(Result<Destination, Error>),
}

impl Connector {
    /// Logs in to where a target was the last time; beside it the target is looked up, and where it is elsewhere by now
    /// that is where the login goes. A name's session is only returned once the look-up has confirmed it.
    ///
    /// It is as [`connect`](Self::connect) where no host key of the instance is pinned yet: then nothing would tell it
    /// from another that has got its address.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_remembered(
        &self,
        target: &Target,
        remembered: &Destination,
    ) -> Result<Session, Error> {
        if !self.is_pinned(remembered) {
            return self.connect(target).await;
        }
        let user = target.user.as_ref();
        let mut session = Box::pin(self.connect_to(remembered, user));
        let mut found = Box::pin(self.find(&target.selector));
        let first = tokio::select! {
            session = &mut session => First::Session(session),
            found = &mut found => First::Found(found),
        };
        let (session, found) = match first {
            // The key of this host is pinned for this id.
            First::Session(Ok(session)) if matches!(target.selector, Selector::Id(_)) => {
                return Ok(session);
            }
            First::Session(session) => (session, found.await?),
            First::Found(found) => {
                let found = found?;
                if found != *remembered {
                    return self.connect_to(&found, user).await;
                }
                (session.await, found)
            }
        };
        match found == *remembered {
            true => session,
            false => {
                drop(session);
                self.connect_to(&found, user).await
            }
        }
    }

    fn is_pinned(&self, to: &Destination) -> bool {
        match self.policy() {
            HostKeyPolicy::Verified(trust) => trust.has_pin(to.id.as_str()),
            _ => false,
        }
    }
}
