//! Headers of the PROXY protocol that clients send, as configured.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use flow::{NotAPrefix, Prefix};

/// The peers whose header is required and trusted. Each field is a setting with a row in `settings.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptProxy {
    /// The peers; always set in a plan. Any other client is refused.
    pub from: Option<TrustedPeers>,
    /// How long the header may take to arrive.
    pub timeout: Duration,
}

impl AcceptProxy {
    /// Whether a client with this address is one of the peers; `None` is a client of a Unix socket.
    pub fn trusts(&self, client: Option<IpAddr>) -> bool {
        let is_it = |peer: &TrustedPeer| match (peer, client) {
            (TrustedPeer::Prefix(prefix), Some(address)) => prefix.contains(address),
            (TrustedPeer::Unix, None) => true,
            _ => false,
        };
        self.from.as_ref().is_some_and(|from| from.0.iter().any(is_it))
    }
}

/// A list of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedPeers(pub Vec<TrustedPeer>);

/// Peers that send headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedPeer {
    /// Those with addresses of this prefix.
    Prefix(Prefix),
    /// The clients of Unix listeners.
    Unix,
}

impl AcceptProxy {
    /// Whether it trusts nothing but the clients of Unix listeners.
    pub(crate) fn trusts_sockets_only(&self) -> bool {
        let is_socket = |peer: &TrustedPeer| *peer == TrustedPeer::Unix;
        self.from.as_ref().is_some_and(|from| !from.0.is_empty() && from.0.iter().all(is_socket))
    }
}

impl FromStr for TrustedPeer {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        if text == "unix" { Ok(Self::Unix) } else { text.parse().map(Self::Prefix) }
    }
}

impl fmt::Display for TrustedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_of_the_list_are_trusted_and_no_others() {
        let from = ["10.0.0.0/8", "::1", "unix"].map(|text| text.parse().unwrap());
        let of = |peers: &[TrustedPeer]| AcceptProxy {
            from: Some(TrustedPeers(peers.to_vec())),
            timeout: Duration::ZERO,
        };
        let address = |text: &str| Some(text.parse().unwrap());
        let all = of(&from);
        for trusted in ["10.1.2.3", "::ffff:10.1.2.3", "::1"].map(address) {
            assert!(all.trusts(trusted), "{trusted:?}");
        }
        assert!(all.trusts(None));
        for other in ["11.0.0.1", "::2"].map(address) {
            assert!(!all.trusts(other), "{other:?}");
        }
        assert!(!of(&from[..2]).trusts(None), "a client of a Unix socket");
        assert!(!AcceptProxy { from: None, ..all }.trusts(address("10.1.2.3")));
    }
}
