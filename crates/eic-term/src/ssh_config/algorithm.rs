//! Lists of algorithms: which names there are, which of them are ours, and what `+`, `-` and `^` do.

use russh::keys::{Algorithm, HashAlg};
use russh::{Preferred, cipher, compression, kex, mac};

use crate::algorithms;
use crate::pattern;
use crate::trust::Known;

/// What a list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Cipher,
    Mac,
    Kex,
    /// Host keys to accept.
    HostKey,
    /// Keys to log in with.
    UserKey,
    /// Signatures of certificates.
    Signature,
}

// What OpenSSH 9.2 to 10.x knows and we may not: a configuration that is good for it is good for us.
const CIPHERS: &[&str] = &["3des-cbc"];
const MACS: &[&str] = &[
    "hmac-sha1-96",
    "hmac-md5",
    "hmac-md5-96",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha1-96-etm@openssh.com",
    "hmac-md5-etm@openssh.com",
    "hmac-md5-96-etm@openssh.com",
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
];
const KEXES: &[&str] = &[
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
];
const KEYS: &[&str] = &["ssh-dss"];

impl Family {
    /// Every name that may stand in a list.
    fn known(self) -> Vec<String> {
        let (ours, more) = match self {
            Self::Cipher => (ciphers(), CIPHERS),
            Self::Mac => (macs(), MACS),
            Self::Kex => (kexes(), KEXES),
            Self::HostKey | Self::UserKey | Self::Signature => (signatures(), KEYS),
        };
        let more = more.iter().map(|name| (*name).to_owned());
        let plain: Vec<String> = ours.into_iter().chain(more).collect();
        match self {
            Self::HostKey | Self::UserKey => with_certificates(plain),
            _ => plain,
        }
    }

    /// What holds where nothing is said: our own order, which leaves out what is weak.
    pub(super) fn defaults(self) -> Vec<String> {
        let preferred = algorithms::offered(&Known::default(), false);
        let names: Vec<&str> = match self {
            Self::Cipher => preferred.cipher.iter().map(AsRef::as_ref).collect(),
            Self::Mac => preferred.mac.iter().map(AsRef::as_ref).collect(),
            Self::Kex => preferred.kex.iter().map(AsRef::as_ref).collect(),
            Self::HostKey | Self::Signature => return keys(&preferred),
            Self::UserKey => {
                let tokens = signatures().into_iter();
                let tokens = tokens.filter(|name| name.starts_with("sk-"));
                let plain: Vec<String> = keys(&preferred).into_iter().chain(tokens).collect();
                let certificates = plain.iter().filter_map(|name| certificate(name));
                return certificates.chain(plain.iter().cloned()).collect();
            }
        };
        let names = names.into_iter().filter(|name| !is_extension(name));
        names.map(str::to_owned).collect()
    }

    /// Whether each name of a list is known; keys may be named by patterns. What is taken away need not be.
    pub(super) fn accepts(self, list: &str) -> bool {
        list.starts_with('-') || !list.is_empty() && self.first_unknown(list).is_none()
    }

    /// The first name of a list that is not known.
    pub(super) fn first_unknown(self, list: &str) -> Option<&str> {
        let patterns = !matches!(self, Self::Cipher | Self::Mac | Self::Kex);
        let known = self.known();
        let is_known = |name: &&str| {
            let named =
                |one: &String| one == name || patterns && pattern::judge(name, one).is_some();
            known.iter().any(named)
        };
        let list = list.strip_prefix(['+', '^']).unwrap_or(list);
        list.split(',').find(|name| !is_known(name))
    }

    /// The names that a list stands for, in order; `None` where none is left.
    pub(super) fn assemble(self, list: &str) -> Option<Vec<String>> {
        let defaults = self.defaults();
        let named = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
        let names = match (list.get(..1), list.get(1..)) {
            (Some("-"), Some(list)) => {
                let stays = |name: &String| !pattern::matches_list(list, name);
                return Some(defaults.into_iter().filter(stays).collect());
            }
            (Some("+"), Some(list)) => [defaults, named(list)].concat(),
            (Some("^"), Some(list)) => [named(list), defaults].concat(),
            _ => named(list),
        };
        let mut found: Vec<String> = Vec::new();
        for name in names {
            let matching = self.known();
            let matching = matching
                .into_iter()
                .filter(|one| pattern::matches(&name, one));
            let new: Vec<String> = matching.filter(|one| !found.contains(one)).collect();
            found.extend(new);
        }
        (!found.is_empty()).then_some(found)
    }
}

/// What `ssh -Q` can be asked for; its names for the keywords are asked for, too.
pub(super) const QUERIES: &[&str] = &[
    "cipher",
    "cipher-auth",
    "compression",
    "kex",
    "key",
    "key-ca-sign",
    "key-cert",
    "key-plain",
    "key-sig",
    "mac",
    "protocol-version",
    "sig",
];

/// What we support, by the name that `ssh -Q` has for it.
pub(super) fn query(name: &str) -> Option<Vec<String>> {
    let authenticated = |name: &String| name.contains("-gcm@") || name.contains("poly1305");
    let is_key = |name: &String| !name.starts_with("rsa-sha2-");
    let plain = || signatures().into_iter().filter(is_key).collect::<Vec<_>>();
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Some(match name.to_ascii_lowercase().as_str() {
        "cipher" | "ciphers" => ciphers(),
        "cipher-auth" => ciphers().into_iter().filter(authenticated).collect(),
        "mac" | "macs" => macs(),
        "kex" | "kexalgorithms" => kexes(),
        "key" => with_certificates(plain()),
        "key-plain" => plain(),
        "key-cert" => plain()
            .iter()
            .filter_map(|name| certificate(name))
            .collect(),
        "sig" | "key-ca-sign" | "casignaturealgorithms" => signatures(),
        "key-sig"
        | "pubkeyacceptedkeytypes"
        | "pubkeyacceptedalgorithms"
        | "hostkeyalgorithms"
        | "hostbasedkeytypes"
        | "hostbasedacceptedkeytypes"
        | "hostbasedacceptedalgorithms" => with_certificates(signatures()),
        "compression" => own_names(compression::ALL_COMPRESSION_ALGORITHMS),
        "protocol-version" => own(&["2"]),
        "help" => own(QUERIES),
        _ => return None,
    })
}

fn own_names<N: AsRef<str>>(names: &[&N]) -> Vec<String> {
    let names = names.iter().map(|name| (*name).as_ref());
    names.map(str::to_owned).collect()
}

/// `none` and `clear` protect nothing: they are no choice.
fn offered<N: AsRef<str>>(names: &[&N]) -> Vec<String> {
    let mut names = own_names(names);
    names.retain(|name| name != "none" && name != "clear");
    names
}

fn ciphers() -> Vec<String> {
    offered(cipher::ALL_CIPHERS)
}

fn macs() -> Vec<String> {
    offered(mac::ALL_MAC_ALGORITHMS)
}

fn kexes() -> Vec<String> {
    offered(kex::ALL_KEX_ALGORITHMS)
}

/// Names that are no key exchange but tell what else the client can do (RFC 8308, OpenSSH's PROTOCOL 1.10).
fn is_extension(name: &str) -> bool {
    name.starts_with("ext-info-") || name.starts_with("kex-strict-")
}

/// Keys that sign, most wanted first.
fn signatures() -> Vec<String> {
    let sha2 = [HashAlg::Sha256, HashAlg::Sha512];
    let rsa = sha2.map(|hash| Algorithm::Rsa { hash: Some(hash) });
    let keys = russh::keys::key::ALL_KEY_TYPES.iter().chain(&rsa);
    let mut names: Vec<String> = Vec::new();
    for name in keys.map(ToString::to_string) {
        if !names.contains(&name) && name != "ssh-dss" {
            names.push(name);
        }
    }
    let wanted = algorithms::offered(&Known::default(), false).key;
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let place = |name: &String| wanted.iter().position(|one| one == name);
    names.sort_by_key(|name| place(name).unwrap_or(wanted.len()));
    names
}

/// SHA-1 has no place in a signature any more.
fn keys(preferred: &Preferred) -> Vec<String> {
    let names = preferred.key.iter().map(ToString::to_string);
    names.filter(|name| name != "ssh-rsa").collect()
}

fn with_certificates(names: Vec<String>) -> Vec<String> {
    let both = |name: String| [Some(name.clone()), certificate(&name)];
    names.into_iter().flat_map(both).flatten().collect()
}

/// A key's name in its certificate's form (OpenSSH's PROTOCOL.certkeys).
fn certificate(name: &str) -> Option<String> {
    let plain = name.strip_suffix("@openssh.com").unwrap_or(name);
    Some(format!("{plain}-cert-v01@openssh.com"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_are_accepted() {
        for (family, list, expected) in [
            (Family::Cipher, "aes128-ctr,aes256-gcm@openssh.com", true),
            (Family::Cipher, "+3des-cbc", true),
            (Family::Cipher, "-nonsense", true),
            (Family::Cipher, "aes128*", false),
            (Family::Cipher, "none", false),
            (Family::Cipher, "", false),
            (Family::Mac, "umac-64@openssh.com", true),
            (Family::Kex, "sntrup761x25519-sha512@openssh.com", true),
            (Family::Kex, "curve25519-sha256,x", false),
            (Family::UserKey, "^ssh-rsa*", true),
            (Family::HostKey, "sk-ssh-ed25519@openssh.com", true),
            (Family::HostKey, "x*", false),
        ] {
            assert_eq!(family.accepts(list), expected, "{family:?} {list}");
        }
    }

    #[test]
    fn modifiers() {
        let defaults = Family::Cipher.defaults();
        let assemble = |list| Family::Cipher.assemble(list).unwrap();
        assert_eq!(assemble("aes128-ctr"), ["aes128-ctr"]);
        assert_eq!(assemble("+aes128-cbc").last().unwrap(), "aes128-cbc");
        assert_eq!(assemble("^aes128-ctr").first().unwrap(), "aes128-ctr");
        assert_eq!(assemble("^aes128-ctr").len(), defaults.len());
        assert_eq!(assemble("-aes*"), ["chacha20-poly1305@openssh.com"]);
        assert_eq!(assemble("-*"), Vec::<String>::new());
        let keys = Family::UserKey.assemble("-*-cert-v01@openssh.com").unwrap();
        assert!(keys.contains(&"ssh-ed25519".to_owned()));
        assert!(keys.iter().all(|name| !name.contains("-cert-")));
    }

    #[test]
    fn queries() {
        for name in QUERIES {
            assert!(!query(name).unwrap().is_empty(), "{name}");
        }
        assert!(query("Ciphers").unwrap().iter().all(|name| name != "none"));
        assert_eq!(query("nonsense"), None);
    }
}
