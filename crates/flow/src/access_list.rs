//! Which clients a forward serves, by their addresses.

mod ranges;

use crate::prefix::Prefix;
use ranges::Ranges;
use std::net::IpAddr;

/// Two lists of prefixes, resolved to one verdict for each address: the longest prefix of both lists that
/// contains the address decides, and deny decides where both have it.
///
/// IPv4 and IPv6 are apart, and an IPv4-mapped address counts as IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessList {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl AccessList {
    /// Resolves the lists. `allows_others` is the verdict on addresses without a prefix in either list.
    pub fn new(
        allow: impl IntoIterator<Item = Prefix>,
        deny: impl IntoIterator<Item = Prefix>,
        allows_others: bool,
    ) -> Self {
        let allowed = allow.into_iter().map(|prefix| (prefix, true));
        let denied = deny.into_iter().map(|prefix| (prefix, false));
        let (v4, v6): (Vec<_>, Vec<_>) = allowed
            .chain(denied)
            .map(|(prefix, is_allowed)| Rule::new(prefix, is_allowed))
            .partition(|rule| rule.is_v4);
        let v4 = starts(v4, allows_others).into_iter().filter_map(|start| start.try_into().ok());
        Self {
            v4: Ranges::new(allows_others, v4.collect()),
            v6: Ranges::new(allows_others, starts(v6, allows_others)),
        }
    }

    /// Whether a client with this address is served.
    pub fn allows(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.allows(address.to_bits()),
            IpAddr::V6(address) => self.v6.allows(address.to_bits()),
        }
    }
}

/// One prefix of a list, with its verdict. Ordered so that a prefix follows those that contain it, and deny
/// precedes allow of the same prefix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    is_v4: bool,
    first: u128,
    length: u8,
    is_allowed: bool,
    last: u128,
}

impl Rule {
    fn new(prefix: Prefix, is_allowed: bool) -> Self {
        let (first, last) = prefix.bounds();
        Self { is_v4: prefix.is_v4(), first, length: prefix.length(), is_allowed, last }
    }
}

/// The addresses at which the verdict changes, for the rules of one family.
fn starts(mut rules: Vec<Rule>, allows_others: bool) -> Vec<u128> {
    rules.sort_unstable();
    rules.dedup_by_key(|rule| (rule.first, rule.length));
    let mut sweep = Sweep { enclosing: Vec::new(), changes: Vec::new(), allows_others };
    for rule in rules {
        sweep.leave_before(rule.first);
        sweep.change(rule.first, rule.is_allowed);
        sweep.enclosing.push(rule);
    }
    sweep.leave_all();
    let mut verdict = allows_others;
    let mut starts: Vec<u128> = Vec::new();
    for (address, is_allowed) in sweep.changes {
        if is_allowed != verdict {
            verdict = is_allowed;
            starts.push(address);
        }
    }
    starts
}

/// Passes over the addresses of a family in ascending order.
struct Sweep {
    /// The rules that contain the present address, each within the one before it.
    enclosing: Vec<Rule>,
    /// The verdict from an address on, ascending, at most one for each address.
    changes: Vec<(u128, bool)>,
    allows_others: bool,
}

impl Sweep {
    fn leave_before(&mut self, address: u128) {
        while let Some(rule) = self.enclosing.pop_if(|rule| rule.last < address) {
            self.leave(rule);
        }
    }

    fn leave_all(&mut self) {
        while let Some(rule) = self.enclosing.pop() {
            self.leave(rule);
        }
    }

    /// From the end of `rule` on, the rule around it decides.
    fn leave(&mut self, rule: Rule) {
        let outer = self.enclosing.last().map_or(self.allows_others, |outer| outer.is_allowed);
        // None behind the last address of IPv6. Behind the last one of IPv4, the start is beyond its type.
        if let Some(next) = rule.last.checked_add(1) {
            self.change(next, outer);
        }
    }

    /// A later change at the same address replaces the earlier one.
    fn change(&mut self, address: u128, is_allowed: bool) {
        match self.changes.last_mut() {
            Some(last) if last.0 == address => last.1 = is_allowed,
            _ => self.changes.push((address, is_allowed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefixes(texts: &[&str]) -> Vec<Prefix> {
        texts.iter().map(|text| text.parse().unwrap_or_else(|_| panic!("{text}"))).collect()
    }

    /// The verdict by the definition: every prefix is compared.
    fn reference(allow: &[Prefix], deny: &[Prefix], others: bool, address: IpAddr) -> bool {
        let longest = |list: &[Prefix]| {
            let matching = list.iter().filter(|prefix| prefix.contains(address));
            matching.map(Prefix::length).max()
        };
        match (longest(allow), longest(deny)) {
            (None, None) => others,
            (allowed, denied) => allowed > denied,
        }
    }

    #[test]
    fn the_longest_prefix_decides_and_a_tie_is_deny() {
        let list = AccessList::new(
            prefixes(&["10.0.0.0/8", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32"]),
            prefixes(&["10.1.0.0/16", "192.0.2.0/24", "2001:db8:1::/48"]),
            false,
        );
        for (address, is_allowed) in [
            ("9.255.255.255", false),
            ("10.0.0.0", true),
            ("10.0.255.255", true),
            ("10.1.0.0", false),
            ("10.1.2.2", false),
            ("10.1.2.3", true),
            ("10.1.2.4", false),
            ("10.2.0.0", true),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("192.0.2.1", false),
            ("::ffff:10.0.0.1", true),
            ("::ffff:10.1.0.1", false),
            ("2001:db8::1", true),
            ("2001:db8:1::1", false),
            ("2001:db8:2::", true),
            ("2001:db9::", false),
        ] {
            assert_eq!(list.allows(address.parse().unwrap()), is_allowed, "{address}");
        }
    }

    #[test]
    fn the_first_and_the_last_address_are_in_a_range() {
        for others in [false, true] {
            let all = prefixes(&["0.0.0.0/0", "::/0"]);
            let ends = prefixes(&["0.0.0.0", "255.255.255.255", "::", "ffff::/16"]);
            let list = AccessList::new(all.clone(), ends.clone(), others);
            let opposite = AccessList::new(ends, all, others);
            for text in ["0.0.0.0", "255.255.255.255", "::", "ffff::", "ffff:ffff::1"] {
                assert!(!list.allows(text.parse().unwrap()), "{text}");
                assert!(opposite.allows(text.parse().unwrap()), "{text}");
            }
            for text in ["0.0.0.1", "255.255.255.254", "::1", "fffe:ffff::"] {
                assert!(list.allows(text.parse().unwrap()), "{text}");
                assert!(!opposite.allows(text.parse().unwrap()), "{text}");
            }
        }
    }

    #[test]
    fn without_prefixes_all_have_the_same_verdict() {
        for others in [false, true] {
            let list = AccessList::new([], [], others);
            for text in ["0.0.0.0", "255.255.255.255", "::", "::ffff:1.2.3.4", "ffff::"] {
                assert_eq!(list.allows(text.parse().unwrap()), others, "{text}");
            }
        }
    }

    #[test]
    fn ranges_with_one_verdict_are_merged() {
        let list = AccessList::new(prefixes(&["10.0.0.0/9", "10.128.0.0/9"]), [], false);
        assert_eq!(list, AccessList::new(prefixes(&["10.0.0.0/8", "10.7.0.0/16"]), [], false));
    }

    fn address(is_v4: bool, bits: u128) -> IpAddr {
        #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are meant")]
        if is_v4 { IpAddr::V4((bits as u32).into()) } else { IpAddr::V6(bits.into()) }
    }

    /// Prefixes of few bits, so that many contain each other, lie side by side or are equal.
    fn any_prefix() -> impl Strategy<Value = Prefix> {
        (0..3, any::<u128>(), 0u8..=128).prop_map(|(family, bits, length)| {
            let few = if family == 0 { 0xc3 << 120 | 0xc000 << 64 | 0b11 } else { 0xc300_0003 };
            let (width, length) = if family == 0 { (128, length) } else { (32, length % 33) };
            let host_bits = width - u32::from(length);
            let bits = (bits & few).checked_shr(host_bits).unwrap_or(0);
            let bits = bits.checked_shl(host_bits).unwrap_or(0);
            let text = match (family, address(family > 0, bits)) {
                (2, IpAddr::V4(v4)) => format!("{}/{}", v4.to_ipv6_mapped(), 96 + length),
                (_, address) => format!("{address}/{length}"),
            };
            text.parse().unwrap()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn each_verdict_is_that_of_the_definition(
            allow in prop::collection::vec(any_prefix(), 0..12),
            deny in prop::collection::vec(any_prefix(), 0..12),
            others: bool,
            random: u128,
        ) {
            let list = AccessList::new(allow.clone(), deny.clone(), others);
            // The ends of each prefix, and the addresses beside them.
            let edges = allow.iter().chain(&deny).flat_map(|prefix| {
                let (first, last) = prefix.bounds();
                let beside = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                beside.map(|bits| address(prefix.is_v4(), bits))
            });
            let random = [true, false].map(|is_v4| address(is_v4, random));
            for address in edges.chain(random) {
                prop_assert_eq!(
                    list.allows(address),
                    reference(&allow, &deny, others, address),
                    "{} {:?} {:?}", address, &allow, &deny
                );
            }
        }
    }
}
