//! Where we listen ourselves: a connection to such an address would come back to us, be forwarded
//! again, and so on until the descriptors are used up.
//!
//! What the configuration's text tells is refused when it is read. This is for what it does not: a
//! name, or another address of this host. A way back through something else (a translated address,
//! another forwarder) is not seen; `max_sessions` bounds it.

use plan::ListenAddress;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{PoisonError, RwLock};

/// The addresses of all listeners, by port. Read once per attempt to connect.
#[derive(Default)]
pub(crate) struct OwnListeners(RwLock<HashMap<u16, Vec<IpAddr>>>);

impl OwnListeners {
    /// A listener was bound.
    pub(crate) fn add(&self, addresses: &[SocketAddr]) {
        let mut ports = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            let listeners = ports.entry(address.port()).or_default();
            if !listeners.contains(&address.ip()) {
                listeners.push(address.ip());
            }
        }
    }

    /// A listener is given up.
    pub(crate) fn remove(&self, addresses: &[SocketAddr]) {
        let mut ports = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            let Some(listeners) = ports.get_mut(&address.port()) else { continue };
            listeners.retain(|ip| *ip != address.ip());
            if listeners.is_empty() {
                ports.remove(&address.port());
            }
        }
    }

    /// Whether one of them is in the way of a new listener.
    pub(crate) fn overlaps(&self, address: &ListenAddress) -> bool {
        let port = match address {
            ListenAddress::Any { port } => *port,
            ListenAddress::Ip(address) => address.port(),
            ListenAddress::Unix(_) => return false,
        };
        let ports = self.0.read().unwrap_or_else(PoisonError::into_inner);
        ports.contains_key(&port)
    }

    /// Whether a connection to `address` would come to one of them.
    pub(crate) fn reached_by(&self, address: SocketAddr) -> bool {
        let ports = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(listeners) = ports.get(&address.port()) else { return false };
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
