//! Addresses of this host that connections to targets come from.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Most addresses of one range: each is good for some 28,000 connections to one target.
const MOST: u128 = 1024;

/// A list of addresses and ranges; if empty, the kernel chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceAddresses(pub Vec<SourceRange>);

/// An address, or a range of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceRange {
    first: IpAddr,
    last: IpAddr,
}

impl SourceAddresses {
    /// All addresses, each once.
    pub fn each(&self) -> BTreeSet<IpAddr> {
        self.0.iter().flat_map(|range| range.each()).collect()
    }
}

impl SourceRange {
    fn each(self) -> impl Iterator<Item = IpAddr> {
        (number(self.first)..=number(self.last)).map(move |bits| match self.first {
            // A range of IPv4 addresses stays within 32 bits.
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(bits).unwrap_or(u32::MAX).into()),
            IpAddr::V6(_) => IpAddr::V6(bits.into()),
        })
    }
}

impl FromStr for SourceRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let [first, last] = [first, last].map(|it| it.trim().parse::<IpAddr>());
        let (Ok(first), Ok(last)) = (first, last) else {
            return Err("is not an address, or a range such as 10.0.0.9-10.0.0.12");
        };
        let is_link_local =
            |it: &IpAddr| matches!(it, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let is_mapped = |it: &IpAddr| matches!(it, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        let is_broadcast = |it: &IpAddr| matches!(it, IpAddr::V4(v4) if v4.is_broadcast());
        match () {
            () if first.is_ipv6() != last.is_ipv6() => Err("has two families of addresses"),
            () if number(first) > number(last) => Err("has its ends in the wrong order"),
            () if number(last) - number(first) >= MOST => Err("has more than 1024 addresses"),
            () if first.is_unspecified() || first.is_multicast() || last.is_multicast() => {
                Err("is not an address of one host")
            }
            () if is_broadcast(&last) => Err("is not an address of one host"),
            () if is_mapped(&first) || is_mapped(&last) => {
                Err("is an IPv4 address: write it without `::ffff:`")
            }
            () if is_link_local(&first) || is_link_local(&last) => {
                Err("is link-local: use `interface` for the way out")
            }
            () => Ok(Self { first, last }),
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl fmt::Display for SourceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.first == self.last { Ok(()) } else { write!(f, "-{}", self.last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_each_of_their_addresses() {
        let each = |text: &str| {
            let range: SourceRange = text.parse().unwrap();
            assert_eq!(range.to_string(), text);
            range.each().map(|it| it.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(each("10.0.0.9"), "10.0.0.9");
        assert_eq!(each("10.0.0.255-10.0.1.1"), "10.0.0.255 10.0.1.0 10.0.1.1");
        assert_eq!(each("2001:db8::f-2001:db8::10"), "2001:db8::f 2001:db8::10");
        let twice = ["10.0.0.9", "10.0.0.8-10.0.0.9"].map(|text| text.parse().unwrap());
        assert_eq!(SourceAddresses(twice.to_vec()).each().len(), 2);
    }

    #[test]
    fn what_is_no_source_is_refused() {
        let texts = [
            "",
            "host",
            "10.0.0.1-",
            "10.0.0.1-::1",
            "10.0.0.2-10.0.0.1",
            "10.0.0.0-10.0.4.0",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "fe80::1",
            "255.255.255.254-255.255.255.255",
            "::ffff:127.0.0.1",
            "10.0.0.1/24",
        ];
        for text in texts {
            assert!(text.parse::<SourceRange>().is_err(), "{text}");
        }
        assert!("10.0.0.0-10.0.3.255".parse::<SourceRange>().is_ok());
    }
}
