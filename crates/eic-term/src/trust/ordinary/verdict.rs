//! What known_hosts says of a key that a host shows.

use std::path::PathBuf;
use std::time::SystemTime;

use super::KnownHosts;
use crate::trust::certificate::{self, CertificateError};
use crate::trust::known::{Known, Shown};
use crate::trust::known_hosts::{Says, about};
use crate::trust::pins::{Pin, PinFile};
use crate::trust::policy::{HostKey, HostKeyError};
use crate::trust::verified::{Proof, TrustLevel};

impl KnownHosts {
    /// Believes what the host shows, or says why not.
    pub(crate) async fn verify(&self, known: &Known, shown: &Shown) -> Result<(), HostKeyError> {
        let mut known = known.clone();
        self.ask(Some(&shown.key), &mut known).await;
        let doubt = match self.proof(&known, shown)? {
            Ok(proof) => return self.believe(&shown.key, proof),
            Err(doubt) => doubt,
        };
        if self.level != TrustLevel::Off {
            self.refuse_changed(&shown.key, &known)?;
        }
        let by_name_alone = known.at_usual_port.as_deref();
        let proof = by_name_alone.map(|known| self.proof(known, shown));
        match proof.transpose()? {
            Some(Ok(proof)) => self.believe(&shown.key, proof),
            _ => self.judge_new(&shown.key, doubt),
        }
    }

    /// What speaks for the host; the inner error is why its certificate does not, if it shows one.
    fn proof(
        &self,
        known: &Known,
        shown: &Shown,
    ) -> Result<Result<Proof, Option<CertificateError>>, HostKeyError> {
        if let Some(path) = known.revocation(shown) {
            return Err(HostKeyError::Revoked {
                name: self.names.join(","),
                presented: shown.key.to_string(),
                path: path.to_owned(),
            });
        }
        let certified = shown
            .certificate
            .as_ref()
            .map(|shown| certificate::check(shown, &self.names, known, SystemTime::now()));
        Ok(match certified {
            Some(Ok(())) => Ok(Proof::Authority),
            _ if known.keys.contains(&shown.key) => Ok(Proof::KnownHosts),
            doubt => Err(doubt.and_then(Result::err)),
        })
    }

    fn believe(&self, key: &HostKey, proof: Proof) -> Result<(), HostKeyError> {
        self.tell(key, proof, None);
        Ok(())
    }

    /// Refuses a key where the host has another one of its kind.
    fn refuse_changed(&self, key: &HostKey, known: &Known) -> Result<(), HostKeyError> {
        if let Some((path, other)) = self.another(key)? {
            return Err(HostKeyError::Changed {
                name: self.names.join(","),
                pinned: Box::new(other),
                presented: key.to_string(),
                path,
            });
        }
        // A source has no line to point at.
        let same = |other: &&HostKey| other.algorithm() == key.algorithm();
        let others: Vec<_> = known.keys.iter().filter(same).collect();
        match self.source.is_some() && !others.is_empty() {
            true => Err(HostKeyError::Unknown {
                presented: Box::new(key.clone()),
                expected: others.iter().map(ToString::to_string).collect(),
            }),
            false => Ok(()),
        }
    }

    fn judge_new(
        &self,
        key: &HostKey,
        certificate: Option<CertificateError>,
    ) -> Result<(), HostKeyError> {
        if matches!(self.level, TrustLevel::Strict | TrustLevel::Aws) {
            let reason = "no known_hosts file has it";
            let certificate = certificate.map(|why| format!("{why}; "));
            return Err(HostKeyError::Unverified {
                name: self.names.join(","),
                presented: Box::new(key.clone()),
                reason: certificate.unwrap_or_default() + reason,
            });
        }
        let added = self.add(key);
        let error = match &added {
            Err(HostKeyError::File { source, .. }) => Some(source),
            _ => None,
        };
        self.tell(key, Proof::FirstUse, error);
        Ok(())
    }

    /// Another key of the same kind, which the files have for this host.
    fn another(&self, key: &HostKey) -> Result<Option<(PathBuf, Pin)>, HostKeyError> {
        for path in &self.files {
            let text = PinFile::new(path).content()?;
            let same = about(&text, &self.names).find(|(_, says, other)| {
                *says == Says::Known && other.algorithm() == key.algorithm()
            });
            if let Some((line, _, other)) = same {
                let pin = Pin {
                    name: self.names.join(","),
                    key: other,
                    note: String::new(),
                    line,
                };
                return Ok(Some((path.clone(), pin)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn shown() -> Shown {
        Shown {
            key: HostKey::parse(KEY).unwrap(),
            certificate: None,
        }
    }

    #[tokio::test]
    async fn levels_mean_what_openssh_means() {
        use TrustLevel::{AcceptNew, Aws, Off, Strict};
        for (line, level, expected) in [
            (format!("web {KEY}"), Strict, Ok(())),
            (format!("db {KEY}"), Strict, Err("could not be verified")),
            (String::new(), Aws, Err("could not be verified")),
            (String::new(), AcceptNew, Ok(())),
            (format!("web {OTHER}"), AcceptNew, Err("has changed")),
            (format!("web {OTHER}"), Off, Ok(())),
            (format!("@revoked * {KEY}"), Off, Err("is revoked")),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("known_hosts");
            std::fs::write(&path, format!("{line}\n")).unwrap();
            let policy = KnownHosts::new("web", 22).file(&path).level(level);
            let verdict = policy.verify(&policy.known().unwrap(), &shown()).await;
            match (verdict, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
                (verdict, _) => panic!("{line} {level:?}: {verdict:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_name_alone_is_good_enough_where_nothing_is_said_of_the_port() {
        for (lines, expected) in [
            (format!("web {KEY}"), "Ok"),
            (format!("[web]:2222 {KEY}"), "Ok"),
            (format!("[web]:22 {KEY}"), "Unverified"),
            (format!("web {OTHER}"), "Unverified"),
            (format!("[web]:2222 {OTHER}\nweb {KEY}"), "Changed"),
            (format!("@revoked web {KEY}\nweb {KEY}"), "Revoked"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("known_hosts");
            std::fs::write(&path, format!("{lines}\n")).unwrap();
            let policy = KnownHosts::new("web", 2222).file(&path);
            let verdict = policy.verify(&policy.known().unwrap(), &shown()).await;
            let verdict = format!("{verdict:?}");
            assert!(verdict.contains(expected), "{lines}: {verdict}");
        }
    }

    #[tokio::test]
    async fn a_source_is_asked_too() {
        for (says, expected) in [
            (format!("web {KEY}"), "Ok"),
            (format!("db {KEY}"), "Unverified"),
            (format!("web {OTHER}"), "Unknown"),
            (format!("@revoked * {KEY}"), "Revoked"),
        ] {
            let hosts = KnownHosts::new("web", 22)
                .level(TrustLevel::Strict)
                .source(move |key| {
                    assert_eq!(key, HostKey::parse(KEY));
                    let says = says.clone().into_bytes();
                    async move { says }
                });
            let verdict = hosts.verify(&Known::default(), &shown()).await;
            let verdict = format!("{verdict:?}");
            assert!(verdict.contains(expected), "{verdict}");
        }
    }
}
