//! How much of what nobody asked for is taken from a server.

use std::time::{Duration, Instant};

/// The most text before the login, in bytes; a long legal notice has 4 KiB, a packet 256.
const BANNERS: usize = 256 << 10;
/// The most banners.
const MOST_BANNERS: u32 = 64;
/// The most channels that a server may open without being asked; each costs memory until it is refused.
const MOST_CHANNELS: u32 = 1000;
/// The most key exchanges in a row that follow each other too soon; RFC 4253 §9 has them an hour or a gigabyte apart.
const MOST_HASTY: u32 = 20;
/// What is too soon.
const HASTY: Duration = Duration::from_secs(1);

/// A server that wants too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Excess {
    #[error("the server sent more than {} KiB of text before the login", BANNERS >> 10)]
    BannerText,
    #[error("the server sent more than {MOST_BANNERS} banners")]
    Banners,
    #[error("the server opened more than {MOST_CHANNELS} channels that nobody asked for")]
    Channels,
    #[error("the server exchanges keys again and again")]
    Keys,
}

/// What a server has had so far.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    text: usize,
    banners: u32,
    channels: u32,
    hasty: u32,
    keys: Option<Instant>,
    /// Whether it is we who want new keys often.
    is_own_haste: bool,
}

impl Quota {
    /// The quota of a server with which new keys are exchanged after so many bytes.
    pub(crate) fn of(rekey_bytes: Option<u64>) -> Self {
        Self {
            is_own_haste: rekey_bytes.is_some(),
            ..Self::default()
        }
    }

    /// Takes a banner (RFC 4252 §5.4).
    pub(crate) fn banner(&mut self, text: &str) -> Result<(), Excess> {
        self.text = self.text.saturating_add(text.len());
        self.banners += 1;
        match () {
            () if self.text > BANNERS => Err(Excess::BannerText),
            () if self.banners > MOST_BANNERS => Err(Excess::Banners),
            () => Ok(()),
        }
    }

    /// Takes a channel, which is refused (RFC 4254 §5.1).
    pub(crate) fn channel(&mut self) -> Result<(), Excess> {
        self.channels += 1;
        match self.channels {
            ..=MOST_CHANNELS => Ok(()),
            _ => Err(Excess::Channels),
        }
    }

    /// Takes a key exchange that is done.
    pub(crate) fn keys(&mut self, now: Instant) -> Result<(), Excess> {
        let last = self.keys.replace(now);
        let hasty = last.is_some_and(|last| now.saturating_duration_since(last) < HASTY);
        self.hasty = if hasty { self.hasty + 1 } else { 0 };
        match self.hasty {
            _ if self.is_own_haste => Ok(()),
            ..=MOST_HASTY => Ok(()),
            _ => Err(Excess::Keys),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banners_are_few_and_short() {
        let mut quota = Quota::default();
        assert_eq!(quota.banner(&"x".repeat(BANNERS)), Ok(()));
        assert_eq!(quota.banner("x"), Err(Excess::BannerText));
        let mut quota = Quota::default();
        assert!((0..MOST_BANNERS).all(|_| quota.banner("").is_ok()));
        assert_eq!(quota.banner(""), Err(Excess::Banners));
    }

    #[test]
    fn channels_nobody_asked_for_are_few() {
        let mut quota = Quota::default();
        assert!((0..MOST_CHANNELS).all(|_| quota.channel().is_ok()));
        assert_eq!(quota.channel(), Err(Excess::Channels));
    }

    #[test]
    fn keys_are_exchanged_now_and_then() {
        let start = Instant::now();
        let mut quota = Quota::default();
        for second in 0..10_000 {
            assert_eq!(quota.keys(start + HASTY * second), Ok(()));
        }
        let mut quota = Quota::default();
        let mut soon = (0..100).map(|n| quota.keys(start + HASTY / 2 * n));
        assert_eq!(soon.find(Result::is_err), Some(Err(Excess::Keys)));
    }
}
