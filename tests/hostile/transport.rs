//! The server's side of RFC 4253 by hand, so that it can break every rule: curve25519-sha256, ssh-ed25519 and
//! aes256-gcm@openssh.com.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::packet::{Packet, number, take_string};

pub(crate) const VERSION: &str = "SSH-2.0-hostile";

/// The algorithms of a server's KEXINIT (RFC 4253 §7.1).
#[derive(Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) kex: &'static str,
    pub(crate) host_key: &'static str,
    pub(crate) cipher: &'static str,
    pub(crate) mac: &'static str,
    pub(crate) compression: &'static str,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            kex: "curve25519-sha256",
            host_key: "ssh-ed25519",
            cipher: "aes256-gcm@openssh.com",
            mac: "hmac-sha2-256",
            compression: "none",
        }
    }
}

impl Offer {
    pub(crate) fn packet(self) -> Packet {
        let twice = |packet: Packet, list| packet.string(list).string(list);
        let packet = Packet::new(number::KEXINIT).bytes(&[7; 16]);
        let packet = packet.string(self.kex).string(self.host_key);
        let packet = twice(packet, self.cipher);
        let packet = twice(packet, self.mac);
        let packet = twice(packet, self.compression);
        packet.string("").string("").flag(false).u32(0)
    }
}

/// One direction's cipher (RFC 5647 §7).
struct Cipher {
    key: LessSafeKey,
    nonce: [u8; 12],
}

impl Cipher {
    fn next_nonce(&mut self) -> Nonce {
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let (_, counter) = self.nonce.split_at_mut(4);
        let next = u64::from_be_bytes(counter.try_into().unwrap()).wrapping_add(1);
        counter.copy_from_slice(&next.to_be_bytes());
        nonce
    }
}

/// The hostile end of a connection.
pub(crate) struct Peer {
    stream: BufReader<TcpStream>,
    sealing: Option<Cipher>,
    opening: Option<Cipher>,
    client_version: String,
    client_offer: Vec<u8>,
    server_offer: Vec<u8>,
    session_id: Option<Vec<u8>>,
    host_key: Ed25519KeyPair,
}

impl Peer {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream: BufReader::new(stream),
            sealing: None,
            opening: None,
            client_version: String::new(),
            client_offer: Vec::new(),
            server_offer: Vec::new(),
            session_id: None,
            host_key: Ed25519KeyPair::generate().unwrap(),
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends the same bytes until the client hangs up.
    pub(crate) fn raw_forever(&mut self, bytes: &[u8]) -> io::Result<()> {
        loop {
            self.raw(bytes)?;
        }
    }

    /// Exchanges versions (RFC 4253 §4.2).
    pub(crate) fn versions(&mut self) -> io::Result<()> {
        self.raw(format!("{VERSION}\r\n").as_bytes())?;
        self.stream.read_line(&mut self.client_version)?;
        Ok(())
    }

    pub(crate) fn send(&mut self, packet: &Packet) -> io::Result<()> {
        let framed = self.frame(packet);
        self.raw(&framed)
    }

    /// Sends the same message this often, many at once.
    pub(crate) fn send_times(&mut self, packet: &Packet, times: usize) -> io::Result<()> {
        for _ in 0..times.div_ceil(100) {
            let framed: Vec<_> = (0..100).flat_map(|_| self.frame(packet)).collect();
            self.raw(&framed)?;
        }
        Ok(())
    }

    /// Sends the same message until the client hangs up.
    pub(crate) fn send_forever(&mut self, packet: &Packet) -> io::Result<()> {
        loop {
            self.send_times(packet, 100)?;
        }
    }

    /// A packet with its padding (RFC 4253 §6), sealed if keys have been exchanged.
    pub(crate) fn frame(&mut self, packet: &Packet) -> Vec<u8> {
        let payload = packet.clone().into_bytes();
        // With GCM the length is not part of what the padding aligns.
        let (block, before) = if self.sealing.is_some() {
            (16, 1)
        } else {
            (8, 5)
        };
        let padding = 4 + (2 * block - (before + payload.len() + 4) % block) % block;
        let length = u32::try_from(1 + payload.len() + padding)
            .unwrap()
            .to_be_bytes();
        let mut body = vec![u8::try_from(padding).unwrap()];
        body.extend_from_slice(&payload);
        body.resize(body.len() + padding, 0);
        let mut tag = Vec::new();
        if let Some(cipher) = &mut self.sealing {
            let nonce = cipher.next_nonce();
            let aad = Aad::from(length);
            let sealed = cipher.key.seal_in_place_separate_tag(nonce, aad, &mut body);
            tag = sealed.unwrap().as_ref().to_vec();
        }
        [&length[..], &body, &tag].concat()
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let tag = if self.opening.is_some() { 16 } else { 0 };
        let mut body = vec![0; u32::from_be_bytes(length) as usize + tag];
        self.stream.read_exact(&mut body)?;
        if let Some(cipher) = &mut self.opening {
            let nonce = cipher.next_nonce();
            let opened = cipher
                .key
                .open_in_place(nonce, Aad::from(length), &mut body);
            opened.map_err(io::Error::other)?;
            body.truncate(body.len() - tag);
        }
        let padding = usize::from(body[0]);
        Ok(body[1..body.len() - padding].to_vec())
    }

    /// The next message of this number; others are passed over.
    pub(crate) fn expect(&mut self, number: u8) -> io::Result<Vec<u8>> {
        loop {
            let message = self.receive()?;
            if message.first() == Some(&number) {
                return Ok(message);
            }
        }
    }

    /// Sends the KEXINIT and receives the client's.
    pub(crate) fn offers(&mut self, offer: Offer) -> io::Result<()> {
        self.server_offer = offer.packet().into_bytes();
        self.send(&offer.packet())?;
        self.client_offer = self.expect(number::KEXINIT)?;
        Ok(())
    }

    /// Answers the client's half of the exchange with the server's, signed (RFC 8731, RFC 8709).
    pub(crate) fn key_reply(&mut self) -> io::Result<Exchange> {
        let init = self.expect(number::KEX_INIT)?;
        let theirs = take_string(&mut &init[1..]);
        let random = SystemRandom::new();
        let own = EphemeralPrivateKey::generate(&X25519, &random).unwrap();
        let public = own.compute_public_key().unwrap();
        let point = UnparsedPublicKey::new(&X25519, &theirs);
        let shared = agree_ephemeral(own, point, (), |shared| Ok(shared.to_vec()));
        let shared = Packet::field().mpint(&shared.unwrap()).into_bytes();
        let host_key = Packet::field()
            .string("ssh-ed25519")
            .string(self.host_key.public_key());
        let host_key = host_key.into_bytes();
        let hashed = Packet::field()
            .string(self.client_version.trim_end())
            .string(VERSION)
            .string(&self.client_offer)
            .string(&self.server_offer)
            .string(&host_key)
            .string(&theirs)
            .string(public.as_ref())
            .bytes(&shared);
        let hash = digest(&SHA256, &hashed.into_bytes()).as_ref().to_vec();
        let signature = Packet::field()
            .string("ssh-ed25519")
            .string(self.host_key.sign(&hash));
        let reply = Packet::new(number::KEX_REPLY)
            .string(&host_key)
            .string(public.as_ref())
            .string(signature.into_bytes());
        Ok(Exchange {
            reply,
            shared,
            hash,
        })
    }

    /// Receives the client's NEWKEYS and encrypts from here on.
    pub(crate) fn take_keys_into_use(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.expect(number::NEWKEYS)?;
        let session = self.session_id.get_or_insert_with(|| exchange.hash.clone());
        let derive = |letter: u8| {
            let parts = [&exchange.shared, &exchange.hash, &vec![letter], &*session];
            digest(&SHA256, &parts.map(Vec::as_slice).concat())
                .as_ref()
                .to_vec()
        };
        let cipher = |iv: u8, key: u8| Cipher {
            key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &derive(key)).unwrap()),
            nonce: derive(iv)[..12].try_into().unwrap(),
        };
        let (opening, sealing) = (cipher(b'A', b'C'), cipher(b'B', b'D'));
        (self.opening, self.sealing) = (Some(opening), Some(sealing));
        Ok(())
    }

    /// All of the key exchange as it should be; again later, it is a rekeying.
    pub(crate) fn keys(&mut self, offer: Offer) -> io::Result<()> {
        self.offers(offer)?;
        let exchange = self.key_reply()?;
        self.send(&exchange.reply)?;
        self.send(&Packet::new(number::NEWKEYS))?;
        self.take_keys_into_use(&exchange)
    }

    /// Hangs up.
    pub(crate) fn hang_up(&mut self) -> io::Result<()> {
        self.stream.get_ref().shutdown(std::net::Shutdown::Both)
    }

    /// Waits until the client has hung up.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        io::copy(&mut self.stream, &mut io::sink()).map(drop)
    }
}

/// What comes out of a key exchange.
pub(crate) struct Exchange {
    pub(crate) reply: Packet,
    shared: Vec<u8>,
    hash: Vec<u8>,
}
