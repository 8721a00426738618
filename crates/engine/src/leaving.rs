//! Listeners that a new configuration removes: how they share their addresses with replacements.
//!
//! Two listeners with overlapping addresses (`:80` and `127.0.0.1:80`) exclude each other, unless
//! both allow sharing (`SO_REUSEPORT`). A removed listener allows it from the moment a new one needs
//! its address until it is closed. So there is always a listener, and a failed reload has removed
//! none.

use plan::ListenAddress;
use std::collections::BTreeMap;
use std::sync::Arc;
use sys::kernel::{Kernel, Socket as _};
use sys::listen::Sharing;

/// The address and the sockets of one removed listener.
type Leaver<K> = (ListenAddress, Vec<Arc<<K as Kernel>::Socket>>);

/// The listeners that the new configuration removes.
pub(crate) struct Leaving<K: Kernel> {
    by_port: BTreeMap<u16, Vec<Leaver<K>>>,
    sharing: Vec<Arc<K::Socket>>,
}

impl<K: Kernel> Default for Leaving<K> {
    fn default() -> Self {
        Self { by_port: BTreeMap::new(), sharing: Vec::new() }
    }
}

impl<K: Kernel> Leaving<K> {
    /// Adds a listener at this port of `address`.
    pub(crate) fn add(&mut self, port: u16, address: ListenAddress, sockets: Vec<Arc<K::Socket>>) {
        self.by_port.entry(port).or_default().push((address, sockets));
    }

    /// Makes the listeners that overlap `address` share it. False if no listener overlaps.
    pub(crate) fn share(&mut self, address: &ListenAddress) -> bool {
        let at_port = address.port().and_then(|port| self.by_port.get(&port));
        let overlapping = at_port.into_iter().flatten().filter(|(old, _)| old.overlaps(address));
        let sockets: Vec<_> = overlapping.flat_map(|(_, sockets)| sockets).cloned().collect();
        for socket in &sockets {
            // After a failure, the bind of the new address fails and is reported.
            let _ = socket.set_sharing(Sharing::SameUser);
        }
        let any = !sockets.is_empty();
        self.sharing.extend(sockets);
        any
    }

    /// Directs new clients to the replacements, which listen already. Queued clients are still served.
    pub(crate) fn ignore_newcomers(&self) {
        for socket in &self.sharing {
            // After a failure, a client that connects just before the close is reset.
            let _ = socket.ignore_new_handshakes();
        }
    }
}

impl<K: Kernel> Drop for Leaving<K> {
    /// Makes the listeners exclusive again: they stay if the new configuration is refused.
    fn drop(&mut self) {
        for socket in &self.sharing {
            let _ = socket.set_sharing(Sharing::Exclusive);
        }
    }
}
