//! The proxy of a session's client, and what its PROXY header states.

use crate::permit::Claim;
use flow::ProxyAddresses;
use sys::Address;

/// State of a session whose client must send a PROXY header.
pub(crate) struct Proxied {
    /// The address of the connection itself: that of the proxy.
    pub(crate) proxy: Address,
    /// What the header states; [`ProxyAddresses::Own`] before it is read.
    pub(crate) addresses: ProxyAddresses,
    /// The TLVs of the header for the target, until that is connected.
    pub(crate) tlvs: Box<[u8]>,
    /// Length of the header. The kernel counts it as received from the client, and lane up does not.
    pub(crate) header_length: u16,
    /// The claim to a place in a target, until the header is read.
    pub(crate) claim: Option<Claim>,
}

impl Proxied {
    /// Whether a header has named the client.
    pub(crate) fn names_client(&self) -> bool {
        self.addresses != ProxyAddresses::Own
    }

    /// The address of the client.
    pub(crate) fn client(&self) -> Address {
        match &self.addresses {
            ProxyAddresses::Own => self.proxy,
            ProxyAddresses::Ip { source, .. } => (*source).into(),
            ProxyAddresses::Unix(_) => Address::UNIX,
        }
    }
}
