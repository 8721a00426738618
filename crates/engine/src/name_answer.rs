//! The resolver's answer to a query.

use flow::{Cause, SocketFailure};
use std::net::SocketAddr;
use std::sync::Arc;

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
