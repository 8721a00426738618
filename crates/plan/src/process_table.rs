//! The `[process]` table: like any other, but that `admin` and `admin_token_file` belong together.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::address::{ListenAddress, Ranged};
use crate::address_text::parse_listen;
use crate::fields::set_process;
use crate::plan::{Admin, Process};
use crate::problem::Fault;
use crate::settings::{Kind, Section};
use crate::text::{Piece, cut, quoted};
use crate::toml_format::{Entries, Reader};
use crate::value::{Value, describe, nearest};

/// The value of `admin`, before it is known which token file goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminAddress {
    Auto,
    Off,
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// Reads where the admin interface is to be served.
pub(crate) fn parse_admin(text: Piece<'_>) -> Result<AdminAddress, Fault> {
    match text.text {
        "auto" => return Ok(AdminAddress::Auto),
        "off" => return Ok(AdminAddress::Off),
        word if word.starts_with(char::is_alphabetic) && !word.contains([':', '.']) => {
            let fault = text.fault(format!("{} is not {}", quoted(word), describe(Kind::Admin)));
            return Err(match nearest(word, &["auto", "off"]) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault,
            });
        }
        _ => {}
    }
    match parse_listen(text)? {
        Ranged { count: 2.., .. } => Err(text.fault("one port is needed here, and not a range")),
        Ranged { first: ListenAddress::Unix(path), .. } => Ok(AdminAddress::Unix(path)),
        Ranged { first: ListenAddress::Ip(address), .. } if address.ip().is_loopback() => {
            Ok(AdminAddress::Tcp(address))
        }
        Ranged { first: ListenAddress::Given(_), .. } => {
            Err(text.fault("the admin interface cannot be on a socket that the process was given"))
        }
        Ranged { first, .. } => Err(not_loopback(text, &first)),
    }
}

fn not_loopback(text: Piece<'_>, address: &ListenAddress) -> Fault {
    let message = format!(
        "the admin interface is not encrypted, so it takes no address that others can reach: {}",
        quoted(text.text)
    );
    let port = address.port().map_or_else(|| "PORT".to_owned(), |port| port.to_string());
    text.fault(message).hint(format!(
        "write `127.0.0.1:{}`; from another host it is reached through ssh -L",
        cut(&port)
    ))
}

impl Reader<'_, '_> {
    /// The `[process]` table.
    pub(crate) fn process(&mut self, table: Entries<'_, '_>) -> Process {
        let mut process = Process::default();
        let (mut address, mut token_file) = (None, None);
        self.entries(&[Section::Process], table, |key, value| match (key, value) {
            ("admin", Value::Admin(AdminAddress::Auto)) => process.admin = Admin::Auto,
            ("admin", Value::Admin(AdminAddress::Off)) => process.admin = Admin::Off,
            ("admin", Value::Admin(AdminAddress::Unix(path))) => process.admin = Admin::Unix(path),
            ("admin", Value::Admin(AdminAddress::Tcp(port))) => address = Some(port),
            ("admin_token_file", Value::Path(path)) => token_file = Some(path),
            (key, value) => set_process(&mut process, key, &value),
        });
        match (address, token_file) {
            (Some(address), Some(token_file)) => process.admin = Admin::Tcp { address, token_file },
            (Some(_), None) => self.token_file_is_missing(table),
            (None, _) => {}
        }
        self.group_needs_a_user(table);
        process
    }

    /// A group alone would leave the process root.
    fn group_needs_a_user(&mut self, table: Entries<'_, '_>) {
        let Some(value) = table.get("group").filter(|_| !table.contains_key("user")) else {
            return;
        };
        let fault = Fault::new(0..0, "`group` needs a `user` that it goes with");
        let spot = self.source.spot(value.span());
        self.fault(&spot, &fault.hint("name the user that the process is to become"));
    }

    /// Every user of the host can connect to a port.
    fn token_file_is_missing(&mut self, table: Entries<'_, '_>) {
        let Some(value) = table.get("admin") else { return };
        // One that is there and wrong has its own problem.
        if !table.contains_key("admin_token_file") {
            let message = "an admin interface on a port needs `admin_token_file`";
            let hint = "write a long random word into a file that only this process may read, \
                        and name the file here; or use a Unix socket: `admin = \"auto\"`";
            self.fault(&self.source.spot(value.span()), &Fault::new(0..0, message).hint(hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_addresses_are_read() {
        let tcp = |text: &str| AdminAddress::Tcp(text.parse().unwrap());
        let cases = [
            ("auto", AdminAddress::Auto),
            ("off", AdminAddress::Off),
            ("unix:/run/a.sock", AdminAddress::Unix("/run/a.sock".into())),
            ("127.0.0.1:9180", tcp("127.0.0.1:9180")),
            ("127.1.2.3:1", tcp("127.1.2.3:1")),
            ("[::1]:9180", tcp("[::1]:9180")),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_admin(Piece::new(text)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn others_are_explained() {
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
            ("fd:admin", "socket that the process was given"),
        ];
        for (text, expected) in cases {
            let fault = parse_admin(Piece::new(text)).expect_err(text).to_string();
            assert!(fault.contains(expected), "{text}: {fault}");
        }
    }
}
