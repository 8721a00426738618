//! Address prefixes in CIDR notation (RFC 4632, RFC 4291 section 2.3).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses with a common prefix. An IPv4-mapped address counts as IPv4, as in the addresses of
/// clients that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// Why a text is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPrefix {
    /// The part before the slash is no IP address.
    Address,
    /// The part behind the slash is no number from 0 to this length.
    Length(u8),
    /// Bits behind the prefix are set. The prefix that is probably meant.
    HostBits(Prefix),
}

impl Prefix {
    /// Whether the address has this prefix.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(prefix), IpAddr::V4(address)) => {
                mask(prefix.to_bits().into(), 32, self.length)
                    == mask(address.to_bits().into(), 32, self.length)
            }
            (IpAddr::V6(prefix), IpAddr::V6(address)) => {
                mask(prefix.to_bits(), 128, self.length)
                    == mask(address.to_bits(), 128, self.length)
            }
            _ => false,
        }
    }

    /// The prefix of this length that contains `address`: `v4` for IPv4, `v6` for IPv6.
    pub fn around(address: IpAddr, v4: u8, v6: u8) -> Self {
        let address = address.to_canonical();
        let length = if address.is_ipv4() { v4.min(32) } else { v6.min(128) };
        Self { address, length }.without_host_bits()
    }

    /// Its first address as a number; of IPv4 as an IPv4-mapped address, so that no two are equal.
    pub fn mapped_bits(&self) -> u128 {
        match self.address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        }
    }

    /// The reverse of [`Self::mapped_bits`], for a prefix of one of these lengths.
    pub fn of_mapped_bits(bits: u128, v4: u8, v6: u8) -> Self {
        Self::around(IpAddr::V6(bits.into()), v4, v6)
    }

    /// Number of leading bits that its addresses share.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// This prefix, and all shorter ones that contain it.
    pub fn enclosing(self) -> impl Iterator<Item = Self> {
        (0..=self.length).rev().map(move |length| Self { length, ..self }.without_host_bits())
    }

    /// Whether its addresses are of IPv4.
    pub(crate) fn is_v4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Its first and last address, as numbers.
    pub(crate) fn bounds(&self) -> (u128, u128) {
        let (first, width) = match self.address {
            IpAddr::V4(address) => (address.to_bits().into(), 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let host_bits: u32 = width - u32::from(self.length);
        (first, first | 1u128.checked_shl(host_bits).map_or(u128::MAX, |size| size - 1))
    }

    /// The prefix with all bits behind it zero.
    fn without_host_bits(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                // The mask leaves 32 bits.
                let bits = mask(address.to_bits().into(), 32, self.length);
                IpAddr::V4(u32::try_from(bits).unwrap_or_default().into())
            }
            IpAddr::V6(address) => IpAddr::V6(mask(address.to_bits(), 128, self.length).into()),
        };
        Self { address, ..self }
    }
}

/// The first `length` bits of a number of `width` bits; the others zero.
fn mask(bits: u128, width: u32, length: u8) -> u128 {
    let cut = width.saturating_sub(length.into());
    bits.checked_shr(cut).and_then(|kept| kept.checked_shl(cut)).unwrap_or(0)
}

impl From<IpAddr> for Prefix {
    /// The prefix of this address alone.
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, length: width(address) }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl FromStr for Prefix {
    type Err = NotAPrefix;

    /// Parses `10.0.0.0/8`, `2001:db8::/32`, or an address without a length.
    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| NotAPrefix::Address)?;
        let Some(length) = length else { return Ok(address.into()) };
        let width = width(address);
        let is_number = length.bytes().all(|byte| byte.is_ascii_digit());
        let length = length.parse().ok().filter(|length| is_number && *length <= width);
        let length = length.ok_or(NotAPrefix::Length(width))?;
        let prefix = match address.to_canonical() {
            // The length of a prefix within the IPv4-mapped addresses counts 96 bits in front.
            canonical if canonical != address && length >= 96 => {
                Self { address: canonical, length: length - 96 }
            }
            _ => Self { address, length },
        };
        let plain = prefix.without_host_bits();
        if plain == prefix { Ok(prefix) } else { Err(NotAPrefix::HostBits(plain)) }
    }
}

impl fmt::Display for Prefix {
    /// `10.0.0.0/8`, or the address alone if the prefix is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        if self.length < width(self.address) { write!(f, "/{}", self.length) } else { Ok(()) }
    }
}

impl fmt::Display for NotAPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("expected an IP address or a prefix, such as 10.0.0.0/8"),
            Self::Length(longest) => {
                write!(f, "the length of the prefix must be a number from 0 to {longest}")
            }
            Self::HostBits(meant) => {
                write!(f, "bits are set behind the prefix; write {meant}")
            }
        }
    }
}

impl std::error::Error for NotAPrefix {}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_prefix_contains_the_addresses_that_begin_with_it() {
        for (text, address, is_in) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.6", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::1", "::1", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
        ] {
            assert_eq!(prefix(text).contains(address.parse().unwrap()), is_in, "{text} {address}");
        }
    }

    #[test]
    fn an_address_lies_in_the_prefix_around_it() {
        for (address, expected) in [
            ("10.1.2.3", "10.1.2.0/24"),
            ("::ffff:10.1.2.3", "10.1.2.0/24"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
        ] {
            let around = Prefix::around(address.parse().unwrap(), 24, 64);
            assert_eq!(around, prefix(expected), "{address}");
            assert_eq!(Prefix::of_mapped_bits(around.mapped_bits(), 24, 64), around);
        }
        let whole = |text: &str| Prefix::around(text.parse().unwrap(), 32, 128).to_string();
        assert_eq!(whole("10.1.2.3"), "10.1.2.3");
        assert_eq!(whole("2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn a_text_comes_back() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "10.0.0.7", "2001:db8::/33", "::/0", "::1"] {
            assert_eq!(prefix(text).to_string(), text);
        }
        assert_eq!(prefix("10.0.0.7/32").to_string(), "10.0.0.7");
        assert_eq!(prefix("::ffff:10.0.0.0/104").to_string(), "10.0.0.0/8");
    }

    #[test]
    fn wrong_texts_are_explained() {
        let error = |text: &str| text.parse::<Prefix>().unwrap_err();
        for text in ["", "/", "/8", "h", "10.0.0/8", "10.0.0.0 /8"] {
            assert_eq!(error(text), NotAPrefix::Address, "{text}");
        }
        for text in ["10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8"] {
            assert_eq!(error(text), NotAPrefix::Length(32), "{text}");
        }
        assert_eq!(error("::/129"), NotAPrefix::Length(128));
        assert_eq!(error("10.0.0.7/8"), NotAPrefix::HostBits(prefix("10.0.0.0/8")));
        assert_eq!(
            error("10.0.0.7/8").to_string(),
            "bits are set behind the prefix; write 10.0.0.0/8"
        );
    }
}
