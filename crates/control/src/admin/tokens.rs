//! The tokens in force, which a reload replaces.

use host::{AdminRole, AdminTokens};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// The tokens in force; none without a port. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Arc<RwLock<Option<AdminTokens>>>);

impl Tokens {
    /// The role and the name of the token with this secret.
    pub(super) fn find(&self, given: &str) -> Option<(AdminRole, Arc<str>)> {
        self.read(|tokens| {
            let token = tokens?.find(given)?;
            Some((token.role, token.name.as_str().into()))
        })
    }

    /// Puts other tokens in force. Secrets that are left out are refused from then on.
    pub(super) fn replace(&self, tokens: AdminTokens) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(tokens);
    }

    /// The tokens in force.
    pub(super) fn present(&self) -> Option<AdminTokens> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs `read` on the present tokens.
    pub(super) fn read<T>(&self, read: impl FnOnce(Option<&AdminTokens>) -> T) -> T {
        // Nothing panics while it holds the lock.
        read(self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Secrets stay out of every text.
        f.write_str("Tokens")
    }
}
