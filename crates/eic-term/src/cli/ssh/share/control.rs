//! `-O`, and what else is asked of the process that holds a connection.

use std::process::ExitCode;

use eic_term::share::{ForwardKind, ForwardRequest, Shared};
use eic_term::ssh_config::{ControlCommand, ResolvedOptions};
use eic_term::{Error, visible};

use super::super::session;
use crate::cli::args::Forwardings;
use crate::cli::forward_spec::{DynamicSpec, Goal, LocalSpec, Permitted, RemoteSpec};
use crate::cli::forwards::Wanted;
use crate::cli::report::Failure;
use crate::cli::ui::Ui;

/// Where the process listens.
pub(super) fn path(options: &ResolvedOptions) -> Result<&str, Failure> {
    let path = options.control_path.as_deref();
    path.ok_or_else(|| {
        Failure::caused(
            "nothing to ask",
            "No ControlPath specified for \"-O\" command",
        )
        .advised("-S PATH, or ControlPath in the configuration")
    })
}

/// Asks what `-O` says.
pub(super) async fn run(
    command: ControlCommand,
    options: &ResolvedOptions,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let shared = Shared::at(path(options)?);
    match command {
        ControlCommand::Check => {
            let process = shared.check().await?;
            ui.notice(&format!("Master running (pid={process})"));
        }
        ControlCommand::Exit => {
            shared.exit().await?;
            ui.notice("Exit request sent.");
        }
        ControlCommand::Stop => {
            shared.stop().await?;
            ui.notice("Stop listening request sent.");
        }
        ControlCommand::Forward => {
            for request in requests(&session::forwardings(options)) {
                if let Some(port) = shared.forward(&request).await? {
                    ui.result(&port.to_string())?;
                }
            }
        }
        ControlCommand::Cancel => {
            for request in requests(&session::forwardings(options)) {
                shared.cancel(&request).await?;
            }
        }
        ControlCommand::ConnectionInfo | ControlCommand::Channels => {
            ui.result(&visible(&shared.describe().await?))?;
        }
        ControlCommand::Proxy => {
            return Err(Failure::caused(
                "cannot ask this of the shared connection",
                "it is not known here",
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks for the forwards of a command line that uses a shared connection. One that fails is said and left out, unless
/// it is to be an error.
pub(in crate::cli::ssh) async fn forward(
    args: &Forwardings,
    shared: &Shared,
    ui: &Ui,
) -> Result<(), Failure> {
    for request in requests(args) {
        match shared.forward(&request).await {
            Ok(Some(port)) => ui.notice(&format!("forwarding {} by port {port}", request.on)),
            Ok(None) => {}
            Err(error @ Error::Holder { .. }) if !args.exit_on_forward_failure => {
                ui.failure(&error.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn requests(args: &Forwardings) -> Vec<ForwardRequest> {
    let all = Wanted::all(args).into_iter();
    all.map(|wanted| request(wanted, args.replace_sockets))
        .collect()
}

fn request(wanted: Wanted, replace: bool) -> ForwardRequest {
    let (kind, on, to) = match wanted {
        Wanted::Local(spec) => (ForwardKind::Local, spec.on, Some(spec.to)),
        Wanted::Remote(spec) => match spec.to {
            Goal::Address(to) => (ForwardKind::Remote, spec.on, Some(to)),
            // Where it may lead is the holder's to say, as with ssh(1).
            Goal::Asked(_) => (ForwardKind::Remote, spec.on, None),
        },
        Wanted::Dynamic(spec) => (ForwardKind::Dynamic, spec.on, None),
    };
    ForwardRequest {
        kind,
        on,
        to,
        replace,
    }
}

/// What a request is for; `None` where it leads nowhere. A proxy's clients on the host may go where it is `permitted`.
pub(super) fn wanted(request: ForwardRequest, permitted: &[String]) -> Option<Wanted> {
    let ForwardRequest { kind, on, to, .. } = request;
    Some(match kind {
        ForwardKind::Local => Wanted::Local(LocalSpec { on, to: to? }),
        ForwardKind::Remote => {
            let asked = || Goal::Asked(Permitted(permitted.to_vec()));
            let to = to.map_or_else(asked, Goal::Address);
            Wanted::Remote(RemoteSpec { on, to })
        }
        ForwardKind::Dynamic => Wanted::Dynamic(DynamicSpec { on }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_was_wanted() {
        let args = Forwardings {
            local: vec!["8080:web:80".parse().unwrap()],
            remote: ["/tmp/s:/tmp/t", "1081"]
                .map(|spec| spec.parse().unwrap())
                .into(),
            dynamic: vec!["1080".parse().unwrap()],
            ..Forwardings::default()
        };
        let permitted = ["any".to_owned()];
        let back = requests(&args).into_iter();
        let back: Option<Vec<_>> = back.map(|one| wanted(one, &permitted)).collect();
        assert_eq!(back, Some(Wanted::all(&args)));
    }
}
