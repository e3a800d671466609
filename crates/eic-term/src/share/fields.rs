//! The fields of a message, as bytes.

use bytes::{Buf, BufMut};

use super::message::{ForwardKind, ForwardRequest, Open, Purpose, StreamKind};
use crate::child::{ExitStatus, Signal};
use crate::forward::Address;
use crate::pty::{Pty, WindowSize};

pub(super) fn put(to: &mut Vec<u8>, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    // What is longer is refused as a whole.
    to.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    to.put_slice(bytes);
}

pub(super) fn put_option<T>(to: &mut Vec<u8>, option: Option<&T>, put: impl Fn(&mut Vec<u8>, &T)) {
    to.put_u8(option.is_some().into());
    if let Some(value) = option {
        put(to, value);
    }
}

pub(super) fn put_address(to: &mut Vec<u8>, address: &Address) {
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

pub(super) fn put_forward(to: &mut Vec<u8>, request: &ForwardRequest) {
    to.put_u8(match request.kind {
        ForwardKind::Local => 0,
        ForwardKind::Remote => 1,
        ForwardKind::Dynamic => 2,
    });
    put_address(to, &request.on);
    put_option(to, request.to.as_ref(), put_address);
    to.put_u8(request.replace.into());
}

pub(super) fn put_size(to: &mut Vec<u8>, size: WindowSize) {
    for number in [size.columns, size.rows, size.width, size.height] {
        to.put_u16(number);
    }
}

pub(super) fn put_pty(to: &mut Vec<u8>, pty: &Pty) {
    put(to, &pty.term);
    put_size(to, pty.size);
    let modes = pty.modes.iter().flat_map(|(code, value)| {
        let [a, b, c, d] = value.to_be_bytes();
        [*code, a, b, c, d]
    });
    put(to, modes.collect::<Vec<_>>());
}

pub(super) fn put_open(to: &mut Vec<u8>, open: &Open) {
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
    to.put_u8(open.x11.into());
    for (name, value) in &open.env {
        put(to, name);
        put(to, value);
    }
}

pub(super) fn put_status(to: &mut Vec<u8>, status: &ExitStatus) {
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
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.0.try_get_u8().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.0.try_get_u16().ok()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.0.try_get_u32().ok()
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.0.try_get_u64().ok()
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    /// The outer `None` is for what is no message.
    #[expect(
        clippy::option_option,
        reason = "what is absent is not what is malformed"
    )]
    pub(super) fn option<T>(&mut self, get: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.flag()? {
            true => get(self).map(Some),
            false => Some(None),
        }
    }

    pub(super) fn stream(&mut self) -> Option<StreamKind> {
        match self.u8()? {
            0 => Some(StreamKind::Stdin),
            1 => Some(StreamKind::Stdout),
            2 => Some(StreamKind::Stderr),
            _ => None,
        }
    }

    pub(super) fn address(&mut self) -> Option<Address> {
        match self.u8()? {
            0 => Some(Address::tcp(self.text()?, self.u16()?)),
            1 => Some(Address::unix(self.text()?)),
            _ => None,
        }
    }

    pub(super) fn forward(&mut self) -> Option<ForwardRequest> {
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

    pub(super) fn size(&mut self) -> Option<WindowSize> {
        Some(WindowSize {
            columns: self.u16()?,
            rows: self.u16()?,
            width: self.u16()?,
            height: self.u16()?,
        })
    }

    pub(super) fn pty(&mut self) -> Option<Pty> {
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

    pub(super) fn open(&mut self) -> Option<Open> {
        let purpose = match self.u8()? {
            0 => Purpose::Exec(self.bytes()?.to_vec()),
            1 => Purpose::Shell,
            2 => Purpose::Subsystem(self.text()?),
            3 => Purpose::Connect(self.address()?),
            4 => Purpose::Nothing,
            _ => return None,
        };
        let pty = self.option(Self::pty)?;
        let (agent, x11) = (self.flag()?, self.flag()?);
        let mut env = Vec::new();
        while !self.0.is_empty() {
            env.push((self.text()?, self.text()?));
        }
        Some(Open {
            purpose,
            env,
            pty,
            agent,
            x11,
        })
    }

    pub(super) fn status(&mut self) -> Option<ExitStatus> {
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
