//! Listening sockets that this process inherits: from a service manager, or from the process that it
//! replaces.

use crate::zone;
use plan::ListenAddress;
use std::collections::BTreeMap;
use std::sync::Arc;
use sys::ListensAt;
use sys::kernel::{Kernel, Linux, Socket as _};

/// Inherited listening sockets that can be listened on.
#[derive(Debug)]
pub struct PassedSockets<K: Kernel = Linux> {
    kernel: K,
    /// Sockets for `fd:NAME`. They stay open until the process ends, listened on or not: the process
    /// could not open them again.
    named: BTreeMap<String, Vec<Arc<K::Socket>>>,
    /// Sockets of the replaced process's listeners. Each is taken once.
    kept: BTreeMap<ListenAddress, K::Socket>,
}

impl<K: Kernel + Default> Default for PassedSockets<K> {
    fn default() -> Self {
        Self::new(K::default())
    }
}

impl<K: Kernel> PassedSockets<K> {
    /// No sockets yet.
    pub fn new(kernel: K) -> Self {
        Self { kernel, named: BTreeMap::new(), kept: BTreeMap::new() }
    }

    /// Adds a socket for `fd:NAME`. A name may have several.
    pub fn add(&mut self, name: String, socket: K::Socket) {
        self.named.entry(name).or_default().push(Arc::new(socket));
    }

    /// Adds a socket for the listener at `address`, with MPTCP or without. Closes it and returns false if it does not
    /// listen at that address, or is of the other protocol.
    pub fn keep(&mut self, address: &ListenAddress, mptcp: bool, socket: K::Socket) -> bool {
        let is_of_protocol = address.port().is_none() || socket.is_mptcp() == mptcp;
        let fits = is_of_protocol && is_at(&self.kernel, address, &socket);
        if fits {
            self.kept.insert(address.clone(), socket);
        } else {
            socket.stop_listening();
        }
        fits
    }

    /// The names for `fd:NAME`, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// All sockets for `fd:NAME`, with that name as their address.
    pub(crate) fn all(&self) -> impl Iterator<Item = (ListenAddress, &Arc<K::Socket>)> {
        self.named.iter().flat_map(|(name, sockets)| {
            sockets.iter().map(|socket| (ListenAddress::Activated(name.clone()), socket))
        })
    }

    pub(crate) fn named(&self, name: &str) -> Option<&[Arc<K::Socket>]> {
        self.named.get(name).map(Vec::as_slice)
    }

    /// Whether a socket is kept for `address`.
    pub(crate) fn keeps(&self, address: &ListenAddress) -> bool {
        self.kept.contains_key(address)
    }

    pub(crate) fn take_kept(&mut self, address: &ListenAddress) -> Option<K::Socket> {
        self.kept.remove(address)
    }
}

/// Whether binding `address` would have made a socket like this one.
pub(crate) fn is_at<K: Kernel>(kernel: &K, address: &ListenAddress, socket: &K::Socket) -> bool {
    match (address, socket.listens_at()) {
        // On a host without IPv6, `:PORT` binds 0.0.0.0.
        (ListenAddress::Any { port }, Some(ListensAt::Ip { address, both_families })) => {
            let is_any = both_families || (address.is_ipv4() && address.ip().is_unspecified());
            is_any && address.port() == *port
        }
        (ListenAddress::Ip(wanted), Some(ListensAt::Ip { address, both_families })) => {
            *wanted == address && !both_families
        }
        (ListenAddress::Zoned(wanted), Some(ListensAt::Ip { address, both_families })) => {
            zone::resolve(kernel, wanted) == Ok(address) && !both_families
        }
        // Without its file, no client could reach it.
        (ListenAddress::Unix(wanted), Some(ListensAt::Unix(path))) => {
            path.as_ref() == Some(wanted) && kernel.is_socket_file(wanted)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;

    fn keeps(address: &ListenAddress, socket: impl Into<OwnedFd>) -> bool {
        let mut passed = PassedSockets::new(Linux);
        let kept = passed.keep(address, false, socket.into());
        assert_eq!(passed.take_kept(address).is_some(), kept);
        assert!(passed.take_kept(address).is_none(), "each is taken once");
        kept
    }

    #[test]
    fn a_kept_socket_is_used_for_its_own_address_only() {
        let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
        let ip = |listener: &TcpListener| listener.local_addr().unwrap();
        let one = listener();
        assert!(keeps(&ListenAddress::Ip(ip(&one)), one));
        let (one, other) = (listener(), listener());
        assert!(!keeps(&ListenAddress::Ip(ip(&other)), one));
        let one = listener();
        assert!(!keeps(&ListenAddress::Any { port: ip(&one).port() }, one));
    }

    #[test]
    fn every_address_differs_from_every_ipv6_address() {
        let options = sys::socket::TcpOptions::NONE;
        let both = || sys::listen::tcp_any(0, &options).unwrap();
        let port = |socket: &OwnedFd| {
            sys::listen::local_address(socket).unwrap().expect("a TCP socket").port()
        };
        let socket = both();
        assert!(keeps(&ListenAddress::Any { port: port(&socket) }, socket));
        let socket = both();
        let v6 = (std::net::Ipv6Addr::UNSPECIFIED, port(&socket)).into();
        assert!(!keeps(&ListenAddress::Ip(v6), socket));
    }

    #[test]
    fn a_unix_socket_without_its_file_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let address = ListenAddress::Unix(path.clone());
        assert!(keeps(&address, UnixListener::bind(&path).unwrap()));
        std::fs::remove_file(&path).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(!keeps(&address, listener));
    }
}
