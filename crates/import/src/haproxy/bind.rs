//! HAProxy's addresses: those of `bind`, which may be several and have ranges of ports, and those of
//! `server`, whose port may follow from that of the client.

use crate::ports::{Ports, join};
use crate::route::{Listen, Target};
use std::fmt;

/// The prefix of an address that is neither TCP nor a Unix socket with a path.
#[derive(Debug)]
pub(super) struct UnsupportedFamily<'a>(&'a str);

impl fmt::Display for UnsupportedFamily<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}@` is no TCP address and no Unix socket with a path", self.0)
    }
}

/// The addresses of one `bind`. `both` is `v4v6`, `only6` is `v6only`.
pub(super) fn listens(addresses: &str, only6: bool) -> Result<Vec<Listen>, UnsupportedFamily<'_>> {
    addresses.split(',').map(|address| listen(address, only6)).collect()
}

fn listen(address: &str, only6: bool) -> Result<Listen, UnsupportedFamily<'_>> {
    let (family, address) = family(address)?;
    if family == Family::Unix {
        return Ok(Listen::Other(format!("unix:{address}")));
    }
    let (host, port) = host_and_port(address);
    let Some(ports) = Ports::parse(port) else { return Ok(Listen::Other(address.to_owned())) };
    let host = match (host, family) {
        ("" | "*", Family::V6) | ("::", _) if only6 => "::",
        // One socket takes both families, unless `v6only` is given.
        ("" | "*", Family::V6) | ("::", _) => "",
        ("" | "*", _) => "0.0.0.0",
        (host, _) => host,
    };
    Ok(Listen::Ports { host: host.to_owned(), ports })
}

/// The target that a server is.
pub(super) fn target(address: &str) -> Result<Target, UnsupportedFamily<'_>> {
    let (family, address) = family(address)?;
    if family == Family::Unix {
        return Ok(Target::One(format!("unix:{address}")));
    }
    let (host, port) = host_and_port(address);
    let same = |shift| Target::SamePort { host: bracketed(host), shift };
    match (port.chars().next(), port.parse::<i32>()) {
        (None, _) => Ok(same(0)),
        (Some('+' | '-'), Ok(shift)) => Ok(same(shift)),
        _ => Ok(Target::One(join(host, port))),
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Any,
    V4,
    V6,
    Unix,
}

/// The family that a prefix names, and the address behind it.
fn family(address: &str) -> Result<(Family, &str), UnsupportedFamily<'_>> {
    let Some((prefix, rest)) = address.split_once('@') else {
        let family = if address.starts_with('/') { Family::Unix } else { Family::Any };
        return Ok((family, address));
    };
    match prefix {
        "ipv4" | "tcp4" => Ok((Family::V4, rest)),
        "ipv6" | "tcp6" => Ok((Family::V6, rest)),
        "tcp" => Ok((Family::Any, rest)),
        "unix" => Ok((Family::Unix, rest)),
        _ => Err(UnsupportedFamily(prefix)),
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
            ("ipv6@:80", of("", 80, 80)),
            ("ipv4@*:80", of("0.0.0.0", 80, 80)),
            ("[::1]:80", of("::1", 80, 80)),
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
        let same = |host: &str, shift| Target::SamePort { host: host.to_owned(), shift };
        assert_eq!(target("10.0.0.1").unwrap(), same("10.0.0.1", 0));
        assert_eq!(target("10.0.0.1:").unwrap(), same("10.0.0.1", 0));
        assert_eq!(target("[::1]:+1000").unwrap(), same("[::1]", 1000));
        assert_eq!(target("db:-1").unwrap(), same("db", -1));
        assert_eq!(target("::1:80").unwrap(), Target::One("[::1]:80".to_owned()));
    }
}
