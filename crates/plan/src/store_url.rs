//! The address of a fleet's store: `etcd://HOST:PORT,.../PREFIX`.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use crate::address_text::parse_port;
use crate::host_text::{Host, parse_host};
use crate::problem::ParseError;
use crate::text::{Fragment, cut, quoted};

/// The port of etcd's clients.
const DEFAULT_PORT: u16 = 2379;

/// A prefix for examples.
const EXAMPLE_PREFIX: &str = "/traffic-forwarder/edge";

/// `etcd://HOST:PORT,.../PREFIX`, or `etcds://` for TLS. A host without a port has 2379.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUrl {
    /// Whether connections are encrypted.
    pub tls: bool,
    /// `HOST:PORT` of each member; at least one.
    pub endpoints: Vec<String>,
    /// Start of the fleet's keys: begins with a slash, and does not end with one.
    pub prefix: String,
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "etcds" } else { "etcd" };
        write!(f, "{scheme}://{}{}", self.endpoints.join(","), self.prefix)
    }
}

impl FromStr for StoreUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse_store_url(Fragment::new(text))
    }
}

/// Parses the address of a store.
pub(crate) fn parse_store_url(text: Fragment<'_>) -> Result<StoreUrl, ParseError> {
    let schemes = [("etcd://", false), ("etcds://", true)];
    let known = schemes.iter().find_map(|(scheme, tls)| Some((text.strip_prefix(scheme)?, *tls)));
    let (rest, tls) = known.ok_or_else(|| wrong_scheme(text))?;
    let slash = rest.text.find('/').unwrap_or(rest.text.len());
    let (members, prefix) = (rest.part(0..slash), rest.part(slash..rest.text.len()));
    let (mut endpoints, mut known) = (Vec::new(), HashSet::new());
    let mut at = 0;
    for member in members.text.split(',') {
        let member = members.part(at..at + member.len());
        at += member.text.len() + 1;
        let endpoint = endpoint(member)?;
        if !known.insert(endpoint.to_ascii_lowercase()) {
            let message = format!("the member {} is already in this list", quoted(&endpoint));
            return Err(member.error(message).hint("leave it out here"));
        }
        endpoints.push(endpoint);
    }
    let prefix = self::prefix(text, prefix)?;
    Ok(StoreUrl { tls, endpoints, prefix })
}

/// The error of a text that is not the address of an etcd cluster.
fn wrong_scheme(text: Fragment<'_>) -> ParseError {
    let (scheme, rest) = match text.text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text.text),
    };
    let own =
        if scheme.is_some_and(|it| it.eq_ignore_ascii_case("https")) { "etcds" } else { "etcd" };
    let hint = match rest.split_once('/') {
        Some((members, prefix)) if !members.is_empty() && !prefix.is_empty() => {
            format!("write `{own}://{}`", cut(rest))
        }
        _ => format!("write `{own}://HOST:{DEFAULT_PORT}{EXAMPLE_PREFIX}`"),
    };
    let message = match scheme {
        Some(scheme) => format!(
            "the store of a fleet is an etcd cluster, and its address does not begin with {}",
            quoted(&format!("{scheme}://"))
        ),
        None => format!("{} does not begin with `etcd://` or `etcds://`", quoted(text.text)),
    };
    text.error(message).hint(hint)
}

/// Parses one member of the cluster.
fn endpoint(member: Fragment<'_>) -> Result<String, ParseError> {
    if member.text.contains('@') {
        let error = member.error("the address of a store has no user and no password");
        return Err(error.hint("write them as `user` and `password_file`"));
    }
    if member.text.is_empty() {
        let error = member.error("the host of a member is missing");
        return Err(error.hint(format!("write `HOST:{DEFAULT_PORT}`, with commas between members")));
    }
    if member.text.contains(char::is_whitespace) {
        let error = member.error(format!("{} contains white space", quoted(member.text)));
        return Err(error.hint("separate members by commas alone"));
    }
    let end_of_host = if member.text.starts_with('[') { member.text.find("]:") } else { None };
    let colons = member.text.matches(':').count();
    let (host, port) = match end_of_host {
        Some(at) => (member.part(0..at + 1), Some(member.part(at + 2..member.text.len()))),
        None if colons == 1 => match member.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (member, None),
        },
        None => (member, None),
    };
    if colons > 1 && !host.text.starts_with('[') {
        let error = member.error(format!("{} has too many colons", quoted(member.text)));
        return Err(error.hint(format!("write an IPv6 address as `[::1]:{DEFAULT_PORT}`")));
    }
    let port = port.map_or(Ok(DEFAULT_PORT), parse_port)?;
    match parse_host(host)? {
        Host::Ip(mut address) => {
            address.set_port(port);
            Ok(address.to_string())
        }
        Host::Name(host) => Ok(format!("{host}:{port}")),
        Host::Zoned(_) => {
            let error = host.error(format!("{} is a link-local address", quoted(host.text)));
            Err(error.hint("give the store's members addresses that every machine reaches"))
        }
    }
}

/// Checks the start of the fleet's keys.
fn prefix(url: Fragment<'_>, prefix: Fragment<'_>) -> Result<String, ParseError> {
    let text = prefix.text.strip_suffix('/').unwrap_or(prefix.text);
    if text.is_empty() {
        let error = url.error("the address of the store has no prefix for the keys of the fleet");
        let url = url.text.trim_end_matches('/');
        return Err(error.hint(format!("write `{}{EXAMPLE_PREFIX}`", cut(url))));
    }
    let error = |why: &str| Err(prefix.error(format!("the prefix {} {why}", quoted(prefix.text))));
    if text.contains(['?', '#']) {
        return error("has a `?` or `#`, and a store has no such parameters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return error("contains white space, control characters or characters that are not ASCII");
    }
    if text.contains('%') {
        return error("contains `%`: write its characters as they are");
    }
    if text.contains("//") || text.ends_with('/') {
        return error("has an empty part between two slashes");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_stores_are_read() {
        let cases = [
            ("etcd://10.0.0.1:2379/p", "etcd://10.0.0.1:2379/p"),
            ("etcds://a:1,b:2,[::1]:3/path/q", "etcds://a:1,b:2,[::1]:3/path/q"),
            ("etcd://a/p", "etcd://a:2379/p"),
            ("etcd://a,[::1],10.0.0.1/p/", "etcd://a:2379,[::1]:2379,10.0.0.1:2379/p"),
        ];
        for (text, expected) in cases {
            let url: StoreUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), expected);
            assert_eq!(expected.parse(), Ok(url), "{text}");
        }
        let url: StoreUrl = "etcds://a:1,b:2/path/q".parse().expect("an address");
        let parts = (url.tls, url.endpoints, url.prefix);
        assert_eq!(parts, (true, vec!["a:1".to_owned(), "b:2".to_owned()], "/path/q".to_owned()));
    }

    #[test]
    fn mistakes_are_explained_at_their_place() {
        let cases = [
            ("", "does not begin with `etcd://`", 0),
            ("10.0.0.1:2379/p", "write `etcd://10.0.0.1:2379/p`", 0),
            ("http://a:2379/p", "write `etcd://a:2379/p`", 0),
            ("https://a:2379/p", "write `etcds://a:2379/p`", 0),
            ("http://a:2379", "write `etcd://HOST:2379/traffic-forwarder/edge`", 0),
            ("consul://a/p", "is an etcd cluster", 0),
            ("ETCD://a/p", "write `etcd://a/p`", 0),
            ("etcd://a:2379", "write `etcd://a:2379/traffic-forwarder/edge`", 0),
            ("etcd://a:2379/", "write `etcd://a:2379/traffic-forwarder/edge`", 0),
            ("etcd:///p", "the host of a member is missing", 7),
            ("etcd://a,,b/p", "the host of a member is missing", 9),
            ("etcd://a, b/p", "` b` contains white space", 9),
            ("etcd://a,b,A/p", "`A:2379` is already in this list", 11),
            ("etcd://root:secret@a/p", "write them as `user` and `password_file`", 7),
            ("etcd://a:x/p", "`x` is not a port", 9),
            ("etcd://a:0/p", "`0` is not a port", 9),
            ("etcd://::1:2379/p", "write an IPv6 address as `[::1]:2379`", 7),
            ("etcd://[::g]:1/p", "is not an IPv6 address", 7),
            ("etcd://[fe80::1%eth0]/p", "is a link-local address", 7),
            ("etcd://a/p?x=1", "has no such parameters", 8),
            ("etcd://a/p q", "contains white space", 8),
            ("etcd://a/p//q", "an empty part", 8),
            ("etcd://a/p//", "an empty part", 8),
            ("etcd://a/%20", "contains `%`", 8),
        ];
        for (text, expected, at) in cases {
            let error = text.parse::<StoreUrl>().expect_err(text);
            assert!(error.to_string().contains(expected), "{text}: {error}");
            assert_eq!(error.range.start, at, "{text}: {error}");
        }
    }
}
