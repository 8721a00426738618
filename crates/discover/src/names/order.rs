//! The order in which the addresses of a name are tried: RFC 6724, section 6, and RFC 8305, section 4.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Labels of RFC 6724, section 2.1, and its precedences, by prefix.
const LABELS: [(u128, u8, u8); 9] = [
    (1, 128, 0),
    (0, 0, 1),
    (0xffff_0000_0000, 96, 4),
    (0x2002 << 112, 16, 2),
    (0x2001_0000 << 96, 32, 5),
    (0xfc00 << 112, 7, 13),
    (0, 96, 3),
    (0xfec0 << 112, 10, 11),
    (0x3ffe << 112, 16, 12),
];
const PRECEDENCES: [(u128, u8, u8); 9] = [
    (1, 128, 50),
    (0, 0, 40),
    (0xffff_0000_0000, 96, 35),
    (0x2002 << 112, 16, 30),
    (0x2001_0000 << 96, 32, 5),
    (0xfc00 << 112, 7, 3),
    (0, 96, 1),
    (0xfec0 << 112, 10, 1),
    (0x3ffe << 112, 16, 1),
];
/// Precedence of an address that no line of gai.conf(5) covers.
const OTHER: u8 = 40;

/// Precedences by prefix: a prefix, its length, and the precedence, of which the highest goes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Precedences(Vec<(u128, u8, u8)>);

impl Precedences {
    /// Reads the `precedence` lines of gai.conf(5), which replace the defaults if there are any.
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().map(|line| line.split_once('#').map_or(line, |(it, _)| it));
        let read: Vec<_> = lines.filter_map(precedence).collect();
        Self(if read.is_empty() { PRECEDENCES.to_vec() } else { read })
    }

    fn of(&self, ip: IpAddr) -> u8 {
        longest(&self.0, ip).unwrap_or(OTHER)
    }
}

fn precedence(line: &str) -> Option<(u128, u8, u8)> {
    let mut words = line.split_whitespace();
    let (prefix, length) =
        words.next().filter(|word| *word == "precedence").and(words.next())?.split_once('/')?;
    let prefix: Ipv6Addr = prefix.parse().ok()?;
    let length = length.parse().ok().filter(|length| *length <= 128)?;
    Some((prefix.to_bits(), length, words.next()?.parse().ok()?))
}

/// Sorts the addresses of a name, each with the local address of a connection to it, `None` if there is
/// no route. Addresses with a route go first, by the preference of RFC 6724, and their families alternate.
/// Among equals the order stays, so that name servers can spread the load: rule 9, the longest common
/// prefix, is left out for that.
pub(crate) fn sorted(
    mut routes: Vec<(SocketAddr, Option<IpAddr>)>,
    precedences: &Precedences,
) -> Vec<SocketAddr> {
    routes.sort_by_cached_key(|(address, source)| {
        let ip = address.ip();
        let scopes_differ = source.is_some_and(|source| scope(source) != scope(ip));
        let labels_differ = source.is_some_and(|source| label(source) != label(ip));
        let precedence = Reverse(precedences.of(ip));
        (source.is_none(), scopes_differ, labels_differ, precedence, scope(ip))
    });
    let usable = routes.iter().take_while(|(_, source)| source.is_some()).count();
    let mut addresses: Vec<_> = routes.into_iter().map(|(address, _)| address).collect();
    alternate(&mut addresses[..usable]);
    addresses
}

/// Makes the families alternate, and keeps the order within each.
fn alternate(addresses: &mut [SocketAddr]) {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv4) else { return };
    let (mut of_first, mut of_other) = (0_usize, 0_usize);
    // Each address gets its place among those of both families: even for the first one, odd for the
    // other. A stable sort by that alternates as long as both last.
    addresses.sort_by_cached_key(|address| {
        if address.is_ipv4() == first {
            of_first += 1;
            2 * of_first
        } else {
            of_other += 1;
            2 * of_other + 1
        }
    });
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The value of the longest prefix that covers `ip`.
fn longest(table: &[(u128, u8, u8)], ip: IpAddr) -> Option<u8> {
    let ip = bits(ip);
    let covers = |prefix: u128, length: u8| match length {
        0 => true,
        length => (prefix ^ ip) >> (128 - u32::from(length)) == 0,
    };
    let covering = table.iter().filter(|(prefix, length, _)| covers(*prefix, *length));
    covering.max_by_key(|(_, length, _)| *length).map(|(_, _, value)| *value)
}

fn label(ip: IpAddr) -> Option<u8> {
    longest(&LABELS, ip)
}

/// RFC 6724, section 3.1 and 3.2: 2 within the link, 5 within the site, 14 everywhere.
fn scope(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(ip) if ip.is_loopback() || ip.is_link_local() => 2,
        IpAddr::V6(Ipv6Addr::LOCALHOST) => 2,
        IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfe80 => 2,
        IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfec0 => 5,
        IpAddr::V4(_) | IpAddr::V6(_) => 14,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(gai: &str, routes: &[(&str, Option<&str>)]) -> Vec<String> {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let routes = routes
            .iter()
            .map(|(to, source)| (SocketAddr::new(ip(to), 0), source.map(ip)))
            .collect();
        let found = sorted(routes, &Precedences::read(gai));
        found.iter().map(|address| address.ip().to_string()).collect()
    }

    /// Examples of RFC 6724, section 10.2, with documentation prefixes.
    #[test]
    fn the_examples_of_the_rfc_hold() {
        let source = Some("2001:db8:1::2");
        let found =
            order("", &[("198.51.100.121", Some("169.254.13.78")), ("2001:db8:1::1", source)]);
        assert_eq!(found, ["2001:db8:1::1", "198.51.100.121"]);
        let found = order(
            "",
            &[("2001:db8:1::1", Some("fe80::1")), ("198.51.100.121", Some("198.51.100.117"))],
        );
        assert_eq!(found, ["198.51.100.121", "2001:db8:1::1"]);
        let found = order("", &[("2001:db8:1::1", source), ("10.1.2.3", Some("10.1.2.4"))]);
        assert_eq!(found, ["2001:db8:1::1", "10.1.2.3"]);
        let found = order("", &[("2001:db8:1::1", source), ("fe80::1", Some("fe80::2"))]);
        assert_eq!(found, ["fe80::1", "2001:db8:1::1"]);
        let found = order(
            "",
            &[
                ("2002:c633:6401::1", Some("2002:c633:6401::2")),
                ("2001:db8:1::1", Some("2002:c633:6401::2")),
            ],
        );
        assert_eq!(found, ["2002:c633:6401::1", "2001:db8:1::1"]);
    }

    #[test]
    fn families_alternate_and_dead_ends_go_last() {
        let v6 = Some("2001:db8::2");
        let found = order(
            "",
            &[
                ("10.0.0.1", Some("10.0.0.9")),
                ("10.0.0.2", None),
                ("10.0.0.3", Some("10.0.0.9")),
                ("2001:db8::5", v6),
                ("2001:db8::4", v6),
                ("2001:db8::6", v6),
            ],
        );
        let expected =
            ["2001:db8::5", "10.0.0.1", "2001:db8::4", "10.0.0.3", "2001:db8::6", "10.0.0.2"];
        assert_eq!(found, expected);
    }

    #[test]
    fn gai_conf_may_prefer_ipv4() {
        let gai = "# precedence ::1/128 50\nprecedence ::ffff:0:0/96  100\nlabel ::1/128 0\n";
        let routes = [("2001:db8::1", Some("2001:db8::2")), ("10.0.0.1", Some("10.0.0.9"))];
        assert_eq!(order(gai, &routes), ["10.0.0.1", "2001:db8::1"]);
        assert_eq!(order("precedence nonsense 1\n", &routes), ["2001:db8::1", "10.0.0.1"]);
    }
}
