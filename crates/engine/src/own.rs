//! Where we listen ourselves: a connection to such an address would come back to us, be forwarded
//! again, and so on until the descriptors are used up.
//!
//! What the configuration's text tells is refused when it is read. This is for what it does not: a
//! name, or another address of this host. A way back through something else (a translated address,
//! another forwarder) is not seen; `max_sessions` bounds it.

use plan::ListenAddress;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// The addresses of all listeners, by port.
pub(crate) struct OwnListeners {
    /// One bit for each port that is listened on: all that is read for most attempts to connect.
    ports: Box<[AtomicU64]>,
    addresses: RwLock<HashMap<u16, Vec<IpAddr>>>,
}

impl Default for OwnListeners {
    fn default() -> Self {
        let words = (usize::from(u16::MAX) + 1) / WORD;
        Self {
            ports: (0..words).map(|_| AtomicU64::new(0)).collect(),
            addresses: RwLock::default(),
        }
    }
}

/// Bits of a word of the set of ports.
const WORD: usize = 64;

impl OwnListeners {
    /// A listener was bound.
    pub(crate) fn add(&self, addresses: &[SocketAddr]) {
        let mut by_port = self.addresses.write().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            let listeners = by_port.entry(address.port()).or_insert_with(|| Vec::with_capacity(1));
            if !listeners.contains(&address.ip()) {
                listeners.push(address.ip());
            }
            let (word, bit) = self.place(address.port());
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// A listener is given up.
    pub(crate) fn remove(&self, addresses: &[SocketAddr]) {
        let mut by_port = self.addresses.write().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            let Some(listeners) = by_port.get_mut(&address.port()) else { continue };
            listeners.retain(|ip| *ip != address.ip());
            if listeners.is_empty() {
                by_port.remove(&address.port());
                let (word, bit) = self.place(address.port());
                word.fetch_and(!bit, Ordering::Relaxed);
            }
        }
    }

    fn has_port(&self, port: u16) -> bool {
        let (word, bit) = self.place(port);
        word.load(Ordering::Relaxed) & bit != 0
    }

    fn place(&self, port: u16) -> (&AtomicU64, u64) {
        let port = usize::from(port);
        (&self.ports[port / WORD], 1 << (port % WORD))
    }

    /// Whether one of them is in the way of a new listener.
    pub(crate) fn overlaps(&self, address: &ListenAddress) -> bool {
        let port = match address {
            ListenAddress::Any { port } => *port,
            ListenAddress::Ip(address) => address.port(),
            ListenAddress::Unix(_) | ListenAddress::Given(_) => return false,
        };
        self.has_port(port)
    }

    /// Whether a connection to `address` would come to one of them.
    pub(crate) fn reached_by(&self, address: SocketAddr) -> bool {
        if !self.has_port(address.port()) {
            return false;
        }
        let by_port = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
        let Some(listeners) = by_port.get(&address.port()) else { return false };
        let ip = match address.ip().to_canonical() {
            // Connecting to the unspecified address reaches the loopback.
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let all =
            |listener: &IpAddr| listener.is_unspecified() && listener.is_ipv4() == ip.is_ipv4();
        listeners.contains(&ip) || (listeners.iter().any(all) && sys::socket::is_of_this_host(ip))
    }
}
