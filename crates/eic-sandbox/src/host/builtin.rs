use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::keys::PublicKey;
use russh::server::{
    self, Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Response, Session,
    VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelWriteHalf, MethodKind, MethodSet, Pty, Sig, SshId};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::backlog::Backlog;
use super::process::{self, Control, Exit, Input, Program};
use super::terminal::{self, Terminal};
use super::{HostKeys, INSTANCE};
use crate::keys::Keys;

/// The variables that a client may set, as in the `sshd_config` of Amazon Linux and Debian.
pub(super) const ACCEPTED_VARIABLES: [&str; 3] = ["LANG", "COLORTERM", "GIT_PROTOCOL"];

/// An SSH server in this process. Every user is the one that runs the region.
pub(crate) struct Builtin {
    instance: String,
    keys: Arc<Keys>,
    one_time_code: Option<String>,
    config: Arc<server::Config>,
}

impl Builtin {
    /// The host of an instance, to which the keys pushed for it are admitted.
    pub(crate) fn new(
        instance: &str,
        keys: Arc<Keys>,
        host_keys: &HostKeys,
        one_time_code: Option<String>,
    ) -> Self {
        let mut methods = MethodSet::from(&[MethodKind::PublicKey][..]);
        if one_time_code.is_some() {
            methods.push(MethodKind::KeyboardInteractive);
        }
        let config = server::Config {
            server_id: SshId::Standard("SSH-2.0-eic_sandbox".into()),
            methods,
            auth_rejection_time: Duration::ZERO,
            inactivity_timeout: None,
            keys: host_keys.all().cloned().collect(),
            ..server::Config::default()
        };
        Self {
            instance: instance.to_owned(),
            keys,
            one_time_code,
            config: Arc::new(config),
        }
    }

    /// Serves one connection until its end.
    pub(crate) async fn serve<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let login = Login {
            instance: self.instance.clone(),
            keys: Arc::clone(&self.keys),
            one_time_code: self.one_time_code.clone(),
            has_key: false,
            channels: HashMap::new(),
            programs: JoinSet::new(),
        };
        let ended = match server::run_stream(Arc::clone(&self.config), stream, login).await {
            Ok(session) => session.await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, instance = self.instance, "SSH connection ended");
        }
    }
}

/// One client's connection; dropping it ends the programs that it runs.
struct Login {
    instance: String,
    keys: Arc<Keys>,
    one_time_code: Option<String>,
    /// Whether the key was good, and the code is still to come.
    has_key: bool,
    channels: HashMap<ChannelId, Client>,
    programs: JoinSet<()>,
}

/// A session channel: first what the client asks for, then its end of the program.
enum Client {
    Asking {
        output: ChannelWriteHalf<Msg>,
        program: Program,
        terminal: Option<Terminal>,
    },
    Running {
        backlog: Arc<Backlog>,
        control: mpsc::Sender<Control>,
        program: AbortHandle,
    },
}

impl Login {
    fn authorize(&self, os_user: &str, key: &PublicKey) -> Auth {
        if self
            .keys
            .authorizes(&self.instance, os_user, key, Instant::now())
        {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }

    /// Starts what the channel asked for; false when it already runs something.
    fn start(&mut self, id: ChannelId, command: Option<String>, handle: server::Handle) -> bool {
        let Some(Client::Asking {
            output,
            mut program,
            terminal,
        }) = self.channels.remove(&id)
        else {
            return false;
        };
        program.command = command;
        let instance = (INSTANCE.to_owned(), self.instance.clone());
        program.environment.push(instance);
        let backlog = Arc::new(Backlog::default());
        let (sender, control) = mpsc::channel(16);
        let input = Input {
            backlog: Arc::clone(&backlog),
            control,
        };
        let task = self.programs.spawn(async move {
            let exit = run(&output, &program, terminal, input).await;
            report(&handle, id, exit).await;
        });
        self.channels.insert(
            id,
            Client::Running {
                backlog,
                control: sender,
                program: task,
            },
        );
        true
    }

    fn control(&self, id: ChannelId, message: Control) {
        if let Some(Client::Running { control, .. }) = self.channels.get(&id) {
            // A client that sends more than a program takes loses some, as with any terminal.
            let _ = control.try_send(message);
        }
    }
}

/// The answer that a code is wanted, after a good key or a wrong code.
fn second_factor(partial_success: bool) -> Auth {
    Auth::Reject {
        proceed_with_methods: Some(MethodSet::from(&[MethodKind::KeyboardInteractive][..])),
        partial_success,
    }
}

async fn run(
    output: &ChannelWriteHalf<Msg>,
    program: &Program,
    terminal: Option<Terminal>,
    input: Input,
) -> io::Result<Exit> {
    let stdout = output.make_writer();
    let mut stderr = output.make_writer_ext(Some(1));
    let result = match &terminal {
        Some(terminal) => terminal::run(program, terminal, input, stdout).await,
        None => process::run(program, input, stdout, &mut stderr).await,
    };
    if let Err(error) = &result {
        let _ = stderr
            .write_all(format!("eic-sandbox: {error}\n").as_bytes())
            .await;
    }
    result
}

/// Tells the client how the program ended (RFC 4254 section 6.10) and closes the channel.
async fn report(handle: &server::Handle, id: ChannelId, exit: io::Result<Exit>) {
    let _ = handle.eof(id).await;
    let _ = match exit {
        Ok(Exit::Status(status)) => handle.exit_status_request(id, status).await,
        Ok(Exit::Signal(signal)) => {
            let (message, language) = (String::new(), String::new());
            handle
                .exit_signal_request(id, signal, false, message, language)
                .await
        }
        Err(_) => handle.exit_status_request(id, 255).await,
    };
    let _ = handle.close(id).await;
}

impl Handler for Login {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.authorize(user, offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let answer = self.authorize(user, key.public_key);
        if answer != Auth::Accept || self.one_time_code.is_none() {
            return Ok(answer);
        }
        self.has_key = true;
        Ok(second_factor(true))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(code) = self.one_time_code.as_ref().filter(|_| self.has_key) else {
            return Ok(Auth::reject());
        };
        Ok(match response.map(|mut answers| answers.next()) {
            None => Auth::Partial {
                name: "Second factor".into(),
                instructions: "Look at your token.".into(),
                prompts: vec![("Code: ".into(), true)].into(),
            },
            Some(Some(answer)) if answer == code.as_bytes() => Auth::Accept,
            Some(_) => second_factor(false),
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // Input is taken in `data`, so that no full queue can hold up the connection.
        let (_, output) = channel.split();
        let id = output.id();
        let client = Client::Asking {
            output,
            program: Program::default(),
            terminal: None,
        };
        self.channels.insert(id, client);
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        _pixel_width: u32,
        _pixel_height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(Client::Asking { terminal, .. }) = self.channels.get_mut(&id) else {
            return session.channel_failure(id);
        };
        let (columns, rows) = (cells(columns), cells(rows));
        *terminal = Some(Terminal {
            term: term.to_owned(),
            columns,
            rows,
        });
        session.channel_success(id)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let accepted = ACCEPTED_VARIABLES.contains(&name) || name.starts_with("LC_");
        match self.channels.get_mut(&id) {
            Some(Client::Asking { program, .. }) if accepted => {
                program
                    .environment
                    .push((name.to_owned(), value.to_owned()));
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    async fn shell_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.start(id, None, session.handle()) {
            true => session.channel_success(id),
            false => session.channel_failure(id),
        }
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let command = String::from_utf8_lossy(command).into_owned();
        match self.start(id, Some(command), session.handle()) {
            true => session.channel_success(id),
            false => session.channel_failure(id),
        }
    }

    async fn data(
        &mut self,
        id: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(Client::Running { backlog, .. }) = self.channels.get(&id) {
            backlog.push(Bytes::copy_from_slice(data))?;
        }
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        id: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(Client::Running { backlog, .. }) = self.channels.get(&id) {
            backlog.finish();
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        id: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(Client::Running { program, .. }) = self.channels.remove(&id) {
            program.abort();
        }
        while self.programs.try_join_next().is_some() {}
        Ok(())
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        _pixel_width: u32,
        _pixel_height: u32,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.control(
            id,
            Control::Resize {
                columns: cells(columns),
                rows: cells(rows),
            },
        );
        Ok(())
    }

    async fn signal(
        &mut self,
        id: ChannelId,
        signal: Sig,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.control(id, Control::Signal(signal));
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }
}

fn cells(n: u32) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
