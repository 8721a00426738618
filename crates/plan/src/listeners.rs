//! Index of listen addresses, to find overlaps.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::address::{ListenAddress, Target, ZonedAddress};
use crate::plan::Process;

/// Owner of a listen address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The admin interface.
    Admin,
    /// The address of the metrics.
    Metrics,
    /// A forward, by index of its draft.
    Draft(usize),
}

impl Owner {
    /// The owner in messages; `None` for a forward, which has a name.
    pub(crate) fn noun(self) -> Option<&'static str> {
        match self {
            Self::Admin => Some("the admin interface"),
            Self::Metrics => Some("`metrics` of [process]"),
            Self::Draft(_) => None,
        }
    }
}

/// IPv4 and IPv6 ports are separate: our IPv6 sockets do not accept IPv4 clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Family {
    V4,
    V6,
}

/// All listeners so far. Each query takes a few hash lookups, so that ten thousand forwards are
/// compared in one pass.
#[derive(Default)]
pub(crate) struct Listeners {
    /// Listeners on every address of a family.
    wildcards: HashMap<(Family, u16), Owner>,
    /// First listener on a specific address of a family, to check later wildcards.
    specifics: HashMap<(Family, u16), Owner>,
    /// Listeners on one specific address.
    exact: HashMap<SocketAddr, Owner>,
    /// Listeners on a link-local address of a named interface.
    zoned: HashMap<ZonedAddress, Owner>,
    /// Listeners on the addresses of a name, in lower case, with their ports.
    named: HashMap<(String, u16), Owner>,
    unix: HashMap<PathBuf, Owner>,
    /// Activated sockets, by name.
    given: HashMap<String, Owner>,
}

impl Listeners {
    /// Claims an address, or returns the owner of an overlapping one.
    pub(crate) fn claim(&mut self, address: &ListenAddress, owner: Owner) -> Result<(), Owner> {
        match address {
            ListenAddress::Any { port } => {
                let both = [(Family::V4, *port), (Family::V6, *port)];
                self.claim_wildcards(&both, owner)
            }
            ListenAddress::Ip(ip) if ip.ip().is_unspecified() => {
                self.claim_wildcards(&[(family(*ip), ip.port())], owner)
            }
            ListenAddress::Ip(ip) => {
                let port = (family(*ip), ip.port());
                let taken = self.wildcards.get(&port).or_else(|| self.exact.get(ip));
                if let Some(taken) = taken {
                    return Err(*taken);
                }
                self.exact.insert(*ip, owner);
                self.specifics.entry(port).or_insert(owner);
                Ok(())
            }
            ListenAddress::Zoned(address) => {
                let port = (Family::V6, address.port);
                let taken = self.wildcards.get(&port).or_else(|| self.zoned.get(address));
                if let Some(taken) = taken {
                    return Err(*taken);
                }
                self.zoned.insert(address.clone(), owner);
                self.specifics.entry(port).or_insert(owner);
                Ok(())
            }
            ListenAddress::Name { host, port } => {
                claim_one(&mut self.named, (host.to_ascii_lowercase(), *port), owner)
            }
            ListenAddress::Unix(path) => claim_one(&mut self.unix, path.clone(), owner),
            ListenAddress::Activated(name) => claim_one(&mut self.given, name.clone(), owner),
        }
    }

    /// Claims the addresses of `[process]`. They come first, so that a forward with the same address
    /// gets the error.
    pub(crate) fn claim_of_process(&mut self, process: &Process) {
        let admin = process.admin.addresses().map(|address| (address, Owner::Admin));
        let metrics = process.metrics.map(|address| (address.listen(), Owner::Metrics));
        for (address, owner) in admin.chain(metrics) {
            // `process_table.rs` reports one that has the address of the other.
            let _ = self.claim(&address, owner);
        }
    }

    fn claim_wildcards(&mut self, ports: &[(Family, u16)], owner: Owner) -> Result<(), Owner> {
        for port in ports {
            if let Some(taken) = self.wildcards.get(port).or_else(|| self.specifics.get(port)) {
                return Err(*taken);
            }
        }
        self.wildcards.extend(ports.iter().map(|port| (*port, owner)));
        Ok(())
    }

    /// Owner of the listener that a connection to this target would reach, judged by the text
    /// alone: other addresses and names of this host are not resolved here.
    pub(crate) fn reached_by(&self, target: &Target) -> Option<Owner> {
        match target {
            Target::Ip(address) => self
                .reached_at(SocketAddr::new(address.ip().to_canonical(), address.port()))
                .or_else(|| self.exact.get(address).copied()),
            Target::Zoned(address) => self.zoned.get(address).copied(),
            Target::Name { host, port } | Target::Dns { host, port } => {
                let name = host.strip_suffix('.').unwrap_or(host);
                let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
                let local = local.into_iter().filter(|_| name.eq_ignore_ascii_case("localhost"));
                let by_address =
                    local.map(|ip| SocketAddr::new(ip, *port)).find_map(|ip| self.reached_at(ip));
                by_address.or_else(|| self.named.get(&(host.to_ascii_lowercase(), *port)).copied())
            }
            Target::Unix(path) => self.unix.get(path).copied(),
            Target::Srv { .. } => None,
        }
    }

    fn reached_at(&self, address: SocketAddr) -> Option<Owner> {
        // Connecting to the unspecified address reaches the loopback address.
        let ip = match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let wildcard = self.wildcards.get(&(family(address), address.port()));
        let exact = self.exact.get(&SocketAddr::new(ip, address.port()));
        exact.or(wildcard.filter(|_| ip.is_loopback())).copied()
    }
}

/// Claims a key that excludes nothing but itself.
fn claim_one<T: Eq + Hash>(
    owners: &mut HashMap<T, Owner>,
    key: T,
    owner: Owner,
) -> Result<(), Owner> {
    match owners.entry(key) {
        Entry::Occupied(taken) => Err(*taken.get()),
        Entry::Vacant(free) => {
            free.insert(owner);
            Ok(())
        }
    }
}

fn family(address: SocketAddr) -> Family {
    if address.is_ipv4() { Family::V4 } else { Family::V6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(addresses: &[&str]) -> Result<Listeners, Owner> {
        let mut listeners = Listeners::default();
        for (draft, text) in addresses.iter().enumerate() {
            listeners.claim(&listen(text), Owner::Draft(draft))?;
        }
        Ok(listeners)
    }

    fn listen(text: &str) -> ListenAddress {
        crate::address_text::parse_listen(crate::text::Fragment::new(text)).unwrap().first
    }

    fn target(text: &str) -> Target {
        crate::address_text::parse_target(crate::text::Fragment::new(text)).unwrap().first
    }

    #[test]
    fn listeners_that_exclude_each_other() {
        let cases = [
            (":80", ":80", true),
            (":80", "127.0.0.1:80", true),
            (":80", "[::1]:80", true),
            (":80", "0.0.0.0:80", true),
            (":80", "[::]:80", true),
            (":80", ":81", false),
            ("0.0.0.0:80", "[::]:80", false),
            ("0.0.0.0:80", "10.0.0.1:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("[::]:80", "[::1]:80", true),
            ("[::]:80", "10.0.0.1:80", false),
            ("10.0.0.1:80", "10.0.0.1:80", true),
            ("10.0.0.1:80", "10.0.0.2:80", false),
            ("[fe80::1%1]:80", "[fe80::1%2]:80", false),
            ("[fe80::1%eth0]:80", "[fe80::1%eth0]:80", true),
            ("[fe80::1%eth0]:80", "[fe80::1%eth1]:80", false),
            ("[fe80::1%eth0]:80", "[::]:80", true),
            ("[fe80::1%eth0]:80", ":80", true),
            ("[fe80::1%eth0]:80", "0.0.0.0:80", false),
            ("web:80", "web:80", true),
            ("web:80", "web:81", false),
            ("web:80", "127.0.0.1:80", false),
            ("unix:/a", "unix:/a", true),
            ("unix:/a", "unix:/b", false),
            ("fd:a", "fd:a", true),
            ("fd:a", "fd:b", false),
        ];
        for (first, second, conflict) in cases {
            for pair in [[first, second], [second, first]] {
                assert_eq!(listeners(&pair).is_err(), conflict, "{pair:?}");
                assert_eq!(listen(pair[0]).overlaps(&listen(pair[1])), conflict, "{pair:?}");
            }
        }
    }

    #[test]
    fn targets_that_are_our_own_listeners() {
        let cases = [
            (":80", "127.0.0.1:80", true),
            (":80", "127.9.9.9:80", true),
            (":80", "[::1]:80", true),
            (":80", "0.0.0.0:80", true),
            (":80", "[::]:80", true),
            (":80", "localhost:80", true),
            (":80", "LocalHost.:80", true),
            (":80", "[::ffff:127.0.0.1]:80", true),
            (":80", "127.0.0.1:81", false),
            (":80", "10.0.0.1:80", false),
            (":80", "web:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("0.0.0.0:80", "localhost:80", true),
            ("[::]:80", "localhost:80", true),
            ("[::]:80", "127.0.0.1:80", false),
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("127.0.0.1:80", "localhost:80", true),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("[::1]:80", "[::]:80", true),
            ("10.0.0.1:80", "10.0.0.1:80", true),
            ("10.0.0.1:80", "0.0.0.0:80", false),
            ("[fe80::1%2]:80", "[fe80::1%2]:80", true),
            ("[fe80::1%eth0]:80", "[fe80::1%eth0]:80", true),
            ("[fe80::1%eth0]:80", "[fe80::1%eth1]:80", false),
            ("web:80", "Web:80", true),
            ("web:80", "dns:web:80", true),
            ("web:80", "127.0.0.1:80", false),
            ("unix:/a", "unix:/a", true),
            ("unix:/a", "unix:/b", false),
        ];
        for (address, to, ours) in cases {
            let listeners = listeners(&[address]).unwrap();
            assert_eq!(listeners.reached_by(&target(to)).is_some(), ours, "{address} {to}");
        }
    }
}
