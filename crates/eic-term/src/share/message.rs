//! What two processes of one user say to each other about a shared session: a message is a length, a mark, its kind
//! and its fields.

use std::io;

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::fields::{Fields, put, put_forward, put_open, put_option, put_size, put_status};
use crate::child::ExitStatus;
use crate::forward::Address;
use crate::pty::{Pty, WindowSize};

/// How long a message may be, in bytes: a command with its environment, of which hosts take no more either (RFC 4253
/// §6.1, and OpenSSH's limit).
const LONGEST: u32 = 256 << 10;
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
    /// What is going on?
    Describe,
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

    /// The answer to `Describe`.
    Description(String),
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
    /// No more sessions on this connection: the host opens none, or the process does not want to.
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
    pub(crate) x11: bool,
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
            Self::Describe => 16,
            Self::Description(_) => 17,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut to = vec![MARK, self.kind()];
        match self {
            Self::Check | Self::Exit | Self::Stop => {}
            Self::Describe | Self::Started | Self::NoRoom => {}
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
            Self::Signal(text) | Self::Failed(text) | Self::Description(text) => put(&mut to, text),
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
                ticket: from.u64()?,
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
            11 => Self::Ticket(from.u64()?),
            12 => Self::Started,
            13 => Self::NoRoom,
            14 => Self::Failed(from.text()?),
            15 => Self::Ended(from.status()?),
            16 => Self::Describe,
            17 => Self::Description(from.text()?),
            _ => return None,
        };
        from.0.is_empty().then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::child::Signal;

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
                x11: false,
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
            Message::Describe,
            Message::Description("2 sessions".to_owned()),
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
