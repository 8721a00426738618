//! Listeners that a new configuration no longer has, while what replaces them is bound.
//!
//! Two listeners with overlapping addresses (`:80` and `127.0.0.1:80`) exclude each other, unless
//! both allow sharing (`SO_REUSEPORT`). A removed one does so from the moment that something new
//! needs its address until it is closed. So there is no moment without a listener, and a reload that
//! fails has taken nothing away.

use plan::ListenAddress;
use rustix::fd::OwnedFd;
use std::collections::HashMap;
use std::sync::Arc;
use sys::listen::{Sharing, set_sharing};

/// One of them: its address and its sockets.
type Leaver = (ListenAddress, Vec<Arc<OwnedFd>>);

/// The listeners that would be closed.
#[derive(Default)]
pub(crate) struct Leaving {
    by_port: HashMap<u16, Vec<Leaver>>,
    sharing: Vec<Arc<OwnedFd>>,
}

impl Leaving {
    /// Adds a listener at this port of `address`.
    pub(crate) fn add(&mut self, port: u16, address: ListenAddress, sockets: Vec<Arc<OwnedFd>>) {
        self.by_port.entry(port).or_default().push((address, sockets));
    }

    /// Has those that overlap `address` share theirs. False if there are none.
    pub(crate) fn share(&mut self, address: &ListenAddress) -> bool {
        let at_port = address.port().and_then(|port| self.by_port.get(&port));
        let overlapping = at_port.into_iter().flatten().filter(|(old, _)| old.overlaps(address));
        let sockets: Vec<_> = overlapping.flat_map(|(_, sockets)| sockets).cloned().collect();
        for socket in &sockets {
            // If it does not, the new address cannot be bound, and that is reported.
            let _ = set_sharing(&**socket, Sharing::SameUser);
        }
        let any = !sockets.is_empty();
        self.sharing.extend(sockets);
        any
    }

    /// What takes their place listens. Clients that they have are served; those that come go there.
    pub(crate) fn ignore_newcomers(&self) {
        for socket in &self.sharing {
            // If it does not, a client that comes just before it is closed is reset.
            let _ = sys::ignore_newcomers(&**socket);
        }
    }
}

impl Drop for Leaving {
    /// If they stay after all, they are alone again.
    fn drop(&mut self) {
        for socket in &self.sharing {
            let _ = set_sharing(&**socket, Sharing::Exclusive);
        }
    }
}
