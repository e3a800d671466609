//! Forwards.
