//! Prevents sessions whose target is a listener of this process: each would be forwarded again, until
//! the descriptors are used up.
//!
//! Loops visible in the text of the configuration are refused when it is read. This guard detects the
//! others: through a name, another address of this host, or another path of a socket file. A loop
//! through another host or a translated address is not detected; `max_sessions` bounds it.

use crate::zone;
use plan::ListenAddress;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use sys::FileId;
use sys::kernel::Kernel;

/// The addresses and socket files of all listeners.
pub(crate) struct LoopGuard {
    /// One bit per port, set if a listener has it. For most attempts to connect, only this is read.
    ports: Box<[AtomicU64]>,
    /// Listen addresses by port. An address has one entry per listener: a replacement is registered
    /// before the old listener is closed.
    addresses: RwLock<HashMap<u16, Vec<ListenPlace>>>,
    /// Number of socket files. While it is 0, no path of a target is read.
    file_count: AtomicUsize,
    files: RwLock<Vec<FileId>>,
}

/// An IP address without a port. The scope distinguishes equal link-local addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
struct ListenPlace {
    ip: IpAddr,
    scope: u32,
}

impl ListenPlace {
    /// The address at which a connection to `address` arrives.
    fn of(address: SocketAddr) -> Self {
        let scope = match address {
            SocketAddr::V6(address) if address.ip().is_unicast_link_local() => address.scope_id(),
            _ => 0,
        };
        Self { ip: address.ip().to_canonical(), scope }
    }

    fn overlaps(self, other: Self) -> bool {
        self == other || self.takes_all_of(other.ip) || other.takes_all_of(self.ip)
    }

    fn takes_all_of(self, ip: IpAddr) -> bool {
        self.ip.is_unspecified() && self.ip.is_ipv4() == ip.is_ipv4()
    }
}

/// Guard: a listener's entries, removed when it is dropped.
pub(crate) struct Registration {
    guard: Arc<LoopGuard>,
    addresses: Vec<SocketAddr>,
    files: Vec<FileId>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.guard.remove(&self.addresses, &self.files);
    }
}

impl Default for LoopGuard {
    fn default() -> Self {
        let words = (usize::from(u16::MAX) + 1) / WORD;
        Self {
            ports: (0..words).map(|_| AtomicU64::new(0)).collect(),
            addresses: RwLock::default(),
            file_count: AtomicUsize::new(0),
            files: RwLock::default(),
        }
    }
}

/// Bits per word of [`LoopGuard::ports`].
const WORD: usize = 64;

impl LoopGuard {
    /// Adds a listener's addresses and files; dropping the result removes them.
    pub(crate) fn register(
        self: &Arc<Self>,
        addresses: Vec<SocketAddr>,
        files: Vec<FileId>,
    ) -> Registration {
        let mut by_port = self.addresses.write().unwrap_or_else(PoisonError::into_inner);
        for address in &addresses {
            let listeners = by_port.entry(address.port()).or_insert_with(|| Vec::with_capacity(1));
            listeners.push(ListenPlace::of(*address));
            let (word, bit) = self.place(address.port());
            word.fetch_or(bit, Ordering::Relaxed);
        }
        drop(by_port);
        let mut all = self.files.write().unwrap_or_else(PoisonError::into_inner);
        all.extend(&files);
        self.file_count.store(all.len(), Ordering::Relaxed);
        drop(all);
        Registration { guard: Arc::clone(self), addresses, files }
    }

    fn remove(&self, addresses: &[SocketAddr], files: &[FileId]) {
        let mut by_port = self.addresses.write().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            let Some(listeners) = by_port.get_mut(&address.port()) else { continue };
            remove_one(listeners, &ListenPlace::of(*address));
            if listeners.is_empty() {
                by_port.remove(&address.port());
                let (word, bit) = self.place(address.port());
                word.fetch_and(!bit, Ordering::Relaxed);
            }
        }
        drop(by_port);
        let mut all = self.files.write().unwrap_or_else(PoisonError::into_inner);
        for file in files {
            remove_one(&mut all, file);
        }
        self.file_count.store(all.len(), Ordering::Relaxed);
    }

    /// Whether a registered listener excludes a new one at `address`.
    pub(crate) fn overlaps(&self, address: &ListenAddress, kernel: &impl Kernel) -> bool {
        match address {
            ListenAddress::Any { port } => self.has_port(*port),
            ListenAddress::Ip(address) => {
                let by_port = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
                let wanted = ListenPlace::of(*address);
                let mut listeners = by_port.get(&address.port()).into_iter().flatten();
                listeners.any(|listener| listener.overlaps(wanted))
            }
            ListenAddress::Zoned(address) => match zone::resolve(kernel, address) {
                Ok(address) => self.overlaps(&ListenAddress::Ip(address), kernel),
                Err(_) => false,
            },
            ListenAddress::Unix(path) => self.reached_at(path, kernel),
            // Names are replaced by addresses.
            ListenAddress::Name { .. } | ListenAddress::Activated(_) => false,
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

    /// Whether a connection to `address` would arrive at a registered listener.
    pub(crate) fn reached_by(&self, address: SocketAddr, kernel: &impl Kernel) -> bool {
        if !self.has_port(address.port()) {
            return false;
        }
        let by_port = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
        let Some(listeners) = by_port.get(&address.port()) else { return false };
        let mut reached = ListenPlace::of(address);
        // A connection to the unspecified address arrives at the loopback address.
        match reached.ip {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => reached.ip = Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => reached.ip = Ipv6Addr::LOCALHOST.into(),
            _ => {}
        }
        let all = |listener: &ListenPlace| listener.takes_all_of(reached.ip);
        listeners.contains(&reached)
            || (listeners.iter().any(all) && is_local_address(address, reached.ip, kernel))
    }

    /// Whether a connection to the Unix socket at `path` would arrive at a registered listener, through
    /// any links and directories. One stat(2) if there are such listeners, else none.
    pub(crate) fn reached_at(&self, path: &Path, kernel: &impl Kernel) -> bool {
        if self.file_count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let reached = kernel.file_reached_by(path);
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        reached.is_some_and(|reached| files.contains(&reached))
    }
}

fn is_local_address(mut address: SocketAddr, ip: IpAddr, kernel: &impl Kernel) -> bool {
    // An IPv4-mapped IPv6 address is routed as the IPv4 address.
    if address.ip() != ip {
        address = SocketAddr::new(ip, address.port());
    }
    kernel.is_local_address(address)
}

fn remove_one<T: PartialEq>(all: &mut Vec<T>, one: &T) {
    if let Some(at) = all.iter().position(|it| it == one) {
        all.swap_remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::kernel::Linux;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Cases: a listener, a target, and whether the target reaches the listener.
    #[test]
    fn listeners_are_known_by_every_spelling_of_their_addresses() {
        let cases = [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "[::ffff:127.0.0.1]:80", true),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("127.0.0.1:80", "[::ffff:0.0.0.0]:80", true),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:80", "[::1]:80", false),
            ("127.0.0.1:80", "[::]:80", false),
            // A socket of the service manager may be bound to such an address.
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true),
            ("[::1]:80", "[::]:80", true),
            ("[::1]:80", "0.0.0.0:80", false),
            ("0.0.0.0:80", "0.0.0.0:80", true),
            ("0.0.0.0:80", "127.9.9.9:80", true),
            ("0.0.0.0:80", "[::ffff:127.9.9.9]:80", true),
            ("0.0.0.0:80", "203.0.113.1:80", false),
            ("0.0.0.0:80", "[::1]:80", false),
            ("[::]:80", "[::1]:80", true),
            ("[::]:80", "127.0.0.1:80", false),
            ("[::]:80", "[2001:db8::1]:80", false),
            ("[fe80::1%2]:80", "[fe80::1%2]:80", true),
            ("[fe80::1%2]:80", "[fe80::1%3]:80", false),
        ];
        for (listener, target, is_reached) in cases {
            let guard = Arc::new(LoopGuard::default());
            let registration = guard.register(vec![address(listener)], Vec::new());
            assert_eq!(
                guard.reached_by(address(target), &Linux),
                is_reached,
                "{listener} {target}"
            );
            drop(registration);
            assert!(!guard.reached_by(address(target), &Linux), "{listener} {target}");
        }
    }

    #[test]
    fn an_address_of_two_listeners_is_known_until_both_are_closed() {
        let guard = Arc::new(LoopGuard::default());
        let both = vec![address("0.0.0.0:80"), address("[::]:80")];
        let old = guard.register(both, vec![]);
        let new = guard.register(vec![address("0.0.0.0:80")], vec![]);
        drop(old);
        assert!(
            guard.reached_by(address("127.0.0.1:80"), &Linux)
                && !guard.reached_by(address("[::1]:80"), &Linux)
        );
        drop(new);
        assert!(!guard.has_port(80));
    }
}
