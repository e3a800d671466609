//! An X server here, shown to programs on the host (RFC 4254 §6.3).
//!
//! The host is given a cookie that is made up. What comes back must have it, and gets the real one here, so that the
//! host never learns that.

mod display;
mod forward;
mod setup;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use zeroize::Zeroizing;

pub use display::Display;
pub(crate) use forward::{Shown, Told};

use crate::error::Error;

/// The protocol of a cookie, where the X server wants none.
const MAGIC: &str = "MIT-MAGIC-COOKIE-1";
/// How many bytes such a cookie has.
const MAGIC_LENGTH: usize = 16;

/// An X server to show to the host, for [`Command::forward_x11`](crate::Command::forward_x11).
///
/// ```
/// use eic_term::{Display, X11};
///
/// let display = Display::parse(":0").unwrap();
/// let x11 = X11::new(display).authority("MIT-MAGIC-COOKIE-1", vec![0; 16]);
/// ```
#[derive(Clone)]
pub struct X11 {
    display: Display,
    authority: Option<Authority>,
    until: Option<Instant>,
    on_refused: Arc<dyn Fn(&Error) + Send + Sync>,
}

/// What an X server believes its clients by.
#[derive(Clone, PartialEq, Eq)]
struct Authority {
    protocol: String,
    data: Zeroizing<Vec<u8>>,
}

impl X11 {
    /// Names the X server. Nothing is connected yet.
    #[must_use]
    pub fn new(display: Display) -> Self {
        Self {
            display,
            authority: None,
            until: None,
            on_refused: Arc::new(|_| {}),
        }
    }

    /// Takes what xauth(1) lists for the display: the protocol, and the cookie in bytes. It decides what the programs
    /// may do. Without any they come without a cookie, which an X server may allow to whoever is on this machine.
    #[must_use]
    pub fn authority(mut self, protocol: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        self.authority = Some(Authority {
            protocol: protocol.into(),
            data: Zeroizing::new(data.into()),
        });
        self
    }

    /// Refuses programs that come later (ssh_config(5), `ForwardX11Timeout`).
    #[must_use]
    pub fn until(mut self, until: Instant) -> Self {
        self.until = Some(until);
        self
    }

    /// Receives why the host forwards nothing ([`Error::Refused`]), or why a program was not let in:
    /// [`Error::Display`] or [`Error::ConnectLocal`].
    #[must_use]
    pub fn on_refused(mut self, on_refused: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_refused = Arc::new(on_refused);
        self
    }

    pub(crate) fn refused(&self, error: &Error) {
        tracing::debug!(%error, "X11 was not forwarded");
        (self.on_refused)(error);
    }
}

impl Authority {
    /// One for the host that looks like the real one.
    fn made_up(real: Option<&Self>) -> Result<Self, Error> {
        let (protocol, length) = real.map_or((MAGIC, MAGIC_LENGTH), |real| {
            (&real.protocol, real.data.len())
        });
        let mut data = Zeroizing::new(vec![0; length]);
        aws_lc_rs::rand::fill(&mut data).map_err(|_| Error::Display {
            reason: "no cookie can be made up: there are no random numbers",
        })?;
        Ok(Self {
            protocol: protocol.to_owned(),
            data,
        })
    }
}

impl fmt::Debug for X11 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "X11 at {}", self.display)
    }
}
