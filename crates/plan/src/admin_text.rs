//! Parser for the address of the admin interface.

use crate::address::{ListenAddress, Ranged};
use crate::address_text::parse_listen;
use crate::plan::Admin;
use crate::problem::ParseError;
use crate::setting::Kind;
use crate::text::{Fragment, cut, nearest, quoted};
use crate::values_text::describe;

/// Parses `"auto"`, `"off"`, a Unix socket or a loopback address with a port.
pub(crate) fn parse_admin(text: Fragment<'_>) -> Result<Admin, ParseError> {
    match text.text {
        "auto" => return Ok(Admin::Auto),
        "off" => return Ok(Admin::Off),
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
        Ranged { first: ListenAddress::Unix(path), .. } => Ok(Admin::Unix(path)),
        Ranged { first: ListenAddress::Ip(address), .. } if address.ip().is_loopback() => {
            Ok(Admin::Tcp(address))
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
        let tcp = |text: &str| Admin::Tcp(text.parse().unwrap());
        let cases = [
            ("auto", Admin::Auto),
            ("off", Admin::Off),
            ("unix:/run/a.sock", Admin::Unix("/run/a.sock".into())),
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
}
