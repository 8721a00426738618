//! Parser for the host of an address: `127.0.0.1`, `[::1]`, `[fe80::1%eth0]`, `db.internal`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::address::ZonedAddress;
use crate::problem::ParseError;
use crate::text::{Fragment, cut, quoted};
use crate::url;

/// Longest name of an interface (`IFNAMSIZ` without the final NUL, netdevice(7)).
const INTERFACE_MAX: usize = 15;

const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

const ZONE_HINT: &str = "`ip link` lists the interfaces";

/// A parsed host. The ports of addresses are 0 until they are set.
pub(crate) enum Host {
    Ip(SocketAddr),
    Zoned(ZonedAddress),
    Name(String),
}

/// Parses a host name, or an IP address with or without brackets.
pub(crate) fn parse_host(text: Fragment<'_>) -> Result<Host, ParseError> {
    if text.text.is_empty() {
        return Err(text.error("the host is empty").hint("write a name or an address"));
    }
    url::refuse(text, "")?;
    if let Ok(ip) = text.text.parse::<IpAddr>() {
        return with_its_zone(text, SocketAddr::new(ip, 0)).map(Host::Ip);
    }
    let bracketed = text.text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    if bracketed.is_some() || text.text.contains(':') {
        return parse_ipv6(text, bracketed.unwrap_or(text.text));
    }
    check_name(text)?;
    Ok(Host::Name(text.text.to_owned()))
}

/// Parses an IPv6 address with an optional zone: `fe80::1%2` or `fe80::1%eth0`.
fn parse_ipv6(text: Fragment<'_>, inner: &str) -> Result<Host, ParseError> {
    if let Ok(address) = format!("[{inner}]:0").parse::<SocketAddrV6>() {
        return with_its_zone(text, SocketAddr::V6(address)).map(Host::Ip);
    }
    if let Some((ip, zone)) = inner.split_once('%')
        && let Ok(ip) = ip.parse::<Ipv6Addr>()
    {
        return parse_zone(text, ip, zone);
    }
    Err(text.error(format!("{} is not an IPv6 address", quoted(text.text))))
}

/// Checks the zone of an address, which is the name of an interface.
fn parse_zone(text: Fragment<'_>, ip: Ipv6Addr, zone: &str) -> Result<Host, ParseError> {
    let is_name = (1..=INTERFACE_MAX).contains(&zone.len())
        && zone.chars().all(|c| c.is_ascii_graphic() && !"/:%[],".contains(c));
    if !is_name {
        let error =
            text.error(format!("the zone {} is not the name of an interface", quoted(zone)));
        return Err(error.hint(ZONE_HINT));
    }
    if !ip.is_unicast_link_local() {
        let error = text.error(format!("{ip} has a zone, and is not a link-local address"));
        return Err(error.hint(format!("leave out `%{}`", cut(zone))));
    }
    Ok(Host::Zoned(ZonedAddress { ip, zone: zone.to_owned(), port: 0 }))
}

/// Requires the zone of a link-local address: the kernel takes none without its interface.
fn with_its_zone(text: Fragment<'_>, address: SocketAddr) -> Result<SocketAddr, ParseError> {
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0 => {
            let message =
                format!("{} is a link-local address without its interface", quoted(text.text));
            let hint = format!("write `[{}%eth0]` with the interface's name; {ZONE_HINT}", v6.ip());
            Err(text.error(message).hint(hint))
        }
        address => Ok(address),
    }
}

/// Checks the syntax of a host name; resolving it is left to the session.
pub(crate) fn check_name(text: Fragment<'_>) -> Result<(), ParseError> {
    let name = text.text;
    let error = |why: &str| Err(text.error(format!("{} is not a host name: {why}", quoted(name))));
    let labels = name.strip_suffix('.').unwrap_or(name);
    if labels.len() > NAME_MAX {
        return error("it is longer than 253 characters");
    }
    if let Some(c) = name.chars().find(|&c| !(c.is_ascii_alphanumeric() || "-_.".contains(c))) {
        return if c.is_whitespace() {
            error("it contains white space")
        } else if c.is_alphanumeric() {
            error("write it in its ASCII form (`xn--...`)")
        } else {
            error(&format!("it contains {}", quoted(c.encode_utf8(&mut [0; 4]))))
        };
    }
    for label in labels.split('.') {
        if label.is_empty() {
            return error("a part between two dots is empty");
        }
        if label.len() > LABEL_MAX {
            return error("a part between two dots is longer than 63 characters");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return error("a part between two dots starts or ends with `-`");
        }
    }
    // No top-level domain is a number, so this is a misspelled IPv4 address.
    let last = labels.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(text.error(format!("{} is not an IPv4 address", quoted(name))));
    }
    Ok(())
}
