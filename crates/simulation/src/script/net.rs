//! Prefixes of addresses, as the model of the rules knows them: apart from those of the engine.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A prefix. IPv4-mapped addresses count as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    /// Its first address.
    address: IpAddr,
    length: u8,
}

impl Net {
    /// The prefix that contains an address: of `v4` bits in IPv4, of `v6` bits in IPv6.
    pub(crate) fn around(address: IpAddr, v4: u8, v6: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let bits = u128::from(u32::from(address)) & high_bits(v4.into(), 32);
                let bits = u32::try_from(bits).unwrap_or(0);
                Self { address: Ipv4Addr::from(bits).into(), length: v4 }
            }
            IpAddr::V6(address) => {
                let bits = u128::from(address) & high_bits(v6.into(), 128);
                Self { address: Ipv6Addr::from(bits).into(), length: v6 }
            }
        }
    }

    pub(crate) fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_of_family = address.is_ipv4() == self.address.is_ipv4();
        is_of_family && Self::around(address, self.length, self.length) == self
    }

    pub(crate) fn length(self) -> u8 {
        self.length
    }
}

/// A number of `width` bits, of which the first `count` are ones.
fn high_bits(count: u32, width: u32) -> u128 {
    let all = u128::MAX >> (128 - width);
    all & !all.checked_shr(count).unwrap_or(0)
}

impl fmt::Display for Net {
    /// As a configuration names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_whole = self.length == if self.address.is_ipv4() { 32 } else { 128 };
        self.address.fmt(f)?;
        if is_whole { Ok(()) } else { write!(f, "/{}", self.length) }
    }
}

impl FromStr for Net {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, length) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let length = if length.is_empty() { whole } else { length.parse().map_err(|_| ())? };
        Ok(Self::around(address, length, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_the_prefixes_that_it_begins_with() {
        for (net, address, is_in) in [
            ("10.9.0.0/16", "10.9.255.1", true),
            ("10.9.0.0/16", "::ffff:10.9.0.1", true),
            ("10.9.0.0/16", "10.10.0.1", false),
            ("10.9.0.1", "10.9.0.1", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/64", "2001:db8::9", true),
            ("2001:db8::/64", "2001:db8:0:1::9", false),
        ] {
            let parsed: Net = net.parse().unwrap();
            assert_eq!(parsed.to_string(), net);
            assert_eq!(parsed.contains(address.parse().unwrap()), is_in, "{net} {address}");
        }
    }
}
