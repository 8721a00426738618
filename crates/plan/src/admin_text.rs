//! Parsers for the addresses of the admin interface and of the metrics.

use crate::address::{ListenAddress, Ranged};
use crate::address_text::parse_listen;
use crate::admin::{AdminSocket, AdminValue, MetricsAddress};
use crate::problem::ParseError;
use crate::setting::Kind;
use crate::text::{Fragment, cut, nearest, quoted};
use crate::values_text::describe;

/// Parses `"auto"`, `"off"`, a Unix socket or a loopback address with a port.
pub(crate) fn parse_admin(text: Fragment<'_>) -> Result<AdminValue, ParseError> {
    match text.text {
        "auto" => return Ok(AdminValue::Socket(AdminSocket::Auto)),
        "off" => return Ok(AdminValue::Off),
        word if word.starts_with(char::is_alphabetic) && !word.contains([':', '.']) => {
            let error = text.error(format!("{} is not {}", quoted(word), describe(Kind::Admin)));
            return Err(match nearest(word, &["auto", "off"]) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
        _ => {}
    }
    match parse_listen(text)? {
        Ranged { count: 2.., .. } => Err(text.error("one port is needed here, and not a range")),
        Ranged { first: ListenAddress::Unix(path), .. } => {
            Ok(AdminValue::Socket(AdminSocket::At(path)))
        }
        Ranged { first: ListenAddress::Ip(address), .. } if address.ip().is_loopback() => {
            Ok(AdminValue::Port(address))
        }
        Ranged { first: ListenAddress::Name { host, port }, .. } => {
            let host = quoted(&host);
            let message =
                format!("{host} is a host name, and the admin interface needs an address");
            Err(text.error(message).hint(format!("write `127.0.0.1:{port}`")))
        }
        Ranged { first: ListenAddress::Activated(_), .. } => {
            Err(text.error("the admin interface cannot use a socket from the service manager"))
        }
        Ranged { first, .. } => Err(not_loopback(text, &first)),
    }
}

/// Parses an address with a port; `:9180` is the port of every address.
pub(crate) fn parse_metrics(text: Fragment<'_>) -> Result<MetricsAddress, ParseError> {
    match parse_listen(text)? {
        Ranged { count: 2.., .. } => Err(text.error("one port is needed here, and not a range")),
        Ranged { first: ListenAddress::Any { port }, .. } => Ok(MetricsAddress::Any { port }),
        Ranged { first: ListenAddress::Ip(address), .. } => Ok(MetricsAddress::Ip(address)),
        Ranged { first, .. } => {
            let message = format!("{} is not an address with a port", quoted(&first.to_string()));
            let hint = "write `127.0.0.1:9180`, or `:9180` for every address of this host";
            Err(text.error(message).hint(hint))
        }
    }
}

fn not_loopback(text: Fragment<'_>, address: &ListenAddress) -> ParseError {
    let message = format!(
        "the admin interface is not encrypted, so it takes no address that others can reach: {}",
        quoted(text.text)
    );
    let port = address.port().map_or_else(|| "PORT".to_owned(), |port| port.to_string());
    text.error(message).hint(format!(
        "write `127.0.0.1:{}`; from another host it is reached through ssh -L",
        cut(&port)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_addresses_are_read() {
        let tcp = |text: &str| AdminValue::Port(text.parse().unwrap());
        let cases = [
            ("auto", AdminValue::Socket(AdminSocket::Auto)),
            ("off", AdminValue::Off),
            ("unix:/run/a.sock", AdminValue::Socket(AdminSocket::At("/run/a.sock".into()))),
            ("127.0.0.1:9180", tcp("127.0.0.1:9180")),
            ("127.1.2.3:1", tcp("127.1.2.3:1")),
            ("[::1]:9180", tcp("[::1]:9180")),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_admin(Fragment::new(text)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_addresses_are_explained() {
        let cases = [
            ("", "the address is empty"),
            ("Off", "did you mean `off`?"),
            ("automatic", "`automatic` is not \"auto\", \"off\""),
            ("9180", "not encrypted"),
            (":9180", "write `127.0.0.1:9180`"),
            ("0.0.0.0:9180", "write `127.0.0.1:9180`"),
            ("[::]:9180", "not encrypted"),
            ("10.0.0.5:9180", "through ssh -L"),
            ("localhost:9180", "`localhost` is a host name"),
            ("127.0.0.1", "has no port"),
            ("127.0.0.1:0", "`0` is not a port"),
            ("127.0.0.1:1-2", "and not a range"),
            ("unix:a.sock", "not an absolute path"),
            ("fd:admin", "socket from the service manager"),
        ];
        for (text, expected) in cases {
            let error = parse_admin(Fragment::new(text)).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn metrics_take_any_address_with_a_port() {
        let read = |text: &str| {
            parse_metrics(Fragment::new(text)).map(|it| it.to_string()).map_err(|it| it.to_string())
        };
        for text in [":9180", "0.0.0.0:9180", "[::]:9180", "10.0.0.5:80", "[2001:db8::1]:80"] {
            assert_eq!(read(text), Ok(text.to_owned()));
        }
        for text in ["unix:/x", "host:80", "fd:x", "[fe80::1%eth0]:80"] {
            assert!(read(text).is_err_and(|it| it.contains("not an address with")), "{text}");
        }
        assert!(read(":80-81").is_err_and(|it| it.contains("not a range")));
    }
}
