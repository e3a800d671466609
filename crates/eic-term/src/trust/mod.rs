//! Which host keys are believed.

mod pins;
mod policy;

pub use pins::PinFile;
pub use policy::{HostKey, HostKeyError, HostKeyPolicy};
