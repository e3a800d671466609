//! SFTP packets, version 3 (draft-ietf-secsh-filexfer-02): a length, a type, an id, and fields.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::error::{SftpError, StatusCode};

/// The types of packets (§3 of the draft).
pub(super) mod kind {
    pub(crate) const INIT: u8 = 1;
    pub(crate) const VERSION: u8 = 2;
    pub(crate) const OPEN: u8 = 3;
    pub(crate) const CLOSE: u8 = 4;
    pub(crate) const READ: u8 = 5;
    pub(crate) const WRITE: u8 = 6;
    pub(crate) const LSTAT: u8 = 7;
    pub(crate) const FSTAT: u8 = 8;
    pub(crate) const SETSTAT: u8 = 9;
    pub(crate) const FSETSTAT: u8 = 10;
    pub(crate) const OPENDIR: u8 = 11;
    pub(crate) const READDIR: u8 = 12;
    pub(crate) const REMOVE: u8 = 13;
    pub(crate) const MKDIR: u8 = 14;
    pub(crate) const RMDIR: u8 = 15;
    pub(crate) const REALPATH: u8 = 16;
    pub(crate) const STAT: u8 = 17;
    pub(crate) const RENAME: u8 = 18;
    pub(crate) const READLINK: u8 = 19;
    pub(crate) const SYMLINK: u8 = 20;
    pub(crate) const STATUS: u8 = 101;
    pub(crate) const HANDLE: u8 = 102;
    pub(crate) const DATA: u8 = 103;
    pub(crate) const NAME: u8 = 104;
    pub(crate) const ATTRS: u8 = 105;
    pub(crate) const EXTENDED: u8 = 200;
    pub(crate) const EXTENDED_REPLY: u8 = 201;
}

/// The version we speak, which every server does.
pub(super) const VERSION: u32 = 3;
/// The longest packet taken from a server: OpenSSH sends and takes 256 KiB.
pub(super) const MOST_BYTES: usize = (256 << 10) + 1024;
/// The length's own length.
pub(super) const LENGTH: usize = 4;

/// A request that is being put together.
pub(super) struct Request {
    bytes: BytesMut,
    data: Bytes,
}

/// A packet to be sent.
pub(super) struct Packet {
    pub(super) head: Bytes,
    /// The last field's bytes, which are not copied for this; often none.
    pub(super) data: Bytes,
}

impl Request {
    pub(super) fn new(kind: u8) -> Self {
        let mut bytes = BytesMut::with_capacity(LENGTH + 5 + 96);
        // The length and the id are filled in when it is sent.
        bytes.put_u32(0);
        bytes.put_u8(kind);
        bytes.put_u32(0);
        let data = Bytes::new();
        Self { bytes, data }
    }

    pub(super) fn extended(name: &str) -> Self {
        Self::new(kind::EXTENDED).string(name.as_bytes())
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.bytes.put_u32(value);
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.bytes.put_u64(value);
        self
    }

    pub(super) fn string(mut self, value: &[u8]) -> Self {
        // What is longer than 4 GiB does not fit a packet anyway.
        self.bytes
            .put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.bytes.put_slice(value);
        self
    }

    pub(super) fn raw(mut self, write: impl FnOnce(&mut BytesMut)) -> Self {
        write(&mut self.bytes);
        self
    }

    /// Adds a last field.
    pub(super) fn with_data(mut self, data: Bytes) -> Self {
        self.bytes
            .put_u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
        self.data = data;
        self
    }

    /// The packet, with this id, or the version in its place.
    pub(super) fn finish(mut self, id: u32) -> Packet {
        let length = (self.bytes.len() + self.data.len()).saturating_sub(LENGTH);
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        for (slot, byte) in self.bytes.iter_mut().zip(length) {
            *slot = byte;
        }
        for (slot, byte) in self.bytes.iter_mut().skip(5).zip(id.to_be_bytes()) {
            *slot = byte;
        }
        Packet {
            head: self.bytes.freeze(),
            data: self.data,
        }
    }
}

/// A server's packet, whose length and type are read already.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) kind: u8,
    pub(super) fields: Fields,
}

impl Reply {
    /// Reads an answer that is only good or bad.
    pub(super) fn done(self) -> Result<(), SftpError> {
        if self.kind != kind::STATUS {
            return Err(SftpError::Protocol("an answer of another kind"));
        }
        match self.fields.status()? {
            (StatusCode::OK, _) => Ok(()),
            (code, message) => Err(SftpError::Status { code, message }),
        }
    }

    /// Returns the fields of an answer of this kind, or the error in its place.
    pub(super) fn of_kind(self, kind: u8) -> Result<Fields, SftpError> {
        match self.kind {
            answered if answered == kind => Ok(self.fields),
            kind::STATUS => match self.fields.status()? {
                (StatusCode::OK, _) => Err(SftpError::Protocol("success, and nothing with it")),
                (code, message) => Err(SftpError::Status { code, message }),
            },
            _ => Err(SftpError::Protocol("an answer of another kind")),
        }
    }
}

/// Fields that are still to be read.
#[derive(Debug)]
pub(super) struct Fields(pub(super) Bytes);

const CUT: SftpError = SftpError::Protocol("a packet ended early");

impl Fields {
    /// A status and its text, which some servers leave out.
    fn status(mut self) -> Result<(StatusCode, String), SftpError> {
        let code = StatusCode(self.u32()?);
        let message = self.string().unwrap_or_default();
        Ok((code, String::from_utf8_lossy(&message).into_owned()))
    }

    pub(super) fn u32(&mut self) -> Result<u32, SftpError> {
        self.0.try_get_u32().map_err(|_| CUT)
    }

    pub(super) fn u64(&mut self) -> Result<u64, SftpError> {
        self.0.try_get_u64().map_err(|_| CUT)
    }

    pub(super) fn string(&mut self) -> Result<Bytes, SftpError> {
        let length = self.u32()? as usize;
        if length > self.0.len() {
            return Err(CUT);
        }
        Ok(self.0.split_to(length))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes the next whole packet from what has arrived; `None` where more has to come.
pub(super) fn next(arrived: &mut BytesMut) -> Result<Option<Reply>, SftpError> {
    let Some(length) = arrived.first_chunk().copied().map(u32::from_be_bytes) else {
        return Ok(None);
    };
    let length = length as usize;
    if length > MOST_BYTES {
        return Err(SftpError::Protocol("a packet is too long"));
    }
    if arrived.len() < LENGTH + length {
        arrived.reserve(LENGTH + length - arrived.len());
        return Ok(None);
    }
    arrived.advance(LENGTH);
    let mut fields = arrived.split_to(length).freeze();
    let kind = fields.try_get_u8().map_err(|_| CUT)?;
    Ok(Some(Reply {
        kind,
        fields: Fields(fields),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_length_type_id_fields() {
        let packet = Request::new(kind::MKDIR).string(b"a\xff").u32(0).finish(7);
        assert_eq!(
            *packet.head,
            *b"\0\0\0\x0f\x0e\0\0\0\x07\0\0\0\x02a\xff\0\0\0\0"
        );
        let write = Request::new(kind::WRITE).with_data(Bytes::from_static(b"abc"));
        let packet = write.finish(8);
        assert_eq!(*packet.head, *b"\0\0\0\x0c\x06\0\0\0\x08\0\0\0\x03");
        assert_eq!(*packet.data, *b"abc");
    }

    #[test]
    fn packets_come_in_pieces() {
        let packet = Request::new(kind::STATUS).u32(1).finish(9).head;
        let mut arrived = BytesMut::new();
        for (position, byte) in packet.iter().enumerate() {
            assert!(next(&mut arrived).unwrap().is_none(), "{position}");
            arrived.put_u8(*byte);
        }
        let mut reply = next(&mut arrived).unwrap().unwrap();
        assert_eq!((reply.kind, arrived.len()), (kind::STATUS, 0));
        assert_eq!(
            (reply.fields.u32().unwrap(), reply.fields.u32().unwrap()),
            (9, 1)
        );
        assert!(reply.fields.is_empty() && reply.fields.u32().is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let mut arrived = BytesMut::from(bytes.as_slice());
            while let Ok(Some(mut reply)) = next(&mut arrived) {
                while reply.fields.string().is_ok() {}
            }
        }
    }
}
