//! SSH's data types (RFC 4251 §5) and message numbers, as bytes.

/// Messages of RFC 4250 §4.1.2.
pub(crate) mod number {
    pub(crate) const DISCONNECT: u8 = 1;
    pub(crate) const IGNORE: u8 = 2;
    pub(crate) const UNIMPLEMENTED: u8 = 3;
    pub(crate) const DEBUG: u8 = 4;
    pub(crate) const SERVICE_REQUEST: u8 = 5;
    pub(crate) const SERVICE_ACCEPT: u8 = 6;
    pub(crate) const KEXINIT: u8 = 20;
    pub(crate) const NEWKEYS: u8 = 21;
    pub(crate) const KEX_INIT: u8 = 30;
    pub(crate) const KEX_REPLY: u8 = 31;
    pub(crate) const USERAUTH_REQUEST: u8 = 50;
    pub(crate) const USERAUTH_FAILURE: u8 = 51;
    pub(crate) const USERAUTH_SUCCESS: u8 = 52;
    pub(crate) const USERAUTH_BANNER: u8 = 53;
    pub(crate) const GLOBAL_REQUEST: u8 = 80;
    pub(crate) const CHANNEL_OPEN: u8 = 90;
    pub(crate) const CHANNEL_OPEN_CONFIRMATION: u8 = 91;
    pub(crate) const CHANNEL_OPEN_FAILURE: u8 = 92;
    pub(crate) const WINDOW_ADJUST: u8 = 93;
    pub(crate) const CHANNEL_DATA: u8 = 94;
    pub(crate) const EXTENDED_DATA: u8 = 95;
    pub(crate) const CHANNEL_EOF: u8 = 96;
    pub(crate) const CHANNEL_CLOSE: u8 = 97;
    pub(crate) const CHANNEL_REQUEST: u8 = 98;
    pub(crate) const CHANNEL_SUCCESS: u8 = 99;
}

/// The number that the client gives to its first channel.
pub(crate) const CHANNEL: u32 = 2;

/// A message being written.
#[derive(Clone, Default)]
pub(crate) struct Packet(Vec<u8>);

impl Packet {
    pub(crate) fn new(number: u8) -> Self {
        Self(vec![number])
    }

    /// No message: one of its fields, or what is hashed.
    pub(crate) fn field() -> Self {
        Self::default()
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn flag(self, flag: bool) -> Self {
        self.bytes(&[flag.into()])
    }

    pub(crate) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn string(self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        self.u32(u32::try_from(text.len()).unwrap()).bytes(text)
    }

    /// A positive number of any length.
    pub(crate) fn mpint(self, bytes: &[u8]) -> Self {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let bytes = &bytes[zeros..];
        match bytes.first() {
            Some(0x80..) => self.string([&[0], bytes].concat()),
            _ => self.string(bytes),
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Takes a string off the front.
pub(crate) fn take_string(from: &mut &[u8]) -> Vec<u8> {
    let length = take_u32(from) as usize;
    let (text, rest) = from.split_at(length);
    *from = rest;
    text.to_vec()
}

/// Takes a number off the front.
pub(crate) fn take_u32(from: &mut &[u8]) -> u32 {
    let (number, rest) = from.split_at(4);
    *from = rest;
    u32::from_be_bytes(number.try_into().unwrap())
}

/// `DISCONNECT` (RFC 4253 §11.1), by application.
pub(crate) fn disconnect(words: &str) -> Packet {
    Packet::new(number::DISCONNECT)
        .u32(11)
        .string(words)
        .string("")
}

/// `CHANNEL_REQUEST` (RFC 4254 §5.4) on the client's channel, its own fields still to come.
pub(crate) fn channel_request(kind: &str, wants_reply: bool) -> Packet {
    Packet::new(number::CHANNEL_REQUEST)
        .u32(CHANNEL)
        .string(kind)
        .flag(wants_reply)
}

/// `CHANNEL_DATA` (RFC 4254 §5.2).
pub(crate) fn data(channel: u32, bytes: &[u8]) -> Packet {
    Packet::new(number::CHANNEL_DATA).u32(channel).string(bytes)
}
