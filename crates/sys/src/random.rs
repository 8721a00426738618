//! Randomness for choices that need no secret.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// A number that differs between calls and between processes. Not for secrets.
pub fn random_u64() -> u64 {
    // The standard library seeds its hashers from getrandom(2).
    RandomState::new().build_hasher().finish()
}
