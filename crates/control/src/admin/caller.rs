//! The caller of a request: its connection, its role, and its name in the log.

use host::AdminRole;
use std::net::SocketAddr;
use std::sync::Arc;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A process of this host, by its credentials at connect(2) (`SO_PEERCRED`, unix(7)).
    Unix { uid: u32, pid: Option<i32> },
    /// A TCP address.
    Tcp(SocketAddr),
}

impl Peer {
    pub(crate) fn uid(self) -> Option<u32> {
        if let Self::Unix { uid, .. } = self { Some(uid) } else { None }
    }

    pub(crate) fn pid(self) -> Option<i32> {
        if let Self::Unix { pid, .. } = self { pid } else { None }
    }

    pub(crate) fn address(self) -> Option<SocketAddr> {
        if let Self::Tcp(address) = self { Some(address) } else { None }
    }

    /// Whether it is this process's own user or root, and may read and execute what this process may.
    pub(super) fn is_own_user(self) -> bool {
        self.uid().is_some_and(|uid| uid == 0 || uid == sys::user_id())
    }
}

/// An authorised caller.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(super) role: AdminRole,
    /// The name of its token; on a Unix socket that of its user.
    pub(super) name: Arc<str>,
    pub(crate) peer: Peer,
}

impl Caller {
    /// The caller on a Unix socket. The name of its user is looked up for changes only.
    pub(super) fn on_socket(peer: Peer, is_change: bool) -> Self {
        let name = peer.uid().filter(|_| is_change).and_then(host::user_name);
        Self { role: AdminRole::Operate, name: name.unwrap_or_default().into(), peer }
    }

    /// The name in the log, if it is known.
    pub(crate) fn shown_name(&self) -> Option<&str> {
        Some(&*self.name).filter(|name| !name.is_empty())
    }
}
