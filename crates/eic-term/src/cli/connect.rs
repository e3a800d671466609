//! `eic-term TARGET`: a shell.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use eic_auth::{Endpoint, Instance, OsUser, Target};
use eic_term::{
    ConnectOptions, Connector, Destination, Error, HostKeyError, PinFile, Session, TrustLevel,
};

use super::args::{Common, Connect, Pick};
use super::cache::Cache;
use super::folders;
use super::forwards::Forwards;
use super::interactive::{self, interact};
use super::picker;
use super::report::{Failure, INTERRUPTED};
use super::settings::Settings;
use super::streams::{self, Input};
use super::ui::Ui;

pub(crate) async fn run(common: &Common, args: &Connect, ui: &Ui) -> Result<ExitCode, Failure> {
    let terminals = io::stdin().is_terminal() && io::stdout().is_terminal();
    let with_pty = args.interactive.wants_pty(terminals);
    let session = match log_in(common, &args.target, with_pty, ui).await {
        Err(failure) if !failure.matches.is_empty() && picker::can_pick(ui) => {
            let picked = picker::pick_of(&failure.matches).await?;
            let Some(id) = picked.first() else {
                return Ok(ExitCode::from(INTERRUPTED));
            };
            let target = picked_target(args.target.user.clone(), id)?;
            log_in(common, &target, with_pty, ui).await?
        }
        session => session?,
    };
    let forwards = Forwards::open(&args.forwardings, &session, ui).await?;
    let shell = args.interactive.lend_agent(session.shell())?;
    if with_pty {
        return interact(shell, &session, forwards, &args.interactive, ui).await;
    }
    // As ssh(1) without a terminal: no PTY, streams as they are.
    let child = shell.spawn().await?;
    ui.timeline(session.timeline());
    streams::join(child, Input::Ours, ui).await
}

/// The target that was picked by its id.
pub(crate) fn picked_target(user: Option<OsUser>, id: &str) -> Result<Target, Failure> {
    let selector = id.parse();
    let selector = selector.map_err(|source| Failure::new("cannot use what was picked", source))?;
    Ok(Target { user, selector })
}

/// The same on an instance that is picked from a list.
pub(crate) async fn pick(common: &Common, args: Pick, ui: &Ui) -> Result<ExitCode, Failure> {
    let picked = picker::pick(common, false).await?;
    match picked.first() {
        Some(id) => {
            let args = Connect {
                interactive: args.interactive,
                forwardings: args.forwardings,
                target: picked_target(None, id)?,
            };
            Box::pin(run(common, &args, ui)).await
        }
        None => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// Logs in to a target; on failure too, `-v` shows how far it came.
pub(crate) async fn log_in(
    common: &Common,
    target: &Target,
    with_pty: bool,
    ui: &Ui,
) -> Result<Session, Failure> {
    let (session, _) = log_in_with(common, target, with_pty, ui).await?;
    Ok(session)
}

/// The same where it is known how to get there.
pub(crate) async fn log_in_at(
    common: &Common,
    target: &Target,
    to: &Destination,
    with_pty: bool,
    ui: &Ui,
) -> Result<Session, Failure> {
    let (session, _) = attempt(common, target, Some(to), with_pty, ui).await?;
    Ok(session)
}

/// The same; what made the session can make the next.
pub(crate) async fn log_in_with(
    common: &Common,
    target: &Target,
    with_pty: bool,
    ui: &Ui,
) -> Result<(Session, Connector), Failure> {
    attempt(common, target, None, with_pty, ui).await
}

async fn attempt(
    common: &Common,
    target: &Target,
    to: Option<&Destination>,
    with_pty: bool,
    ui: &Ui,
) -> Result<(Session, Connector), Failure> {
    let mut settings = Settings::load(common, Some(target))?;
    settings.options.window = with_pty.then_some(interactive::WINDOW);
    let timeline = settings.options.timeline.clone();
    let progress = ui.progress(target, &timeline);
    let found = Found::default();
    found.listen(&mut settings.options);
    let connector = settings.connector(ui).await?;
    let cache = settings.cache(common, connector.region());
    let cache = cache.filter(|_| to.is_none() && common.instance_ip.is_none());
    let recalled = cache.as_ref().and_then(|one| one.recall(&target.selector));
    let remembered = recalled.as_ref().and_then(|(instance, endpoints)| {
        let place = connector.place(instance, endpoints).ok()?;
        Some(place.destination())
    });
    let connect = async || match (to, &remembered) {
        (Some(to), _) => Box::pin(connector.connect_to(to, target.user.as_ref())).await,
        (None, Some(place)) => Box::pin(connector.connect_remembered(target, place)).await,
        (None, None) => Box::pin(connector.connect(target)).await,
    };
    let mut session = connect().await;
    if let Err(Error::HostKey(doubt)) = &session
        && is_confirmed(doubt, common.host_key.unwrap_or_default(), ui).await?
    {
        session = connect().await;
    }
    drop(progress);
    match &session {
        Ok(session) => {
            session
                .algorithms()
                .iter()
                .for_each(|agreed| ui.agreed(agreed));
            if let Some(cache) = cache {
                found.keep(&cache, recalled.map(|(instance, _)| instance));
            }
        }
        Err(_) => ui.timeline(&timeline),
    }
    Ok((session?, connector))
}

/// What a login has looked up.
#[derive(Default)]
struct Found(Arc<Mutex<Option<LookedUp>>>);

/// An instance, and the endpoint that leads there.
type LookedUp = (Instance, Option<Endpoint>);

impl Found {
    fn listen(&self, options: &mut ConnectOptions) {
        let found = self.0.clone();
        options.on_found(move |instance, endpoint| {
            let new = (instance.clone(), endpoint.cloned());
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
        });
    }

    /// Remembers it for the next time, or that what was remembered has been of use.
    fn keep(&self, cache: &Cache, recalled: Option<Instance>) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (instance, endpoint) = match found.take() {
            Some((instance, endpoint)) => (Some(instance), endpoint),
            None => (recalled, None),
        };
        let endpoints: Vec<_> = endpoint.into_iter().collect();
        cache.remember(instance.as_slice(), &endpoints, true);
    }
}

/// Where nothing speaks for a host's key a person may, at the level `aws`; the key is pinned then.
pub(crate) async fn is_confirmed(
    doubt: &HostKeyError,
    level: TrustLevel,
    ui: &Ui,
) -> Result<bool, Failure> {
    let HostKeyError::Unverified {
        name, presented, ..
    } = doubt
    else {
        return Ok(false);
    };
    let question = format!("{doubt}\nLog in all the same, and remember the key?");
    let confirmed = level == TrustLevel::Aws && ui.confirms(&question).await?;
    if confirmed {
        let pins = PinFile::new(folders::pins()?);
        pins.pin(name, presented, "confirmed")
            .map_err(Error::from)?;
    }
    Ok(confirmed)
}
