//! Published texts: many forwards that never change, and a few that differ in every version.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

use fleet::TextHash;

/// Forwards whose target differs in every version.
const CHANGING: usize = 10;
/// Listeners of forwards. All ports are below those that the kernel gives to outgoing connections.
const FIRST_PORT: u16 = 10_000;
/// The listener of a forward that only some versions have.
const EXTRA_PORT: u16 = 30_000;
/// Targets. One socket listens on this port at all addresses.
pub(super) const TARGET_PORT: u16 = 31_000;
/// A port of all addresses without a listener.
const CLOSED_PORT: u16 = 31_001;
/// Versions begin to repeat the targets of earlier ones after this many.
const VERSIONS: u32 = 200;

/// The texts of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts {
    pub(super) forwards: usize,
}

/// The forward that a version has beyond those of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extra {
    None,
    /// A target that serves.
    Serves,
    /// A target that refuses connections.
    Refuses,
}

/// One text.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) number: u32,
    pub(super) extra: Extra,
    pub(super) text: String,
    pub(super) hash: TextHash,
}

impl Texts {
    /// Forwards that are equal in all versions.
    pub(super) fn unchanged(self) -> Range<usize> {
        0..self.forwards - CHANGING
    }

    pub(super) fn changing(self) -> Range<usize> {
        self.forwards - CHANGING..self.forwards
    }

    /// The version with this number.
    pub(super) fn version(self, number: u32, extra: Extra) -> Version {
        let mut text = String::new();
        for forward in 0..self.forwards {
            let (port, to) = (port(forward), self.target(forward, number));
            push(&mut text, &format!("f{forward:04}"), port, (to, TARGET_PORT).into());
        }
        let target_port = match extra {
            Extra::None => None,
            Extra::Serves => Some(TARGET_PORT),
            Extra::Refuses => Some(CLOSED_PORT),
        };
        if let Some(port) = target_port {
            push(&mut text, "extra", EXTRA_PORT, (extra_target(), port).into());
        }
        let hash = TextHash::of(&text);
        Version { number, extra, text, hash }
    }

    /// The target of a forward: each has an address of its own, in each version if it changes.
    pub(super) fn target(self, forward: usize, version: u32) -> Ipv4Addr {
        let [high, low] = [forward / 250, forward % 250 + 1].map(octet);
        if self.unchanged().contains(&forward) {
            return Ipv4Addr::new(127, 100, high, low);
        }
        let number = octet(self.forwards - forward);
        Ipv4Addr::new(127, 101, octet((version % VERSIONS) as usize), number)
    }

    /// Whether an address is a target of a forward, in any version.
    pub(super) fn is_target(self, forward: usize, address: Ipv4Addr) -> bool {
        let owed = self.target(forward, 0).octets();
        let found = address.octets();
        let is_unchanged = self.unchanged().contains(&forward);
        found[..2] == owed[..2] && found[3] == owed[3] && (!is_unchanged || found[2] == owed[2])
    }
}

impl Version {
    /// The target of its extra forward.
    pub(super) fn extra_target(&self) -> Option<Ipv4Addr> {
        (self.extra == Extra::Serves).then(extra_target)
    }
}

fn extra_target() -> Ipv4Addr {
    Ipv4Addr::new(127, 102, 0, 1)
}

fn push(text: &mut String, name: &str, port: u16, to: SocketAddr) {
    let forward = format!("[[forward]]\nname = '{name}'\nlisten = 'self.test:{port}'\n");
    let _ = writeln!(text, "{forward}to = '{to}'\n");
}

fn port(forward: usize) -> u16 {
    FIRST_PORT + u16::try_from(forward).unwrap_or(u16::MAX - FIRST_PORT)
}

/// The address of an instance, counted from 0.
pub(super) fn ip(instance: u16) -> Ipv4Addr {
    Ipv4Addr::new(127, 78, octet(usize::from(instance) + 1), 1)
}

/// Where a forward listens at an instance.
pub(super) fn listener(instance: u16, forward: usize) -> SocketAddr {
    (ip(instance), port(forward)).into()
}

/// Where the extra forward listens at an instance.
pub(super) fn extra_listener(instance: u16) -> SocketAddr {
    (ip(instance), EXTRA_PORT).into()
}

fn octet(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_forward_has_its_target_in_each_version() {
        let texts = Texts { forwards: 1000 };
        let all = |version| (0..1000).map(move |forward| texts.target(forward, version));
        assert_eq!(all(1).chain(all(2)).collect::<BTreeSet<_>>().len(), 1000 + CHANGING);
        for forward in [0, 250, 989, 990, 999] {
            for version in [1, 7] {
                assert!(texts.is_target(forward, texts.target(forward, version)));
            }
            assert!(!texts.is_target(forward, texts.target((forward + 1) % 1000, 1)));
        }
        assert!(!texts.is_target(0, texts.target(250, 1)));
    }

    #[test]
    fn a_text_has_its_forwards() {
        let texts = Texts { forwards: 30 };
        let count = |extra| texts.version(1, extra).text.matches("[[forward]]").count();
        assert_eq!((count(Extra::None), count(Extra::Serves), count(Extra::Refuses)), (30, 31, 31));
        let refused = texts.version(1, Extra::Refuses).text;
        assert!(refused.contains("listen = 'self.test:30000'\nto = '127.102.0.1:31001'"));
    }
}
