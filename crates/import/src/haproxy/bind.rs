//! HAProxy's addresses: those of `bind`, which may be several and have ranges of ports, and those of
//! `server`, whose port may follow from that of the client.

use crate::ports::{Ports, is_any_v6, join};
use crate::route::Listen;
use std::fmt;
use std::net::IpAddr;

/// Why an address has no counterpart.
#[derive(Debug)]
pub(super) enum Unsupported<'a> {
    /// The prefix is of neither TCP nor a Unix socket with a path.
    Prefix(&'a str),
    /// A name with a prefix that allows its addresses of one family only.
    FamilyOfName(&'a str),
}

impl fmt::Display for Unsupported<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => {
                write!(f, "`{prefix}@` is no TCP address and no Unix socket with a path")
            }
            Self::FamilyOfName(address) => {
                let address = plan::escaped(address);
                write!(f, "`{address}`: sessions would go to the other family's addresses, too")
            }
        }
    }
}

/// The addresses of one `bind`. `both` is `v4v6`, `only6` is `v6only`.
pub(super) fn listens(addresses: &str, only6: bool) -> Result<Vec<Listen>, Unsupported<'_>> {
    addresses.split(',').map(|address| listen(address, only6)).collect()
}

fn listen(address: &str, only6: bool) -> Result<Listen, Unsupported<'_>> {
    let (family, address) = family(address)?;
    if family == Family::Unix {
        return Ok(Listen::Other(format!("unix:{address}")));
    }
    let (host, port) = host_and_port(address);
    let Some(ports) = Ports::parse(port) else { return Ok(Listen::Other(address.to_owned())) };
    let host = match host {
        // One socket takes both families, unless `v6only` is given.
        host if is_any_v6(host) || (family == Family::V6 && matches!(host, "" | "*")) => {
            if only6 {
                "::"
            } else {
                ""
            }
        }
        "" | "*" | "0" => "0.0.0.0",
        host => host,
    };
    Ok(Listen::Ports { host: host.to_owned(), ports })
}

/// Address of a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ServerAddress {
    /// With a port of its own, or a Unix socket.
    Fixed(String),
    /// On the port that the client connected to, so much higher.
    SamePort { host: String, shift: i32 },
}

/// Parses the address of a server.
pub(super) fn server(address: &str) -> Result<ServerAddress, Unsupported<'_>> {
    let (family, rest) = family(address)?;
    if family == Family::Unix {
        return Ok(ServerAddress::Fixed(format!("unix:{rest}")));
    }
    let (host, port) = host_and_port(rest);
    if family != Family::Any && host.parse::<IpAddr>().is_err() {
        return Err(Unsupported::FamilyOfName(address));
    }
    let same = |shift| ServerAddress::SamePort { host: bracketed(host), shift };
    match (port.chars().next(), port.parse::<i32>()) {
        (None, _) => Ok(same(0)),
        (Some('+' | '-'), Ok(shift)) => Ok(same(shift)),
        _ => Ok(ServerAddress::Fixed(join(host, port))),
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Whether one of the addresses is of Multipath TCP.
pub(super) fn is_mptcp(addresses: &str) -> bool {
    let prefixes = addresses.split(',').filter_map(|address| address.split_once('@'));
    prefixes.into_iter().any(|(prefix, _)| matches!(prefix, "mptcp" | "mptcp4" | "mptcp6"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Any,
    V4,
    V6,
    Unix,
}

/// The family that a prefix names, and the address behind it.
fn family(address: &str) -> Result<(Family, &str), Unsupported<'_>> {
    let Some((prefix, rest)) = address.split_once('@') else {
        let family = if address.starts_with('/') { Family::Unix } else { Family::Any };
        return Ok((family, address));
    };
    match prefix {
        "ipv4" | "tcp4" | "mptcp4" => Ok((Family::V4, rest)),
        "ipv6" | "tcp6" | "mptcp6" => Ok((Family::V6, rest)),
        "tcp" | "mptcp" => Ok((Family::Any, rest)),
        "unix" => Ok((Family::Unix, rest)),
        _ => Err(Unsupported::Prefix(prefix)),
    }
}

/// The host without brackets, and the port, which may be missing. As in HAProxy, a port stands
/// behind the last colon; so an IPv6 address without a port must be in brackets or end in a colon.
fn host_and_port(address: &str) -> (&str, &str) {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (address, ""),
    };
    (host.trim_start_matches('[').trim_end_matches(']'), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(host: &str, first: u16, last: u16) -> Listen {
        Listen::Ports { host: host.to_owned(), ports: Ports { first, last } }
    }

    #[test]
    fn addresses_of_bind_are_read() {
        let cases = [
            (":80", of("0.0.0.0", 80, 80)),
            ("*:80-82", of("0.0.0.0", 80, 82)),
            ("10.0.0.1:80", of("10.0.0.1", 80, 80)),
            (":::80", of("", 80, 80)),
            ("[::]:80", of("", 80, 80)),
            ("[::0]:80", of("", 80, 80)),
            ("::0:80", of("", 80, 80)),
            ("0:0:0:0:0:0:0:0:80", of("", 80, 80)),
            ("0:80", of("0.0.0.0", 80, 80)),
            ("ipv6@:80", of("", 80, 80)),
            ("ipv4@*:80", of("0.0.0.0", 80, 80)),
            ("[::1]:80", of("::1", 80, 80)),
            ("mptcp@:80", of("0.0.0.0", 80, 80)),
            ("mptcp4@*:80", of("0.0.0.0", 80, 80)),
            ("mptcp6@:80", of("", 80, 80)),
            ("/run/x", Listen::Other("unix:/run/x".to_owned())),
            ("unix@/run/x", Listen::Other("unix:/run/x".to_owned())),
        ];
        for (text, expected) in cases {
            assert_eq!(listens(text, false).unwrap(), [expected], "{text}");
        }
        assert_eq!(listens(":::80,:81", true).unwrap(), [of("::", 80, 80), of("0.0.0.0", 81, 81)]);
        assert!(listens("abns@x", false).is_err());
    }

    #[test]
    fn ports_of_servers_may_follow_the_client_s() {
        let same = |host: &str, shift| ServerAddress::SamePort { host: host.to_owned(), shift };
        let fixed = |address: &str| ServerAddress::Fixed(address.to_owned());
        assert_eq!(server("10.0.0.1").unwrap(), same("10.0.0.1", 0));
        assert_eq!(server("10.0.0.1:").unwrap(), same("10.0.0.1", 0));
        assert_eq!(server("[::1]:+1000").unwrap(), same("[::1]", 1000));
        assert_eq!(server("db:-1").unwrap(), same("db", -1));
        assert_eq!(server("::1:80").unwrap(), fixed("[::1]:80"));
        assert_eq!(server("ipv4@10.0.0.1:80").unwrap(), fixed("10.0.0.1:80"));
        for text in ["ipv4@db:80", "tcp6@db", "ipv6@localhost:80"] {
            assert!(matches!(server(text), Err(Unsupported::FamilyOfName(_))), "{text}");
        }
    }
}
