//! The hosts on the way to several instances: one connection that all of them use.

use std::collections::HashMap;
use std::sync::Arc;

use eic_term::{Address, Destination, Error, Session};
use tokio::sync::OnceCell;

use crate::cli::args::Common;
use crate::cli::report::Failure;
use crate::cli::ssh::{Configured, Stream};
use crate::cli::ui::Ui;

/// The last host of a way, which the first instance that needs it connects to.
pub(crate) struct Hop {
    configured: Configured,
    account: Common,
    ui: Ui,
    /// A failure holds for all, who need not wait for it one after another.
    session: OnceCell<Result<Session, Failure>>,
}

impl Hop {
    /// Opens a stream to the port of an instance.
    pub(crate) async fn stream(
        &self,
        to: &Destination,
        port: u16,
    ) -> Result<Box<dyn Stream>, Error> {
        let log_in = || Box::pin(self.configured.log_in_to_hop(&self.account, &self.ui));
        let failed = |failure: Failure| Error::Way {
            peer: to.id.to_string(),
            source: failure.into(),
        };
        let session = match self.session.get_or_init(log_in).await {
            Ok(session) => session,
            Err(failure) => return Err(failed(failure.clone())),
        };
        let address = Address::tcp(to.address.to_string(), port);
        let stream = session.connect(&address).await;
        Ok(Box::new(stream.map_err(|error| failed(error.into()))?))
    }
}

/// The hops of a run, each once.
#[derive(Default)]
pub(super) struct Hops(HashMap<String, Arc<Hop>>);

impl Hops {
    /// The one on the way to an instance, if there is one.
    pub(super) fn of(
        &mut self,
        configured: &Configured,
        account: &Common,
        ui: &Ui,
    ) -> Option<Arc<Hop>> {
        let way = configured.hops()?;
        let new = || {
            Arc::new(Hop {
                configured: configured.clone(),
                account: account.account(),
                ui: configured.ui(ui),
                session: OnceCell::new(),
            })
        };
        Some(self.0.entry(way).or_insert_with(new).clone())
    }
}
