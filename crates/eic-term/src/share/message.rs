//! What two processes of one user say to each other about a shared session: a message is a length, a mark, its kind
//! and its fields.

use std::io;

use bytes::{Buf, BufMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::child::{ExitStatus, Signal};
use crate::forward::Address;
use crate::pty::{Pty, WindowSize};

/// How long a message may be, in bytes: a command with its environment.
const LONGEST: u32 = 1 << 20;
/// Starts every message: another program's, or another version's, is not taken for one.
const MARK: u8 = 0xE1;

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    /// Are you there?
    Check,
    /// End.
    Exit,
    /// Take no more of us.
    Stop,
    Forward(ForwardRequest),
    Cancel(ForwardRequest),
    Open(Open),
    /// This connection is one of a session's streams.
    Attach {
        ticket: u64,
        stream: StreamKind,
    },
    Resize(WindowSize),
    Signal(String),

    /// The answer to `Check`.
    Running {
        process: u32,
    },
    /// Done; with the port that the system chose.
    Done {
        port: Option<u16>,
    },
    /// The answer to `Open`: attach the streams to this.
    Ticket(u64),
    Started,
    /// The host has no room for one more session on this connection.
    NoRoom,
    /// No, or no longer.
    Failed(String),
    Ended(ExitStatus),
}

/// What a session is for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Purpose {
    Exec(Vec<u8>),
    Shell,
    Subsystem(String),
    Connect(Address),
    /// To hold the connection open.
    Nothing,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Open {
    pub(crate) purpose: Purpose,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) pty: Option<Pty>,
    pub(crate) agent: bool,
}

/// A stream of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamKind {
    Stdin,
    Stdout,
    Stderr,
}

/// A forward that is asked of the process that holds the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardRequest {
    /// Which kind.
    pub kind: ForwardKind,
    /// Where it listens.
    pub on: Address,
    /// Where it leads to; `None` for SOCKS.
    pub to: Option<Address>,
    /// Whether a socket that is in the way is removed.
    pub replace: bool,
}

/// Which side of a forward listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardKind {
    /// `-L`: this one.
    Local,
    /// `-R`: the host.
    Remote,
    /// `-D`: this one, for SOCKS.
    Dynamic,
}

/// Sends one message.
pub(super) async fn send(to: &mut (impl AsyncWrite + Unpin), message: &Message) -> io::Result<()> {
    let bytes = message.encode();
    let length = u32::try_from(bytes.len()).ok();
    let length = length.filter(|length| *length <= LONGEST).ok_or_else(|| {
        let reason = "the command and its environment are too long";
        io::Error::new(io::ErrorKind::InvalidInput, reason)
    })?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(bytes);
    to.write_all(&frame).await?;
    to.flush().await
}

/// Receives one message; `None` where the other side has ended.
pub(super) async fn receive(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
    let length = match from.read_u32().await {
        Err(error) if is_end(&error) => return Ok(None),
        length => length?,
    };
    if length > LONGEST {
        return Err(foreign());
    }
    let mut bytes = Vec::new();
    from.take(length.into()).read_to_end(&mut bytes).await?;
    Message::decode(&bytes).ok_or_else(foreign).map(Some)
}

/// Whether the other side has gone, in the words of a socket or of a Windows pipe.
fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | BrokenPipe | ConnectionReset)
}

fn foreign() -> io::Error {
    let reason = "it is another program's, or another version's";
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

impl Message {
    fn kind(&self) -> u8 {
        match self {
            Self::Check => 0,
            Self::Exit => 1,
            Self::Stop => 2,
            Self::Forward(_) => 3,
            Self::Cancel(_) => 4,
            Self::Open(_) => 5,
            Self::Attach { .. } => 6,
            Self::Resize(_) => 7,
            Self::Signal(_) => 8,
            Self::Running { .. } => 9,
            Self::Done { .. } => 10,
            Self::Ticket(_) => 11,
            Self::Started => 12,
            Self::NoRoom => 13,
            Self::Failed(_) => 14,
            Self::Ended(_) => 15,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut to = vec![MARK, self.kind()];
        match self {
            Self::Check | Self::Exit | Self::Stop | Self::Started | Self::NoRoom => {}
            Self::Forward(request) | Self::Cancel(request) => put_forward(&mut to, request),
            Self::Open(open) => put_open(&mut to, open),
            Self::Attach { ticket, stream } => {
                to.put_u64(*ticket);
                to.put_u8(match stream {
                    StreamKind::Stdin => 0,
                    StreamKind::Stdout => 1,
                    StreamKind::Stderr => 2,
                });
            }
            Self::Resize(size) => put_size(&mut to, *size),
            Self::Signal(text) | Self::Failed(text) => put(&mut to, text),
            Self::Running { process } => to.put_u32(*process),
            Self::Done { port } => put_option(&mut to, port.as_ref(), |to, port| to.put_u16(*port)),
            Self::Ticket(ticket) => to.put_u64(*ticket),
            Self::Ended(status) => put_status(&mut to, status),
        }
        to
    }

    /// `None` for what is no message.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Fields(bytes);
        if from.u8()? != MARK {
            return None;
        }
        let message = match from.u8()? {
            0 => Self::Check,
            1 => Self::Exit,
            2 => Self::Stop,
            3 => Self::Forward(from.forward()?),
            4 => Self::Cancel(from.forward()?),
            5 => Self::Open(from.open()?),
            6 => Self::Attach {
                ticket: from.0.try_get_u64().ok()?,
                stream: from.stream()?,
            },
            7 => Self::Resize(from.size()?),
            8 => Self::Signal(from.text()?),
            9 => Self::Running {
                process: from.u32()?,
            },
            10 => Self::Done {
                port: from.option(Fields::u16)?,
            },
            11 => Self::Ticket(from.0.try_get_u64().ok()?),
            12 => Self::Started,
            13 => Self::NoRoom,
            14 => Self::Failed(from.text()?),
            15 => Self::Ended(from.status()?),
            _ => return None,
        };
        from.0.is_empty().then_some(message)
    }
}

fn put(to: &mut Vec<u8>, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    // What is longer is refused as a whole.
    to.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    to.put_slice(bytes);
}

fn put_option<T>(to: &mut Vec<u8>, option: Option<&T>, put: impl Fn(&mut Vec<u8>, &T)) {
    to.put_u8(option.is_some().into());
    if let Some(value) = option {
        put(to, value);
    }
}

fn put_address(to: &mut Vec<u8>, address: &Address) {
    match address {
        Address::Tcp { host, port } => {
            to.put_u8(0);
            put(to, host);
            to.put_u16(*port);
        }
        Address::Unix(path) => {
            to.put_u8(1);
            put(to, path);
        }
    }
}

fn put_forward(to: &mut Vec<u8>, request: &ForwardRequest) {
    to.put_u8(match request.kind {
        ForwardKind::Local => 0,
        ForwardKind::Remote => 1,
        ForwardKind::Dynamic => 2,
    });
    put_address(to, &request.on);
    put_option(to, request.to.as_ref(), put_address);
    to.put_u8(request.replace.into());
}

fn put_size(to: &mut Vec<u8>, size: WindowSize) {
    for number in [size.columns, size.rows, size.width, size.height] {
        to.put_u16(number);
    }
}

fn put_pty(to: &mut Vec<u8>, pty: &Pty) {
    put(to, &pty.term);
    put_size(to, pty.size);
    let modes = pty.modes.iter().flat_map(|(code, value)| {
        let [a, b, c, d] = value.to_be_bytes();
        [*code, a, b, c, d]
    });
    put(to, modes.collect::<Vec<_>>());
}

fn put_open(to: &mut Vec<u8>, open: &Open) {
    match &open.purpose {
        Purpose::Exec(command) => {
            to.put_u8(0);
            put(to, command);
        }
        Purpose::Shell => to.put_u8(1),
        Purpose::Subsystem(name) => {
            to.put_u8(2);
            put(to, name);
        }
        Purpose::Connect(address) => {
            to.put_u8(3);
            put_address(to, address);
        }
        Purpose::Nothing => to.put_u8(4),
    }
    put_option(to, open.pty.as_ref(), put_pty);
    to.put_u8(open.agent.into());
    for (name, value) in &open.env {
        put(to, name);
        put(to, value);
    }
}

fn put_status(to: &mut Vec<u8>, status: &ExitStatus) {
    match status {
        ExitStatus::Exited(code) => {
            to.put_u8(0);
            to.put_u32(*code);
        }
        ExitStatus::Signaled {
            signal,
            core_dumped,
        } => {
            to.put_u8(1);
            put(to, signal.name());
            to.put_u8((*core_dumped).into());
        }
        ExitStatus::Missing => to.put_u8(2),
    }
}

/// What is left of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn u8(&mut self) -> Option<u8> {
        self.0.try_get_u8().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.0.try_get_u16().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.0.try_get_u32().ok()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    /// The outer `None` is for what is no message.
    #[expect(
        clippy::option_option,
        reason = "what is absent is not what is malformed"
    )]
    fn option<T>(&mut self, get: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.flag()? {
            true => get(self).map(Some),
            false => Some(None),
        }
    }

    fn stream(&mut self) -> Option<StreamKind> {
        match self.u8()? {
            0 => Some(StreamKind::Stdin),
            1 => Some(StreamKind::Stdout),
            2 => Some(StreamKind::Stderr),
            _ => None,
        }
    }

    fn address(&mut self) -> Option<Address> {
        match self.u8()? {
            0 => Some(Address::tcp(self.text()?, self.u16()?)),
            1 => Some(Address::unix(self.text()?)),
            _ => None,
        }
    }

    fn forward(&mut self) -> Option<ForwardRequest> {
        let kind = match self.u8()? {
            0 => ForwardKind::Local,
            1 => ForwardKind::Remote,
            2 => ForwardKind::Dynamic,
            _ => return None,
        };
        Some(ForwardRequest {
            kind,
            on: self.address()?,
            to: self.option(Self::address)?,
            replace: self.flag()?,
        })
    }

    fn size(&mut self) -> Option<WindowSize> {
        Some(WindowSize {
            columns: self.u16()?,
            rows: self.u16()?,
            width: self.u16()?,
            height: self.u16()?,
        })
    }

    fn pty(&mut self) -> Option<Pty> {
        let term = self.text()?;
        let size = self.size()?;
        let (modes, []) = self.bytes()?.as_chunks::<5>() else {
            return None;
        };
        let mode = |&[code, a, b, c, d]: &[u8; 5]| (code, u32::from_be_bytes([a, b, c, d]));
        Some(Pty {
            term,
            size,
            modes: modes.iter().map(mode).collect(),
        })
    }

    fn open(&mut self) -> Option<Open> {
        let purpose = match self.u8()? {
            0 => Purpose::Exec(self.bytes()?.to_vec()),
            1 => Purpose::Shell,
            2 => Purpose::Subsystem(self.text()?),
            3 => Purpose::Connect(self.address()?),
            4 => Purpose::Nothing,
            _ => return None,
        };
        let pty = self.option(Self::pty)?;
        let agent = self.flag()?;
        let mut env = Vec::new();
        while !self.0.is_empty() {
            env.push((self.text()?, self.text()?));
        }
        Some(Open {
            purpose,
            env,
            pty,
            agent,
        })
    }

    fn status(&mut self) -> Option<ExitStatus> {
        match self.u8()? {
            0 => Some(ExitStatus::Exited(self.u32()?)),
            1 => Some(ExitStatus::Signaled {
                signal: Signal::new(self.text()?),
                core_dumped: self.flag()?,
            }),
            2 => Some(ExitStatus::Missing),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> Vec<Message> {
        let on = Address::tcp("localhost", 8080);
        let forward = |kind, to| ForwardRequest {
            kind,
            on: on.clone(),
            to,
            replace: true,
        };
        let open = |purpose, pty| {
            Message::Open(Open {
                purpose,
                env: vec![("LANG".to_owned(), "C".to_owned())],
                pty,
                agent: true,
            })
        };
        let pty = Pty {
            modes: vec![(1, 3), (53, 0x0102_0304)],
            ..Pty::new("xterm", WindowSize::default())
        };
        let signaled = ExitStatus::Signaled {
            signal: Signal::new("KILL"),
            core_dumped: false,
        };
        let unix = Address::unix("/tmp/socket");
        vec![
            Message::Check,
            Message::Exit,
            Message::Stop,
            Message::Forward(forward(ForwardKind::Local, Some(unix.clone()))),
            Message::Forward(forward(ForwardKind::Remote, Some(on.clone()))),
            Message::Cancel(forward(ForwardKind::Dynamic, None)),
            open(Purpose::Exec(b"echo \xff".to_vec()), None),
            open(Purpose::Shell, Some(pty)),
            open(Purpose::Subsystem("sftp".to_owned()), None),
            open(Purpose::Connect(unix), None),
            open(Purpose::Nothing, None),
            Message::Attach {
                ticket: 7,
                stream: StreamKind::Stderr,
            },
            Message::Resize(WindowSize::default()),
            Message::Signal("TERM".to_owned()),
            Message::Running { process: 42 },
            Message::Done { port: Some(1) },
            Message::Done { port: None },
            Message::Ticket(u64::MAX),
            Message::Started,
            Message::NoRoom,
            Message::Failed("no".to_owned()),
            Message::Ended(ExitStatus::Exited(256)),
            Message::Ended(signaled),
            Message::Ended(ExitStatus::Missing),
        ]
    }

    #[tokio::test]
    async fn what_is_sent_is_received() {
        for message in all() {
            let mut bytes = Vec::new();
            send(&mut bytes, &message).await.unwrap();
            let received = receive(&mut bytes.as_slice()).await.unwrap();
            assert_eq!(received, Some(message));
        }
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_no_message() {
        for message in all() {
            let bytes = message.encode();
            let whole = bytes.len();
            for length in 0..whole {
                let cut = Message::decode(&bytes[..length]);
                let shorter_list = matches!(cut, Some(Message::Open(_)));
                assert!(cut.is_none() || shorter_list, "{message:?} to {length}");
            }
            let more = [&bytes[..], &[0]].concat();
            assert_eq!(Message::decode(&more), None, "{message:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_ours_is_said_and_not_held() {
        let hello = [0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 4];
        for bytes in [&hello[..], &[0xff; 64], b"\0\0\0\x02\xe1\xff"] {
            let error = receive(&mut &bytes[..]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        assert_eq!(receive(&mut &b""[..]).await.unwrap(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let framed = [&[MARK][..], &bytes].concat();
            if let Some(message) = Message::decode(&framed) {
                prop_assert_eq!(message.encode(), framed);
            }
        }
    }
}
