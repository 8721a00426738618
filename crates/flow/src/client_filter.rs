//! Which clients a filter of the views selects. Only this file decides it, so the command line, `top`, the
//! web page and the API agree.

use crate::{NotAPrefix, Prefix};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// How clients of Unix listeners are shown: they have no address.
const UNIX: &str = "unix";

/// Selects clients by their address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFilter {
    /// Those in a range of addresses. An address without a length selects itself only.
    Range(Prefix),
    /// Those whose address and port, as they are shown, begin with this text. Brackets are left out.
    Start(String),
}

/// Why a text is no filter for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAClientFilter {
    /// It has a slash and is no prefix.
    Prefix(NotAPrefix),
    /// No address begins with it.
    NoStart,
}

impl ClientFilter {
    /// Whether the filter selects a client. Those of Unix listeners have no address.
    pub fn selects(&self, client: Option<SocketAddr>) -> bool {
        match (self, client) {
            (Self::Range(prefix), Some(client)) => prefix.contains(client.ip()),
            (Self::Range(_), None) => false,
            (Self::Start(start), Some(client)) => bare(&client.to_string()).starts_with(start),
            (Self::Start(start), None) => UNIX.starts_with(start),
        }
    }
}

/// An address as filters compare it: without the brackets around one of IPv6.
fn bare(text: &str) -> String {
    text.replace(['[', ']'], "")
}

impl FromStr for ClientFilter {
    type Err = NotAClientFilter;

    /// Parses an address (`10.0.0.7`), a range of addresses (`10.0.0.0/8`), or the beginning of an address
    /// and its port (`10.0.`, `10.0.0.7:40`, `2001:db8:`, `unix`).
    fn from_str(text: &str) -> Result<Self, NotAClientFilter> {
        match text.parse() {
            Ok(prefix) => return Ok(Self::Range(prefix)),
            Err(error) if text.contains('/') => return Err(NotAClientFilter::Prefix(error)),
            Err(_) => {}
        }
        let start = bare(text).to_ascii_lowercase();
        let is_of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '%');
        let is_possible =
            start.chars().all(is_of_address) || (UNIX.starts_with(&start) && !start.is_empty());
        if start.is_empty() || !is_possible {
            return Err(NotAClientFilter::NoStart);
        }
        Ok(Self::Start(start))
    }
}

impl fmt::Display for NotAClientFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(error) => error.fmt(f),
            Self::NoStart => f.write_str(
                "expected an address (10.0.0.7), a range (10.0.0.0/8) or the beginning of an address (10.0.)",
            ),
        }
    }
}

impl std::error::Error for NotAClientFilter {}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(filter: &str, client: &str) -> bool {
        let filter: ClientFilter =
            filter.parse().unwrap_or_else(|error| panic!("{filter}: {error}"));
        filter.selects(client.parse().ok())
    }

    #[test]
    fn an_address_selects_itself_and_a_beginning_all_that_begin_with_it() {
        for (filter, client, is_selected) in [
            ("127.0.0.4", "127.0.0.4:1", true),
            ("127.0.0.4", "127.0.0.40:1", false),
            ("127.0.0.", "127.0.0.40:1", true),
            ("127.0.0", "127.0.0.40:1", true),
            ("127.0.0.4:", "127.0.0.4:9", true),
            ("127.0.0.4:", "127.0.0.40:9", false),
            ("127.0.0.4:9", "127.0.0.4:91", true),
            ("10.", "110.0.0.1:1", false),
            ("10.0.0.0/8", "10.9.9.9:1", true),
            ("10.0.0.0/8", "11.0.0.0:1", false),
            ("2001:db8::/32", "[2001:db8:1::1]:1", true),
            ("2001:db8:", "[2001:db8:1::1]:1", true),
            ("2001:DB8:", "[2001:db8:1::1]:1", true),
            ("[2001:db8:1::1]:4", "[2001:db8:1::1]:443", true),
            ("::1", "[::1]:443", true),
            ("::1", "[::12]:443", false),
            ("unix", "unix", true),
            ("unix", "10.0.0.1:1", false),
            ("::/0", "unix", false),
        ] {
            assert_eq!(selects(filter, client), is_selected, "{filter} {client}");
        }
    }

    #[test]
    fn a_text_that_no_address_begins_with_is_explained() {
        let error = |text: &str| text.parse::<ClientFilter>().unwrap_err();
        for text in ["", "here", "db.internal", "10.0.0.1 ", "unixx", "10,"] {
            assert_eq!(error(text), NotAClientFilter::NoStart, "{text}");
        }
        assert_eq!(error("10.0.0.0/33"), NotAClientFilter::Prefix(NotAPrefix::Length(32)));
        assert_eq!(error("10.0/8"), NotAClientFilter::Prefix(NotAPrefix::Address));
    }
}
