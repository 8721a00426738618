//! Parser for addresses: `:5432`, `[::1]:80`, `web:8000-8010`, `unix:/path`, `fd:name`.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use crate::address::{ListenAddress, Ranged, Target, ZonedAddress};
use crate::host_text::{Host, check_name, parse_host};
use crate::other_words;
use crate::problem::ParseError;
use crate::text::{Fragment, cut, quoted};
use crate::url;

/// Size of `sun_path`, without the final NUL (unix(7)).
const UNIX_PATH_MAX: usize = 107;

/// Longest name of an activated descriptor (sd_listen_fds_with_names(3)).
const FD_NAME_MAX: usize = 255;

/// A range of ports: the first port and the number of ports.
#[derive(Clone, Copy)]
struct Ports {
    first: u16,
    count: u16,
}

impl FromStr for ListenAddress {
    type Err = ParseError;

    /// The reverse of [`Display`](std::fmt::Display).
    fn from_str(text: &str) -> Result<Self, ParseError> {
        single(parse_listen(Fragment::new(text))?)
    }
}

impl FromStr for Target {
    type Err = ParseError;

    /// The reverse of [`Display`](std::fmt::Display).
    fn from_str(text: &str) -> Result<Self, ParseError> {
        single(parse_target(Fragment::new(text))?)
    }
}

fn single<A>(range: Ranged<A>) -> Result<A, ParseError> {
    let one = range.count == 1;
    one.then_some(range.first).ok_or_else(|| ParseError::new(0..0, "one port, not a range"))
}

/// Parses a listen address, such as `:5432`.
pub(crate) fn parse_listen(text: Fragment<'_>) -> Result<Ranged<ListenAddress>, ParseError> {
    if let Some(path) = text.strip_prefix("unix:") {
        return parse_unix(path).map(|path| Ranged::one(ListenAddress::Unix(path)));
    }
    if let Some(name) = text.strip_prefix("fd:") {
        return parse_fd_name(name).map(|name| Ranged::one(ListenAddress::Activated(name)));
    }
    if is_bare_port(text) {
        return listen_on_any(text);
    }
    let (host, ports) = split(text)?;
    if host.text.is_empty() { listen_on_any(ports) } else { listen_on_host(host, ports) }
}

/// Parses a listen address given in two parts, as in ssh's `BIND:PORT`. An empty host and `*` mean
/// every address.
pub(crate) fn parse_listen_parts(
    host: Fragment<'_>,
    ports: Fragment<'_>,
) -> Result<Ranged<ListenAddress>, ParseError> {
    if matches!(host.text, "" | "*") { listen_on_any(ports) } else { listen_on_host(host, ports) }
}

/// Parses a target address, such as `db.internal:5432`.
pub(crate) fn parse_target(text: Fragment<'_>) -> Result<Ranged<Target>, ParseError> {
    if let Some(path) = text.strip_prefix("unix:") {
        return parse_unix(path).map(|path| Ranged::one(Target::Unix(path)));
    }
    // `dns:53` is a port of a host.
    let set = |prefix| text.strip_prefix(prefix).filter(|rest| !is_bare_port(*rest));
    if let Some(rest) = set("dns:") {
        return parse_dns(rest);
    }
    if let Some(service) = set("srv:") {
        return parse_service(service).map(Ranged::one);
    }
    if is_bare_port(text) {
        let error = text.error(format!("{} has no host", quoted(text.text)));
        return Err(
            error.hint(format!("write HOST:PORT, for example `127.0.0.1:{}`", cut(text.text)))
        );
    }
    let (host, ports) = split(text)?;
    parse_target_parts(host, ports)
}

/// Parses a target given in two parts. An IPv6 address needs no brackets here.
pub(crate) fn parse_target_parts(
    host: Fragment<'_>,
    ports: Fragment<'_>,
) -> Result<Ranged<Target>, ParseError> {
    let host = parse_host(host)?;
    let Ports { first, count } = parse_ports(ports)?;
    let first = match host {
        Host::Ip(mut address) => {
            address.set_port(first);
            Target::Ip(address)
        }
        Host::Zoned(address) => Target::Zoned(ZonedAddress { port: first, ..address }),
        Host::Name(host) => Target::Name { host, port: first },
    };
    Ok(Ranged { first, count })
}

/// Parses the name and port of a set of addresses, the part after `dns:`.
fn parse_dns(text: Fragment<'_>) -> Result<Ranged<Target>, ParseError> {
    let (host, ports) = split(text)?;
    let parsed = parse_target_parts(host, ports)?;
    let Target::Name { host, port } = parsed.first else {
        let error = host.error(format!("{} is an address, and not a name", quoted(host.text)));
        return Err(error.hint(format!("leave out `dns:`: `{}`", cut(text.text))));
    };
    Ok(Ranged { first: Target::Dns { host, port }, count: parsed.count })
}

/// Parses the name of a service, the part after `srv:`.
fn parse_service(text: Fragment<'_>) -> Result<Target, ParseError> {
    const HINT: &str =
        "write `srv:_SERVICE._tcp.NAME`, for example `srv:_postgres._tcp.db.internal`";
    if text.text.is_empty() {
        return Err(text.error("the name of the service is empty").hint(HINT));
    }
    url::refuse(text, "")?;
    if let Some((name, port)) = text.rsplit_once(':') {
        let error = port.error("SRV records have ports of their own");
        return Err(error.hint(format!("write `srv:{}`", cut(name.text))));
    }
    check_name(text)?;
    let labels: Vec<_> = text.text.trim_end_matches('.').split('.').collect();
    match labels[..] {
        [service, protocol, _, ..] if service.starts_with('_') && protocol.starts_with('_') => {
            Ok(Target::Srv { service: text.text.to_owned() })
        }
        _ => {
            let message = format!("{} is not the name of a service", quoted(text.text));
            Err(text.error(message).hint(HINT))
        }
    }
}

/// Parses one port, 1 to 65535.
pub(crate) fn parse_port(text: Fragment<'_>) -> Result<u16, ParseError> {
    if text.text.is_empty() {
        return Err(text.error("the port is missing").hint("ports go from 1 to 65535"));
    }
    let digits = text.text.bytes().all(|byte| byte.is_ascii_digit());
    match text.text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => {
            let message = format!("{} is not a port: ports go from 1 to 65535", quoted(text.text));
            Err(text.error(message).hint_if(other_words::port_hint(text.text)))
        }
    }
}

/// Parses a port or a range of ports, such as `9000-9010`.
fn parse_ports(text: Fragment<'_>) -> Result<Ports, ParseError> {
    // A leading minus is a negative number, not a range.
    let Some((first, last)) = text.split_once('-').filter(|(first, _)| !first.text.is_empty())
    else {
        return parse_port(text).map(|first| Ports { first, count: 1 });
    };
    let (first, last) = (parse_port(first)?, parse_port(last)?);
    let Some(more) = last.checked_sub(first) else {
        let error = text.error(format!("the range {} ends before it starts", quoted(text.text)));
        return Err(error.hint(format!("write `{last}-{first}`")));
    };
    // Port 0 is invalid, so the largest range has 65535 ports.
    Ok(Ports { first, count: more.saturating_add(1) })
}

fn listen_on_any(ports: Fragment<'_>) -> Result<Ranged<ListenAddress>, ParseError> {
    let Ports { first, count } = parse_ports(ports)?;
    Ok(Ranged { first: ListenAddress::Any { port: first }, count })
}

fn listen_on_host(
    host: Fragment<'_>,
    ports: Fragment<'_>,
) -> Result<Ranged<ListenAddress>, ParseError> {
    if host.text == "*" {
        let error = host.error("`*` is not an address");
        return Err(error.hint(format!("write `:{}` for every address", cut(ports.text))));
    }
    let mut address = match parse_host(host)? {
        Host::Ip(address) => address,
        Host::Zoned(address) => {
            let Ports { first, count } = parse_ports(ports)?;
            let first = ListenAddress::Zoned(ZonedAddress { port: first, ..address });
            return Ok(Ranged { first, count });
        }
        Host::Name(host) => {
            let Ports { first, count } = parse_ports(ports)?;
            return Ok(Ranged { first: ListenAddress::Name { host, port: first }, count });
        }
    };
    if let IpAddr::V6(ip) = address.ip()
        && let Some(v4) = ip.to_ipv4_mapped()
    {
        let error = host.error(format!("{} is an IPv4 address in IPv6 form", quoted(host.text)));
        return Err(error.hint(format!("write `{v4}:{}`", cut(ports.text))));
    }
    let Ports { first, count } = parse_ports(ports)?;
    address.set_port(first);
    Ok(Ranged { first: ListenAddress::Ip(address), count })
}

/// Whether the text is a port or a range without a host, or a misspelled one.
fn is_bare_port(text: Fragment<'_>) -> bool {
    !text.text.contains([':', '[', '.'])
        && text.text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

/// Splits `host:port` at the last colon. An IPv6 address must be in brackets.
fn split(text: Fragment<'_>) -> Result<(Fragment<'_>, Fragment<'_>), ParseError> {
    if text.text.is_empty() {
        return Err(text.error("the address is empty").hint("write HOST:PORT"));
    }
    url::refuse(text, ":PORT")?;
    let bare = text.text.parse::<Ipv6Addr>();
    let Some((host, port)) = text.rsplit_once(':').filter(|_| !text.text.ends_with(']')) else {
        let error = text.error(format!("{} has no port", quoted(text.text)));
        return Err(error.hint(if text.text.starts_with('/') {
            format!("write `unix:{}` for a Unix socket", cut(text.text))
        } else {
            format!("add one: `{}:PORT`", cut(text.text))
        }));
    };
    let bracketed = host.text.starts_with('[') && host.text.ends_with(']');
    if !host.text.contains(':') || bracketed {
        return Ok((host, port));
    }
    if host.text.starts_with('[') {
        return Err(host.error(format!("{} lacks its closing bracket", quoted(host.text))));
    }
    // `::1:80` is a valid address without a port, but rarely the intended one.
    let hint = match (host.text.parse::<Ipv6Addr>(), bare) {
        (Ok(ip), _) => format!("write `[{ip}]:{}`", cut(port.text)),
        (_, Ok(ip)) => format!("write `[{ip}]:PORT`"),
        _ => {
            "HOST:PORT has one colon; an IPv6 address goes in brackets, as in `[::1]:80`".to_owned()
        }
    };
    Err(text.error(format!("{} has too many colons", quoted(text.text))).hint(hint))
}

fn parse_unix(path: Fragment<'_>) -> Result<PathBuf, ParseError> {
    if !path.text.starts_with('/') || path.text.ends_with('/') {
        let error =
            path.error(format!("{} is not an absolute path to a socket", quoted(path.text)));
        return Err(error.hint("write `unix:/path/to/socket`"));
    }
    if path.text.len() > UNIX_PATH_MAX {
        let message = format!(
            "the path {} has {} bytes, and a Unix socket's has at most {UNIX_PATH_MAX}",
            quoted(path.text),
            path.text.len(),
        );
        return Err(path.error(message));
    }
    if path.text.chars().any(char::is_control) {
        return Err(
            path.error(format!("the path {} contains control characters", quoted(path.text)))
        );
    }
    Ok(PathBuf::from(path.text))
}

/// Parses the name of an activated descriptor, as systemd allows it.
fn parse_fd_name(name: Fragment<'_>) -> Result<String, ParseError> {
    let allowed = |c: char| c.is_ascii_graphic() && c != ':';
    if name.text.is_empty() {
        let error = name.error("the name of the descriptor is missing");
        return Err(error.hint("write `fd:NAME`, as in FileDescriptorName=NAME of a socket unit"));
    }
    if name.text.len() > FD_NAME_MAX || !name.text.chars().all(allowed) {
        let message = format!("{} is not the name of a descriptor", quoted(name.text));
        let hint = "it has 1 to 255 ASCII characters, without `:` and without white space";
        return Err(name.error(message).hint(hint));
    }
    Ok(name.text.to_owned())
}
