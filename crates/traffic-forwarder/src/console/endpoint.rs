//! Addresses of admin interfaces.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of an admin interface: a Unix socket, or a TCP port on loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err("the path is missing")
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        // Host names and addresses never start with `/` or `.`.
        if text.starts_with(['/', '.']) {
            return Ok(Self::Unix(text.into()));
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self::Tcp(address)),
            Ok(_) => Err("the token would cross the network unencrypted; use a loopback address, \
                          and ssh -L to reach another host"),
            Err(_) => Err("write unix:/PATH, /PATH or 127.0.0.1:PORT"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", plan::escaped(&path.to_string_lossy())),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_parsed_and_printed() {
        for text in ["unix:/run/a.sock", "unix:relative", "127.0.0.1:9180", "[::1]:9180"] {
            assert_eq!(
                text.parse::<Endpoint>().map(|endpoint| endpoint.to_string()),
                Ok(text.to_owned())
            );
        }
        for path in ["/run/a.sock", "./a.sock", "../a.sock"] {
            assert_eq!(path.parse(), Ok(Endpoint::Unix(path.into())));
        }
        for text in ["", "unix:", "a.sock", "9180", "localhost:9180", "10.0.0.5:9180"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
