//! Ports and port ranges in foreign configurations.

use std::net::Ipv6Addr;

/// Largest range that is expanded port by port.
const SPELT_OUT_MAX: u16 = 256;

/// A port, or a range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl Ports {
    /// Parses `80` or `8000-8010`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first)?, number(last)?);
        (first <= last && first > 0).then_some(Self { first, last })
    }

    pub(crate) fn is_range(self) -> bool {
        self.first < self.last
    }

    /// The single ports of the range; `None` if it is too large.
    pub(crate) fn spelt_out(self) -> Option<impl Iterator<Item = Self>> {
        let few = self.last - self.first < SPELT_OUT_MAX;
        few.then(|| (self.first..=self.last).map(|port| Self { first: port, last: port }))
    }

    /// The range shifted by `by`; `None` if it leaves the valid ports.
    pub(crate) fn shifted(self, by: i32) -> Option<Self> {
        let shift = |port: u16| u16::try_from(i32::from(port).checked_add(by)?).ok();
        Some(Self { first: shift(self.first)?, last: shift(self.last)? })
    }
}

impl std::fmt::Display for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { first, last } = self;
        if self.is_range() { write!(f, "{first}-{last}") } else { write!(f, "{first}") }
    }
}

fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Joins host and port for our configuration, with brackets around an IPv6 address.
pub(crate) fn join(host: &str, ports: impl std::fmt::Display) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{ports}")
    } else {
        format!("{host}:{ports}")
    }
}

/// Whether the host is every IPv6 address, in any of its spellings, with or without brackets.
pub(crate) fn is_any_v6(host: &str) -> bool {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_unspecified())
}

/// Splits an address at its last colon, and keeps the brackets of an IPv6 address.
pub(crate) fn split(address: &str) -> (&str, Option<&str>) {
    match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (address, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_addresses_are_read() {
        let ports = |first, last| Some(Ports { first, last });
        let cases = [
            ("80", ports(80, 80)),
            ("80-90", ports(80, 90)),
            ("90-80", None),
            ("0", None),
            ("+80", None),
            ("", None),
            ("-", None),
            ("65536", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Ports::parse(text), expected, "{text}");
        }
        assert_eq!(Ports { first: 80, last: 81 }.shifted(-80).map(|p| p.first), Some(0));
        assert_eq!(Ports { first: 65535, last: 65535 }.shifted(1), None);
        assert!(Ports { first: 1, last: 257 }.spelt_out().is_none());
        assert_eq!(split("[::1]"), ("[::1]", None));
        assert_eq!(split("[::1]:80"), ("[::1]", Some("80")));
        assert_eq!(join("::1", 80), "[::1]:80");
        for (host, is_any) in [("::", true), ("[::0]", true), ("[0:0::0]", true), ("::1", false)] {
            assert_eq!(is_any_v6(host), is_any, "{host}");
        }
    }
}
