//! The interface to the resolver of target names. Look-ups take time, so workers delegate them.

use crate::message::{Inbox, Message};
use crate::slots::Key;
use flow::{Cause, SocketFailure};
use std::net::SocketAddr;
use std::sync::Arc;
use sys::kernel::{Kernel, Linux};

/// Resolves names to addresses, outside the workers.
pub trait Resolve<K: Kernel = Linux>: Send + Sync {
    /// Takes a query and returns without blocking. Every query must be answered; a late answer is
    /// ignored.
    fn resolve(&self, query: Query<K>);
}

/// A query of one session for the addresses of its target.
pub struct Query<K: Kernel = Linux> {
    /// The host name, as configured.
    pub host: Arc<str>,
    /// The port for the addresses in the answer.
    pub port: u16,
    pub(crate) session: Key,
    pub(crate) worker: Arc<Inbox<K>>,
}

impl<K: Kernel> Query<K> {
    /// Sends the answer to the session's worker. An empty list counts as [`NameFailure::Error`].
    pub fn answer(self, answer: NameAnswer) {
        self.worker.send(Message::Resolved { session: self.session, answer });
    }
}

/// The addresses of a name, in the order of the attempts to connect.
pub type NameAnswer = Result<Arc<[SocketAddr]>, NameFailure>;

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFailure {
    /// The name does not exist or has no address, or the name servers failed.
    Error,
    /// The name servers did not answer in time.
    Timeout,
}

impl NameFailure {
    pub(crate) fn as_socket_failure(self) -> SocketFailure {
        let cause = match self {
            Self::Error => Cause::NameError,
            Self::Timeout => Cause::NameTimeout,
        };
        SocketFailure { cause, errno: None, fin_unknown: false }
    }
}
