//! `sftp`: files on a host, by OpenSSH's commands, as `eic-term sftp` or, with its command line too, under the name `sftp`.

mod arguments;
mod batch;
mod client;
mod command;
mod completion;
mod df;
mod help;
mod line;
mod listing;
mod local;
mod ls;
mod open;
mod options;
mod parse;
mod paths;
mod place;
#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;
mod prompt;
mod remote;
mod transfer;
mod words;

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use self::arguments::{Arguments, Misuse, Way};
use self::batch::Batch;
use self::client::{Client, Done};
use self::command::{Command, Transfer};
use self::open::Server;
use self::words::Word;
use super::args::Common;
use super::args::Sftp;
use super::report::Failure;
use super::ui::Ui;
use super::{connect, log, ssh};

pub(crate) use self::arguments::Settings;
pub(crate) use self::command::How;
pub(crate) use self::place::InstancePlace;

/// The exit code of wrong usage, and of a file that could not be fetched, as sftp(1)'s.
const FAILED: u8 = 1;

/// What is wanted of a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Where to begin: a folder to enter, or a file to fetch and leave.
    pub(crate) path: Option<String>,
    /// Where to put what is fetched.
    pub(crate) local: Option<String>,
    pub(crate) settings: Settings,
}

/// `eic-term sftp`: to an instance, with the options of every command.
pub(crate) async fn run(common: &Common, args: &Sftp, ui: &Ui) -> Result<ExitCode, Failure> {
    let request = Request {
        path: args.place.path.clone(),
        local: args.local.clone(),
        settings: args.settings(common.quiet),
    };
    to_instance(common, &args.place.target, request, ui).await
}

/// Logs in to an instance and does what is wanted.
pub(crate) async fn to_instance(
    common: &Common,
    target: &eic_auth::Target,
    request: Request,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let commands = commands(&request.settings).await?;
    // A batch asks nobody.
    let ui = &ui.clone().batch(request.settings.batch.is_some());
    let configured = ssh::Configured::read(common, target, ui)?;
    let (session, _) = connect::log_in(common, target, configured, false, ui).await?;
    ui.timeline(session.timeline());
    let server = Server::of_session(&session).await?;
    if !request.settings.quiet {
        ui.notice(&format!("Connected to {target}."));
    }
    let done = work(server, commands, request, ui).await;
    session.close().await.ok();
    done
}

/// The arguments where they are sftp(1)'s: under the name `sftp`.
pub(crate) fn arguments(mut all: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let program = all.next()?;
    (Path::new(&program).file_stem()? == "sftp").then(|| all.collect())
}

/// Does what sftp(1)'s command line asks for.
pub(crate) fn run_program(arguments: &[OsString], ui: &Ui) -> Result<ExitCode, Failure> {
    run_for(arguments, &Common::untyped()?, ui)
}

/// The same with an account's instances.
pub(crate) fn run_for(
    arguments: &[OsString],
    account: &Common,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let arguments = match arguments::parse(arguments) {
        Ok(arguments) => arguments,
        Err(Misuse::Usage(what)) => {
            let what = what.map(|what| format!("{what}\n")).unwrap_or_default();
            ui.notice(&format!("{what}{}", arguments::USAGE));
            return Ok(ExitCode::from(FAILED));
        }
        Err(Misuse::Argument(what)) => return Err(Failure::caused(what, "")),
    };
    let ssh: Vec<OsString> = arguments.ssh.iter().map(OsString::from).collect();
    match arguments.way.clone() {
        Way::Session => ssh::with_session(&ssh, account, ui, async |session, options, ui| {
            let commands = commands(&arguments.settings).await?;
            let server = options.command.as_deref().unwrap_or("sftp".as_ref());
            let server = Server::named(session, &server.to_string_lossy(), ui).await?;
            attended(server, commands, arguments, "Connected to", ui).await
        }),
        Way::Program(program) => local(arguments, "Connected to", program.as_ref(), &ssh),
        Way::Local(line) => {
            let words = words::split(line.as_bytes()).unwrap_or_default();
            let words = words
                .iter()
                .map(|word| platform::path(&word.name()).into_os_string());
            let words: Vec<OsString> = words.collect();
            let Some((program, rest)) = words.split_first() else {
                return Err(Failure::caused("cannot start a server", "-D names none"));
            };
            local(arguments, "Attached to", program, rest)
        }
    }
}

/// Starts a program that speaks SFTP, or leads to what does, and works with it.
fn local(
    arguments: Arguments,
    said: &str,
    program: &OsStr,
    words: &[OsString],
) -> Result<ExitCode, Failure> {
    let verbose = arguments.ssh.iter().filter(|word| *word == "-v").count();
    let verbose = u8::try_from(verbose).unwrap_or(u8::MAX);
    log::start(verbose, None);
    let ui = Ui::new(false, verbose).batch(arguments.settings.batch.is_some());
    super::block_on(super::Load::Bulk, async {
        let commands = commands(&arguments.settings).await?;
        let server = Server::program(program, words).await?;
        attended(server, commands, arguments, said, &ui).await
    })
}

async fn attended(
    server: Server,
    commands: Commands,
    arguments: Arguments,
    said: &str,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    if !arguments.settings.quiet {
        ui.notice(&format!("{said} {}.", arguments.name));
    }
    let request = Request {
        path: arguments.path,
        local: arguments.local,
        settings: arguments.settings,
    };
    work(server, commands, request, ui).await
}

/// Where commands come from.
enum Commands {
    Prompt,
    Batch(Batch),
}

/// A batch that is not there is said before anybody logs in.
async fn commands(settings: &Settings) -> Result<Commands, Failure> {
    let terminals = io::stdin().is_terminal() && io::stdout().is_terminal();
    Ok(match &settings.batch {
        Some(file) => Commands::Batch(Batch::open(file).await?),
        None if terminals => Commands::Prompt,
        None => Commands::Batch(Batch::of_input()),
    })
}

/// Works with a server to the end, and lets it go.
async fn work(
    server: Server,
    commands: Commands,
    request: Request,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let progress = !request.settings.quiet && io::stderr().is_terminal();
    let Request {
        path,
        local,
        settings,
    } = request;
    let client = Client::start(server.sftp.clone(), settings, progress, ui.clone()).await;
    let done = match client {
        Ok(mut client) => converse(&mut client, commands, path, local).await,
        Err(failure) => Err(failure),
    };
    server.close().await;
    done
}

async fn converse(
    client: &mut Client,
    commands: Commands,
    path: Option<String>,
    local: Option<String>,
) -> Result<ExitCode, Failure> {
    if let Some(path) = path
        && let Some(code) = begin(client, path.as_bytes(), local).await?
    {
        return Ok(code);
    }
    match commands {
        Commands::Prompt => prompt::run(client).await,
        Commands::Batch(batch) => batch.run(client).await,
    }
}

/// Enters a folder; anything else is fetched, and that is all.
async fn begin(
    client: &mut Client,
    path: &[u8],
    local: Option<String>,
) -> Result<Option<ExitCode>, Failure> {
    let path = client.absolute(path);
    let found = client.sftp.stat(&path).await.ok();
    let kind = found.and_then(|found| found.kind());
    if kind == Some(eic_term::files::FileKind::Folder) && local.is_none() {
        if !client.settings.quiet {
            client.say(&format!("Changing to: {}", client::shown(&path)))?;
        }
        let done = client.run(Command::Cd(Some(path))).await;
        return Ok((done != Done::Good).then(|| ExitCode::from(FAILED)));
    }
    let from = match kind {
        Some(_) => Word::literal(&path),
        None => Word(path),
    };
    let to = local.map(String::into_bytes);
    let how = How::default();
    let line = line::run_command(client, Command::Get(Transfer { how, from, to })).await;
    Ok(Some(match line {
        Done::Interrupted => ExitCode::from(super::report::INTERRUPTED),
        Done::Good => ExitCode::SUCCESS,
        Done::Lost => ExitCode::from(super::report::FAILED),
        _ => ExitCode::from(FAILED),
    }))
}
