//! Which host keys are believed.

mod certificate;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod known;
mod known_hosts;
mod ordinary;
mod pins;
mod policy;
mod revoked;
mod rotation;
mod shared_file;
mod verified;

pub(crate) use known::{Known, Shown};
pub use ordinary::KnownHosts;
pub use pins::{Pin, PinFile};
pub use policy::{HostKey, HostKeyError, HostKeyPolicy};
pub use rotation::KeyChange;
pub(crate) use verified::{ConsoleLookUp, Witnesses};
pub use verified::{Proof, Trust, TrustLevel};
