//! A server that follows a script, and the clients that meet it.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eic_auth::{EphemeralKey, OsUser};
use eic_term::{Error, HostKeyPolicy, Identity, Session, SessionBuilder};

use super::packet::{CHANNEL, Packet, number, take_string, take_u32};
use super::transport::{Offer, Peer};

/// How long a client waits where a case is about its limit; elsewhere a slow machine gets all the time it wants.
pub(crate) const SHORT: Duration = Duration::from_secs(1);
/// What a script may be kept waiting for at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server does.
pub(crate) type Step = fn(&mut Peer) -> io::Result<()>;
/// What it is called, what the server does, and what is said of it.
pub(crate) type Case = (&'static str, Step, &'static str);

/// A listener on loopback that plays one script on each connection.
pub(crate) struct Hostile {
    pub(crate) address: SocketAddr,
    limit: Duration,
    keepalive: Duration,
}

impl Hostile {
    pub(crate) fn start(
        script: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let script = Arc::clone(&script);
                std::thread::spawn(move || play(stream, &*script));
            }
        });
        Self {
            address,
            limit: PATIENCE,
            keepalive: PATIENCE,
        }
    }

    /// Its client waits for each answer no longer than this.
    pub(crate) fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Its client gives up after four times this without a sign of life.
    pub(crate) fn keepalive(self, keepalive: Duration) -> Self {
        Self { keepalive, ..self }
    }

    /// Shakes hands, logs in and runs a command.
    pub(crate) async fn session(&self) -> Result<Session, Error> {
        let builder = SessionBuilder::new("evil", HostKeyPolicy::DangerAcceptAny);
        let builder = builder.limit(self.limit).keepalive(Some(self.keepalive));
        let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let connection = builder.handshake(stream).await?;
        let key = Identity::from(&EphemeralKey::generate().unwrap());
        connection.login(&OsUser::default(), &key).await
    }
}

/// What a script leaves unsaid is silence until the client hangs up. That it does so before, while a script still
/// speaks, is what is wanted mostly.
fn play(stream: TcpStream, script: &dyn Fn(&mut Peer) -> io::Result<()>) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut peer = Peer::new(stream);
    script(&mut peer).and_then(|()| peer.wait()).ok();
}

impl Peer {
    /// Versions and keys.
    pub(crate) fn hello(&mut self) -> io::Result<()> {
        self.versions()?;
        self.keys(Offer::default())
    }

    /// Until the client asks to be let in (RFC 4252 §5), with the keys exchanged.
    pub(crate) fn service(&mut self) -> io::Result<()> {
        self.expect(number::SERVICE_REQUEST)?;
        self.send(&Packet::new(number::SERVICE_ACCEPT).string("ssh-userauth"))?;
        self.expect(number::USERAUTH_REQUEST)?;
        Ok(())
    }

    /// The same from the start.
    pub(crate) fn login_request(&mut self) -> io::Result<()> {
        self.hello()?;
        self.service()
    }

    /// Until anybody is let in.
    pub(crate) fn login(&mut self) -> io::Result<()> {
        self.login_request()?;
        self.send(&Packet::new(number::USERAUTH_SUCCESS))
    }

    /// Until the client's channel is open.
    pub(crate) fn channel(&mut self) -> io::Result<()> {
        self.login()?;
        let open = self.expect(number::CHANNEL_OPEN)?;
        let mut rest = &open[1..];
        take_string(&mut rest);
        assert_eq!(take_u32(&mut rest), CHANNEL);
        let confirmation = Packet::new(number::CHANNEL_OPEN_CONFIRMATION);
        let confirmation = confirmation.u32(CHANNEL).u32(0).u32(1 << 20).u32(1 << 15);
        self.send(&confirmation)
    }

    /// Until the client's command runs, which takes answers to its requests.
    pub(crate) fn command(&mut self) -> io::Result<()> {
        self.channel()?;
        loop {
            let request = self.expect(number::CHANNEL_REQUEST)?;
            let mut rest = &request[5..];
            let kind = take_string(&mut rest);
            if rest.first() == Some(&1) {
                self.send(&Packet::new(number::CHANNEL_SUCCESS).u32(CHANNEL))?;
            }
            if kind == b"exec" || kind == b"shell" {
                return Ok(());
            }
        }
    }

    /// The end of a command as it should be.
    pub(crate) fn exit(&mut self, status: u32) -> io::Result<()> {
        self.send(&super::packet::channel_request("exit-status", false).u32(status))?;
        self.send(&Packet::new(number::CHANNEL_EOF).u32(CHANNEL))?;
        self.send(&Packet::new(number::CHANNEL_CLOSE).u32(CHANNEL))
    }
}

/// Runs a session's command to its end, within a limit.
pub(crate) async fn run(server: &Hostile) -> Result<eic_term::Output, Error> {
    let start = Instant::now();
    let session = server.session().await?;
    let output = tokio::time::timeout(PATIENCE, session.command("true").output()).await;
    match output {
        Ok(output) => output,
        Err(_) => panic!("no end after {:?}", start.elapsed()),
    }
}

/// All that an error says, which must be one short line that drives no terminal.
pub(crate) fn words(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let errors = std::iter::successors(Some(first), |error| error.source());
    let words = errors
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ");
    assert!(!words.contains(char::is_control), "{words:?}");
    assert!(words.len() < 2000, "{} bytes: {:.200}…", words.len(), words);
    words
}
