//! Which host keys are believed.

#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod known_hosts;
mod pins;
mod policy;
mod verified;

pub use pins::{Pin, PinFile};
pub use policy::{HostKey, HostKeyError, HostKeyPolicy};
pub(crate) use verified::{ConsoleLookUp, Witnesses};
pub use verified::{Proof, Trust, TrustLevel};
